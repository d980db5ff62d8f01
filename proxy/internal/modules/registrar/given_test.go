package registrar

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// silence is how long nothing has to come where nothing may.
const silence = 100 * time.Millisecond

// gatewayAt makes an address that of a gateway, and listens there.
func (b *router) gatewayAt(ip string) *phone {
	b.t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	addr := netip.MustParseAddr(ip)
	b.gateway.Store(&addr)
	return &phone{t: b.t, conn: conn, name: "gateway"}
}

// add adds a contact by hand.
func (b *router) add(address, contact string) {
	b.t.Helper()
	if err := b.usrloc.Control().Add(b.t.Context(), address, ctlproto.Contact{Address: contact, Expires: time.Hour, Q: -1, Methods: ^uint32(0)}); err != nil {
		b.t.Fatal(err)
	}
}

// TestContactsLeadToPhones: a contact that somebody has added leads to no phone of another of
// our people, past what that one wants of calls; to no gateway, past what the script asks of
// who calls there; and not to the router. It need not have been refused when it was made.
func TestContactsLeadToPhones(t *testing.T) {
	for _, c := range []struct {
		contact string
		rings   bool
	}{
		{"sip:bob@example.org", false}, {"sips:bob@example.org", false}, {"sip:bob@example.net", false}, {"sip:carol@example.org", false},
		{"sip:bob@example.org:ROUTER", false}, {"sip:bob@example.org:DESK", false}, {"sip:bob@127.0.0.1:ROUTER", false},
		{"sip:bob@elsewhere.example:ROUTER;maddr=127.0.0.1", false},
		{"sip:+33155501@127.0.0.2:GATEWAY", false}, {"sip:127.0.0.2:GATEWAY", false}, {"sip:x@127.0.0.1:GATEWAY;maddr=127.0.0.2", false},
		{"sip:x@[::ffff:127.0.0.2]:GATEWAY", false},
		{"sip:desk@127.0.0.1:DESK", true},
	} {
		t.Run(c.contact, func(t *testing.T) {
			b := newRouter(t, nil)
			bob, desk, caller, gateway := b.phone(), b.phone(), b.phone(), b.gatewayAt("127.0.0.2")
			bob.registered("<sip:bob@" + bob.addr() + ">")
			_, gatewayPort, _ := net.SplitHostPort(gateway.addr())
			_, deskPort, _ := net.SplitHostPort(desk.addr())
			ports := strings.NewReplacer("ROUTER", fmt.Sprint(b.udp.Port()), "GATEWAY", gatewayPort, "DESK", deskPort)
			b.add("carol@example.org", ports.Replace(c.contact))
			caller.message("sip:carol@example.org")
			if c.rings {
				desk.expect("MESSAGE sip:desk@")
				return
			}
			caller.expect("SIP/2.0 480 lookup -1")
			// A phone beside it rings alone.
			b.add("carol@example.org", "sip:desk@"+desk.addr())
			caller.message("sip:carol@example.org")
			desk.expect("MESSAGE sip:desk@")
			bob.nothing(silence)
			gateway.nothing(silence)
		})
	}
}

// TestGatewayByName: where a contact's name leads is seen when the request is sent.
func TestGatewayByName(t *testing.T) {
	b := newRouter(t, nil)
	caller, gateway := b.phone(), b.gatewayAt("127.0.0.1")
	_, port, _ := net.SplitHostPort(gateway.addr())
	b.add("carol@example.org", "sip:+33155501@localhost:"+port)
	caller.message("sip:carol@example.org")
	caller.expect("SIP/2.0 503 " + relay.ErrBarred.Error())
	gateway.nothing(silence)
	other := netip.MustParseAddr("127.0.0.9")
	b.gateway.Store(&other)
	caller.message("sip:carol@example.org")
	gateway.expect("MESSAGE sip:+33155501@localhost")
}

// TestRegisteredBesideGateway: a phone leads where it registered from, whatever it says; a
// Contact that leads to a gateway, and would be followed, is refused.
func TestRegisteredBesideGateway(t *testing.T) {
	b := newRouter(t, nil)
	p, caller, gateway := b.phone(), b.phone(), b.gatewayAt("127.0.0.2")
	p.registered("<sip:+33155501@" + gateway.addr() + ">")
	caller.message("sip:bob@example.org")
	p.send(string(p.expect("MESSAGE sip:+33155501@127.0.0.2").AppendReply(nil, &sip.Reply{Status: 200})))
	gateway.nothing(silence)
	here := netip.MustParseAddr("127.0.0.1")
	b.gateway.Store(&here)
	p.send(p.register("Contact: <sip:bob@" + p.addr() + ";transport=tcp>"))
	p.expect("SIP/2.0 403 Contact Leads To No Phone")
	p.send(p.register("Contact: <sip:bob@"+p.addr()+";transport=tcp>", "Expires: 0"))
	p.expect("SIP/2.0 200")
}

// TestOwnCallRingsRegistered: the leg of a click-to-dial, which the phone may answer by itself
// and which tells it to call somebody, rings what a phone has registered. A contact that was
// added by hand may be a colleague's phone.
func TestOwnCallRingsRegistered(t *testing.T) {
	b := newRouter(t, nil)
	p := b.phone()
	lookup := call(t, b.registrar, "lookup", "location")
	looked := func(local *relay.Local) {
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			x.Local = local
			code := lookup(x)
			x.Local = nil
			_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(code, " ", string(x.Main.URI), " ", len(x.More))})
		})
	}
	const victim = "sip:victim@192.0.2.7"
	b.add("bob@example.org", victim)
	for i, c := range []struct {
		method string
		local  *relay.Local
		want   string
	}{
		{"INVITE", &relay.Local{}, "-1 sip:bob@example.org 0"},
		{"INVITE", &relay.Local{Contact: []byte(victim)}, "-1 sip:bob@example.org 0"},
		{"INVITE", &relay.Local{Accounted: true}, "1 " + victim + " 0"},
		{"INVITE", nil, "1 " + victim + " 0"}, {"MESSAGE", &relay.Local{}, "1 " + victim + " 0"},
	} {
		looked(c.local)
		p.send(p.request(c.method, "sip:bob@example.org", fmt.Sprint("own-", i), 1))
		p.expect("SIP/2.0 480 " + c.want + "\r\n")
	}
	b.script("")
	p.registered("<sip:b@h>")
	looked(&relay.Local{})
	p.send(p.request("INVITE", "sip:bob@example.org", "own", 1))
	p.expect("SIP/2.0 480 1 sip:b@h 0\r\n")
}

// TestNamesHost: a contact names the host that it was registered from however it writes its address.
func TestNamesHost(t *testing.T) {
	for contact, want := range map[string]bool{
		"sip:bob@192.0.2.7:5070": true, "sip:bob@[::ffff:192.0.2.7]": true, "sip:bob@[::FFFF:c000:207]:5070": true,
		"sip:bob@192.0.2.8": false, "sip:bob@[::ffff:192.0.2.8]": false, "sip:bob@example.org": false, "sip:bob@192.0.2.7;maddr=192.0.2.8": false, "tel:+1": false,
	} {
		if got := namesHost([]byte(contact), []byte("192.0.2.7")); got != want {
			t.Errorf("%s: %v, want %v", contact, got, want)
		}
	}
}
