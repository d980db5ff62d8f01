package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// upgrade asks for a WebSocket as a browser does and returns the answer and what follows.
func upgrade(t *testing.T, c net.Conn, lines ...string) (status int, header http.Header, in *bufio.Reader) {
	t.Helper()
	head := append([]string{"GET /any/path?x=y HTTP/1.1", "Host: example.org"}, lines...)
	write(t, c, strings.Join(head, "\r\n")+"\r\n\r\n")
	in = bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header, in
}

// asking are the header lines of the request that a browser sends.
var asking = []string{"upgrade: WebSocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	"Sec-WebSocket-Version: 13", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Cookie: a=b"}

// openWS upgrades a connection to socket i.
func openWS(t *testing.T, l *Layer, i int, a *authority) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dialTCP(t, l, i)
	if a != nil {
		c = tls.Client(c, &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
	}
	status, header, in := upgrade(t, c, append([]string{"Sec-WebSocket-Protocol: chat, sip"}, asking...)...)
	if status != http.StatusSwitchingProtocols || header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
		header.Get("Sec-WebSocket-Protocol") != "sip" || header.Get("Sec-WebSocket-Extensions") != "" {
		t.Fatalf("upgrade: %d %v", status, header)
	}
	return c, in
}

// frame is a client's frame; first is FIN, RSV and opcode.
func frame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 65536:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

const (
	more   = 0x00 // continuation
	text   = 0x01
	binar  = 0x02
	hangup = 0x08
	ping   = 0x09
	pong   = 0x0a
	final  = 0x80
)

// readFrame reads a server's frame.
func readFrame(t *testing.T, in *bufio.Reader) (first byte, payload string) {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(in, head); err != nil {
		t.Fatal(err)
	}
	n := int(head[1])
	switch n {
	case 126:
		ext := make([]byte, 2)
		if _, err := io.ReadFull(in, ext); err != nil {
			t.Fatal(err)
		}
		n = int(binary.BigEndian.Uint16(ext))
	case 127:
		ext := make([]byte, 8)
		if _, err := io.ReadFull(in, ext); err != nil {
			t.Fatal(err)
		}
		n = int(binary.BigEndian.Uint64(ext))
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		t.Fatal(err)
	}
	return head[0], string(body)
}

func expectFrame(t *testing.T, in *bufio.Reader, first byte, payload string) {
	t.Helper()
	if f, p := readFrame(t, in); f != first || p != payload {
		t.Fatalf("frame %#x of %d bytes %.60q, want %#x of %d %.60q", f, len(p), p, first, len(payload), payload)
	}
}

func TestWebSocketCarriesMessages(t *testing.T) {
	l, a := openTLS(t, Config{}, &handler{receive: echo}, "ws:127.0.0.1:0", "wss:127.0.0.1:0")
	for i, authority := range []*authority{nil, a} {
		t.Run(l.Sockets()[i].Proto.String(), func(t *testing.T) {
			c, in := openWS(t, l, i, authority)
			plain := "OPTIONS sip:a SIP/2.0\r\nCall-ID: a\r\n\r\nno length needed" // RFC 7118 §5
			write(t, c, frame(final|text, plain))
			expectFrame(t, in, final|text, plain)
			write(t, c, frame(final|binar, plain)+frame(final|text, request("b", "")))
			expectFrame(t, in, final|text, plain)
			expectFrame(t, in, final|text, request("b", ""))
			odd := "MESSAGE sip:a SIP/2.0\r\n\r\n\xff\xfe" // no UTF-8: a browser ends the connection over it
			write(t, c, frame(final|binar, odd))
			expectFrame(t, in, final|binar, odd)
			long := padded("long", 60000)
			write(t, c, frame(final|text, long))
			expectFrame(t, in, final|text, long)

			write(t, c, frame(text, plain[:10])+frame(final|ping, "are you there")+frame(more, plain[10:12])+frame(more, "")+frame(final|more, plain[12:]))
			expectFrame(t, in, final|pong, "are you there")
			expectFrame(t, in, final|text, plain)
			write(t, c, frame(final|text, "\r\n\r\n")+frame(final|text, "\r\n")+frame(final|text, "")+frame(final|pong, "unasked"))
			expectFrame(t, in, final|text, "\r\n")
			for _, b := range []byte(frame(final|text, plain)) {
				write(t, c, string([]byte{b}))
			}
			expectFrame(t, in, final|text, plain)
			write(t, c, frame(final|hangup, "\x03\xe8bye"))
			expectFrame(t, in, final|hangup, "\x03\xe8")
			expectEnd(t, c)
		})
	}
	eventually(t, "no connection left", func() bool { return l.Stats().Conns == 0 })
}

