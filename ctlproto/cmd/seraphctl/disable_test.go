package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestDisableAndEnable(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	router := d.withRouter(map[string]ctltest.Handler{"auth.forget": done, "ul.rm": ctltest.Refuse(ctlproto.CodeNotFound, "none"),
		"userblock.reload": done, "speeddial.reload": done})
	if out := d.must("disable", "alice"); out != "alice@example.org is disabled\n" {
		t.Errorf("disable says %q", out)
	}
	if got := d.column("SELECT disabled FROM profile WHERE username = 'alice'"); len(got) != 1 || got[0] != "1" {
		t.Errorf("disabled in the database: %v", got)
	}
	if out := d.must("enable", "alice", "-o", "json"); out != "{\n  \"address\": \"alice@example.org\"\n}\n" {
		t.Errorf("enable says %q", out)
	}
	if got := d.column("SELECT disabled FROM profile WHERE username = 'alice'"); len(got) != 1 || got[0] != "0" {
		t.Errorf("after enable, disabled in the database: %v", got)
	}
	wantCalls := []string{`auth.forget {"aor":"alice@example.org"}`, `ul.rm {"table":"location","aor":"alice@example.org"}`, "userblock.reload", "speeddial.reload",
		`auth.forget {"aor":"alice@example.org"}`, "userblock.reload", "speeddial.reload"}
	if diff := cmp.Diff(wantCalls, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	wantAudit := []string{
		"olga|seraphctl|subscriber.create|alice@example.org||",
		"olga|seraphctl|subscriber.disable|alice@example.org|enabled|disabled", "olga|seraphctl|subscriber.enable|alice@example.org|disabled|enabled",
	}
	if diff := cmp.Diff(wantAudit, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}

func TestDisableRefuses(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.must("admin", "add", "alice")
	d.refuses(exitFailed, []string{"disable", "alice"}, "is the last administrator")
	d.refuses(exitFailed, []string{"disable", "zoe"}, "zoe@example.org")
	d.refuses(exitFailed, []string{"enable", "zoe"}, "zoe@example.org")
	d.refuses(exitUsage, []string{"disable"}, "disable wants a USER")
	d.refuses(exitUsage, []string{"enable", "a", "b"}, "enable wants one USER")
	d.add("bob", "x")
	d.refuses(exitOK, []string{"disable", "bob"}, "no router listens on", "stay registered there until they expire")
}
