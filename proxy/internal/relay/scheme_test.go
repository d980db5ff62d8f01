package relay

import (
	"errors"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// TestSecuredTargets: a flow without TLS carries no request for a sips address, in any
// spelling, whatever the target has become.
func TestSecuredTargets(t *testing.T) {
	for _, c := range []struct {
		received, uri string
		proto         transport.Proto
		ok            bool
	}{
		{"sip:bob@example.org", "sip:bob@example.org", transport.UDP, true},
		{"sip:bob@example.org", "sip:sips:bob@example.org", transport.UDP, true},
		{"sip:bob@example.org", "sips:bob@example.org", transport.TLS, true},
		{"sip:bob@example.org", "SIPS:bob@example.org", transport.WSS, true},
		{"sip:bob@example.org", "sIpS:bob@example.org", transport.UDP, false},
		{"sip:bob@example.org", "sips:bob@example.org", transport.TCP, false},
		{"sip:bob@example.org", "sips:bob@example.org", transport.WS, false},
		{"sips:bob@example.org", "sip:bob@192.0.2.9", transport.UDP, false},
		{"SIPS:bob@example.org", "sip:bob@192.0.2.9", transport.WS, false},
		{"sips:bob@example.org", "sip:bob@192.0.2.9", transport.TLS, true},
		{"sips:bob@example.org", "sip:bob@192.0.2.9", transport.WSS, true},
	} {
		r := &Request{Msg: &sip.Message{}}
		text := "INVITE " + c.received + " SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
		if err := r.Msg.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		target := &Target{URI: []byte(c.uri), Flow: transport.Flow{Proto: c.proto}}
		err := r.reach(target, &r.ways[0])
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInsecure) {
			t.Errorf("%s as %s over %s: %v", c.received, c.uri, c.proto, err)
		}
	}
}

// TestWayKeepsTLSOnly: of the places that DNS names, those without TLS are none for a
// sips request.
func TestWayKeepsTLSOnly(t *testing.T) {
	w := way{n: 4}
	for i, p := range []transport.Proto{transport.UDP, transport.TLS, transport.TCP, transport.WSS} {
		w.hops[i].Proto = p
	}
	if err := w.secure(); err != nil || w.n != 2 || w.hops[0].Proto != transport.TLS || w.hops[1].Proto != transport.WSS {
		t.Errorf("%v: %d places are left: %v", err, w.n, w.hops[:w.n])
	}
	w.n, w.hops[0].Proto = 1, transport.UDP
	if err := w.secure(); !errors.Is(err, ErrInsecure) {
		t.Errorf("with UDP alone: %v", err)
	}
}

// TestSIPSStaysSecure: a request for a sips address does not go to a phone that is bound
// over UDP, by its flow or by its URI.
func TestSIPSStaysSecure(t *testing.T) {
	t.Parallel()
	var b *bench
	var phone *phone
	b = newBench(t, &hooks{request: func(r *Request) {
		if err := r.SetURI([]byte(phone.uri())); err != nil {
			t.Error(err)
		}
		if string(r.Msg.CallID()) == "flow" {
			r.Main.Flow = r.From
		}
		if err := r.Relay(); !errors.Is(err, ErrInsecure) {
			t.Errorf("sent on: %v", err)
		}
		_ = r.Reply(&sip.Reply{Status: 480})
	}})
	phone = b.phone()
	b.start()
	alice := b.phone()
	for _, id := range []string{"uri", "flow"} {
		alice.request("INVITE", "sips:bob@example.org", id, 1, "inv-"+id, "")
		alice.expect("SIP/2.0 480")
		alice.ack(id)
	}
	phone.nothing("INVITE", 50*time.Millisecond)
}

// TestSecureStays: a request that has become one for a sips address does not leave TLS, whatever
// is made of that, in failure routes too; the next call is another matter.
func TestSecureStays(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		secure := string(r.Msg.CallID()) == "secure"
		if secure {
			if err := r.SetURI([]byte("SIPS:bob@example.org")); err != nil {
				t.Error(err)
			}
		}
		r.Secure()
		if _ = r.SetURI([]byte(phones[0].uri())); secure { // by an alias, say
			if err := r.Relay(); !errors.Is(err, ErrInsecure) {
				t.Errorf("sent on: %v", err)
			}
			gone := transport.Flow{Proto: transport.TLS, Conn: 999999, Socket: 1, Remote: closedPort(t)}
			r.Main = Target{URI: []byte("sip:bob@192.0.2.9"), Phone: true, Flow: gone}
		}
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		secure := string(r.Msg.CallID()) == "secure"
		if err := next(r, phones[0]); errors.Is(err, ErrInsecure) != secure || r.WantsTLS() != secure {
			t.Errorf("secure %v: %v, and TLS is asked for: %v", secure, err, r.WantsTLS())
		}
	}
	b.start()
	alice.invite("secure")
	alice.expect("SIP/2.0 480")
	alice.ack("secure")
	b.empty()
	alice.invite("plain")
	for range 2 {
		phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
		phones[0].expect("ACK")
	}
	alice.expect("SIP/2.0 486")
	alice.ack("plain")
	b.empty()
}
