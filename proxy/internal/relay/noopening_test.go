package relay

import (
	"fmt"
	"net"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestNoConnectionBeyondBounds: a place that a request within a dialog must not go to is not connected to,
// either.
func TestNoConnectionBeyondBounds(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	ln, err := net.Listen("tcp", "127.0.0.15:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	route := "Route: " + dialog(alice, phones[0], "shut")
	for i, method := range []string{"BYE", "INFO"} {
		alice.request(method, fmt.Sprintf("sip:bob@%v;transport=tcp", ln.Addr()), "shut", 2+i, method, "bt", route)
		if m := alice.expect("SIP/2.0"); m.Status < 300 {
			t.Errorf("%s was answered %d", method, m.Status)
		}
		if n := b.layer.Stats().Conns; n != 0 {
			t.Errorf("%s has opened %d connections", method, n)
		}
	}
	b.empty()
}

// TestOnHost: what of a next hop makes it the place of a URI.
func TestOnHost(t *testing.T) {
	for _, c := range []struct {
		next, uri string
		want      bool
	}{
		{"sip:h.example", "sip:a@H.example.", true},
		{"sip:192.0.2.1:5060", "sip:a@192.0.2.1", true},
		{"sip:192.0.2.1", "sip:a@192.0.2.1:5060;ob", true},
		{"sip:192.0.2.1:5061;transport=tls", "sip:a@192.0.2.1;transport=tls", true},
		{"sip:192.0.2.1:5061;transport=tls", "sip:a@192.0.2.1", true}, // another transport, and its port
		{"sip:192.0.2.1:5061", "sips:a@192.0.2.1", true},
		{"sip:192.0.2.1:443", "sips:a@192.0.2.1;transport=ws", true}, // WSS
		{"sip:192.0.2.1:5061", "sips:a@192.0.2.1;transport=ws", false},
		{"sip:192.0.2.1;transport=udp", "sip:a@192.0.2.1;transport=tls", true},
		{"sip:192.0.2.1;transport=udp", "sip:a@192.0.2.1:5070;transport=tls", false},
		{"sip:192.0.2.1;transport=udp", "sip:a@192.0.2.1:5061;transport=tls", false},
		{"sip:192.0.2.1:5061", "sip:a@192.0.2.1", false},
		{"sip:192.0.2.1:5060;transport=udp", "sip:a@192.0.2.1;transport=tls", true},
		{"sip:192.0.2.1:5062;transport=udp", "sip:a@192.0.2.1;transport=tls", false},
		{"sip:192.0.2.1:5060", "sip:a@192.0.2.2", false},
		{"sip:192.0.2.1:5070", "sip:a@192.0.2.1:5071", false},
		{"sip:192.0.2.1;maddr=192.0.2.2", "sip:a@192.0.2.1", false},
		{"sip:192.0.2.1", "sip:a@192.0.2.1;maddr=192.0.2.2", false},
		{"sip:192.0.2.2", "sip:a@192.0.2.1;maddr=192.0.2.2", true},
		{"sip:[2001:db8::1]:5060", "sip:a@[2001:DB8:0::1]", true},
		{"sip:[2001:db8::1]", "sip:a@[2001:db8::2]", false},
		{"sip:[2001:db8::1]", "tel:+49301", false},
		{"not a URI", "sip:a@192.0.2.1", false},
	} {
		if got := onHost([]byte(c.next), []byte(c.uri)); got != c.want {
			t.Errorf("%s for %s: %v", c.next, c.uri, got)
		}
	}
}

// TestAsReceived: without its alias the Request-URI is the received one still, and without anything else it
// is not.
func TestAsReceived(t *testing.T) {
	for _, c := range []struct {
		received, now string
		want          bool
	}{
		{"sip:a@192.0.2.1;ob", "sip:a@192.0.2.1;ob", true},
		{"sip:a@192.0.2.1;alias=192.0.2.2~9~1;ob", "sip:a@192.0.2.1;ob", true},
		{"sip:a@192.0.2.1;ob;alias=192.0.2.2~9~1", "sip:a@192.0.2.1", false},
		{"sip:a@192.0.2.1;alias=192.0.2.2~9~1", "sip:a@192.0.2.2", false},
		{"sip:a@192.0.2.1;alias=192.0.2.2~9~1", "sip:b@192.0.2.1", false},
		{"sip:a@192.0.2.1", "sip:a@192.0.2.1;alias=192.0.2.2~9~1", false},
		{"sip:a@192.0.2.1", "sip:@192.0.2.1", false},
	} {
		r := &Request{Msg: &sip.Message{}}
		text := "BYE " + c.received + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n"
		if err := r.Msg.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := r.isAsReceived([]byte(c.now)); got != c.want {
			t.Errorf("%s for %s: %v", c.now, c.received, got)
		}
	}
}

// TestPlaceThatIsNotTheScripts: a next hop of one forward or t_relay that is the place which the Request-URI
// names anyway is not the script's choice, the default port written out or not.
func TestPlaceThatIsNotTheScripts(t *testing.T) {
	for next, want := range map[string]bool{
		"sip:192.0.2.1": false, "sip:192.0.2.1:5060": false, "sip:192.0.2.1:5060;transport=tcp": false,
		"sip:192.0.2.1:5070": true, "sip:192.0.2.2:5060": true,
	} {
		var hop sip.URI
		if err := sip.ParseURI([]byte(next), &hop); err != nil {
			t.Fatal(err)
		}
		r := &Request{}
		if got := r.isScripts(&Target{URI: []byte("sip:a@192.0.2.1"), Next: []byte(next), NextOf: NextRelay}, &hop); got != want {
			t.Errorf("%s: %v", next, got)
		}
	}
}
