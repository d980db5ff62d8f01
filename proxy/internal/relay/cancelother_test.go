package relay

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestCancelByAnother: who was called and has refused does not end the call, that has gone on to
// somebody else, by a CANCEL in the caller's name; nor does one that is not of the INVITE, whoever
// sends it. The caller himself does, from another port, or another host, too.
func TestCancelByAnother(t *testing.T) {
	t.Parallel()
	const callID, from, cseq = "Call-ID: steal", "From: <sip:alice@example.org>;tag=at", "CSeq: 1 CANCEL"
	for _, x := range []struct {
		name    string
		sender  func(b *bench, alice *phone, bob *phone) *phone
		lines   []string // instead of the INVITE's
		allowed bool
	}{
		{"bob", func(_ *bench, _, bob *phone) *phone { return bob }, nil, false},
		{"bob from another port", func(b *bench, _, _ *phone) *phone { return b.phoneAt("127.0.0.8") }, nil, false},
		{"another Call-ID", callersOwn, []string{"Call-ID: steel", from, cseq}, false},
		{"another From tag", callersOwn, []string{callID, "From: <sip:alice@example.org>;tag=bt", cseq}, false},
		{"another CSeq", callersOwn, []string{callID, from, "CSeq: 2 CANCEL"}, false},
		{"alice", callersOwn, nil, true},
		{"alice from another port", func(b *bench, _, _ *phone) *phone { return b.phone() }, nil, true},
		{"alice from another address", func(b *bench, _, _ *phone) *phone { return b.phoneAt("127.0.0.7") }, nil, true},
		{"alice, of whom the URI is written otherwise", callersOwn, []string{callID, "From: Alice <sip:Alice@EXAMPLE.org:5060>;tag=at", cseq}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, fast)
			bob, carol := b.phoneAt("127.0.0.8"), phones[0]
			b.hooks.request = func(r *Request) {
				r.OnFailure = 1
				_ = r.SetURI(fmt.Appendf(nil, "sip:bob@%v", bob.conn.LocalAddr()))
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) {
				if err := next(r, carol); err != nil {
					t.Error(err)
				}
			}
			b.start()
			alice.invite("steal")
			inv := bob.expect("INVITE")
			bob.answer(inv, 486, "b0")
			rings := carol.expect("INVITE")
			carol.answer(rings, 180, "ct")
			alice.expect("SIP/2.0 180")
			lines := x.lines
			if lines == nil {
				lines = []string{callID, from, cseq}
			}
			sender := x.sender(b, alice, bob)
			answered := viaTo(t, sender, alice)
			sender.send(append([]string{"CANCEL sip:bob@example.org SIP/2.0", "Via: " + lowerVia(inv), "Max-Forwards: 70", "To: <sip:bob@example.org>", "Content-Length: 0"}, lines...)...)
			if x.allowed {
				carol.answer(carol.expect("CANCEL"), 200, "ct")
				carol.answer(rings, 487, "ct")
				alice.expect("SIP/2.0 487")
				alice.ack("steal")
				b.empty()
				return
			}
			answered.expect("SIP/2.0 481")
			carol.nothing("CANCEL", 20*time.Millisecond)
			carol.answer(rings, 200, "ct")
			alice.expect("SIP/2.0 200")
		})
	}
}

func callersOwn(_ *bench, alice, _ *phone) *phone { return alice }

// lowerVia is the Via of the caller as the callee has it, without what the router has noted in it.
func lowerVia(inv *sip.Message) string {
	values := inv.Values(sip.HdrVia)
	values.Next()
	via, _, _ := strings.Cut(string(values.Next()), ";received")
	return via
}

// viaTo is who gets the answer to what sender has sent with alice's Via: the port is the Via's, the host
// the sender's (RFC 3261 §18.2.2).
func viaTo(t *testing.T, sender, alice *phone) *phone {
	t.Helper()
	host := sender.conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	if host == netip.MustParseAddr("127.0.0.1") {
		return alice
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, uint16(alice.port()))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &phone{t: t, conn: c, to: alice.to}
}

// TestCancelByAnotherAddressOfIPv6: of IPv6 a callee has a whole network to send from; the caller's own
// network is the caller's, but for the callee's very place in it.
func TestCancelByAnotherAddressOfIPv6(t *testing.T) {
	place := netip.MustParseAddrPort
	const caller, abroad, beside = "[2001:db8:1::5]:5060", "[2001:db8:2::5]:5060", "[2001:db8:1::9]:5060"
	for _, c := range []struct {
		source, branch string
		want           bool
	}{
		{abroad, abroad, true}, {"[2001:db8:2::6]:40000", abroad, true}, {"[2001:db8:3::1]:5060", abroad, false},
		{caller, abroad, false}, {"[2001:db8:1::77]:40000", abroad, false}, {caller, caller, false}, {beside, beside, true}, {"[2001:db8:1::a]:5060", beside, false},
	} {
		if got := isCallees(place(c.source), place(caller), place(c.branch)); got != c.want {
			t.Errorf("%s, where the call went to %s: %v", c.source, c.branch, got)
		}
	}
}

// TestCancelByAnotherPhoneOfTheHost: who is called behind the caller's NAT, or on his host, is told
// from him by the port.
func TestCancelByAnotherPhoneOfTheHost(t *testing.T) {
	t.Parallel()
	_, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
	})
	alice.invite("near")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 486, "t0")
	rings := phones[1].expect("INVITE")
	phones[1].answer(rings, 180, "ct")
	alice.expect("SIP/2.0 180")
	phones[0].send("CANCEL sip:bob@example.org SIP/2.0", "Via: "+lowerVia(inv), "From: <sip:alice@example.org>;tag=at",
		"To: <sip:bob@example.org>", "Call-ID: near", "CSeq: 1 CANCEL", "Content-Length: 0")
	phones[1].nothing("CANCEL", 40*time.Millisecond)
	phones[1].answer(rings, 200, "ct")
	alice.expect("SIP/2.0 200")
}
