package transport

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestHandshakesGiveWay: where there are as many as there may be the oldest that has kept us waiting
// gives its place to a new one, of the source that has too many or of all, else the oldest one of a
// source that has many more.
func TestHandshakesGiveWay(t *testing.T) {
	const second = int64(time.Second)
	type one struct {
		source string
		waited int64 // before
		since  int64 // it waits since then; 0 if it does not
	}
	const fresh, none, trusted = -1, -2, "192.0.2.99"
	for _, c := range []struct {
		name  string
		there []one // each began at 1 s
		from  string
		now   int64
		gone  int // fresh: there is room; none: no place
	}{
		{"room", []one{{"192.0.2.1", 0, second}}, "192.0.2.2", 9 * second, fresh},
		{"all stuck", []one{{"192.0.2.1", 0, second}, {"192.0.2.2", 0, second}, {"192.0.2.3", 0, second}, {"192.0.2.4", 0, second}}, "192.0.2.5", 2 * second, 0},
		{"one stuck", []one{{"192.0.2.1", 0, 0}, {"192.0.2.2", second / 2, 3 * second}, {"192.0.2.3", 0, second}, {"192.0.2.4", 0, 0}}, "192.0.2.5", 7 * second / 2, 1},
		{"a byte now and then", []one{{"192.0.2.1", 0, 0}, {"192.0.2.2", second, 0}, {"192.0.2.3", 0, 0}, {"192.0.2.4", 0, 0}}, "192.0.2.5", 3 * second, 1},
		{"we are slow", []one{{"192.0.2.1", 0, 0}, {"192.0.2.2", 0, 0}, {"192.0.2.3", 0, 0}, {"192.0.2.4", 0, 0}}, "192.0.2.5", 9 * second, none},
		{"too early", []one{{"192.0.2.1", 0, second}, {"192.0.2.2", 0, second}, {"192.0.2.3", 0, second}, {"192.0.2.4", 0, second}}, "192.0.2.5", 3 * second / 2, none},
		{"the greediest source", []one{{"192.0.2.1", 0, second}, {"192.0.2.2", 0, second}, {"192.0.2.2", 0, second}, {"192.0.2.3", 0, second}}, "192.0.2.5", 3 * second / 2, 1},
		{"no greedier than itself", []one{{"192.0.2.1", 0, 0}, {"192.0.2.2", 0, 0}, {"192.0.2.2", 0, 0}, {"192.0.2.3", 0, 0}}, "192.0.2.1", 9 * second, none},
		{"its own source", []one{{"192.0.2.1", 0, second}, {"192.0.2.2", 0, second}, {"192.0.2.2", 0, second}}, "192.0.2.2", 2 * second, 1},
		{"its own source is not stuck", []one{{"192.0.2.1", 0, second}, {"192.0.2.2", 0, 0}, {"192.0.2.2", 0, 0}}, "192.0.2.2", 9 * second, none},
		{"a /64 is a source", []one{{"2001:db8::1", 0, second}, {"192.0.2.2", 0, second}, {"2001:db8::2", 0, second}}, "2001:db8::3", 2 * second, 0},
		{"a trusted host has places of its own", []one{{"192.0.2.1", 0, 0}, {"192.0.2.2", 0, 0}, {"192.0.2.3", 0, 0}, {"192.0.2.4", 0, 0}}, trusted, 2 * second, fresh},
		{"a trusted host gives way to nobody", []one{{trusted, 9 * second, second}, {trusted, 0, second}, {trusted, 0, second}, {"192.0.2.4", 0, 0}}, "192.0.2.5", 9 * second, none},
		{"too many of them", []one{{trusted, 0, 0}, {trusted, 0, 0}, {trusted, 0, 0}, {trusted, 0, 0}, {trusted, 0, 0}}, trusted, 9 * second, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandshakes(&Config{MaxHandshakes: 4, MaxHandshakesPerSource: 2})
			enter := func(host string, now int64) (*handshake, *conn) {
				a := netip.MustParseAddr(host)
				return h.enter(&conn{flow: Flow{Remote: netip.AddrPortFrom(a, 1)}}, host == trusted, now)
			}
			var there []*handshake
			for _, x := range c.there {
				s, gone := enter(x.source, second)
				if s == nil || gone != nil {
					t.Fatalf("%v: no room", x)
				}
				s.waited.Store(x.waited)
				s.waiting.Store(x.since)
				there = append(there, s)
			}
			s, gone := enter(c.from, c.now)
			if got := slices.IndexFunc(there, func(s *handshake) bool { return s.c == gone }); (s == nil) != (c.gone == none) || got != max(c.gone, -1) {
				t.Errorf("entered: %v; gone is %d, want %d", s != nil, got, c.gone)
			}
			for range 2 { // again is nothing
				for _, s := range append(there, s) {
					if s != nil {
						h.leave(s)
					}
				}
			}
			if h.all != 0 || h.order.Len() != 0 || len(h.sources) != 0 {
				t.Errorf("%d are left, %d in order, of %d sources", h.all, h.order.Len(), len(h.sources))
			}
		})
	}
}

