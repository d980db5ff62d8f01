package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// uriOf is where a connection's peer is reached.
func (s *stream) uriOf() string {
	return fmt.Sprintf("sip:bob@%v;transport=tcp", s.conn.LocalAddr())
}

// TestForwardNoConnect: what is to open no connection goes by one that is there, or by UDP, or to
// the next place; where none is left the script is told, and nothing was opened.
func TestForwardNoConnect(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		target func(far *stream, closed string) string
		phone  bool
		opens  bool   // not told to open none
		want   string // at the far end; "" for nothing
		err    error
	}{
		"a connection that is there": {func(far *stream, _ string) string { return far.uriOf() }, false, false, "far", nil},
		"none":                       {func(_ *stream, closed string) string { return closed }, false, false, "", ErrNotConnected},
		"none, but it may open one":  {func(_ *stream, closed string) string { return closed }, false, true, "new", nil},
		"none to a phone":            {func(_ *stream, closed string) string { return closed }, true, false, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b, alice, _ := prepare(t, 0, fast)
			to, accept := b.listener()
			told := make(chan error, 1)
			var uri string
			b.hooks.request = func(r *Request) {
				r.Main = Target{URI: []byte(uri), Phone: x.phone}
				if !x.opens {
					r.ForwardNoConnect()
				}
				err := r.Relay()
				if err != nil {
					_ = r.Reply(&sip.Reply{Status: 477})
				}
				told <- err
			}
			far := b.dial()
			uri = x.target(far, fmt.Sprintf("sip:bob@%v;transport=tcp", to))
			b.start()
			eventually(t, "the phone does not connect", func() bool { return b.layer.Stats().Conns == 1 })
			alice.invite("still")
			if err := <-told; !errors.Is(err, x.err) {
				t.Fatalf("the script is told %v, want %v", err, x.err)
			}
			switch {
			case x.want == "far":
				far.answer(far.expect("INVITE"), 486, "bt")
				alice.expect("SIP/2.0 486")
			case x.want == "new":
				bob := accept()
				bob.answer(bob.expect("INVITE"), 486, "bt")
				alice.expect("SIP/2.0 486")
			case x.phone:
				alice.expect("SIP/2.0 480")
			default:
				alice.expect("SIP/2.0 477")
			}
			if n := b.layer.Stats().Conns; (n == 1) == x.opens {
				t.Errorf("%d connections", n)
			}
			alice.ack("still")
			b.empty()
		})
	}
}

// TestForwardNoConnectGoesOn: a place of a name that no connection leads to is passed over, before it
// is sent to and after another one has failed.
func TestForwardNoConnectGoesOn(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"TCP first": "tcp", "UDP first, which answers 503": "udp"} {
		t.Run(name, func(t *testing.T) {
			b, alice, phones := prepare(t, 2, fast)
			to, _ := b.listener()
			places := []string{fmt.Sprint("tcp ", to.Port()), fmt.Sprint("udp ", phones[1].port())}
			if first == "udp" {
				places = []string{fmt.Sprint("udp ", phones[0].port()), fmt.Sprint("tcp ", to.Port())}
			}
			b.named(service(places...), "sip:bob@"+gateway)
			send := b.hooks.request
			b.hooks.request = func(r *Request) { r.ForwardNoConnect(); send(r) }
			b.start()
			alice.invite("places")
			if first == "udp" {
				phones[0].answer(phones[0].expect("INVITE"), 503, "bt")
				alice.expect("SIP/2.0 500")
			} else {
				phones[1].answer(phones[1].expect("INVITE"), 486, "bt")
				alice.expect("SIP/2.0 486")
			}
			if n := b.layer.Stats().Conns; n != 0 {
				t.Errorf("%d connections were opened", n)
			}
			alice.ack("places")
			b.empty()
		})
	}
}

// TestForwardNoConnectOfABranch: of two branches one opens no connection, and the call goes on with
// the other; what the request route has said holds in its failure route.
func TestForwardNoConnectOfABranch(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	to, _ := b.listener()
	closed, told := fmt.Appendf(nil, "sip:bob@%v;transport=tcp", to), make(chan error, 1)
	b.hooks.request = func(r *Request) {
		_ = r.SetURI([]byte(phones[0].uri()))
		_ = r.AddTarget(Target{URI: closed, NoConnect: true})
		r.OnFailure = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
		r.ForwardNoConnect()
	}
	b.hooks.failure = func(r *Request, _ int) {
		_ = r.SetURI(closed)
		told <- r.Relay()
	}
	b.start()
	alice.invite("branch")
	phones[0].answer(phones[0].expect("INVITE"), 486, "bt")
	if err := <-told; !errors.Is(err, ErrNotConnected) {
		t.Errorf("the failure route is told %v", err)
	}
	alice.expect("SIP/2.0 486")
	if n := b.layer.Stats().Conns; n != 0 {
		t.Errorf("%d connections were opened", n)
	}
	alice.ack("branch")
	b.empty()
}

