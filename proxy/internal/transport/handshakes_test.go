package transport

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
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
		stage  int   // 1: we have answered its first words
	}
	const fresh, none, lot, trusted = -1, -2, -3, "192.0.2.99"
	for _, c := range []struct {
		name  string
		there []one // each began at 1 s
		from  string
		now   int64
		gone  int // fresh: there is room; none: no place; lot: any of them
	}{
		{"room", []one{{"192.0.2.1", 0, second, 0}}, "192.0.2.2", 9 * second, fresh},
		{"all stuck", []one{{"192.0.2.1", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"192.0.2.3", 0, second, 0}, {"192.0.2.4", 0, second, 0}}, "192.0.2.5", 2 * second, 0},
		{"one stuck", []one{{"192.0.2.1", 0, 0, 0}, {"192.0.2.2", second / 2, 3 * second, 0}, {"192.0.2.3", 0, second, 0}, {"192.0.2.4", 0, 0, 0}}, "192.0.2.5", 7 * second / 2, 1},
		{"a byte now and then", []one{{"192.0.2.1", 0, 0, 0}, {"192.0.2.2", second, 0, 0}, {"192.0.2.3", 0, 0, 0}, {"192.0.2.4", 0, 0, 0}}, "192.0.2.5", 3 * second, 1},
		{"we are slow", []one{{"192.0.2.1", 0, 0, 0}, {"192.0.2.2", 0, 0, 0}, {"192.0.2.3", 0, 0, 0}, {"192.0.2.4", 0, 0, 0}}, "192.0.2.5", 9 * second, none},
		{"too early", []one{{"192.0.2.1", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"192.0.2.3", 0, second, 0}, {"192.0.2.4", 0, second, 0}}, "192.0.2.5", 3 * second / 2, none},
		{"the greediest source", []one{{"192.0.2.1", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"192.0.2.3", 0, second, 0}}, "192.0.2.5", 3 * second / 2, 2},
		{"no greedier than itself", []one{{"192.0.2.1", 0, 0, 0}, {"192.0.2.2", 0, 0, 0}, {"192.0.2.2", 0, 0, 0}, {"192.0.2.3", 0, 0, 0}}, "192.0.2.1", 9 * second, none},
		{"its own source", []one{{"192.0.2.1", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"192.0.2.2", 0, second, 0}}, "192.0.2.2", 2 * second, 1},
		{"its own source is not stuck", []one{{"192.0.2.1", 0, second, 0}, {"192.0.2.2", 0, 0, 0}, {"192.0.2.2", 0, 0, 0}}, "192.0.2.2", 9 * second, none},
		{"a /64 is a source", []one{{"2001:db8::1", 0, second, 0}, {"192.0.2.2", 0, second, 0}, {"2001:db8::2", 0, second, 0}}, "2001:db8::3", 2 * second, 0},
		{"a trusted host has places of its own", []one{{"192.0.2.1", 0, 0, 0}, {"192.0.2.2", 0, 0, 0}, {"192.0.2.3", 0, 0, 0}, {"192.0.2.4", 0, 0, 0}}, trusted, 2 * second, fresh},
		{"a trusted host gives way to nobody", []one{{trusted, 9 * second, second, 0}, {trusted, 0, second, 0}, {trusted, 0, second, 0}, {"192.0.2.4", 0, 0, 0}}, "192.0.2.5", 9 * second, none},
		{"too many of them", []one{{trusted, 0, 0, 0}, {trusted, 0, 0, 0}, {trusted, 0, 0, 0}, {trusted, 0, 0, 0}, {trusted, 0, 0, 0}}, trusted, 9 * second, none},
		{"answered", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.2", 0, second, 1}, {"192.0.2.3", 0, second, 1}, {"192.0.2.4", 0, second, 1}}, "192.0.2.5", 2*second - 1, none},
		{"answered, and the lot is drawn", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.2", 0, second, 1}, {"192.0.2.3", 0, second, 1}, {"192.0.2.4", 0, second, 1}}, "192.0.2.5", 6*second - 1, lot},
		{"the lot is for those that are slow", []one{{"192.0.2.1", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}, {"192.0.2.3", 0, second, 1}, {"192.0.2.4", second / 2, 0, 1}}, "192.0.2.5", 3 * second, 2},
		{"a /48 is greedy", []one{{"2001:db8:7:1::1", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}, {"2001:db8:7:2::1", 0, 0, 1}, {"192.0.2.3", 0, 0, 1}}, "192.0.2.5", 9 * second, 2},
		{"and is so towards no office", []one{{"2001:db8:7:1::1", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}, {"2001:db8:7:2::1", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}}, "2001:db8:7:3::1", 9 * second, none},
		{"within it a /64 is", []one{{"2001:db8:7:1::1", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}, {"2001:db8:7:1::2", 0, 0, 1}, {"192.0.2.2", 0, 0, 1}}, "2001:db8:7:3::1", 9 * second, 2},
		{"answered, of one source", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.1", 0, second, 1}}, "192.0.2.1", 6*second - 1, none},
		{"answered long ago", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.2", 0, second, 1}, {"192.0.2.3", 0, second, 1}, {"192.0.2.4", 0, second, 1}}, "192.0.2.5", 6 * second, 0},
		{"one without first words goes before", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.2", 0, second, 1}, {"192.0.2.3", 0, second, 0}, {"192.0.2.4", 0, second, 1}}, "192.0.2.5", 9 * second, 2},
		{"so does one of the source", []one{{"192.0.2.1", 0, second, 1}, {"192.0.2.1", 0, second, 0}}, "192.0.2.1", 2 * second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandshakes(&Config{MaxHandshakes: 4, MaxHandshakesPerSource: 2, HandshakeTimeout: 10 * time.Second})
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
				s.answered.Store(int64(x.stage))
				there = append(there, s)
			}
			s, gone := enter(c.from, c.now)
			if got := slices.IndexFunc(there, func(s *handshake) bool { return s.c == gone }); (s == nil) != (c.gone == none) || got != max(c.gone, -1) && (c.gone != lot || got < 0) {
				t.Errorf("entered: %v; gone is %d, want %d", s != nil, got, c.gone)
			}
			for range 2 { // again is nothing
				for _, s := range append(there, s) {
					if s != nil {
						h.leave(s, c.now)
					}
				}
			}
			if h.all != 0 || h.order.Len() != 0 || len(h.sources) != 0 || len(h.sites) != 0 {
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
		n, err := s.read(func(b []byte) (int, error) {
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
	if n, _ := (*handshake)(nil).read(func(b []byte) (int, error) { return len(b), nil }, make([]byte, 2)); n != 2 {
		t.Errorf("without a place: %d", n)
	}
}

// lateHello is a phone that takes its time between our answer to its ClientHello and its own.
type lateHello struct {
	net.Conn
	d    time.Duration
	said bool
}

func (c *lateHello) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && !c.said {
		c.said = true
		<-time.After(c.d)
	}
	return n, err
}

// TestSlowPhonesComeBack: phones that need longer than stuckTime for their part do not push each other
// out, where more of them come again and again than there are places.
func TestSlowPhonesComeBack(t *testing.T) {
	for name, cfg := range map[string]Config{"of a source": {MaxHandshakesPerSource: 4}, "of all": {MaxHandshakes: 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, a := openTLS(t, cfg, &handler{receive: judge}, "tls:127.0.0.1:0")
			var in sync.WaitGroup
			for range 12 {
				in.Go(func() {
					for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
						if c := comeBack(l, a); c != nil {
							t.Cleanup(func() { _ = c.Close() })
							return
						}
					}
					t.Error("a phone is out")
				})
			}
			in.Wait()
		})
	}
}

// comeBack is a try of a slow phone to connect and to prove itself, nil if it fails.
func comeBack(l *Layer, a *authority) net.Conn {
	nc, err := net.Dial("tcp", l.Sockets()[0].Addr.String())
	if err != nil {
		return nil
	}
	c := tls.Client(&lateHello{Conn: nc, d: stuckTime + 200*time.Millisecond}, &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
	_ = c.SetDeadline(time.Now().Add(patience))
	text := request("prove", "")
	if _, err = c.Write([]byte(text)); err == nil {
		_, err = io.ReadFull(c, make([]byte, len(text)))
	}
	if err != nil {
		_ = nc.Close()
		return nil
	}
	return c
}

// answeredHello is a phone that stops when it has our answer to its ClientHello, until it may go on.
type answeredHello struct {
	net.Conn
	has, goOn chan struct{}
	said      bool
}

func (c *answeredHello) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && !c.said {
		c.said = true
		close(c.has)
		<-c.goOn
	}
	return n, err
}

// TestHandshakeKeepsItsConnection: whoever is at his part of a handshake does not lose his connection to a
// new one, though he has been silent for longest; afterwards he is a stranger like others.
func TestHandshakeKeepsItsConnection(t *testing.T) {
	for limit, cfg := range map[string]Config{"in all": {MaxConns: 2}, "of a source": {MaxConnsPerSource: 2}} {
		t.Run(limit, func(t *testing.T) {
			l, a := openTLS(t, cfg, &handler{receive: judge}, "tls:127.0.0.1:0")
			slow := &answeredHello{Conn: dialTCP(t, l, 0), has: make(chan struct{}), goOn: make(chan struct{})}
			first := tls.Client(slow, &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
			done := make(chan error, 1)
			go func() { done <- first.Handshake() }()
			<-slow.has
			second := dialTLS(t, l, 0, a)
			say(t, second, "b")
			third := dialTLS(t, l, 0, a)
			expectEnd(t, second)
			close(slow.goOn)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			say(t, first, "a")
			say(t, third, "prove")
			say(t, dialTLS(t, l, 0, a), "c")
			expectEnd(t, first)
		})
	}
}
