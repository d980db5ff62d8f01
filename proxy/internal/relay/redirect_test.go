package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/dns"
	"seraph/proxy/internal/dns/dnstest"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// phoneAt is a phone on another address of loopback.
func (b *bench) phoneAt(host string) *phone {
	b.t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return &phone{t: b.t, conn: c, to: b.addr}
}

// gatewayHost is where the gateway of these tests is, which takes calls from the router without asking.
const gatewayHost = "127.0.0.20"

func isGatewayHost(a netip.Addr) bool { return a == netip.MustParseAddr(gatewayHost) }

func scripts([]byte) (follow, named bool) { return true, true }

// gatewayContact is a 302's contact at the gateway; %d is the gateway's port.
const gatewayContact = "<sip:+1900@" + gatewayHost + ":%d>"

// TestRedirectToAGateway: the phone that is called names no gateway in a 302, in whatever way, nor does who
// is behind it; the caller is told where to call, and may do so in his own name. What the script has
// named, or a host that it has chosen, is followed as before.
func TestRedirectToAGateway(t *testing.T) {
	t.Parallel()
	through := func(next string, of NextOf) func(r *Request, gateway *phone) {
		return func(r *Request, gateway *phone) {
			r.More[0].Next, r.More[0].NextOf = fmt.Appendf(nil, next, gateway.port()), of
		}
	}
	for _, x := range []struct {
		name    string
		target  func(e *Engine, t *Target) // bob's, found as a phone
		contact string
		filter  Filter
		after   func(r *Request, gateway *phone) // what the script does before t_relay
		led     bool
	}{
		{name: "a phone", contact: gatewayContact},
		{name: "a phone, filtered", contact: gatewayContact, filter: func([]byte) (bool, bool) { return true, false }},
		{name: "a phone by its flow", contact: gatewayContact, target: func(e *Engine, t *Target) {
			var way = netip.MustParseAddrPort(strings.TrimPrefix(string(t.URI), "sip:bob@"))
			t.Phone = false
			t.Flow, _ = e.layer.FlowTo(transport.UDP, way, 0)
		}},
		{name: "a contact added by hand", contact: gatewayContact, target: func(_ *Engine, t *Target) { t.Given = true }},
		{name: "where a user has calls go", contact: gatewayContact, target: func(_ *Engine, t *Target) { t.Given, t.Phone = true, false }},
		{name: "by maddr", contact: "<sip:+1900@example.org:%d;maddr=" + gatewayHost + ">"},
		{name: "by a name of his own", contact: "<sip:+1900@evil.test:%d>"},
		{name: "in IPv6", contact: "<sip:+1900@[::ffff:" + gatewayHost + "]:%d>"},
		{name: "over a transport of the script's", contact: gatewayContact, after: through("sip:"+gatewayHost+":%d;transport=udp", NextRelay)},
		{name: "named by the script", contact: gatewayContact, filter: scripts, led: true},
		{name: "t_relay to the gateway", contact: "<sip:+1900@203.0.113.9>", after: through("sip:"+gatewayHost+":%d", NextRelay), led: true},
		{name: "the script's next hop", contact: gatewayContact, after: through("sip:"+gatewayHost+":%d", NextScript), led: true},
		{name: "a host of the sender's", contact: gatewayContact, target: func(_ *Engine, t *Target) { t.Phone = false }},
		{name: "a host of the script's", contact: gatewayContact, target: func(_ *Engine, t *Target) { t.Phone, t.Hosted = false, true }, led: true},
		{name: "the script's next hop to a phone", contact: gatewayContact, target: func(_ *Engine, t *Target) {
			t.Given, t.Phone, t.Next, t.NextOf = true, false, t.URI, NextScript
		}, led: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, calm, func(c *Config) { c.Gateway = isGatewayHost })
			b.withZone("evil.test 300 IN A " + gatewayHost)
			gateway := b.phoneAt(gatewayHost)
			b.hooks.request = func(r *Request) {
				target := Target{URI: []byte(phones[0].uri()), Phone: true}
				if x.target != nil {
					x.target(r.Engine, &target)
				}
				r.SetTarget(target)
				r.OnFailure = 1
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) {
				if n, err := r.Redirects(4, 0, x.filter); n != 1 {
					t.Errorf("%d redirections: %v", n, err)
					return
				}
				if x.after != nil {
					x.after(r, gateway)
				}
				if err := r.Relay(); (err == nil) != x.led {
					t.Errorf("Relay says %v", err)
				}
			}
			b.start()
			alice.invite("moved")
			phones[0].answer(phones[0].expect("INVITE"), 302, "bt", "Contact: "+strings.Replace(x.contact, "%d", fmt.Sprint(gateway.port()), 1))
			if x.led {
				gateway.answer(gateway.expect("INVITE sip:+1900@"), 486, "gt")
				alice.expect("SIP/2.0 486")
			} else {
				alice.expect("SIP/2.0 302")
				gateway.nothing("INVITE", 20*time.Millisecond)
			}
			alice.ack("moved")
			b.empty()
		})
	}
}

