package relay

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"seraph/proxy/internal/transport"
)

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) netip.AddrPort {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// TestServerIsNoPhone: where the Request-URI of a phone that was found is mapped to another one
// (an alias, a speed dial, a new port), a refused connection is a server's that is out of service.
func TestServerIsNoPhone(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 1, fast)
	to, seen := closedPort(t), make(chan int, 1)
	b.hooks.request = func(r *Request) {
		r.Main = Target{URI: []byte("sip:bob@192.0.2.9"), Phone: true}
		if err := r.SetURI(fmt.Appendf(nil, "sip:bob@%v;transport=tcp", to)); err != nil {
			t.Error(err)
		}
		r.Moved()
		r.OnFailure = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) { seen <- r.Final }
	b.start()
	alice.invite("moved")
	alice.expect("SIP/2.0 500")
	if s := <-seen; s != 503 {
		t.Errorf("the failure route sees %d, want 503", s)
	}
	alice.ack("moved")
	b.empty()
}

// TestPhoneWithoutConnection: a phone whose connection is gone, breaks or cannot be opened
// is not there: the failure route sees 480, and so does the caller. A server that refuses
// is out of service. What another phone has said goes before.
func TestPhoneWithoutConnection(t *testing.T) {
	t.Parallel()
	const refused, gone, breaks, rings = "refused", "gone", "breaks", "breaks while it rings"
	for _, x := range []struct {
		how    string
		phone  bool
		other  int // what a second phone answers; 0: there is none
		status int // for the failure route
		answer string
	}{
		{refused, true, 0, 480, "SIP/2.0 480"},
		{refused, false, 0, 503, "SIP/2.0 500"},
		{gone, true, 0, 480, "SIP/2.0 480"},
		{breaks, true, 0, 480, "SIP/2.0 480"},
		{breaks, false, 0, 503, "SIP/2.0 500"},
		{rings, true, 0, 480, "SIP/2.0 480"},
		{refused, true, 486, 486, "SIP/2.0 486"},
		{gone, true, 486, 486, "SIP/2.0 486"},
		{gone, true, 503, 480, "SIP/2.0 480"},
		{gone, true, 180, 180, "SIP/2.0 200"},
	} {
		t.Run(fmt.Sprint(x.how, " phone=", x.phone, " other=", x.other), func(t *testing.T) {
			b, alice, phones := prepare(t, 1, fast)
			to, accept := b.listener()
			if x.how == refused {
				to = closedPort(t)
			}
			seen := make(chan int, 1)
			b.hooks.request = func(r *Request) {
				target := Target{URI: fmt.Appendf(nil, "sip:bob@%v;transport=tcp", to), Phone: x.phone}
				if x.how == gone {
					target.Flow = transport.Flow{Proto: transport.TCP, Conn: 999999, Socket: 1, Remote: to}
				}
				r.Main = target
				if x.other != 0 {
					_ = r.AddTarget(Target{URI: []byte(phones[0].uri()), Phone: true})
				}
				r.OnFailure = 1
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.failure = func(r *Request, _ int) { seen <- r.Final }
			b.start()
			alice.invite("lost")
			if x.how == breaks || x.how == rings {
				bob := accept()
				invite := bob.expect("INVITE")
				if x.how == rings {
					bob.answer(invite, 180, "bt")
					alice.expect("SIP/2.0 180")
				}
				_ = bob.conn.Close()
			}
			if x.other != 0 {
				invite := phones[0].expect("INVITE")
				phones[0].answer(invite, x.other, "ot")
				if x.other < 200 {
					alice.expect("SIP/2.0 180")
					phones[0].answer(invite, 200, "ot")
				}
			}
			alice.expect(x.answer)
			if x.other == 180 {
				return
			}
			if s := <-seen; s != x.status {
				t.Errorf("the failure route sees %d, want %d", s, x.status)
			}
			alice.ack("lost")
			b.empty()
		})
	}
}
