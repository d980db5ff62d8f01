package main

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestPing(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"tm.t_uac_wait_block": ctltest.Result(ctlproto.TmUacReply{Code: 200, Text: "OK"})})
	if out := d.must("ping", "alice"); !regexp.MustCompile(`^sip:alice@example\.org answered 200 OK in \d+ ms\n$`).MatchString(out) {
		t.Errorf("output %q", out)
	}
	d.must("ping", "SIP:Desk@192.0.2.7:5062;transport=tcp", "-q")
	d.must("ping", "sip:127.0.0.1:9", "-q")
	d.must("ping", "sips:[2001:DB8::1]", "-q")
	want := []string{`tm.t_uac_wait_block {"method":"OPTIONS","ruri":"sip:alice@example.org"}`,
		`tm.t_uac_wait_block {"method":"OPTIONS","ruri":"sip:desk@192.0.2.7:5062;transport=tcp"}`,
		`tm.t_uac_wait_block {"method":"OPTIONS","ruri":"sip:127.0.0.1:9"}`,
		`tm.t_uac_wait_block {"method":"OPTIONS","ruri":"sips:[2001:db8::1]"}`}
	if diff := cmp.Diff(want, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	var r pingResult
	decode(t, d.must("ping", "alice", "-o", "json"), &r)
	if r.MS < 0 || r.Code != 200 || r.Text != "OK" || r.URI != "sip:alice@example.org" {
		t.Errorf("JSON %+v", r)
	}
	if got := d.audited(); len(got) != 0 {
		t.Errorf("audit %v", got)
	}
}

func TestPingRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitUnreachable, []string{"ping", "alice"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"tm.t_uac_wait_block": ctltest.Result(ctlproto.TmUacReply{Code: 480, Text: "Away\x1b[1m"})})
	if s := d.refuses(exitFailed, []string{"ping", "alice"}); !regexp.MustCompile(`answered 480 Away\\x1b\[1m in \d+ ms\n$`).MatchString(s.out) || s.errs != "" {
		t.Errorf("a refusal: %q, %q", s.out, s.errs)
	}
	d.refuses(exitFailed, []string{"ping", "-q", "alice"}, "answered 480")
	d.refuses(exitUsage, []string{"ping"}, "ping: URI is missing")
	d.refuses(exitUsage, []string{"ping", "a", "b"}, "one argument too many")
	d.refuses(exitUsage, []string{"ping", "http://x"}, "bad scheme")
	for _, uri := range []string{"sip:", "sip::5060", "sip:127.0.0.1:99999", "sip:a b", "sip:@host", "tel:+42"} {
		d.refuses(exitUsage, []string{"ping", uri})
	}
	d.refuses(exitUsage, []string{"ping", "alice", "--wait", "10ms"}, "--wait: want at least 1s")
	d.withRouter(map[string]ctltest.Handler{"tm.t_uac_wait_block": ctltest.Refuse(ctlproto.CodeUnavailable, "took too long")})
	d.refuses(exitFailed, []string{"ping", "alice"}, "took too long")
}

// TestPingOffline: where no phone is registered it is the router that answers, and that is
// said, or that there is no such user; a phone's own 480, and one from elsewhere, are shown as they are.
func TestPingOffline(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.must("alias", "add", "sales", "alice")
	var looked []string
	away := ctltest.Refuse(ctlproto.CodeNotFound, ctlproto.TextAoRNotFound)
	lookup := away
	d.withRouter(map[string]ctltest.Handler{
		"tm.t_uac_wait_block": ctltest.Result(ctlproto.TmUacReply{Code: 480, Text: "Temporarily Unavailable"}),
		"ul.lookup": func(params json.RawMessage) (any, *ctlproto.Error) {
			looked = append(looked, string(params))
			return lookup(params)
		},
	})
	for _, address := range []string{"alice", "sales", "alice@example.org", "sip:alice@example.org"} {
		looked = nil
		s := d.refuses(exitFailed, []string{"ping", address})
		if want := "no phone of alice@example.org is registered (480 Temporarily Unavailable)\n"; s.out != want || s.errs != "" {
			t.Errorf("%s: %q, %q", address, s.out, s.errs)
		}
		if diff := cmp.Diff([]string{`{"table":"location","aor":"alice@example.org"}`}, looked); diff != "" {
			t.Errorf("%s looks up:\n%s", address, diff)
		}
	}
	d.refuses(exitFailed, []string{"ping", "-q", "alice"}, "no phone of alice@example.org is registered")
	if s := d.refuses(exitFailed, []string{"ping", "nobody"}); s.out != "there is no user nobody@example.org (480 Temporarily Unavailable)\n" || s.errs != "" {
		t.Errorf("nobody: %q, %q", s.out, s.errs)
	}
	answered := regexp.MustCompile(`^sip:\S+ answered 480 Temporarily Unavailable in \d+ ms\n$`)
	for _, args := range [][]string{{"bob@elsewhere.example"}, {"sip:alice@example.org:5070"}, {"alice@example.org", "--db", "none"}} {
		if s := d.refuses(exitFailed, append([]string{"ping"}, args...)); !answered.MatchString(s.out) {
			t.Errorf("%v: %q", args, s.out)
		}
	}
	lookup = ctltest.Result(phones[0].Info)
	for _, address := range []string{"alice", "nobody"} { // added by hand
		if s := d.refuses(exitFailed, []string{"ping", address}); !answered.MatchString(s.out) {
			t.Errorf("%s with a phone: %q", address, s.out)
		}
	}
}

// TestPingGivesUp: a phone that says nothing is no reason to wait for ever.
func TestPingGivesUp(t *testing.T) {
	d := newDesk(t)
	release := make(chan struct{})
	defer close(release)
	d.withRouter(map[string]ctltest.Handler{"tm.t_uac_wait_block": func(json.RawMessage) (any, *ctlproto.Error) {
		<-release
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "unheard")
	}})
	start := time.Now()
	d.refuses(exitFailed, []string{"ping", "alice", "--wait", "1s"}, "no answer from sip:alice@example.org within 1s")
	if waited := time.Since(start); waited > 20*time.Second {
		t.Errorf("it waited %s", waited)
	}
}
