package relay

import (
	"fmt"
	"net/netip"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestAliasOfVia: the port that a peer names in a Via with the parameter alias is reached
// over the connection that it opened, where the operator or the script says so.
func TestAliasOfVia(t *testing.T) {
	for _, c := range []struct {
		name, param    string
		accept, forced bool
		want           bool
	}{
		{"accepted", ";alias", true, false, true},
		{"not asked for", "", true, false, false},
		{"another parameter", ";xalias;y=alias", true, false, false},
		{"not accepted from a stranger", ";alias", false, false, false},
		{"forced by the script", "", false, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hooks{request: func(r *Request) {
				if c.forced && !r.TCPAlias(0) {
					t.Error("no alias")
				}
				_ = r.ReplyStateless(&sip.Reply{Status: 200})
			}}
			b := newBench(t, h, func(cfg *Config) { cfg.AcceptAliases = c.accept })
			b.start()
			s := b.dial()
			s.write(fmt.Sprintf("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bKalias%s\r\n", c.param) +
				"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: alias\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
			s.expect("SIP/2.0 200")
			named := netip.MustParseAddrPort("127.0.0.1:5999")
			if got := b.layer.Connected(transport.TCP, named); got != c.want {
				t.Errorf("the port named in Via is connected: %v", got)
			}
		})
	}
}

// TestDomainOf: whom the far end of a TLS connection has to prove to be.
func TestDomainOf(t *testing.T) {
	for host, want := range map[string]string{"Example.ORG": "example.org", "example.org.": "example.org", "192.0.2.1": "", "[2001:db8::1]": "", "2001:db8::1": ""} {
		if got := domainOf(transport.TLS, []byte(host)); got != want {
			t.Errorf("%s: %q", host, got)
		}
	}
	if got := domainOf(transport.TCP, []byte("example.org")); got != "" {
		t.Errorf("TCP has the domain %q", got)
	}
}

// TestRecordRouteOfTLS: what stands in the route set for each protocol (RFC 3261 §16.6
// step 4, RFC 5630 §3.1.4, RFC 7118 §5).
func TestRecordRouteOfTLS(t *testing.T) {
	e := &Engine{}
	for _, p := range []transport.Proto{transport.UDP, transport.TLS, transport.WSS} {
		e.sockets = append(e.sockets, transport.Socket{Proto: p, HostPort: []byte("h:1")})
	}
	for i, want := range []string{"sip:h:1", "sip:h:1;transport=tls", "sip:h:1;transport=ws", "sip:h:1", "sips:h:1", "sips:h:1;transport=ws"} {
		got := string(e.appendRoute(nil, uint16(i%3), i >= 3, &routeSeal{kind: SealOther}, false, transport.Flow{}))
		if want = "Record-Route: <" + want + ";lr;"; len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}