// TestReplyNoConnect: an answer whose connection has closed gets a new one only where the script has
// not said otherwise, be it before the transaction began, after it, or in a reply route.
func TestReplyNoConnect(t *testing.T) {
	t.Parallel()
	for name, stays := range map[string]bool{"unasked": false, "before": true, "after": true, "in a reply route": true} {
		t.Run(name, func(t *testing.T) {
			b, _, phones := prepare(t, 1, fast)
			to, accept := b.listener()
			done := make(chan bool, 1)
			b.hooks.request = func(r *Request) {
				if name == "before" {
					r.ReplyNoConnect()
				}
				_ = r.SetURI([]byte(phones[0].uri()))
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
				if name == "after" {
					r.ReplyNoConnect()
				}
				done <- true
			}
			b.hooks.reply = func(r *Request) bool {
				if name == "in a reply route" {
					r.ReplyNoConnect()
				}
				return true
			}
			b.start()
			caller := b.dial()
			caller.write(strings.Join([]string{"MESSAGE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bKback", to),
				"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: back", "CSeq: 1 MESSAGE", "Content-Length: 0"}, "\r\n") + "\r\n\r\n")
			m := phones[0].expect("MESSAGE")
			<-done
			_ = caller.conn.Close()
			eventually(t, "the connection stays", func() bool { return b.layer.Stats().Conns == 0 })
			phones[0].answer(m, 200, "bt")
			if !stays {
				accept().expect("SIP/2.0 200")
			}
			b.empty()
			if n := b.layer.Stats().Conns; (n == 0) != stays {
				t.Errorf("%d connections after the answer", n)
			}
		})
	}
}

// TestReplyNoConnectWithoutTransaction: the reply route of a request that was forwarded without a
// transaction has the same word.
func TestReplyNoConnectWithoutTransaction(t *testing.T) {
	t.Parallel()
	for _, stays := range []bool{false, true} {
		t.Run(fmt.Sprint(stays), func(t *testing.T) {
			b, _, phones := prepare(t, 1, fast)
			seen := make(chan bool, 1)
			b.hooks.request = func(r *Request) {
				if err := r.Forward("127.0.0.1", uint16(phones[0].port())); err != nil {
					t.Error(err)
				}
			}
			b.hooks.reply = func(r *Request) bool {
				if stays {
					r.ReplyNoConnect()
				}
				seen <- true
				return true
			}
			b.start()
			to, accept := b.listener()
			caller := b.dial()
			caller.write(strings.Join([]string{"MESSAGE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bKlight", to),
				"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: light", "CSeq: 1 MESSAGE", "Content-Length: 0"}, "\r\n") + "\r\n\r\n")
			m := phones[0].expect("MESSAGE")
			_ = caller.conn.Close()
			eventually(t, "the connection stays", func() bool { return b.layer.Stats().Conns == 0 })
			phones[0].answer(m, 200, "bt")
			<-seen
			if !stays {
				accept().expect("SIP/2.0 200")
				return
			}
			// Another answer comes after the first one was dealt with.
			phones[0].answer(m, 200, "bt")
			<-seen
			if n := b.layer.Stats(); n.Conns != 0 || n.ConnsOpened != 0 {
				t.Errorf("%d connections, %d opened", n.Conns, n.ConnsOpened)
			}
		})
	}
}

// TestFlowIfOpenOverUDP: a datagram needs no connection.
func TestFlowIfOpenOverUDP(t *testing.T) {
	t.Parallel()
	b, _, phones := prepare(t, 1)
	b.start()
	to := phones[0].conn.LocalAddr().String()
	if f, err := b.layer.FlowIfOpen(transport.UDP, netip.MustParseAddrPort(to), transport.NoSocket, ""); err != nil || f.Proto != transport.UDP {
		t.Errorf("%+v, %v", f, err)
	}
	for _, proto := range []transport.Proto{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		if f, err := b.layer.FlowIfOpen(proto, netip.MustParseAddrPort(to), transport.NoSocket, "example.org"); !errors.Is(err, transport.ErrFlowGone) {
			t.Errorf("%v: %+v, %v", proto, f, err)
		}
	}
	if n := b.layer.Stats().Conns; n != 0 {
		t.Errorf("%d connections", n)
	}
}
