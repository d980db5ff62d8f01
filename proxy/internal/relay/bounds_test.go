package relay

import (
	"net/netip"
	"testing"
)

// TestBoundsOfARoute: where no table knows better, a request within a dialog gets to the
// two hosts that the INVITE came from and went to, and to no third one, by whatever it
// names it.
func TestBoundsOfARoute(t *testing.T) {
	b, alice, phones := setup(t, 1, fast)
	bob := phones[0]
	route := "Route: " + dialog(alice, bob, "bounds")
	for i, method := range []string{"BYE", "INFO", "INVITE"} {
		for j, x := range []struct{ uri, more string }{
			{"sip:bob@127.0.0.15:5060", ""},
			{"sip:bob@203.0.113.1", ""},
			{"sip:bob@[2001:db8::1]", ""},
			{bob.uri() + ";maddr=127.0.0.15", ""},
			{bob.uri(), ", <sip:127.0.0.15;lr>"},
		} {
			id := method + string(rune('a'+j))
			alice.request(method, x.uri, "bounds", 2+10*i+j, id, "bt", route+x.more)
			m := alice.expect("SIP/2.0")
			if m.Status == 100 {
				m = alice.expect("SIP/2.0")
			}
			if m.Status < 300 {
				t.Errorf("%s to %s%s was answered %d", method, x.uri, x.more, m.Status)
			}
			if method == "INVITE" {
				alice.request("ACK", x.uri, "bounds", 2+10*i+j, id, "bt", route+x.more)
			}
		}
	}
	alice.request("BYE", bob.uri(), "bounds", 99, "bye", "bt", route)
	bob.answer(bob.expect("BYE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestMarks: the hash of a host is one host's, is none's for no address, and is the same
// for both spellings of an IPv4 address, in every process with the key.
func TestMarks(t *testing.T) {
	one, other := New(Config{Key: []byte("one")}), New(Config{Key: []byte("one")})
	a := netip.MustParseAddr("192.0.2.1")
	m := one.mark(a)
	if m == 0 || m != other.mark(a) || m != one.mark(netip.MustParseAddr("::ffff:192.0.2.1")) || m == one.mark(netip.MustParseAddr("192.0.2.2")) {
		t.Errorf("mark %x", m)
	}
	if m == New(Config{Key: []byte("two")}).mark(a) || one.mark(netip.Addr{}) != 0 {
		t.Error("another key or no address has the same")
	}
	b := bounds{set: true, also: [3]netip.Addr{netip.MustParseAddr("192.0.2.3")}}
	if b.allows(one, netip.Addr{}) || b.allows(one, a) || !b.allows(one, netip.MustParseAddr("::ffff:192.0.2.3")) {
		t.Error("bounds without ends allow others, or not what they name")
	}
}
