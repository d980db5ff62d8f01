package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// TestOneUserTakesNoTable: whoever has proven who he is over as many connections as count loses the
// first of them to others, wherever they come from; the last ones, and everybody else's, stay.
func TestOneUserTakesNoTable(t *testing.T) {
	for name, cfg := range map[string]Config{
		"in all": {MaxConns: 6, MaxProven: 2}, "half of a small table": {MaxConns: 5}, "of a source": {MaxConnsPerSource: 6, MaxProven: 2},
		"half of a small source": {MaxConnsPerSource: 5},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, cfg, &handler{receive: judge}, "tcp:127.0.0.1:0")
			bob := dial(t, l, 0)
			say(t, bob, "prove bob")
			most := min(l.conns.maxAll, l.conns.maxSource)
			var alice []net.Conn
			for i := range most - 1 {
				alice = append(alice, dial(t, l, 0))
				say(t, alice[i], "prove alice")
			}
			var others []net.Conn
			for i := range len(alice) - 2 {
				c := dial(t, l, 0)
				say(t, c, "prove "+localPort(c).String())
				expectEnd(t, alice[i])
				others = append(others, c)
			}
			expectRefused(t, l, 0)
			for _, c := range append(append(others, bob), alice[len(alice)-2:]...) {
				say(t, c, "still there")
			}
		})
	}
}

// TestProvenOfOneSource: of several sources the first one of that gives way which has too many.
func TestProvenOfOneSource(t *testing.T) {
	l := open(t, Config{MaxConnsPerSource: 4}, &handler{receive: judge}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	var all []net.Conn
	for _, socket := range []int{1, 0, 0, 1, 0} {
		c := dial(t, l, socket)
		say(t, c, "prove alice")
		all = append(all, c)
	}
	strangers(t, l, all, 1)
	say(t, all[1], "prove alice") // it comes back, and the next one goes
	strangers(t, l, all, 2)
	say(t, all[1], "prove alice") // it is none now
	strangers(t, l, all, 2)
}

// strangers expects that those of the connections are strangers', and no others.
func strangers(t *testing.T, l *Layer, conns []net.Conn, want ...int) {
	t.Helper()
	l.conns.mu.Lock()
	defer l.conns.mu.Unlock()
	for i, c := range conns {
		is := false
		for _, other := range l.conns.byID {
			is = is || other.flow.Remote == localPort(c) && other.stranger.Load()
		}
		expected := false
		for _, j := range want {
			expected = expected || i == j
		}
		if is != expected {
			t.Errorf("connection %d is a stranger's: %v", i, is)
		}
	}
}

// TestLapsedIsClosedSooner: a silent connection that was proven and is not any more is closed as a
// stranger's, though its reader has been told to wait for an hour.
func TestLapsedIsClosedSooner(t *testing.T) {
	for _, proto := range []string{"tcp", "tls", "ws"} {
		for _, how := range []string{"too many", "taken back"} {
			t.Run(proto+", "+how, func(t *testing.T) {
				down := make(chan downed, 8)
				l, a := openTLS(t, Config{MaxProven: 1, StrangerTimeout: 200 * time.Millisecond},
					&handler{receive: judge, down: func(f Flow, err error) { down <- downed{f, err} }}, proto+":127.0.0.1:0")
				speak := func(text string) (c net.Conn) {
					t.Helper()
					switch proto {
					case "ws":
						c, in := openWS(t, l, 0, nil)
						write(t, c, frame(0x81, request(text, "")))
						expectFrame(t, in, 0x81, request(text, ""))
						return c
					case "tls":
						c = dialTLS(t, l, 0, a)
					default:
						c = dial(t, l, 0)
					}
					say(t, c, text)
					return c
				}
				first, bob := speak("prove alice"), speak("prove bob")
				last := bob
				if how == "too many" {
					last = speak("prove alice")
				} else {
					l.Disprove([]byte("nobody"))
					l.Disprove([]byte("alice"))
				}
				if d := next(t, down); d.flow.Remote != localPort(first) || !errors.Is(d.err, ErrIdle) {
					t.Errorf("ended: %v by %v", d.flow.Remote, d.err)
				}
				strangers(t, l, []net.Conn{bob, last})
				_, _ = first.Close(), last.Close()
				_ = bob.Close()
				eventually(t, "nobody is counted any more", func() bool {
					l.conns.mu.Lock()
					defer l.conns.mu.Unlock()
					return len(l.conns.holders) == 0
				})
			})
		}
	}
}

// TestLapsedIsReadOn: a connection that is not proven any more works as before, though strangers may
// be silent for as long as others, so that its reader finds the same deadline.
func TestLapsedIsReadOn(t *testing.T) {
	l := open(t, Config{StrangerTimeout: time.Hour, IdleTimeout: time.Hour}, &handler{receive: judge}, "tcp:127.0.0.1:0")
	c := dial(t, l, 0)
	for range 3 {
		say(t, c, "prove alice")
		strangers(t, l, []net.Conn{c})
		l.Disprove([]byte("alice"))
		strangers(t, l, []net.Conn{c}, 0)
	}
	say(t, c, "a")
}

// TestOneCertificateTakesNoTable: a certificate is somebody, too.
func TestOneCertificateTakesNoTable(t *testing.T) {
	l, a := openTLS(t, Config{MaxProven: 1}, &handler{receive: judge}, "tls:127.0.0.1:0")
	one, other := a.issue(t, "one.example"), a.issue(t, "other.example")
	var all []net.Conn
	for _, cert := range []tls.Certificate{one, other, one} {
		c := tls.Client(dialTCP(t, l, 0), &tls.Config{RootCAs: a.pool, ServerName: "example.org", Certificates: []tls.Certificate{cert}})
		say(t, c, "a")
		all = append(all, c)
	}
	strangers(t, l, all, 0)
}

// TestTooManyProvenIsSaid once, and of whom, in no more words than that takes.
func TestTooManyProvenIsSaid(t *testing.T) {
	var log lockedBuffer
	ls, err := ParseListen("tcp:127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("alice"), 1000)
	l, err := New(Config{Listen: ls, MaxProven: 1}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		w.Prove(from, long)
		echo(w, msg, from)
	}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.Start()
	defer shut(t, l)
	for range 4 {
		say(t, dial(t, l, 0), "a")
	}
	if got := log.text(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "alicealice") || len(got) > 500 {
		t.Errorf("said is %s", got)
	}
}
