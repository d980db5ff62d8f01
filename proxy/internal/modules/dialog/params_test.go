package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/dialog"
)

func TestParamsRefused(t *testing.T) {
	for param, want := range map[string]string{
		"default_timeout 9":  "default_timeout 9 is not from 10 to 2592000 seconds",
		"early_timeout 0":    "early_timeout 0 is not from 3 to 3600 seconds",
		"noack_timeout 4000": "noack_timeout 4000 is not from 3 to 3600 seconds",
		"ka_timer -1":        "ka_timer -1 is not from 0 to 86400 seconds",
		"timeout_bye 2":      "timeout_bye must be 0 or 1, not 2",
		"enable_stats 7":     "enable_stats must be 0 or 1, not 7",
		"strict -1":          "strict must be 0 or 1, not -1",
		"dlg_flag 32":        "dlg_flag 32 is not from 0 to 31",
		"max_dialogs 1":      "max_dialogs 1 is not from 16 to 4194304",
	} {
		name, value, _ := strings.Cut(param, " ")
		if err := moduletest.Set(t, dialog.New(dialog.Config{}), name, value); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %q", param, err, want)
		}
	}
}

// TestManage: with dlg_manage in the script, only what passes it is tracked.
func TestManage(t *testing.T) {
	for _, managed := range []bool{false, true} {
		o := newOffice(t)
		call := moduletest.Compile(t, o.m, "dlg_manage")
		o.m.Narrow(true)
		if managed {
			o.before = call
		}
		o.invites("m")
		if n := o.m.Active().All; (n == 1) != managed {
			t.Errorf("managed %v: %d dialogs", managed, n)
		}
	}
}

// TestKnown: is_known_dlg tells calls of the table from others.
func TestKnown(t *testing.T) {
	o := newOffice(t)
	known := moduletest.Compile(t, o.m, "is_known_dlg")
	c := o.invites("k").up()
	var got []int
	o.before = known
	o.result = &got
	c.request("INFO", bobContact, 2, "bt")
	c.request("INFO", bobContact, 3, "xt")
	c.hangsUp(4)
	c.request("INFO", bobContact, 5, "bt")
	if len(got) != 4 || got[0] != 1 || got[1] != -1 || got[2] != 1 || got[3] != -1 {
		t.Errorf("is_known_dlg says %v, want 1 -1 1 -1", got)
	}
}

// TestNoStatistics: enable_stats 0 leaves them out.
func TestNoStatistics(t *testing.T) {
	o := newOffice(t, "enable_stats 0")
	o.m.Statistics(func(group, name string, _ int64) { t.Errorf("%s:%s is there", group, name) })
}

// TestNotLoaded: a module that the script does not load does nothing.
func TestNotLoaded(t *testing.T) {
	m := dialog.New(dialog.Config{})
	if m.Busy("alice@example.org") || m.Active().All != 0 {
		t.Error("there is something in a table that is not there")
	}
	m.Statistics(func(string, string, int64) {})
}
