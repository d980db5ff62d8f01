package relay

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// stream is a phone on TCP: it dials the bench, or is dialled.
type stream struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func newStream(t testing.TB, c net.Conn) *stream {
	t.Cleanup(func() { _ = c.Close() })
	return &stream{t, c, bufio.NewReader(c)}
}

func (b *bench) dial() *stream {
	b.t.Helper()
	c, err := net.Dial("tcp", b.layer.Sockets()[1].Addr.String())
	if err != nil {
		b.t.Fatal(err)
	}
	return newStream(b.t, c)
}

// listener accepts the connections that the bench opens.
func (b *bench) listener() (netip.AddrPort, func() *stream) {
	b.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().(*net.TCPAddr).AddrPort(), func() *stream {
		b.t.Helper()
		_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(5 * time.Second))
		c, err := ln.Accept()
		if err != nil {
			b.t.Fatal(err)
		}
		return newStream(b.t, c)
	}
}

func (s *stream) write(msg string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, msg); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stream) request(method, callID string, cseq int, extra ...string) {
	s.t.Helper()
	lines := append([]string{method + " sip:bob@example.org SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bK%s%d", s.conn.LocalAddr(), callID, cseq),
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", cseq, method), "Content-Length: 0"}, extra...)
	s.write(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// expect reads messages until one begins with want.
func (s *stream) expect(want string) *sip.Message {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		var text []byte
		length := 0
		for {
			line, err := s.in.ReadString('\n')
			if err != nil {
				s.t.Fatalf("no %q came: %v after %q", want, err, text)
			}
			text = append(text, line...)
			_, _ = fmt.Sscanf(line, "Content-Length: %d", &length)
			if line == "\r\n" {
				break
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(s.in, body); err != nil {
			s.t.Fatal(err)
		}
		m := &sip.Message{}
		if err := m.Parse(append(text, body...)); err != nil {
			s.t.Fatalf("%v in %q", err, text)
		}
		if strings.HasPrefix(string(text), want) {
			return m
		}
	}
}

func (s *stream) answer(req *sip.Message, status int, tag string) {
	s.t.Helper()
	s.write(string(req.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte(tag), RecordRoute: true})))
}

// toStream sends everything to a TCP address.
func toStream(to netip.AddrPort) func(r *Request) {
	return func(r *Request) {
		if r.LooseRoute() {
			_ = r.Relay()
			return
		}
		r.RecordRoute()
		_ = r.SetURI([]byte(fmt.Sprintf("sip:bob@%v;transport=tcp", to)))
		// A refusal that is there before the request is written comes out of Relay.
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 500})
		}
	}
}

// TestUDPToTCP: between two sockets there are two Record-Route entries, the outer one
// first; a request of either side, with both as its Route, passes and loses both; a
// datagram without Content-Length gets one on the stream.
func TestUDPToTCP(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 0, fast)
	to, accept := b.listener()
	b.hooks.request = toStream(to)
	b.start()
	alice.send("INVITE sip:bob@example.org SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKmix", alice.port()),
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: mix", "CSeq: 1 INVITE")
	bob := accept()
	inv := bob.expect("INVITE")
	tcp := b.layer.Sockets()[1].Addr
	for i, want := range []string{fmt.Sprintf("<sip:%v;transport=tcp;lr;r2=on;srm=", tcp), fmt.Sprintf("<sip:%v;lr;r2=on;srm=", b.addr)} {
		h := inv.Header(sip.HdrRecordRoute)
		for range i {
			h = inv.Next(h)
		}
		if got := string(inv.Value(h)); !strings.HasPrefix(got, want) {
			t.Errorf("Record-Route %d is %q, want %q…", i, got, want)
		}
	}
	if value(inv, sip.HdrContentLength) != "0" {
		t.Errorf("on a stream without Content-Length: %s", inv.Buf)
	}
	bob.answer(inv, 200, "bt")
	ok := alice.expect("SIP/2.0 200")
	var set []string
	for h := ok.Header(sip.HdrRecordRoute); h != nil; h = ok.Next(h) {
		set = append(set, string(ok.Value(h)))
	}
	contact := fmt.Sprintf("sip:bob@%v;transport=tcp", to)
	// The caller's route set is the reverse (RFC 3261 §12.1.2), the callee's is as it came.
	alice.request("BYE", contact, "mix", 2, "bye", "bt", "Route: "+set[1], "Route: "+set[0])
	bye := bob.expect("BYE " + contact)
	if bye.Header(sip.HdrRoute) != nil {
		t.Errorf("our Routes stayed in: %s", bye.Buf)
	}
	bob.answer(bye, 200, "bt")
	alice.expect("SIP/2.0 200")
	bob.write(strings.Join([]string{fmt.Sprintf("INFO sip:alice@127.0.0.1:%d SIP/2.0", alice.port()),
		fmt.Sprintf("Via: SIP/2.0/TCP %v;branch=z9hG4bKinfo", to), "Route: " + set[0] + ", " + set[1],
		"From: <sip:bob@example.org>;tag=bt", "To: <sip:alice@example.org>;tag=at", "Call-ID: mix", "CSeq: 7 INFO",
		"Content-Length: 4"}, "\r\n") + "\r\n\r\nbody")
	info := alice.expect("INFO")
	if info.Header(sip.HdrRoute) != nil || string(info.Body()) != "body" {
		t.Errorf("INFO became\n%s", info.Buf)
	}
	alice.answer(info, 200, "at")
	bob.expect("SIP/2.0 200")
	b.empty()
}