func TestUpgradeRefused(t *testing.T) {
	l, _ := openTLS(t, Config{Origins: []string{"https://phone.example.org"}}, &handler{}, "ws:127.0.0.1:0")
	without := func(name string) []string {
		return slices.DeleteFunc(slices.Clone(asking), func(line string) bool { return strings.HasPrefix(strings.ToLower(line), name) })
	}
	sip := "Sec-WebSocket-Protocol: SIP"
	for _, c := range []struct {
		name   string
		status int
		lines  []string
	}{
		{"in order", 101, append(without("-"), sip)},
		{"the page's origin", 101, append(without("-"), sip, "Origin: https://Phone.example.org")},
		{"another origin", 403, append(without("-"), sip, "Origin: https://evil.example")},
		{"no subprotocol", 400, without("-")},
		{"another subprotocol", 400, append(without("-"), "Sec-WebSocket-Protocol: chat, xmpp")},
		{"no upgrade", 400, append(without("upgrade"), sip)},
		{"no key", 400, append(without("sec-websocket-key"), sip)},
		{"another version", 426, append(without("sec-websocket-version"), sip, "Sec-WebSocket-Version: 8")},
		{"a line that is none", 400, append(without("-"), sip, "nonsense")},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dialTCP(t, l, 0)
			if status, _, _ := upgrade(t, conn, c.lines...); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if c.status != 101 {
				expectEnd(t, conn)
			}
		})
	}
}

