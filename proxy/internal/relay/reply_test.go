package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestReplyRouteDropsProvisional: what the reply route drops does not go up, and a final
// response cannot be dropped.
func TestReplyRouteDropsProvisional(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.reply = func(r *Request) bool { return r.Final != 183 && r.Final != 486 }
	b.start()
	alice.invite("drop")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 183, "bt")
	phones[0].answer(inv, 180, "bt")
	if m := alice.expect("SIP/2.0 18"); m.Status != 180 {
		t.Errorf("%d went up", m.Status)
	}
	phones[0].answer(inv, 486, "bt")
	alice.expect("SIP/2.0 486")
	alice.ack("drop")
	b.empty()
}

// TestReplyRouteEdits: what the route adds and removes is in the response that goes up,
// also where it stands beside the Via that is taken off, and in one that waits for others.
func TestReplyRouteEdits(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		b, alice, phones := prepare(t, n, fast)
		b.hooks.reply = func(r *Request) bool {
			m := r.Msg
			m.Insert(m.HeadersStart(), []byte("X-First: 1\r\n"))
			via := m.Header(sip.HdrVia)
			m.Insert(via.End, []byte("X-Behind: 2\r\n"))
			if h := m.Named("X-Secret"); h != nil {
				m.Delete(h.Start, h.End-h.Start)
			}
			m.Insert(m.HeadersEnd(), []byte("X-Last: 3\r\n"))
			return true
		}
		b.start()
		alice.invite("edit")
		for i, p := range phones {
			p.answer(p.expect("INVITE"), 404, fmt.Sprint("t", i), "X-Secret: s")
		}
		up := alice.expect("SIP/2.0 404")
		text := string(up.Buf)
		if !strings.Contains(text, "X-First: 1\r\nX-Behind: 2\r\n") || strings.Contains(text, "Secret") || !strings.Contains(text, "X-Last: 3\r\n") ||
			strings.Count(text, "Via:") != 1 {
			t.Errorf("%d branches: %s", n, text)
		}
		alice.ack("edit")
		b.empty()
	}
}

// TestReplyInReplyRoute: there is no request to answer there; the call is not locked up.
func TestReplyInReplyRoute(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	told := make(chan error, 10)
	b.hooks.reply = func(r *Request) bool {
		told <- r.Reply(&sip.Reply{Status: 500})
		told <- r.ReplyStateless(&sip.Reply{Status: 500})
		return true
	}
	b.start()
	alice.invite("wrong")
	phones[0].answer(phones[0].expect("INVITE"), 486, "bt")
	alice.expect("SIP/2.0 486")
	for range 2 {
		if err := <-told; !errors.Is(err, ErrNoTransaction) {
			t.Errorf("the route was told %v", err)
		}
	}
	alice.ack("wrong")
	b.empty()
}

// TestRefusalIsAcknowledgedHopByHop: our ACK has the INVITE's branch and R-URI and the refusal's To
// (RFC 3261 §17.1.1.3), and comes again with each repeated refusal.
func TestRefusalIsAcknowledgedHopByHop(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("hop")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 486, "bt")
	ack := phones[0].expect("ACK " + phones[0].uri())
	iv, _ := inv.Via()
	av, _ := ack.Via()
	to, _ := ack.To()
	if string(iv.Branch) != string(av.Branch) || string(to.Tag) != "bt" || value(ack, sip.HdrCSeq) != "1 ACK" || av.More {
		t.Errorf("ACK\n%s\nof\n%s", ack.Buf, inv.Buf)
	}
	phones[0].answer(inv, 486, "bt") // our ACK was lost
	phones[0].expect("ACK")
	alice.expect("SIP/2.0 486")
	alice.ack("hop")
	phones[0].nothing("ACK", 40*time.Millisecond) // the caller's ends here
	b.empty()
}

// TestUnknownVersion is answered with 505 (RFC 3261 §21.5.6).
func TestUnknownVersion(t *testing.T) {
	_, alice, _ := setup(t, 1)
	alice.send("OPTIONS sip:bob@example.org SIP/7.0", fmt.Sprintf("Via: SIP/7.0/UDP 127.0.0.1:%d;branch=z9hG4bKx", alice.port()),
		"From: <sip:a@b>;tag=1", "To: <sip:bob@example.org>", "Call-ID: seven", "CSeq: 1 OPTIONS", "Content-Length: 0")
	alice.nothing("SIP/2.0", 30*time.Millisecond) // not even the Via can be understood
	alice.send("OPTIONS sip:bob@example.org SIP/7.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKx", alice.port()),
		"From: <sip:a@b>;tag=1", "To: <sip:bob@example.org>", "Call-ID: seven", "CSeq: 1 OPTIONS", "Content-Length: 0")
	alice.expect("SIP/2.0 505")
}
