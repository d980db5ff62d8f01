package transport

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// judge is a handler that does with a connection what the message says, and answers it.
func judge(w *Worker, msg []byte, from Flow) {
	switch {
	case bytes.Contains(msg, []byte("prove bob")):
		w.Prove(from, []byte("bob"))
	case bytes.Contains(msg, []byte("prove alice")):
		w.Prove(from, []byte("alice"))
	case bytes.Contains(msg, []byte("prove no name")):
		w.Prove(from, nil)
	case bytes.Contains(msg, []byte("prove")):
		w.Prove(from, []byte(from.Remote.String()))
	case bytes.Contains(msg, []byte("hold")):
		w.Hold(from, time.Hour)
	case bytes.Contains(msg, []byte("answered")):
		w.l.Unhold(from, bytes.Contains(msg, []byte("by a dialog")))
	case bytes.Contains(msg, []byte("held once")):
		w.Hold(from, time.Nanosecond)
	case bytes.Contains(msg, []byte("park")):
		w.Park()
		w.Prove(from, []byte("parked"))
	}
	echo(w, msg, from)
}

// say sends a message and waits for what comes back.
func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	write(t, c, request(text, ""))
	expect(t, c, request(text, ""))
}

// TestFullTable: who comes into a full table takes the place of the idlest peer that has
// proven nothing, unless something goes by its connection.
func TestFullTable(t *testing.T) {
	for _, c := range []struct {
		name string
		said []string // by the peers that are there, one each; "" for nothing
		gone int      // who loses his connection; -1: the new one is refused
	}{
		{"strangers only", []string{"a", "b", "c"}, 0},
		{"one that has said nothing", []string{"prove", "", "c"}, 1},
		{"proven ones first", []string{"prove", "prove", "c"}, 2},
		{"proven by a worker that waits", []string{"park", "b", "c"}, 1},
		{"a request is under way", []string{"hold", "b", "c"}, 1},
		{"it was", []string{"held once", "b", "c"}, 0},
		{"nobody can go", []string{"prove", "hold", "prove"}, -1},
	} {
		for limit, cfg := range map[string]Config{"in all": {MaxConns: 3}, "of a source": {MaxConnsPerSource: 3}} {
			t.Run(c.name+", "+limit, func(t *testing.T) {
				down := make(chan downed, 8)
				l := open(t, cfg, &handler{receive: judge, down: func(f Flow, err error) { down <- downed{f, err} }}, "tcp:127.0.0.1:0")
				var there []net.Conn
				for i, text := range c.said {
					there = append(there, dial(t, l, 0))
					eventually(t, "it is accepted", func() bool { return l.Stats().Conns == i+1 })
					if text != "" {
						say(t, there[i], text)
					}
				}
				if c.gone < 0 {
					expectRefused(t, l, 0)
				} else {
					say(t, dial(t, l, 0), "new")
					if d := next(t, down); !errors.Is(d.err, ErrReplaced) || d.flow.Remote != localPort(there[c.gone]) {
						t.Errorf("gone is %v by %v", d.flow.Remote, d.err)
					}
					expectEnd(t, there[c.gone])
				}
				for i, other := range there {
					if i != c.gone {
						say(t, other, "still there")
					}
				}
				s := l.Stats()
				if s.Conns != 3 || s.ConnsReplaced+s.ConnsRefused != 1 || (s.ConnsRefused == 1) != (c.gone < 0) {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// TestHoldEndsWithTheAnswer: a stranger whose requests are answered, all of them, is one like others at
// once, or where a dialog has begun after a moment in which others may learn of that.
func TestHoldEndsWithTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name  string
		said  []string
		stays bool
	}{
		{"answered", []string{"hold", "answered"}, false},
		{"one of two", []string{"hold", "hold", "answered"}, true},
		{"both", []string{"hold", "hold", "answered", "answered"}, false},
		{"another one after it", []string{"hold", "answered", "hold"}, true},
		{"a dialog has begun", []string{"hold", "answered by a dialog"}, true},
		{"a dialog has begun, and another request ends", []string{"hold", "hold", "answered by a dialog", "answered"}, true},
		{"a dialog has begun, and a later request ends", []string{"hold", "answered by a dialog", "hold", "answered"}, true},
		{"it took too long", []string{"held once", "answered"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := open(t, Config{MaxConns: 2}, &handler{receive: judge}, "tcp:127.0.0.1:0")
			first := dial(t, l, 0)
			for _, text := range c.said {
				say(t, first, text)
			}
			second := dial(t, l, 0)
			say(t, second, "b")
			say(t, dial(t, l, 0), "new")
			if c.stays {
				expectEnd(t, second)
				say(t, first, "still there")
			} else {
				expectEnd(t, first)
				say(t, second, "still there")
			}
		})
	}
	l := open(t, Config{}, &handler{receive: judge}, "tcp:127.0.0.1:0")
	l.Unhold(Flow{Proto: TCP, Conn: 99}, true) // gone meanwhile
}

// TestHoldLocksOnce: after a stranger's first request nothing of its does anything to the table.
func TestHoldLocksOnce(t *testing.T) {
	for socket, name := range []string{"tcp", "tls"} {
		t.Run(name, func(t *testing.T) {
			l, a := openTLS(t, Config{}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
				if bytes.Contains(msg, []byte("again")) {
					w.l.conns.mu.RLock()
					w.Hold(from, time.Hour)
					w.l.conns.mu.RUnlock()
				} else {
					w.Hold(from, time.Hour)
				}
				echo(w, msg, from)
			}}, "tcp:127.0.0.1:0", "tls:127.0.0.1:0")
			c := dialTCP(t, l, socket)
			if name == "tls" {
				c = dialTLS(t, l, socket, a)
			}
			say(t, c, "first")
			say(t, c, "again")
		})
	}
}

// TestReplacedInOrder: who loses his connection is told so, over WebSocket and TLS.
func TestReplacedInOrder(t *testing.T) {
	l, a := openTLS(t, Config{MaxConns: 1}, &handler{receive: judge}, "wss:127.0.0.1:0")
	for i := range 5 {
		c, in := openWS(t, l, 0, a)
		write(t, c, frame(final|text, request("a", "")))
		expectFrame(t, in, final|text, request("a", ""))
		next, _ := openWS(t, l, 0, a)
		if first, payload := readFrame(t, in); first != final|hangup || payload != "\x03\xe9" {
			t.Errorf("%d: ended by %x %q", i, first, payload)
		}
		_ = next.Close()
		eventually(t, "it is gone", func() bool { return l.Stats().Conns == 0 })
	}
}

// TestFullTableOfOneSource: a source that has too many loses its own, and nobody else does.
func TestFullTableOfOneSource(t *testing.T) {
	l := open(t, Config{MaxConnsPerSource: 2}, &handler{receive: judge}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	other := dial(t, l, 1)
	say(t, other, "the idlest of all")
	first, second := dial(t, l, 0), dial(t, l, 0)
	say(t, first, "a")
	say(t, second, "b")
	say(t, dial(t, l, 0), "c")
	expectEnd(t, first)
	say(t, second, "still there")
	say(t, other, "still there")
}

// TestTrustedSource: the limits on one source are not for hosts that the operator trusts, and
// these are no strangers.
func TestTrustedSource(t *testing.T) {
	trusted := netip.MustParseAddr("127.0.0.1")
	l := open(t, Config{MaxConns: 5, MaxConnsPerSource: 1, StrangerTimeout: 50 * time.Millisecond, Trusted: func(a netip.Addr) bool { return a == trusted }},
		&handler{receive: judge}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	var all []net.Conn
	for range 4 {
		all = append(all, dial(t, l, 0))
		say(t, all[len(all)-1], "a")
	}
	stranger := dial(t, l, 1)
	say(t, stranger, "prove")
	expectRefused(t, l, 1) // its source has its one
	expectRefused(t, l, 0) // five in all, and nobody is a stranger
	for _, c := range append(all, stranger) {
		say(t, c, "still there")
	}
}

// TestNeededConnection: a stranger's connection by which a dialog goes is neither taken for
// another nor closed before its time.
func TestNeededConnection(t *testing.T) {
	var mu sync.Mutex
	var carries []Flow
	down := make(chan downed, 8)
	l := open(t, Config{MaxConns: 2, StrangerTimeout: 100 * time.Millisecond, IdleTimeout: time.Hour, Needed: func(yield func(Flow)) {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range carries {
			yield(f)
		}
	}}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		if bytes.Contains(msg, []byte("dialog")) {
			mu.Lock()
			carries = append(carries, from)
			mu.Unlock()
		}
		judge(w, msg, from)
	}, down: func(f Flow, err error) { down <- downed{f, err} }}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	say(t, c, "dialog")
	quiet := dial(t, l, 0)
	say(t, quiet, "a")
	if d := next(t, down); d.flow.Remote != localPort(quiet) || !errors.Is(d.err, ErrIdle) {
		t.Errorf("ended: %v by %v", d.flow.Remote, d.err)
	}
	say(t, dial(t, l, 0), "prove")
	expectRefused(t, l, 0)
	say(t, c, "still there")
}

// TestStrangerIsClosedSooner than one that has proven somebody.
func TestStrangerIsClosedSooner(t *testing.T) {
	for _, proto := range []string{"tcp", "ws"} {
		t.Run(proto, func(t *testing.T) {
			down := make(chan downed, 8)
			l := open(t, Config{StrangerTimeout: 200 * time.Millisecond}, &handler{receive: judge, down: func(f Flow, err error) { down <- downed{f, err} }}, proto+":127.0.0.1:0")
			speak := func(text string) net.Conn {
				if proto == "tcp" {
					c := dial(t, l, 0)
					say(t, c, text)
					return c
				}
				c, in := openWS(t, l, 0, nil)
				write(t, c, frame(0x81, request(text, "")))
				expectFrame(t, in, 0x81, request(text, ""))
				return c
			}
			known := speak("prove")
			stranger := speak("a")
			d := next(t, down)
			if d.flow.Remote != localPort(stranger) || !errors.Is(d.err, ErrIdle) {
				t.Errorf("ended: %v by %v", d.flow.Remote, d.err)
			}
			if got := l.Stats().Conns; got != 1 || !l.Connected(d.flow.Proto, localPort(known)) {
				t.Errorf("%d connections are left", got)
			}
		})
	}
}

// TestOwnConnectionInFullTable: so does one that we open, and it is not opened where nobody
// can go.
func TestOwnConnectionInFullTable(t *testing.T) {
	down := make(chan downed, 8)
	l := open(t, Config{MaxConns: 2}, &handler{receive: judge, down: func(f Flow, err error) { down <- downed{f, err} }}, "tcp:127.0.0.1:0")
	known, stranger := dial(t, l, 0), dial(t, l, 0)
	l.busyTime = time.Hour
	say(t, known, "prove")
	say(t, stranger, "a")
	accepted, remote := server(t, "127.0.0.1:0")
	f, err := l.FlowTo(TCP, remote, NoSocket)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Send(f, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	expect(t, accept(t, accepted), "hello")
	if d := next(t, down); d.flow.Remote != localPort(stranger) || !errors.Is(d.err, ErrReplaced) {
		t.Errorf("gone is %v by %v", d.flow.Remote, d.err)
	}
	_, second := server(t, "127.0.0.1:0")
	third, err := l.FlowTo(TCP, second, NoSocket) // something was just sent on the other one
	if err != nil {
		t.Fatal(err)
	}
	if d := next(t, down); d.flow != third || !errors.Is(d.err, ErrTooManyConns) {
		t.Errorf("ended: %v by %v", d.flow.Remote, d.err)
	}
	say(t, known, "still there")
}

// TestFullTableIsSaid once, with the setting that it is about.
func TestFullTableIsSaid(t *testing.T) {
	for setting, cfg := range map[string]Config{"tcp_max_connections": {MaxConns: 1}, "tcp_accept_iplimit": {MaxConnsPerSource: 1}} {
		t.Run(setting, func(t *testing.T) {
			var log lockedBuffer
			ls, err := ParseListen("tcp:127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listen = ls
			l, err := New(cfg, &handler{receive: judge}, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			l.Start()
			defer shut(t, l)
			for range 5 {
				say(t, dial(t, l, 0), "a")
			}
			say(t, dial(t, l, 0), "prove")
			expectRefused(t, l, 0)
			if got := strings.Count(log.text(), setting); got != 1 {
				t.Errorf("said %d times: %s", got, log.text())
			}
		})
	}
}

// lockedBuffer is what a log writes to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
