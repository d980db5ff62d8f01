package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTCPSplitAtEveryByte(t *testing.T) {
	l := open(t, Config{}, &handler{receive: echo}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	first, second := request("first", "some body"), request("second", "")
	all := "\r\n" + first + second
	want := first + second
	for cut := range len(all) + 1 {
		write(t, c, all[:cut])
		// Until the first piece has arrived, a second write may travel with it.
		eventually(t, "first piece read", func() bool { return unread(t, l) == 0 })
		write(t, c, all[cut:])
		expect(t, c, want)
	}
}

// unread is how many bytes the kernel holds for the only connection of l.
func unread(t *testing.T, l *Layer) int {
	t.Helper()
	l.conns.mu.RLock()
	defer l.conns.mu.RUnlock()
	n := 0
	for _, c := range l.conns.byID {
		c.mu.Lock()
		n += inQueue(t, c.raw)
		c.mu.Unlock()
	}
	return n
}

func TestTCPByteByByte(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{}, &handler{receive: receive}, "tcp:[::1]:0")
	c := dial(t, l, 0)
	m := request("slow", "body\r\n\r\nbody")
	for i := range len(m) {
		write(t, c, m[i:i+1])
	}
	r := next(t, got)
	want := Flow{Proto: TCP, Local: l.Sockets()[0].Addr, Remote: localPort(c), Conn: r.from.Conn}
	if r.text != m || r.from != want || r.from.Conn == 0 {
		t.Errorf("received %q on %+v", r.text, r.from)
	}
}

func TestTCPPipelined(t *testing.T) {
	l := open(t, Config{MaxQueue: 8 << 20}, &handler{receive: echo}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	var all, want strings.Builder
	for i := range 2000 {
		all.WriteString(padded(fmt.Sprint(i), i%1500))
		want.WriteString(padded(fmt.Sprint(i), i%1500))
		if i%7 == 0 {
			all.WriteString("\r\n")
		}
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, all.String())
		sent <- err
	}()
	expect(t, c, want.String())
	if err := next(t, sent); err != nil {
		t.Error(err)
	}
}

func TestTCPLargestMessage(t *testing.T) {
	for _, limit := range []int{2048, 0, 300000} {
		ended := make(chan downed, 10)
		l := open(t, Config{MaxMessage: limit, MaxQueue: 1 << 20}, &handler{
			receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} },
		}, "tcp:127.0.0.1:0")
		if limit == 0 {
			limit = 65536
		}
		c := dial(t, l, 0)
		full := padded("full", limit)
		full = padded("full", limit-(len(full)-limit))
		if len(full) != limit {
			t.Fatalf("the test's message has %d bytes, not %d", len(full), limit)
		}
		write(t, c, full)
		expect(t, c, full)
		write(t, c, strings.Replace(full, "\r\nContent", "\r\nX:y\r\nContent", 1))
		expectEnd(t, c)
		_ = c.Close() // it is waited for
		if d := next(t, ended); !errors.Is(d.err, ErrTooLarge) {
			t.Errorf("limit %d: ended by %v", limit, d.err)
		}
		endless := dial(t, l, 0)
		go func() {
			_, _ = io.WriteString(endless, strings.Repeat("Header: value\r\n", 100000))
			_ = endless.Close()
		}()
		if d := next(t, ended); !errors.Is(d.err, ErrTooLarge) {
			t.Errorf("limit %d: ended by %v", limit, d.err)
		}
	}
}

func TestTCPMalformedIsAnsweredFirst(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		err  error
	}{
		"no length":  {"INVITE sip:a SIP/2.0\r\nX: y\r\n\r\nwhat comes here has no end", ErrNoLength},
		"bad length": {"INVITE sip:a SIP/2.0\r\nl: ten\r\n\r\n", ErrBadLength},
		"too large":  {"INVITE sip:a SIP/2.0\r\nl: 10000000\r\n\r\n", ErrTooLarge},
		"bare LF":    {"INVITE sip:a SIP/2.0\nl: 0\r\n\r\n", ErrBadLine},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan downed, 1)
			cfg := Config{Malformed: func(w *Worker, head []byte, from Flow, err error) {
				if !strings.HasPrefix(string(head), "INVITE") || !strings.HasSuffix(string(head), "\r\n\r\n") {
					t.Errorf("head %q", head)
				}
				if err := w.Send(from, []byte("SIP/2.0 400 "+err.Error())); err != nil {
					t.Error(err)
				}
			}}
			l := open(t, cfg, &handler{receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} }}, "tcp:127.0.0.1:0")
			conn := dial(t, l, 0)
			write(t, conn, request("good", "")+c.send+strings.Repeat("more", 1000))
			expect(t, conn, request("good", ""))
			if !errors.Is(c.err, ErrBadLine) {
				expect(t, conn, "SIP/2.0 400 "+c.err.Error())
			}
			expectEnd(t, conn)
			_ = conn.Close()
			if d := next(t, ended); !errors.Is(d.err, c.err) {
				t.Errorf("ended by %v", d.err)
			}
		})
	}
}

