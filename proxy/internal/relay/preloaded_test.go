package relay

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestPreloadedRoute: a Route in an initial request is followed for somebody who is known,
// where the script has not chosen who gets the request (RFC 3261 §16.6 steps 6 and 7), and
// taken away everywhere else: nobody sends what the script meant for a phone or a gateway
// to a host of his own. Our own entry, by address or by domain, goes in any case.
func TestPreloadedRoute(t *testing.T) {
	rewrite := func(r *Request, phone string) { _ = r.SetURI([]byte(phone)) }
	nextHop := func(r *Request, phone string) { r.Main.Next = []byte(phone) }
	for _, c := range []struct {
		name, ours    string
		known, follow bool
		choose        func(r *Request, phone string)
	}{
		{"stranger", "", false, false, rewrite}, {"stranger, ours first", "<sip:%s;lr>, ", false, false, rewrite},
		{"stranger, next hop", "", false, false, nextHop},
		{"known", "", true, true, nil}, {"known, ours first", "<sip:%s;lr>, ", true, true, nil}, {"known, our domain first", "<sip:example.org;lr>, ", true, true, nil},
		{"known, another Request-URI", "", true, false, rewrite}, {"known, ours first, another Request-URI", "<sip:%s;lr>, ", true, false, rewrite},
		{"known, next hop", "", true, false, nextHop},
		{"known, a binding", "", true, false, func(r *Request, phone string) { r.Main = Target{URI: r.Main.URI, Next: []byte(phone)}; r.Found = true }},
		{"known, a flow", "", true, false, func(r *Request, phone string) {
			r.Main.Flow = transport.Flow{Proto: transport.UDP, Local: r.From.Local, Remote: netip.MustParseAddrPort(phone[strings.IndexByte(phone, '@')+1:])}
		}},
		{"known, branches", "", true, false, func(r *Request, phone string) { rewrite(r, phone); _ = r.AddTarget(Target{URI: []byte(phone)}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 2, fast, func(c *Config) {
				c.LocalDomain = func(h []byte) bool { return string(h) == "example.org" }
			})
			b.hooks.request = func(r *Request) {
				if r.LooseRoute() {
					t.Error("an initial request is of a dialog")
				}
				if c.known {
					r.Auth = Identity{User: []byte("alice"), Domain: []byte("example.org")}
				}
				if c.choose != nil {
					c.choose(r, phones[0].uri())
				}
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.start()
			ours := c.ours
			if strings.Contains(ours, "%s") {
				ours = fmt.Sprintf(ours, b.addr)
			}
			hop := fmt.Sprintf("<sip:127.0.0.1:%d;lr>", phones[1].port())
			alice.invite("preloaded", "Route: "+ours+hop)
			at, want := phones[0], ""
			if c.follow {
				at, want = phones[1], hop
			}
			inv := at.expect("INVITE ")
			if got := value(inv, sip.HdrRoute); got != want {
				t.Errorf("Route %q went out, want %q", got, want)
			}
			at.answer(inv, 486, "bt")
			at.expect("ACK")
		})
	}
}

// TestPreloadedRouteLeadsNot: nobody, known or not, names a gateway or the router itself in
// a Route: they would take the request for one that the script has let through.
func TestPreloadedRouteLeadsNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, route string
		allowed     bool
	}{
		{"a gateway", "<sip:127.0.0.1:%[1]d;lr>", false}, {"a gateway, strict", "<sip:0900@127.0.0.1:%[1]d>", false},
		{"a gateway by maddr", "<sip:example.net:%[1]d;maddr=127.0.0.1;lr>", false}, {"a gateway in IPv6", "<sip:[::ffff:127.0.0.1]:%[1]d;lr>", false},
		{"the router, thrice", "<sip:127.0.0.1:%[2]d;lr;r2=on>, <sip:127.0.0.1:%[2]d;lr>, <sip:127.0.0.1:%[2]d;lr>", false},
		{"another host", "<sip:127.0.0.1:%[1]d;lr>", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, fast, func(cfg *Config) {
				cfg.Gateway = func(a netip.Addr) bool { return !c.allowed && a == netip.MustParseAddr("127.0.0.1") }
			})
			errs := make(chan error, 1)
			b.hooks.request = func(r *Request) {
				r.LooseRoute()
				r.Auth = Identity{User: []byte("alice"), Domain: []byte("example.org")}
				errs <- r.Relay()
			}
			b.start()
			alice.invite("leads-not", "Route: "+fmt.Sprintf(c.route, phones[0].port(), b.addr.Port()))
			if err := <-errs; (err == nil) != c.allowed {
				t.Errorf("Relay says %v", err)
			}
			if c.allowed {
				phones[0].expect("INVITE")
				return
			}
			phones[0].nothing("", 50*time.Millisecond)
		})
	}
}

// TestRouteOfAFoundPhone: that lookup has found a phone lets nobody send a request within a
// dialog to a host of his own by the Route after ours.
func TestRouteOfAFoundPhone(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	errs := make(chan error, 8)
	route := b.hooks.request
	b.hooks.request = func(r *Request) {
		if !r.LooseRoute() {
			r.RecordRoute()
			route(r)
			return
		}
		r.Found = true
		errs <- r.Relay()
	}
	b.start()
	elsewhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	third := &phone{t: t, conn: elsewhere, to: b.addr}
	t.Cleanup(func() { _ = elsewhere.Close() })
	ours := dialog(alice, phones[0], "found")
	alice.request("REFER", phones[0].uri(), "found", 2, "away", "bt", fmt.Sprintf("Route: %s, <sip:127.0.0.2:%d;lr>", ours, third.port()))
	if err := <-errs; err == nil {
		t.Error("it is sent where the Route says")
	}
	third.nothing("", 50*time.Millisecond)
	alice.request("INFO", phones[0].uri(), "found", 3, "info", "bt", fmt.Sprintf("Route: %s, <sip:127.0.0.1:%d;lr>", ours, phones[0].port()))
	if err := <-errs; err != nil {
		t.Error(err)
	}
	phones[0].expect("INFO")
}
