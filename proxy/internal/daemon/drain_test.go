package daemon

import (
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestCloseWhilePhonesRing: a proxy that ends tells the caller, cancels the callee's
// ringing, and keeps the call as a missed one.
func TestCloseWhilePhonesRing(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob := s.phone("anne"), s.phone("bob")
	bob.register()
	call := anne.start("INVITE", "sip:bob@"+testDomain, "ringing", "")
	inv := bob.expect("INVITE")
	bob.answer(inv, 180)
	anne.expect("SIP/2.0 180")
	ended := make(chan error, 1)
	go func() { ended <- s.d.Close() }()
	refused := anne.expect("SIP/2.0 503")
	if refused.Header(sip.HdrRetryAfter) == nil || string(refused.CallID()) != "ringing" {
		t.Errorf("the caller got\n%s", refused.Buf)
	}
	to, err := refused.To()
	if err != nil {
		t.Fatal(err)
	}
	anne.ack(call, string(to.Tag))
	cancel := bob.expect("CANCEL")
	if strings.Contains(string(cancel.Buf), "cause=200") {
		t.Errorf("the callee is told that somebody else answered:\n%s", cancel.Buf)
	}
	bob.answer(cancel, 200)
	bob.answer(inv, 487)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := s.rows("SELECT count(*) FROM missed_calls WHERE callid = 'ringing'"); n != 1 {
		t.Errorf("%d missed calls, want 1", n)
	}
	if s.d, err = Start(t.Context(), s.cfg); err != nil { // for the end of the stand
		t.Fatal(err)
	}
}