func TestTCPPing(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{}, &handler{receive: receive}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	for _, piece := range []string{"\r\n\r\n", "\r", "\n\r", "\n", "\r\n\r\n\r\n\r\n"} {
		write(t, c, piece)
	}
	expect(t, c, "\r\n\r\n\r\n\r\n")
	write(t, c, "\r\n"+request("after", "")+"\r\n\r\n")
	if m := next(t, got); m.text != request("after", "") {
		t.Errorf("received %q", m.text)
	}
	expect(t, c, "\r\n")
}

func TestTCPPeerCloses(t *testing.T) {
	ended := make(chan downed, 1)
	flows := make(chan Flow, 1)
	l := open(t, Config{}, &handler{
		receive: func(_ *Worker, _ []byte, from Flow) { flows <- from },
		down:    func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("a", ""))
	f := next(t, flows)
	_ = c.Close()
	if d := next(t, ended); d.flow != f || !errors.Is(d.err, io.EOF) {
		t.Errorf("down %+v, want %+v", d, f)
	}
	if err := l.Send(f, []byte("too late")); !errors.Is(err, ErrFlowGone) {
		t.Errorf("send: %v", err)
	}
	if s := l.Stats(); s.Conns != 0 {
		t.Errorf("%+v", s)
	}
}

// server is a plain TCP listener that plays a downstream element.
func server(t *testing.T, addr string) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener), netip.MustParseAddrPort(ln.Addr().String())
}

func accept(t *testing.T, ln *net.TCPListener) net.Conn {
	t.Helper()
	deadline := time.Now().Add(patience)
	if err := ln.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFlowToOpensQueuesAndReuses(t *testing.T) {
	receive, got := collect()
	ended := make(chan downed, 10)
	l := open(t, Config{}, &handler{receive: receive, down: func(f Flow, err error) { ended <- downed{f, err} }}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	for socket, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		ln, remote := server(t, addr)
		f, err := l.FlowTo(TCP, remote, NoSocket)
		if err != nil || int(f.Socket) != socket {
			t.Fatalf("%+v, %v", f, err)
		}
		for i := range 5 { // some of these before it is connected
			if err := l.Send(f, fmt.Appendf(nil, "message %d\n", i)); err != nil {
				t.Fatal(err)
			}
		}
		c := accept(t, ln)
		expect(t, c, "message 0\nmessage 1\nmessage 2\nmessage 3\nmessage 4\n")
		if again, err := l.FlowTo(TCP, remote, NoSocket); err != nil || again != f {
			t.Errorf("not used again: %+v, %v", again, err)
		}
		write(t, c, request("answer", ""))
		if m := next(t, got); m.from != f {
			t.Errorf("received on %+v, want %+v", m.from, f)
		}

		// It breaks: FlowDown, and the next one is new.
		_ = c.Close()
		if d := next(t, ended); d.flow != f {
			t.Errorf("down %+v", d)
		}
		fresh, err := l.FlowTo(TCP, remote, NoSocket)
		if err != nil || fresh.Conn == f.Conn {
			t.Fatalf("%+v, %v", fresh, err)
		}
		if err := l.Send(fresh, []byte("hello again")); err != nil {
			t.Fatal(err)
		}
		expect(t, accept(t, ln), "hello again")
	}
}

func TestFlowToUsesAnInboundConnection(t *testing.T) {
	receive, got := collect()
	l := open(t, Config{}, &handler{receive: receive}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	write(t, c, request("hello", ""))
	in := next(t, got).from
	f, err := l.FlowTo(TCP, localPort(c), NoSocket)
	if err != nil || f != in {
		t.Fatalf("%+v, %v; want %+v", f, err, in)
	}
	if err := l.Send(f, []byte("back")); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "back")
}

func TestConnectRefused(t *testing.T) {
	ended := make(chan downed, 1)
	l := open(t, Config{}, &handler{receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} }}, "tcp:127.0.0.1:0")
	ln, remote := server(t, "127.0.0.1:0")
	_ = ln.Close()
	f, err := l.FlowTo(TCP, remote, NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Send(f, []byte("lost"))
	if d := next(t, ended); d.flow != f || !errors.Is(d.err, syscall.ECONNREFUSED) {
		t.Errorf("down %+v", d)
	}
	if err := l.Send(f, []byte("lost")); !errors.Is(err, ErrFlowGone) {
		t.Errorf("send: %v", err)
	}
}

func TestConnectTimesOut(t *testing.T) {
	// A listener whose backlog is full lets further connections hang.
	fd, remote := fullBacklog(t)
	defer func() { _ = syscall.Close(fd) }()
	ended := make(chan downed, 1)
	l := open(t, Config{ConnectTimeout: 50 * time.Millisecond, MaxQueue: 10}, &handler{
		receive: echo, down: func(f Flow, err error) { ended <- downed{f, err} },
	}, "tcp:127.0.0.1:0")
	f, err := l.FlowTo(TCP, remote, NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Send(f, []byte("0123456789")); err != nil {
		t.Error(err)
	}
	if err := l.Send(f, []byte("0")); !errors.Is(err, ErrQueueFull) && !errors.Is(err, ErrFlowGone) {
		t.Errorf("beyond the queue: %v", err)
	}
	d := next(t, ended)
	var timeout net.Error
	if d.flow != f || !errors.As(d.err, &timeout) || !timeout.Timeout() {
		t.Errorf("down %+v", d)
	}
}
