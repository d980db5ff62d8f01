package main

import (
	"encoding/json"
	"strings"
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
	wantCalls := []string{`auth.forget {"aor":"alice@example.org"}`, `ul.rm {"table":"location","aor":"alice@example.org"}`, `ctd.list {"caller":"alice@example.org","limit":1000}`, "userblock.reload", "speeddial.reload",
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

// TestGoneUserCallsNobody: the calls that a user just clicked do not go on once the
// account is closed or removed.
func TestGoneUserCallsNobody(t *testing.T) {
	for _, command := range []string{"disable", "rm"} {
		d := newDesk(t)
		d.add("alice", "x")
		router := d.withRouter(map[string]ctltest.Handler{
			"auth.forget": done, "ul.rm": done,
			"ctd.list": ctltest.Result([]ctlproto.CtdStatus{
				{ID: "rings", Cancellable: true}, {ID: "over", Ended: true}, {ID: "connecting"}, {ID: "just-over", Cancellable: true}, {ID: "rings-too", Cancellable: true},
			}),
			"ctd.cancel": func(params json.RawMessage) (any, *ctlproto.Error) {
				if strings.Contains(string(params), "just-over") {
					return nil, ctlproto.Errorf(ctlproto.CodeRefused, "too late")
				}
				return ctlproto.Done{}, nil
			},
		})
		if s := d.run(command, "alice"); s.code != exitOK || s.errs != "" {
			t.Errorf("%s: exit %d, said %q", command, s.code, s.errs)
		}
		var cancelled []string
		for _, call := range calls(router) {
			if strings.HasPrefix(call, "ctd.cancel") {
				cancelled = append(cancelled, call)
			}
		}
		const actor = `,"actor":"olga by seraphctl"}`
		want := []string{`ctd.cancel {"id":"rings"` + actor, `ctd.cancel {"id":"just-over"` + actor, `ctd.cancel {"id":"rings-too"` + actor}
		if diff := cmp.Diff(want, cancelled); diff != "" {
			t.Errorf("%s cancels (-want +got):\n%s", command, diff)
		}
	}
}

// TestNotTold: what the router says to each of several calls is said once, on one line.
func TestNotTold(t *testing.T) {
	down := ctltest.Refuse(ctlproto.CodeUnavailable, "shutting down")
	for command, methods := range map[string][]string{
		"disable": {"auth.forget", "ul.rm", "ctd.list", "userblock.reload"},
		"rm":      {"auth.forget", "ul.rm", "ctd.list", "alias.reload", "group.reload", "userblock.reload"},
	} {
		d := newDesk(t)
		d.add("alice", "x")
		handlers := map[string]ctltest.Handler{"speeddial.reload": ctltest.Refuse(ctlproto.CodeInternal, "x")}
		for _, method := range methods {
			handlers[method] = down
		}
		d.withRouter(handlers)
		const want = "seraphctl: the router could not be told (shutting down (-32004); x (-32603)): the user's phones stay registered there until they expire\n"
		if s := d.run(command, "alice"); s.code != exitOK || s.errs != want {
			t.Errorf("%s: exit %d, said %q", command, s.code, s.errs)
		}
	}
}
