package relay

import (
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// TestAnswerCrossesCancel: the callee answers before the CANCEL comes; the caller gets
// the 200 and no 487.
func TestAnswerCrossesCancel(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	alice.invite("race")
	inv := bob.expect("INVITE")
	bob.answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.cancel("race")
	cancel := bob.expect("CANCEL")
	bob.answer(inv, 200, "bt")
	bob.answer(cancel, 481, "bt")
	alice.expect("SIP/2.0 200") // of the CANCEL or of the INVITE
	alice.expect("SIP/2.0 200")
	alice.nothing("SIP/2.0 487", 60*time.Millisecond)
	b.empty()
}

// TestCancelKeepsReason: the caller's Reason goes with our CANCEL (RFC 3326 §2), which has
// the INVITE's Via, R-URI, To and Route (RFC 3261 §9.1).
func TestCancelKeepsReason(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	alice.invite("reason")
	inv := bob.expect("INVITE")
	bob.answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.request("CANCEL", "sip:bob@example.org", "reason", 1, "inv-reason", "", `Reason: SIP;cause=600;text="x"`)
	cancel := bob.expect("CANCEL " + bob.uri())
	iv, _ := inv.Via()
	cv, _ := cancel.Via()
	if string(iv.Branch) != string(cv.Branch) || cv.More || value(cancel, sip.HdrTo) != value(inv, sip.HdrTo) ||
		value(cancel, sip.HdrCSeq) != "1 CANCEL" || value(cancel, sip.HdrReason) != `SIP;cause=600;text="x"` {
		t.Errorf("CANCEL\n%s\nof\n%s", cancel.Buf, inv.Buf)
	}
	bob.answer(cancel, 200, "bt")
	bob.answer(inv, 487, "bt")
	alice.expect("SIP/2.0 487")
	alice.ack("reason")
	b.empty()
}

// TestSilentAfterCancel: a callee that answers neither CANCEL nor INVITE is given up
// after 64·T1 (RFC 3261 §9.1); the caller gets 487.
func TestSilentAfterCancel(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("mute")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.cancel("mute")
	phones[0].expect("CANCEL")
	phones[0].expect("CANCEL") // repeated
	alice.expect("SIP/2.0 487")
	alice.ack("mute")
	b.empty()
}

// TestCancelBeforeRelay: a CANCEL that comes while the script waits is answered with 200;
// when the script goes on nothing is sent to the callee and the INVITE gets 487.
func TestCancelBeforeRelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		wait func(r *Request) // enters the transaction and lets others work
		then bool             // the script relays; else it just ends
	}{
		{"parked", func(r *Request) { r.Park() }, true},
		{"parked and then dropped", func(r *Request) { r.Park() }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			waiting, goOn := make(chan bool), make(chan bool)
			b, alice, phones := prepare(t, 1, fast)
			relay := b.hooks.request
			b.hooks.request = func(r *Request) {
				c.wait(r)
				waiting <- true
				<-goOn
				if c.then {
					relay(r)
				}
			}
			b.start()
			alice.invite("window")
			<-waiting
			alice.invite("window") // absorbed; it waits, so it gets 100 (RFC 3261 §17.2.1)
			alice.expect("SIP/2.0 100")
			alice.cancel("window")
			alice.expect("SIP/2.0 200")
			close(goOn)
			alice.expect("SIP/2.0 487")
			phones[0].nothing("", 50*time.Millisecond)
			alice.ack("window")
			b.empty()
		})
	}
}

// TestCancelFromBehindNAT: where force_rport sent the replies to the INVITE's source, the
// 200 to the CANCEL goes there too, though no script runs for it.
func TestCancelFromBehindNAT(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	relay := b.hooks.request
	b.hooks.request = func(r *Request) { r.ForceRPort(); relay(r) }
	b.start()
	lines := func(method string) []string {
		return []string{method + " sip:bob@example.org SIP/2.0", "Via: SIP/2.0/UDP 192.168.1.2:9;branch=z9hG4bKnat",
			"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: nat", "CSeq: 1 " + method, "Content-Length: 0"}
	}
	alice.send(lines("INVITE")...)
	alice.expect("SIP/2.0 100")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.send(lines("CANCEL")...)
	ok := alice.expect("SIP/2.0 200")
	if v := value(ok, sip.HdrVia); !strings.Contains(v, ";received=127.0.0.1;rport=") {
		t.Errorf("Via %q", v)
	}
	phones[0].expect("CANCEL")
	phones[0].answer(inv, 487, "bt")
	alice.expect("SIP/2.0 487")
	alice.send(lines("ACK")...)
	b.empty()
}

// TestCancelAfterTheEnd: a CANCEL after the final reply is answered and changes nothing.
func TestCancelAfterTheEnd(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("over")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 486, "bt")
	alice.expect("SIP/2.0 486")
	alice.cancel("over")
	alice.expect("SIP/2.0 200")
	phones[0].nothing("CANCEL", 40*time.Millisecond)
	alice.ack("over")
	b.empty()
}

// TestTimerC: a callee that rings for ever is cancelled (RFC 3261 §16.8); a provisional
// response starts the time anew.
func TestTimerC(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]int{"487": 487, "silent": 0, "200 after all": 200} {
		t.Run(name, func(t *testing.T) {
			b, alice, phones := setup(t, 1, func(c *Config) {
				c.TimerC = 600 * time.Millisecond // far more than what a busy machine delays the 180s by
				c.Txn = txn.Config{T1: 10 * time.Millisecond, T4: 50 * time.Millisecond}
			})
			bob := phones[0]
			alice.invite("ring")
			inv := bob.expect("INVITE")
			for range 3 {
				bob.answer(inv, 180, "bt")
				alice.expect("SIP/2.0 180")
				bob.nothing("CANCEL", 75*time.Millisecond)
			}
			cancel := bob.expect("CANCEL")
			want := "SIP/2.0 408"
			if last != 0 {
				bob.answer(cancel, 200, "bt")
				bob.answer(inv, last, "bt")
				want = map[int]string{487: "SIP/2.0 408", 200: "SIP/2.0 200"}[last] // nobody gave up: it rang too long
			}
			alice.expect(want)
			alice.ack("ring")
			b.empty()
		})
	}
}
