package daemon

import (
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestSIPSRingsNoPlainPhone: a call for a sips address does not go to a phone that is
// registered over UDP, and the caller hears why (docs/transports.md).
func TestSIPSRingsNoPlainPhone(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob := s.phone("anne"), s.phone("bob")
	bob.register()
	call := anne.start("INVITE", "sips:bob@"+testDomain, "secure", "")
	refused := anne.expect("SIP/2.0 480")
	to, err := refused.To()
	if err != nil {
		t.Fatal(err)
	}
	anne.ack(call, string(to.Tag))
	if got := string(refused.Value(refused.Named("Warning"))); !strings.HasPrefix(got, "380 ") {
		t.Errorf("the refusal has the Warning %q", got)
	}
	if m := bob.within(50*time.Millisecond, "INVITE"); m != nil {
		t.Errorf("bob got\n%s", m.Buf)
	}
	anne.start("INVITE", "sip:bob@"+testDomain, "plain", "")
	bob.answer(bob.expect("INVITE"), 486)
	anne.expect("SIP/2.0 486")
}

// TestStrangersMayCallAndWrite: what else there is, of whatever spelling, does not reach a
// phone from a stranger. From one of ours it does.
func TestStrangersMayCallAndWrite(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob, eve := s.phone("anne"), s.phone("bob"), s.phone("eve")
	bob.register()
	bobs := "sip:bob@" + testDomain
	const from = "From: <sip:eve@elsewhere.example>;tag=e"
	for _, method := range []string{"SUBSCRIBE", "NOTIFY", "INFO", "PUBLISH", "REFER", "UPDATE", "PRACK", "BYE", "PING", "message", "options"} {
		eve.send(eve.request(method, bobs, "stranger-"+method, 1, "", from, "Event: check-sync;reboot=true"))
		if got := eve.expect("SIP/2.0 "); got.Status != 403 {
			t.Errorf("a stranger's %s was answered %d, want 403", method, got.Status)
		}
		if m := bob.within(10*time.Millisecond, method); m != nil {
			t.Errorf("bob got a stranger's %s", method)
		}
	}
	for _, method := range []string{"INVITE", "MESSAGE", "OPTIONS"} {
		eve.send(eve.request(method, bobs, "stranger-"+method, 1, "", from))
		bob.answer(bob.expect(method), 486)
		eve.expect("SIP/2.0 486")
	}
	for _, method := range []string{"NOTIFY", "PING"} {
		anne.start(method, bobs, "anne-"+method, "", "Event: check-sync")
		bob.answer(bob.expect(method), 200)
		anne.expect("SIP/2.0 200")
	}
	// Of the router itself.
	router := "sip:" + testDomain
	eve.send(eve.request("OPTIONS", router, "router-1", 1, "", from))
	eve.expect("SIP/2.0 200")
	for _, method := range []string{"options", "NOTIFY", "PING"} {
		eve.send(eve.request(method, router, "router-"+method, 1, "", from))
		if got := eve.expect("SIP/2.0 405"); got.Header(sip.HdrAllow) == nil {
			t.Errorf("405 without Allow to %s:\n%s", method, got.Buf)
		}
	}
}