// TestWebSocketFaults: what breaks the protocol or a limit ends the connection, with the
// code that says why.
func TestWebSocketFaults(t *testing.T) {
	hello := frame(final|text, request("a", ""))
	for _, c := range []struct {
		name, sent string
		cfg        Config
		code       ws.StatusCode
		err        error
	}{
		{"not masked", "\x81\x01a", Config{}, ws.StatusProtocolError, ws.ErrProtocolMaskRequired},
		{"reserved bit", frame(final|0x40|text, "a"), Config{}, ws.StatusProtocolError, ws.ErrProtocolNonZeroRsv},
		{"reserved opcode", frame(final|3, "a"), Config{}, ws.StatusProtocolError, ws.ErrProtocolOpCodeReserved},
		{"continuation of nothing", frame(final|more, "a"), Config{}, ws.StatusProtocolError, ws.ErrProtocolContinuationUnexpected},
		{"a message within another", frame(text, "a") + frame(final|text, "b"), Config{}, ws.StatusProtocolError, ws.ErrProtocolContinuationExpected},
		{"long ping", frame(final|ping, strings.Repeat("p", 126)), Config{}, ws.StatusProtocolError, ws.ErrProtocolControlPayloadOverflow},
		{"length of 2^63", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", Config{}, ws.StatusProtocolError, nil},
		{"too large", frame(final|text, strings.Repeat("x", 3000)), Config{MaxMessage: 2000}, ws.StatusMessageTooBig, ErrTooLarge},
		{"too large in pieces", frame(text, strings.Repeat("x", 1500)) + frame(more, strings.Repeat("x", 1500)), Config{MaxMessage: 2000}, ws.StatusMessageTooBig, ErrTooLarge},
		{"too large to come", "\x82\xff\x00\x00\x00\x10\x00\x00\x00\x00mask", Config{}, ws.StatusMessageTooBig, ErrTooLarge},
		{"a message that does not end", frame(text, "OPTIONS "), Config{MessageTimeout: 100 * time.Millisecond}, ws.StatusGoingAway, ErrSlowMessage},
		{"half a frame header", "\x81", Config{MessageTimeout: 100 * time.Millisecond}, ws.StatusGoingAway, ErrSlowMessage},
		{"keep-alives and no message", frame(final|ping, ""), Config{FirstTimeout: 100 * time.Millisecond}, ws.StatusGoingAway, ErrIdle},
		{"a close frame of one byte", frame(final|hangup, "\x03"), Config{}, ws.StatusProtocolError, errBadClose},
		{"a close frame with a code that none may send", frame(final|hangup, "\x03\xed"), Config{}, ws.StatusProtocolError, errBadClose},
		{"a close frame with a code below 1000", frame(final|hangup, "\x03\xe7"), Config{}, ws.StatusProtocolError, errBadClose},
		{"a close frame with a code that nobody knows", frame(final|hangup, "\x07\xd0"), Config{}, ws.StatusProtocolError, errBadClose},
		{"a close frame with a reason that is no text", frame(final|hangup, "\x03\xe8\xff"), Config{}, ws.StatusInvalidFramePayloadData, errBadClose},
		{"a close frame in order", frame(final|hangup, "\x03\xe8bye"), Config{}, ws.StatusNormalClosure, errHungUp},
		{"a close frame of an application", frame(final|hangup, "\x0f\xa0"), Config{}, ws.StatusNormalClosure, errHungUp},
		{"a close frame of a server that restarts", frame(final|hangup, "\x03\xf4"), Config{}, ws.StatusNormalClosure, errHungUp},
		{"a close frame without a code", frame(final|hangup, ""), Config{}, ws.StatusNormalClosure, errHungUp},
		{"pings unanswered", hello, Config{PingInterval: 50 * time.Millisecond, HandshakeTimeout: 300 * time.Millisecond}, ws.StatusGoingAway, ErrIdle},
	} {
		t.Run(c.name, func(t *testing.T) {
			down := make(chan downed, 1)
			l := open(t, c.cfg, &handler{receive: func(*Worker, []byte, Flow) {}, down: func(f Flow, err error) { down <- downed{f, err} }}, "ws:127.0.0.1:0")
			conn, in := openWS(t, l, 0, nil)
			write(t, conn, c.sent)
			for {
				first, payload := readFrame(t, in)
				if first != final|hangup {
					continue // pongs and pings
				}
				if code := ws.StatusCode(binary.BigEndian.Uint16([]byte(payload))); code != c.code {
					t.Errorf("closed with %d, want %d", code, c.code)
				}
				break
			}
			_ = conn.Close()
			if d := next(t, down); c.err != nil && !errors.Is(d.err, c.err) {
				t.Errorf("ended by %v, want %v", d.err, c.err)
			}
			eventually(t, "no connection left", func() bool { return l.Stats().Conns == 0 })
		})
	}
}

// TestWebSocketAsksTheSilent: a peer that answers our pings keeps its connection.
func TestWebSocketAsksTheSilent(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{PingInterval: 20 * time.Millisecond}, &handler{receive: receive}, "ws:127.0.0.1:0")
	c, in := openWS(t, l, 0, nil)
	write(t, c, frame(final|text, request("a", "")))
	f := next(t, got).from
	for range 5 {
		expectFrame(t, in, final|ping, "")
		write(t, c, frame(final|pong, ""))
	}
	if err := l.Send(f, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	for {
		if first, payload := readFrame(t, in); first == final|text {
			if payload != "still here" {
				t.Errorf("got %q", payload)
			}
			break
		}
	}
}

// TestWebSocketFlow: a request finds the connection by the peer's address, as transport=ws
// over TLS too, and its message may wait while another is being handled.
func TestWebSocketFlow(t *testing.T) {
	receive, got := collect()
	l, a := openTLS(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		if bytes.Contains(msg, []byte("park")) {
			w.Park()
		}
		receive(w, msg, from)
	}}, "wss:127.0.0.1:0")
	c, in := openWS(t, l, 0, a)
	write(t, c, frame(final|text, request("park", ""))+frame(final|text, request("second", ""))+frame(final|text, request("third", ""))[:20])
	var from Flow
	texts := []string{}
	for range 2 {
		r := next(t, got)
		from = r.from
		texts = append(texts, r.text)
	}
	slices.Sort(texts)
	if want := []string{request("park", ""), request("second", "")}; !slices.Equal(texts, want) {
		t.Errorf("received %q", texts)
	}
	if from.Proto != WSS {
		t.Errorf("flow %+v", from)
	}
	for _, proto := range []Proto{WS, WSS} {
		f, err := l.FlowTo(proto, from.Remote, NoSocket)
		if err != nil || f != from {
			t.Errorf("%s: %v, %v", proto, f, err)
		}
	}
	if err := l.Send(from, []byte("down")); err != nil {
		t.Fatal(err)
	}
	expectFrame(t, in, final|text, "down")
	if l.Alias(from, 5060) {
		t.Error("a WebSocket has an alias")
	}
	_ = c.Close()
	eventually(t, "the connection is gone", func() bool { return !l.Usable(from) })
	if _, err := l.FlowTo(WS, from.Remote, NoSocket); !errors.Is(err, ErrFlowGone) {
		t.Errorf("a WebSocket is opened from here: %v", err)
	}
}