// TestConnectionOfTheCalleeBreaks: the call fails at once (RFC 3261 §17.1.4, §16.9), in
// whatever state.
func TestConnectionOfTheCalleeBreaks(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 180} {
		b, alice, _ := prepare(t, 0, fast)
		to, accept := b.listener()
		b.hooks.request = toStream(to)
		b.start()
		alice.invite("broken")
		bob := accept()
		inv := bob.expect("INVITE")
		if status != 0 {
			bob.answer(inv, status, "bt")
			alice.expect("SIP/2.0 180")
		}
		_ = bob.conn.Close()
		alice.expect("SIP/2.0 500")
		alice.ack("broken")
		b.empty()
	}
}

// TestNobodyListens: a connection that is refused is no answer either.
func TestNobodyListens(t *testing.T) {
	b, alice, _ := prepare(t, 0, fast)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := ln.Addr().(*net.TCPAddr).AddrPort()
	_ = ln.Close()
	b.hooks.request = toStream(to)
	b.start()
	alice.invite("refused")
	alice.expect("SIP/2.0 500")
	alice.ack("refused")
	b.empty()
}

// TestCallerComesBackOnAnotherConnection: a client whose connection broke repeats its
// request on a new one; it is not sent on again, and the answer comes on the new one.
func TestCallerComesBackOnAnotherConnection(t *testing.T) {
	t.Parallel()
	b, _, phones := setup(t, 1, fast)
	first := b.dial()
	first.request("INVITE", "again", 1)
	inv := phones[0].expect("INVITE")
	first.expect("SIP/2.0 100")
	via := fmt.Sprint(first.conn.LocalAddr())
	_ = first.conn.Close()
	second := b.dial()
	second.write(strings.Join([]string{"INVITE sip:bob@example.org SIP/2.0", "Via: SIP/2.0/TCP " + via + ";branch=z9hG4bKagain1",
		"From: <sip:alice@example.org>;tag=at", "To: <sip:bob@example.org>", "Call-ID: again", "CSeq: 1 INVITE", "Content-Length: 0"}, "\r\n") + "\r\n\r\n")
	second.expect("SIP/2.0 100")
	phones[0].answer(inv, 200, "bt")
	second.expect("SIP/2.0 200")
	phones[0].nothingBut(inv)
	b.empty()
}

// TestPipelinedRequestsOnOneConnection are answered in their order.
func TestPipelinedRequestsOnOneConnection(t *testing.T) {
	b, _, _ := prepare(t, 0, fast)
	b.hooks.request = func(r *Request) { _ = r.Reply(&sip.Reply{Status: 404}) }
	b.start()
	alice := b.dial()
	for i := range 50 {
		alice.request("OPTIONS", fmt.Sprint("o", i), 1)
	}
	for i := range 50 {
		if got := value(alice.expect("SIP/2.0 404"), sip.HdrCallID); got != fmt.Sprint("o", i) {
			t.Fatalf("answer %d is of %q", i, got)
		}
	}
	b.empty()
}
