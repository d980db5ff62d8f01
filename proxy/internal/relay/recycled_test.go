package relay

import (
	"fmt"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestAnswerBeforeRelay: what is answered for a request that is neither sent on nor answered by the script, on a Call that has
// served another before, has that request's own Via, with where it came from.
func TestAnswerBeforeRelay(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	relay := b.hooks.request
	b.hooks.request = func(r *Request) {
		if string(r.Msg.CallID()) == "cut" {
			faulty(t, r)
		} else {
			relay(r)
		}
	}
	b.start()
	for i := range 3 {
		before := fmt.Sprint("before", i)
		alice.request("MESSAGE", "sip:bob@example.org", before, 1, fmt.Sprint("b", i, ";rport"), "", "Subject: another")
		message := phones[0].expect("MESSAGE")
		for value(message, sip.HdrCallID) != before { // a repeat of the last round's
			message = phones[0].expect("MESSAGE")
		}
		phones[0].answer(message, 200, "bt")
		alice.expect("SIP/2.0 200")
		eventually(t, "the Call is not free", func() bool { return b.engine.calls.Idle() > 0 })
		alice.request("OPTIONS", "sip:bob@example.org", "cut", i+1, fmt.Sprint("-of-the-answered-one-", i, ";rport"), "")
		want := fmt.Sprintf("SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-of-the-answered-one-%d;received=127.0.0.1;rport=%[1]d", alice.port(), i)
		if got := value(alice.expect("SIP/2.0 500"), sip.HdrVia); got != want {
			t.Errorf("Via %q, want %q", got, want)
		}
	}
}