// TestCloseSaysGoodbye: an end in order is a close frame and TLS's close_notify.
func TestCloseSaysGoodbye(t *testing.T) {
	l, a := openTLS(t, Config{}, &handler{receive: echo}, "wss:127.0.0.1:0")
	c, in := openWS(t, l, 0, a)
	write(t, c, frame(final|text, request("a", "")))
	expectFrame(t, in, final|text, request("a", ""))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
	expectFrame(t, in, final|hangup, "\x03\xe9")
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v, want an end in order", err)
	}
}

// frames runs the bytes of a WebSocket in pieces of n through a connection without a
// socket and returns its messages and how it ended.
func frames(t *testing.T, data []byte, n int) (all []string, err error) {
	l := &Layer{cfg: Config{MaxMessage: 4096, MaxQueue: 1 << 20}}
	l.bufs.largeSize = slotSize
	c := newConn(l, Flow{Proto: WS}, true)
	c.shaking, c.ws, c.active = false, &webSocket{}, time.Now()
	for len(data) > 0 {
		if c.buf == nil {
			c.buf = l.bufs.take(smallSize)
		}
		k := copy(c.buf[c.end:][:min(n, len(c.buf)-c.end)], data)
		if k == 0 {
			t.Fatal("no room to read into")
		}
		data, c.end = data[k:], c.end+k
		for {
			msg, _, err := c.message()
			if err != nil {
				return all, err
			}
			if msg == nil {
				break
			}
			all = append(all, string(msg))
		}
	}
	return all, nil
}

// FuzzWebSocketFrames holds that the bytes may come in any pieces.
func FuzzWebSocketFrames(f *testing.F) {
	f.Add([]byte(frame(text, "OPTIONS")+frame(final|ping, "x")+frame(final|more, " sip:a")), uint16(3))
	f.Add([]byte(frame(final|binar, strings.Repeat("y", 300))+frame(final|hangup, "")), uint16(1))
	f.Add([]byte(frame(final|text, "\r\n\r\n")+"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01aaaaz"), uint16(7))
	f.Add([]byte(frame(text, strings.Repeat("y", 4000))+frame(more, strings.Repeat("z", 70))+frame(final|more, "")), uint16(100))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		if len(data) > 1<<16 {
			return
		}
		whole, e1 := frames(t, bytes.Clone(data), smallSize)
		parts, e2 := frames(t, bytes.Clone(data), 1+int(cut)%smallSize)
		if !slices.Equal(whole, parts) || fmt.Sprint(e1) != fmt.Sprint(e2) {
			t.Fatalf("whole %q %v, parts %q %v", whole, e1, parts, e2)
		}
	})
}