// TestStuckHandshakesGiveWay: whoever holds every place with a byte each, from several hosts, keeps
// out no phone, whether it shakes hands by TLS or asks for a WebSocket.
func TestStuckHandshakesGiveWay(t *testing.T) {
	for proto, byte1 := range map[string]string{"tls": "\x16", "ws": "G", "wss": "\x16"} {
		t.Run(proto, func(t *testing.T) {
			l, a := openTLS(t, Config{MaxHandshakes: 4, MaxHandshakesPerSource: 2}, &handler{receive: echo}, proto+":127.0.0.1:0")
			var held []net.Conn
			for _, host := range []string{"127.0.1.1", "127.0.1.1", "127.0.1.2", "127.0.1.2"} {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}
				c, err := d.Dial("tcp", l.Sockets()[0].Addr.String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				write(t, c, byte1)
				held = append(held, c)
				eventually(t, "it has a place and is waited for", func() bool {
					l.handshaking.mu.Lock()
					defer l.handshaking.mu.Unlock()
					last := l.handshaking.order.Back()
					return l.handshaking.all == len(held) && last.Value.(*handshake).waiting.Load() != 0
				})
			}
			switch proto {
			case "tls":
				say(t, dialTLS(t, l, 0, a), "a")
			case "ws":
				a = nil
				fallthrough
			default:
				c, in := openWS(t, l, 0, a)
				write(t, c, frame(0x81, request("a", "")))
				expectFrame(t, in, 0x81, request("a", ""))
			}
			eventually(t, "one is gone", func() bool { return l.Stats().Conns == 4 })
			if s := l.Stats(); s.ConnsReplaced != 1 || s.ConnsRefused != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestHandshakeCountsTheWaiting: what counts is the time in which the peer has us wait, for what he
// sends and for room to send him something.
func TestHandshakeCountsTheWaiting(t *testing.T) {
	c := &conn{l: &Layer{epoch: time.Now()}}
	s := &handshake{c: c}
	for _, ns := range []time.Duration{20 * time.Millisecond, 0} {
		n, err := s.wait(func(b []byte) (int, error) {
			if s.waiting.Load() == 0 {
				t.Error("nobody is waited for")
			}
			for end := time.Now().Add(ns); time.Now().Before(end); {
			}
			return len(b), net.ErrClosed
		}, make([]byte, 3))
		if n != 3 || err != net.ErrClosed { //nolint:errorlint // it comes as it is
			t.Errorf("%d, %v", n, err)
		}
	}
	if kept := s.kept(c.l.Mono()); kept < 20*time.Millisecond || s.waiting.Load() != 0 {
		t.Errorf("waited for %v", kept)
	}
	if n, _ := (*handshake)(nil).wait(func(b []byte) (int, error) { return len(b), nil }, make([]byte, 2)); n != 2 {
		t.Errorf("without a place: %d", n)
	}
}
