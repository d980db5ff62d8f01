package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules"
)

// TestDatabaseOf: which database the proxy works with, by the command line and what
// the script's modules name.
func TestDatabaseOf(t *testing.T) {
	const (
		ours    = "sql://ser:secret-1@dbhost/ser"
		same    = "mysql://other:secret-2@DBHOST:3306/ser"
		another = "mysql://ser:secret-3@dbhost/kamailio"
		lite    = "sqlite:///var/lib/seraph/seraph.db"
	)
	for _, x := range []struct {
		name         string
		given        string
		msilo, acc   string
		want, faults string
	}{
		{name: "nobody names one"},
		{name: "the command line alone", given: ours, want: ours},
		{name: "the script alone", msilo: ours, want: ours},
		{name: "both modules, written differently", msilo: ours, acc: same, want: same},
		{name: "the same on the command line", given: ours, msilo: same, want: ours},
		{name: "without a database", given: NoDatabase, msilo: ours, want: NoDatabase},
		{name: "two in the script", msilo: ours, acc: another, faults: "module acc names the database mysql://ser:***@dbhost/kamailio and module msilo names sql://ser:***@dbhost/ser"},
		{name: "another on the command line", given: lite, msilo: ours, faults: "the command line names the database " + lite + " and module msilo names sql://ser:***@dbhost/ser"},
		{name: "no URL", acc: "dbhost", faults: `db_url of module acc: database URL "dbhost": no scheme`},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := modules.New(modules.Config{})
			for m, url := range map[module.Module]string{s.Msilo: x.msilo, s.Acc: x.acc} {
				if url == "" {
					continue
				}
				if err := moduletest.Set(t, m, "db_url", url); err != nil {
					t.Fatal(err)
				}
			}
			got, err := databaseOf(x.given, s.All(), slog.New(slog.DiscardHandler))
			switch {
			case x.faults == "" && (err != nil || got != x.want):
				t.Errorf("got %q, %v, want %q", got, err, x.want)
			case x.faults != "" && (err == nil || !strings.Contains(err.Error(), x.faults)):
				t.Errorf("the error is %v, want %q", err, x.faults)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

// TestCheckFindsTwoDatabases: seraph-proxy -c says what a start would stumble over.
func TestCheckFindsTwoDatabases(t *testing.T) {
	for _, x := range []struct{ name, acc, db, faults string }{
		{"one", "sql://ser:secret-1@dbhost/ser", "", ""},
		{"one, on the command line too", "sql://ser:secret-1@dbhost/ser", "mysql://x:secret-2@DBHOST/ser", ""},
		{"two", "sql://ser:secret-1@dbhost/other", "", "there can be only one"},
		{"another on the command line", "sql://ser:secret-1@dbhost/ser", "sqlite:///x.db", "the command line names the database sqlite:///x.db"},
		{"no URL", "dbhost", "", "db_url of module acc"},
	} {
		path := filepath.Join(t.TempDir(), "seraph.cfg")
		script := strings.Replace(embeddedText(), "\nroute", fmt.Sprintf(`
modparam("msilo", "db_url", "sql://ser:secret-1@dbhost/ser")
modparam("acc", "db_url", %q)
route`, x.acc), 1)
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := CheckScript(path, nil, x.db)
		if (err == nil) != (x.faults == "") || err != nil && (!strings.Contains(err.Error(), x.faults) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", x.name, err, x.faults)
		}
	}
	if _, err := CheckScript("", nil, ""); err != nil {
		t.Errorf("the embedded script: %v", err)
	}
}

// TestScriptNamesDatabase: without --db the proxy works on the script's; with another
// one it does not start.
func TestScriptNamesDatabase(t *testing.T) {
	s := newStand(t, handbook(testDomain, "DBURL"), "alice")
	cfg := s.cfg
	cfg.DB, cfg.Control, cfg.State = "", cfg.Control+"2", t.TempDir()
	d, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.databaseName(); got != s.url {
		t.Errorf("it works on %q, want %q", got, s.url)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	cfg.DB = "sqlite:///nowhere/else.db"
	if d, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "there can be only one") {
		t.Errorf("it starts with two databases: %v", err)
		if d != nil {
			_ = d.Close()
		}
	}
}