// TestRedirectOfAGateway: where the sender has named a gateway, which the script let pass, that may say
// which other one takes the call.
func TestRedirectOfAGateway(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 0, calm, func(c *Config) { c.Gateway = isGatewayHost })
	first, second := b.phoneAt(gatewayHost), b.phoneAt(gatewayHost)
	b.hooks.request = func(r *Request) {
		r.SetTarget(Target{URI: fmt.Appendf(nil, "sip:+1900@"+gatewayHost+":%d", first.port())})
		r.OnFailure = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if n, err := r.Redirects(4, 0, nil); n != 1 {
			t.Errorf("%d redirections: %v", n, err)
		}
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.start()
	alice.invite("moved")
	first.answer(first.expect("INVITE"), 302, "gt", fmt.Sprintf("Contact: <sip:+1900@"+gatewayHost+":%d>", second.port()))
	second.answer(second.expect("INVITE sip:+1900@"), 486, "gt")
	alice.expect("SIP/2.0 486")
	alice.ack("moved")
	b.empty()
}

// TestPhoneTakenBackReachesNoGateway: a user registers with the address of a gateway as his contact, and is called on the
// flow that his REGISTER came by. Once the script takes that back, what is left is his word.
func TestPhoneTakenBackReachesNoGateway(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		host string
		do   func(r *Request)
		led  bool
	}{
		{"$du taken back", gatewayHost, func(r *Request) { r.SetNext(nil) }, false},
		{"another port", gatewayHost, func(r *Request) { r.MovedPort() }, false},
		{"$du set and taken back", gatewayHost, func(r *Request) { r.SetNext([]byte("sip:192.0.2.1")); r.SetNext(nil) }, false},
		{"named by the script", gatewayHost, func(r *Request) { r.SetNext(nil); r.Elsewhere() }, true},
		{"no gateway", "127.0.0.9", func(r *Request) { r.SetNext(nil) }, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, calm, func(c *Config) { c.Gateway = isGatewayHost })
			there := b.phoneAt(x.host)
			b.hooks.request = func(r *Request) {
				r.SetTarget(Target{URI: fmt.Appendf(nil, "sip:+1900@%s:%d", x.host, there.port()), Phone: true, Flow: b.flowOf(phones[0])})
				x.do(r)
				if err := r.Relay(); (err == nil) != x.led {
					t.Errorf("Relay says %v", err)
				}
			}
			b.start()
			alice.invite("taken")
			if !x.led {
				there.nothing("INVITE", 20*time.Millisecond)
				return
			}
			there.answer(there.expect("INVITE sip:+1900@"), 486, "gt")
			alice.expect("SIP/2.0 486")
			alice.ack("taken")
			b.empty()
		})
	}
}

// TestHostOfTRelay: a host that t_relay names is the script's word, whoever has given the Request-URI; the transport
// alone is not.
func TestHostOfTRelay(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		host string // in the Request-URI
		led  bool
	}{"another host": {"127.0.0.9", true}, "the same host": {gatewayHost, false}} {
		t.Run(name, func(t *testing.T) {
			b, alice, _ := prepare(t, 1, calm, func(c *Config) { c.Gateway = isGatewayHost })
			gateway := b.phoneAt(gatewayHost)
			b.hooks.request = func(r *Request) {
				r.SetTarget(Target{URI: fmt.Appendf(nil, "sip:+1900@%s:%d", x.host, gateway.port()), Given: true,
					Next: fmt.Appendf(nil, "sip:%s:%d;transport=udp", gatewayHost, gateway.port()), NextOf: NextRelay})
				if err := r.Relay(); (err == nil) != x.led {
					t.Errorf("Relay says %v", err)
				}
			}
			b.start()
			alice.invite("named")
			if !x.led {
				gateway.nothing("INVITE", 20*time.Millisecond)
				return
			}
			gateway.answer(gateway.expect("INVITE sip:+1900@"), 486, "gt")
			alice.expect("SIP/2.0 486")
			alice.ack("named")
			b.empty()
		})
	}
}

