package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestForwardWithoutTransaction: SER's forward() keeps nothing; the response finds its
// way by the second Via, and INVITE, CANCEL and ACK have one branch (RFC 3261 §16.11).
func TestForwardWithoutTransaction(t *testing.T) {
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.request = func(r *Request) {
		if err := r.Forward("127.0.0.1", uint16(phones[0].port())); err != nil {
			t.Error(err)
		}
	}
	b.hooks.reply = func(r *Request) bool {
		r.Msg.Insert(r.Msg.HeadersStart(), []byte("X-Seen: yes\r\n"))
		return true
	}
	b.start()
	alice.invite("light")
	inv := phones[0].expect("INVITE")
	branch := func(m *sip.Message) string { v, _ := m.Via(); return string(v.Branch) }
	phones[0].answer(inv, 486, "bt")
	up := alice.expect("SIP/2.0 486")
	if n := strings.Count(string(up.Buf), "Via:"); n != 1 || up.Named("X-Seen") == nil {
		t.Errorf("what went up:\n%s", up.Buf)
	}
	alice.ack("light")
	if ack := phones[0].expect("ACK"); branch(ack) != branch(inv) {
		t.Errorf("branch of ACK %q, of INVITE %q", branch(ack), branch(inv))
	}
	if n := b.engine.Transactions(); n != 0 {
		t.Errorf("%d transactions", n)
	}
}

// TestForgedResponses: a response to nothing that we sent is forwarded nowhere, whatever
// its Via lines say. Else anybody could have us send it to any address.
func TestForgedResponses(t *testing.T) {
	t.Parallel()
	b, mallory, phones := setup(t, 1, fast)
	victim := fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKx", phones[0].port())
	own := b.addr.String()
	for i, top := range []string{
		"SIP/2.0/UDP " + own + ";branch=z9hG4bKf0123456789abcdef", // stateless, made up
		"SIP/2.0/UDP " + own + ";branch=z9hG4bKf",
		"SIP/2.0/UDP " + own + ";branch=z9hG4bKs0123456789abcdef", // no such transaction
		"SIP/2.0/UDP " + own + ";branch=xxxxxxxfxxxxxxxxxxxxxxxx",
		"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKf0123456789abcdef",
		"SIP/2.0/UDP " + own,
	} {
		mallory.send("SIP/2.0 200 OK", "Via: "+top, victim, "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2",
			fmt.Sprint("Call-ID: forged", i), "CSeq: 1 INVITE", "Content-Length: 0")
	}
	eventually(t, "not all were counted", func() bool { return b.engine.Counters().StrayReplies.Load() == 6 })
	phones[0].nothing("", 50*time.Millisecond)
}

// TestForgedPlaces: whoever has got our branch in a request of his own cannot have a response
// sent anywhere but to where that request came from, whatever he writes into the Via below.
func TestForgedPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string
		comes          bool
	}{
		{"as it was", "", "", true},
		{"another received", ";branch=", ";received=127.0.0.15;branch=", false},
		{"another rport", ";branch=", ";rport=%d;branch=", false},
		{"another port", ":%[2]d;branch=", ":%[1]d;branch=", false},
		{"another host", "127.0.0.1:", "127.0.0.15:", false},
		{"another transport", "UDP", "TCP", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, victim, _ := prepare(t, 0, fast)
			mallory, there := b.withTCP()
			b.hooks.request = func(r *Request) {
				if err := r.Forward("127.0.0.1", uint16(mallory.port())); err != nil {
					t.Error(err)
				}
			}
			b.start()
			mallory.request("ACK", "sip:bob@example.org", "own", 1, "own", "bt")
			ack := mallory.expect("ACK")
			var vias []string
			values := ack.Values(sip.HdrVia)
			for v := values.Next(); v != nil; v = values.Next() {
				vias = append(vias, string(v))
			}
			change := strings.NewReplacer("%d", fmt.Sprint(victim.port()), "%[1]d", fmt.Sprint(victim.port()), "%[2]d", fmt.Sprint(mallory.port()))
			below := strings.Replace(vias[1], change.Replace(c.old), change.Replace(c.new), 1)
			if c.old != "" && below == vias[1] {
				t.Fatalf("nothing is changed in %s", below)
			}
			mallory.send("SIP/2.0 200 Forged", "Via: "+vias[0], "Via: "+below, "From: <sip:alice@example.org>;tag=at",
				"To: <sip:bob@example.org>;tag=bt", "Call-ID: own", "CSeq: 1 INVITE", "Content-Length: 0")
			if c.comes {
				mallory.expect("SIP/2.0 200 Forged")
				return
			}
			eventually(t, "it is not counted", func() bool { return b.engine.Counters().StrayReplies.Load() == 1 })
			victim.nothing("", 20*time.Millisecond)
			mallory.nothing("", 20*time.Millisecond)
			_ = there.SetDeadline(time.Now().Add(20 * time.Millisecond))
			if c, err := there.Accept(); err == nil {
				_ = c.Close()
				t.Error("there is a connection")
			}
		})
	}
}

// TestResponseOfAnotherMethod: the response to a CANCEL does not end its INVITE.
func TestResponseOfAnotherMethod(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("method")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	text := string(inv.AppendReply(nil, &sip.Reply{Status: 481, ToTag: []byte("bt")}))
	_, _ = phones[0].conn.WriteToUDPAddrPort([]byte(strings.Replace(text, "1 INVITE", "1 CANCEL", 1)), phones[0].to)
	alice.nothing("SIP/2.0 4", 50*time.Millisecond)
	phones[0].answer(inv, 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}
