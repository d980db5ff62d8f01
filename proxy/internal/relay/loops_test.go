package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// circle is a router whose users alice and bob both stand for two contacts that are
// each other again: what people could set up by hand.
func circle(t *testing.T) *bench {
	t.Helper()
	var b *bench
	b = newBench(t, &hooks{request: func(r *Request) {
		u, err := r.URI()
		if err != nil {
			t.Error(err)
			return
		}
		other := "bob"
		if string(u.User) == "bob" {
			other = "alice"
		}
		_ = r.SetURI(fmt.Appendf(nil, "sip:%s@%s;x=1", other, b.addr))
		_ = r.AddTarget(Target{URI: fmt.Appendf(nil, "sip:%s@%s;x=2", other, b.addr)})
		switch err := r.Relay(); {
		case errors.Is(err, ErrLoop):
			_ = r.Reply(&sip.Reply{Status: 482})
		case errors.Is(err, ErrBreadth):
			_ = r.Reply(&sip.Reply{Status: 440})
		case err != nil:
			t.Error(err)
		}
	}})
	b.start()
	return b
}

// TestForkingCircleIsBounded: one INVITE with any Max-Forwards becomes no more
// transactions than RFC 5393's breadth allows for the turns that a request may take.
func TestForkingCircleIsBounded(t *testing.T) {
	b := circle(t)
	mallory := b.phone()
	mallory.request("INVITE", "sip:alice@example.org", "circle", 1, "circle", "")
	if got := mallory.expectWithin(5*time.Second, "SIP/2.0 4"); got.Status != 440 && got.Status != 482 {
		t.Errorf("the circle is answered %d, want 440 or 482", got.Status)
	}
	if n := b.engine.Counters().Total.Load(); n > maxBreadth*maxVisits {
		t.Errorf("one INVITE became %d transactions", n)
	}
}

// TestBreadthIsDivided: each branch gets its share, and the header that came is gone.
func TestBreadthIsDivided(t *testing.T) {
	_, alice, phones := setup(t, 3)
	for i, c := range []struct{ given, want string }{{"", "20"}, {"Max-Breadth: 10", "3"}, {"max-breadth: 4000000", "20"}, {"Max-Breadth: nonsense", "20"}} {
		id := fmt.Sprint("breadth", i)
		alice.request("INVITE", "sip:bob@example.org", id, 1, id, "", c.given+"\r\nX-Other: 1")
		for _, p := range phones {
			inv := p.expect("INVITE")
			if n := strings.Count(strings.ToLower(string(inv.Buf)), "max-breadth:"); n != 1 {
				t.Errorf("%q: %d headers in %s", c.given, n, inv.Buf)
			}
			if got := string(inv.Value(inv.Named("Max-Breadth"))); got != c.want {
				t.Errorf("%q: each of three branches got %s, want %s", c.given, got, c.want)
			}
			p.answer(inv, 486, "b")
			p.expect("ACK")
		}
	}
}

// TestNoBreadthLeft: a request that may be in no place more is not sent on, not even to
// one (RFC 5393 §5.3.3); what one branch may have is its own.
func TestNoBreadthLeft(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"0": "", "00": "", "1": "1", "60": "60", "x": "x"} {
		b := newBench(t, &hooks{})
		phone, alice := b.phone(), b.phone()
		b.hooks.request = func(r *Request) {
			_ = r.SetURI([]byte(phone.uri()))
			if err := r.Relay(); err != nil {
				if !errors.Is(err, ErrBreadth) {
					t.Error(err)
				}
				_ = r.Reply(&sip.Reply{Status: 440})
			}
		}
		b.start()
		alice.request("MESSAGE", "sip:bob@example.org", "breadth", 1, "breadth", "", "Max-Breadth: "+given)
		if want == "" {
			alice.expect("SIP/2.0 440")
			phone.nothing("MESSAGE", 20*time.Millisecond)
			continue
		}
		m := phone.expect("MESSAGE")
		if got := string(m.Value(m.Named("Max-Breadth"))); got != want {
			t.Errorf("Max-Breadth %s went on as %s", given, got)
		}
	}
}

// TestTooManyVisits: our own Via eight times is a circle, seven times or somebody
// else's any number of times is none.
func TestTooManyVisits(t *testing.T) {
	b := circle(t)
	mallory := b.phone()
	via := func(addr string, n int) string {
		return strings.TrimSuffix(strings.Repeat("Via: SIP/2.0/UDP "+addr+";branch=z9hG4bKs0\r\n", n), "\r\n")
	}
	mallory.request("MESSAGE", "sip:alice@example.org", "visits", 1, "visits", "", via(b.addr.String(), maxVisits))
	mallory.expect("SIP/2.0 482")
	_, alice, phones := setup(t, 1)
	alice.request("MESSAGE", "sip:bob@example.org", "others", 1, "others", "", via("192.0.2.1:5060", 20))
	phones[0].expect("MESSAGE")
}
