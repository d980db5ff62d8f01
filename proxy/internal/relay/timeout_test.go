package relay

import (
	"errors"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestOverloadOfOthersIsNotOurs: a callee's 503 goes up as 500 (RFC 3261 §16.7 step 6),
// without its Retry-After, from one branch as from several.
func TestOverloadOfOthersIsNotOurs(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		b, alice, phones := setup(t, n, fast)
		alice.invite("busy")
		for _, p := range phones {
			p.answer(p.expect("INVITE"), 503, "bt", "Retry-After: 600")
			p.expect("ACK")
		}
		up := alice.expect("SIP/2.0 5")
		if up.Status != 500 || up.Header(sip.HdrRetryAfter) != nil {
			t.Errorf("%d branches: %s", n, up.Buf)
		}
		alice.ack("busy")
		b.empty()
	}
}

// TestNoAnswerToOtherMethods: nobody tells a client of a MESSAGE that it came to nothing:
// the 408 would come too late (RFC 4320 §4.2), ours as one of the callee.
func TestNoAnswerToOtherMethods(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"silent": 0, "408 of the callee": 408} {
		t.Run(name, func(t *testing.T) {
			b, alice, phones := setup(t, 1, fast)
			alice.request("MESSAGE", "sip:bob@example.org", "m", 1, "m", "")
			m := phones[0].expect("MESSAGE")
			phones[0].expect("MESSAGE") // Timer E
			if status != 0 {
				phones[0].answer(m, status, "bt")
			}
			b.empty()
			alice.nothing("SIP/2.0", 50*time.Millisecond)
		})
	}
}

// TestMessageIsAnsweredOnce: a repeated MESSAGE gets the same answer from the transaction
// (Timer J) and does not reach the phone again.
func TestMessageIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	send := func() { alice.request("MESSAGE", "sip:bob@example.org", "m", 1, "m", "") }
	send()
	phones[0].answer(phones[0].expect("MESSAGE"), 202, "bt")
	alice.expect("SIP/2.0 202")
	phones[0].forget() // Timer E, if the answer was slow
	send()
	alice.expect("SIP/2.0 202")
	phones[0].nothing("MESSAGE", 50*time.Millisecond)
	b.empty()
}

// TestFullTable: without room for one more transaction the script is told, and answers 503.
func TestFullTable(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast, func(c *Config) { c.Txn.Max = 2 })
	relay := b.hooks.request
	b.hooks.request = func(r *Request) {
		if errors.Is(r.NewTransaction(), ErrOverload) {
			_ = r.ReplyStateless(&sip.Reply{Status: 503})
			return
		}
		relay(r)
	}
	b.start()
	for _, id := range []string{"one", "two"} {
		alice.invite(id)
		phones[0].expect("INVITE")
	}
	alice.invite("three")
	alice.expect("SIP/2.0 503")
	phones[0].nothing("INVITE sip:bob@example.org", 0)
	b.empty()
}

// TestStatelessRefusal: what is answered without one is answered anew,
// with the same tag (RFC 3261 §8.2.7), and its ACK ends here.
func TestStatelessRefusal(t *testing.T) {
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.request = func(r *Request) {
		if r.Msg.Method == sip.ACK {
			t.Error("the ACK of a stateless answer reached the script")
		}
		_ = r.ReplyStateless(&sip.Reply{Status: 404})
	}
	b.start()
	tag := ""
	for range 2 {
		alice.invite("nobody")
		to, _ := alice.expect("SIP/2.0 404").To()
		if tag != "" && tag != string(to.Tag) {
			t.Errorf("tags %q and %q", tag, to.Tag)
		}
		tag = string(to.Tag)
	}
	alice.request("ACK", "sip:bob@example.org", "nobody", 1, "inv-nobody", tag)
	alice.nothing("SIP/2.0", 40*time.Millisecond)
	phones[0].nothing("", 0)
	if n := b.engine.Transactions(); n != 0 {
		t.Errorf("%d transactions", n)
	}
}