// TestForwardToAPhonesHost: what goes without a transaction to the host that a phone has registered goes to no
// gateway, nor to the router. A host that the script names, and one that the sender has, are as before.
func TestForwardToAPhonesHost(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, host string
		phone      bool
		named      bool // by the script
		led        bool
	}{
		{"a phone's contact at a gateway", gatewayHost, true, false, false},
		{"a phone's contact elsewhere", "127.0.0.9", true, false, true},
		{"the gateway by the script", gatewayHost, true, true, true},
		{"the gateway by the sender", gatewayHost, false, false, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, calm, func(c *Config) { c.Gateway = isGatewayHost })
			there := b.phoneAt(x.host)
			done := make(chan struct{})
			b.hooks.request = func(r *Request) {
				defer close(done)
				target := Target{URI: fmt.Appendf(nil, "sip:+1900@%s:%d", x.host, there.port()), Phone: x.phone}
				if x.phone {
					target.Flow = b.flowOf(phones[0])
				}
				r.SetTarget(target)
				send := (*Request).ForwardToURI
				if x.named {
					send = (*Request).Forward
				}
				if err := send(r, x.host, uint16(there.port())); (err == nil) != x.led || err != nil && !errors.Is(err, ErrBarred) {
					t.Errorf("forwarding says %v", err)
				}
				if r.Main.Given || r.Main.Flow != target.Flow {
					t.Errorf("it has changed the target to %+v", r.Main)
				}
			}
			b.start()
			alice.invite("forward")
			<-done
			if x.led {
				there.expect("INVITE sip:+1900@")
			} else {
				there.nothing("INVITE", 20*time.Millisecond)
			}
		})
	}
}

