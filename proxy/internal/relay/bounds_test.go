package relay

import (
	"net/netip"
	"testing"

	"seraph/proxy/internal/transport"
)

// TestBoundsOfARoute: where no table knows better, a request within a dialog gets to the
// two hosts that the INVITE came from and went to, and to no third one, by whatever it
// names it.
func TestBoundsOfARoute(t *testing.T) {
	t.Parallel()
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
	b := bounds{set: true, reach: Reach{Seen: [2]netip.Addr{netip.MustParseAddr("192.0.2.3")}}}
	if b.allows(one, netip.Addr{}) || b.allows(one, a) || !b.allows(one, netip.MustParseAddr("::ffff:192.0.2.3")) {
		t.Error("bounds without ends allow others, or not what they name")
	}
}

// TestOpenBounds: any host but a gateway, unless the call passes that gateway, or the other
// end is a gateway itself. What DNS gives beside a host that is allowed is held to it, too.
func TestOpenBounds(t *testing.T) {
	addr := netip.MustParseAddr
	gateway, other, phone := addr("192.0.2.1"), addr("192.0.2.2"), addr("198.51.100.7")
	e := New(Config{Key: []byte("key"), Gateway: func(a netip.Addr) bool { return a == gateway || a == other }})
	for name, c := range map[string]struct {
		b    bounds
		to   netip.Addr
		want bool
	}{
		"another host":                    {bounds{}, addr("203.0.113.1"), true},
		"a gateway":                       {bounds{}, gateway, false},
		"a gateway, as a mapped address":  {bounds{}, addr("::ffff:192.0.2.1"), false},
		"a gateway, from a phone":         {bounds{reach: Reach{Began: [4]netip.Addr{phone}}}, gateway, false},
		"the gateway of the call":         {bounds{near: e.mark(phone), far: e.mark(gateway), named: true}, gateway, true},
		"for what it has not named":       {bounds{near: e.mark(phone), far: e.mark(gateway)}, gateway, false},
		"another gateway":                 {bounds{near: e.mark(phone), far: e.mark(gateway)}, other, false},
		"the gateway of the beginning":    {bounds{reach: Reach{Began: [4]netip.Addr{gateway}}}, gateway, true},
		"a gateway that names another":    {bounds{reach: Reach{Began: [4]netip.Addr{{}, gateway}}}, other, true},
		"the same, as a mapped address":   {bounds{reach: Reach{Began: [4]netip.Addr{addr("::ffff:192.0.2.1")}}}, other, true},
		"a gateway, named by nobody seen": {bounds{}, gateway, false},
		"a gateway, where it was seen":    {bounds{reach: Reach{Seen: [2]netip.Addr{gateway}}}, gateway, false},
		"another than it was seen at":     {bounds{reach: Reach{Seen: [2]netip.Addr{gateway}}}, other, false},
		"the gateway, for another number": {bounds{reach: Reach{Began: [4]netip.Addr{gateway}, NoGateway: true}}, gateway, false},
		"the same, by a Route":            {bounds{near: e.mark(phone), far: e.mark(gateway), reach: Reach{Known: true}}, gateway, false},
		"the same by the Route":           {bounds{near: e.mark(phone), far: e.mark(gateway), reach: Reach{NoGateway: true}}, gateway, false},
	} {
		c.b.set, c.b.reach.Anywhere = true, true
		if got := c.b.allows(e, c.to); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	r := &Request{Engine: e}
	r.bounds = bounds{set: true, reach: Reach{Anywhere: true}}
	w := &way{n: 4}
	for i, a := range []netip.Addr{phone, gateway, addr("203.0.113.1"), other} {
		w.hops[i].Addr = netip.AddrPortFrom(a, 5060)
	}
	if err := r.bind(&Target{}, w); err != nil || w.left() != 2 || w.hops[0].Addr.Addr() != phone || w.hops[1].Addr.Addr() != addr("203.0.113.1") {
		t.Errorf("%d places are left: %v %v", w.left(), w.hops[:4], err)
	}
}

// TestFoundIsBound: what lookup has found is held to the bounds of the dialog, too.
func TestFoundIsBound(t *testing.T) {
	addr := netip.MustParseAddr
	e := New(Config{Key: []byte("key")})
	caller, callee, other := addr("192.0.2.7"), addr("192.0.2.8"), addr("192.0.2.9")
	r := &Request{Engine: e}
	r.Found, r.bounds = true, bounds{set: true, near: e.mark(caller), far: e.mark(callee)}
	for a, want := range map[netip.Addr]bool{caller: false, callee: true, other: false} {
		at := netip.AddrPortFrom(a, 5060)
		if err := r.bind(&Target{Phone: true, Flow: transport.Flow{Proto: transport.UDP, Remote: at}}, &way{}); err == nil != want {
			t.Errorf("%s on a flow: %v", a, err)
		}
		w := &way{n: 1}
		w.hops[0].Addr = at
		if err := r.bind(&Target{Phone: true}, w); err == nil != want {
			t.Errorf("%s: %v", a, err)
		}
	}
}
