package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second

// handler is a Handler of functions.
type handler struct {
	receive func(w *Worker, msg []byte, from Flow)
	down    func(f Flow, err error)
}

func (h *handler) NewScratch() any { return new(int) }

func (h *handler) Receive(w *Worker, msg []byte, from Flow) { h.receive(w, msg, from) }

func (h *handler) FlowDown(f Flow, err error) {
	if h.down != nil {
		h.down(f, err)
	}
}

// echo sends each message back the way it came.
func echo(w *Worker, msg []byte, from Flow) { _ = w.Send(from, msg) }

type received struct {
	text string
	from Flow
}

// collect makes a receive function that hands on copies.
func collect() (func(*Worker, []byte, Flow), chan received) {
	c := make(chan received, 4096)
	return func(_ *Worker, msg []byte, from Flow) { c <- received{string(msg), from} }, c
}

type downed struct {
	flow Flow
	err  error
}

// open makes and starts a layer on the addresses, each "udp:127.0.0.1:0" or the like.
func open(t *testing.T, cfg Config, h Handler, addrs ...string) *Layer {
	t.Helper()
	for _, a := range addrs {
		ls, err := ParseListen(a)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Listen = append(cfg.Listen, ls...)
	}
	l, err := New(cfg, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	t.Cleanup(func() { shut(t, l) })
	return l
}

func shut(t *testing.T, l *Layer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
}

// dial connects to a socket of the layer.
func dial(t *testing.T, l *Layer, socket int) net.Conn {
	t.Helper()
	s := l.Sockets()[socket]
	c, err := net.Dial(s.Proto.String(), s.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// expect reads datagrams until they are as long as want, or as many bytes of a stream, and
// compares.
func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, slotSize)
	got := ""
	for len(got) < len(want) {
		limit := len(buf)
		if c.RemoteAddr().Network() == "tcp" {
			limit = min(limit, len(want)-len(got))
		}
		n, err := c.Read(buf[:limit])
		if err != nil {
			t.Fatalf("after %q: %v, want %q", got, err, want)
		}
		got += string(buf[:n])
	}
	if got != want {
		at := 0
		for got[at] == want[at] {
			at++
		}
		end := func(s string) string { return s[at:min(len(s), at+300)] }
		t.Fatalf("byte %d: got %q, want %q", at, end(got), end(want))
	}
}

// expectRefused dials socket i and expects to be hung up on. The reset may come before
// the kernel has told us that the connection stands.
func expectRefused(t *testing.T, l *Layer, i int) {
	t.Helper()
	c, err := net.DialTimeout("tcp", l.Sockets()[i].Addr.String(), patience)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	expectEnd(t, c)
}

// expectEnd reads until the peer has closed.
func expectEnd(t *testing.T, c net.Conn) {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		_, err := c.Read(buf)
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatal("the connection was not closed")
		default:
			return
		}
	}
}

// next takes from a channel, with patience.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// request is a framed message with a mark in it.
func request(mark, body string) string {
	return fmt.Sprintf("MESSAGE sip:%s SIP/2.0\r\nCall-ID: %s\r\nContent-Length: %d\r\n\r\n%s", mark, mark, len(body), body)
}

func localPort(c net.Conn) netip.AddrPort {
	return netip.MustParseAddrPort(c.LocalAddr().String())
}

func padded(mark string, size int) string {
	return request(mark, strings.Repeat("x", size))
}