// TestRedirectsTakeTheBestQ: of a contact that a 3xx names twice the better q counts, wherever it stands, also
// where there is room for fewer than it names; what the filter refuses is not taken for it.
func TestRedirectsTakeTheBestQ(t *testing.T) {
	t.Parallel()
	refuseX := func(uri []byte) (bool, bool) { return !strings.Contains(string(uri), "x@"), false }
	for _, x := range []struct {
		contacts string
		most     int
		filter   Filter
		want     string
	}{
		{"<sip:a@h>;q=0.1, <sip:b@h>;q=0.5, <sip:a@h>;q=0.9", 4, nil, "a 900, b 500"},
		{"<sip:a@h>;q=0.9, <sip:b@h>;q=0.5, <sip:a@h>;q=0.1", 4, nil, "a 900, b 500"},
		{"<sip:a@h>;q=0.5, <sip:b@h>;q=0.5, <sip:a@h>;q=0.5", 4, nil, "a 500, b 500"},
		{"<sip:a@h>;q=0.1, <sip:a@h>;q=0.2, <sip:a@h>;q=0.3", 4, nil, "a 300"},
		{"<sip:a@h>;q=0.1, <sip:b@h>;q=0.5, <sip:c@h>;q=0.4, <sip:a@h>;q=0.9", 2, nil, "a 900, b 500"},
		{"<sip:a@h>;q=0.6, <sip:b@h>;q=0.5, <sip:b@h>;q=0.7", 2, nil, "b 700, a 600"},
		{"<sip:a@h>;q=0.6, <sip:b@h>;q=0.5, <sip:b@h>;q=0.7", 1, nil, "b 700"},
		{"<sip:x@h>;q=0.6, <sip:b@h>;q=0.5, <sip:x@h>;q=0.7", 4, refuseX, "b 500"},
		{"<sip:a@h>;q=0.6, <sip:a@h>;q=nonsense", 4, nil, "a 1000"},
	} {
		m := &sip.Message{}
		if err := m.Parse([]byte("SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: " + x.contacts + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		r := &Request{Msg: m}
		r.Call = &Call{}
		r.addContacts(&Branch{course: course{users: true}}, m, x.most, x.filter)
		var got []string
		for _, to := range r.More {
			got = append(got, fmt.Sprintf("%s %d", to.URI[len("sip:"):len("sip:")+1], to.Q))
		}
		if strings.Join(got, ", ") != x.want {
			t.Errorf("%s, room for %d: %q, want %s", x.contacts, x.most, got, x.want)
		}
	}
}

// withZone makes the bench ask a name server with this zone.
func (b *bench) withZone(zone ...string) {
	s := dnstest.New(b.t, zone...)
	b.engine.Attach(b.layer, transport.NewResolver(transport.ResolverConfig{DNS: dns.Config{
		Servers: []string{s.Addr}, Hosts: filepath.Join(b.t.TempDir(), "hosts"), ResolvConf: filepath.Join(b.t.TempDir(), "resolv.conf")}}))
}

// TestRedirectOfAPhone: where phones have calls forwarded to, is called as it was: another user of ours,
// at whose address the router asks the script, and somebody elsewhere. Who is called there names no
// gateway either; of several contacts the others are called.
func TestRedirectOfAPhone(t *testing.T) {
	t.Parallel()
	nobodyKnows := func(netip.Addr) bool { return true }
	for _, x := range []struct {
		name    string
		contact string // with the names of ports
		gateway func(netip.Addr) bool
		to      string
	}{
		{"a user of ours", "<sip:carol@127.0.0.1:ROUTER>", isGatewayHost, "carol"},
		{"a user of ours by name", "<sip:carol@here.test:ROUTER>", isGatewayHost, "carol"},
		{"a user of ours, and nobody knows the gateways", "<sip:carol@127.0.0.1:ROUTER>", nobodyKnows, "carol"},
		{"somebody elsewhere", "<sip:carol@127.0.0.9:ELSEWHERE>", isGatewayHost, "elsewhere"},
		{"a gateway, or somebody elsewhere", "<sip:+1900@" + gatewayHost + ":GATEWAY>, <sip:carol@127.0.0.9:ELSEWHERE>", isGatewayHost, "elsewhere"},
	} {
		t.Run(x.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 2, calm, func(c *Config) { c.Gateway = x.gateway })
			b.withZone("here.test 300 IN A 127.0.0.1")
			gateway, elsewhere := b.phoneAt(gatewayHost), b.phoneAt("127.0.0.9")
			b.hooks.request = func(r *Request) {
				to := phones[0]
				if u, err := r.URI(); err == nil && string(u.User) == "carol" {
					to = phones[1]
				}
				r.SetTarget(Target{URI: []byte(to.uri()), Flow: b.flowOf(to), Phone: true})
				r.OnFailure = 1
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) {
				r.OnFailure = 1
				if _, err := r.Redirects(4, 0, nil); err == nil {
					_ = r.Relay()
				}
			}
			b.start()
			alice.invite("moved")
			ports := strings.NewReplacer("ROUTER", fmt.Sprint(b.addr.Port()), "ELSEWHERE", fmt.Sprint(elsewhere.port()), "GATEWAY", fmt.Sprint(gateway.port()))
			phones[0].answer(phones[0].expect("INVITE"), 302, "bt", "Contact: "+ports.Replace(x.contact))
			if x.to == "carol" {
				phones[1].answer(phones[1].expect("INVITE"), 486, "ct")
				alice.expect("SIP/2.0 486")
				return
			}
			elsewhere.answer(elsewhere.expect("INVITE sip:carol@"), 302, "et", fmt.Sprintf("Contact: "+gatewayContact, gateway.port()))
			alice.expect("SIP/2.0 302")
			gateway.nothing("INVITE", 20*time.Millisecond)
		})
	}
}

// flowOf is the flow to a phone, as its registration would have left it.
func (b *bench) flowOf(p *phone) transport.Flow {
	f, err := b.layer.FlowTo(transport.UDP, p.conn.LocalAddr().(*net.UDPAddr).AddrPort(), 0)
	if err != nil {
		b.t.Error(err)
	}
	return f
}
