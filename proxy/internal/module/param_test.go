package module

import (
	"testing"
	"time"
)

// TestParams: what is in range is taken, and what is not is named with its range.
func TestParams(t *testing.T) {
	var n, flag int
	var on bool
	var life, pause time.Duration
	params := map[string]Param{
		"number": NumberParam("size", &n, 2, 9, ""), "flag": FlagParam("dlg_flag", &flag, ""), "switch": SwitchParam("strict", &on, ""),
		"seconds": SecondsParam("life", &life, 1, 60, ""), "milliseconds": MillisecondsParam("pause", &pause, 0, 500, ""),
	}
	for _, x := range []struct {
		kind string
		n    int
		want string // the error
	}{
		{"number", 2, ""}, {"number", 9, ""}, {"number", 1, "size 1 is not from 2 to 9"}, {"number", 10, "size 10 is not from 2 to 9"},
		{"flag", 31, ""}, {"flag", 32, "dlg_flag 32 is not from 0 to 31"}, {"flag", -1, "dlg_flag -1 is not from 0 to 31"},
		{"switch", 1, ""}, {"switch", 2, "strict must be 0 or 1, not 2"}, {"switch", -1, "strict must be 0 or 1, not -1"},
		{"seconds", 60, ""}, {"seconds", 0, "life 0 is not from 1 to 60 seconds"}, {"seconds", 61, "life 61 is not from 1 to 60 seconds"},
		{"milliseconds", 250, ""}, {"milliseconds", 501, "pause 501 is not from 0 to 500 milliseconds"},
	} {
		got := ""
		if err := params[x.kind].Set("", x.n); err != nil {
			got = err.Error()
		}
		if got != x.want {
			t.Errorf("%s %d: %q, want %q", x.kind, x.n, got, x.want)
		}
	}
	if n != 9 || flag != 31 || !on || life != time.Minute || pause != 250*time.Millisecond {
		t.Errorf("set are %d, %d, %v, %v, %v", n, flag, on, life, pause)
	}
	if err := params["switch"].Set("", 0); err != nil || on {
		t.Errorf("a switch is not off: %v", err)
	}
}

// TestDatabaseParams: the two that modules with a table share.
func TestDatabaseParams(t *testing.T) {
	var url DatabaseURL
	db, domain := DBURLParam(&url), UseDomainParam("an alias is a user name in a domain")
	if err := db.Set("sql://ser:passwd@dbhost/ser", 0); err != nil || url != "sql://ser:passwd@dbhost/ser" || !db.Secret {
		t.Errorf("db_url: %v, %q, secret %v", err, url, db.Secret)
	}
	if err := db.Set("", 0); err == nil || err.Error() != "db_url is empty" || url == "" {
		t.Errorf("an empty db_url: %v", err)
	}
	for n, told := range map[int]string{1: "", 0: "0 is the same as 1: an alias is a user name in a domain"} {
		if err := domain.Set("", n); err != nil || domain.Told("", n) != told {
			t.Errorf("use_domain %d: %v, %q", n, err, domain.Told("", n))
		}
	}
	if err := domain.Set("", 2); err == nil || err.Error() != "use_domain must be 0 or 1, not 2" {
		t.Errorf("use_domain 2: %v", err)
	}
}
