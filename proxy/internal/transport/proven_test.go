package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
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

// TestNamelessCountForTheirSource: whoever registers without a password keeps half of his source's share,
// whatever he calls himself, and takes nothing from those who have names.
func TestNamelessCountForTheirSource(t *testing.T) {
	l := open(t, Config{MaxConnsPerSource: 8, MaxProven: 1}, &handler{receive: judge}, "tcp:127.0.0.1:0", "tcp:[::1]:0")
	var all []net.Conn
	for i, text := range []string{"prove alice", "prove no name", "prove no name", "prove no name", "prove no name", "prove no name", "prove no name"} {
		c := dial(t, l, 0)
		say(t, c, fmt.Sprint(text, " ", i))
		all = append(all, c)
	}
	strangers(t, l, all, 1, 2)
	other := dial(t, l, 1)
	say(t, other, "prove no name")
	say(t, all[1], "prove no name")
	strangers(t, l, append(all, other), 2, 3)
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

// officeOf12 is a layer with twelve connections of a source, where what says bind is what binds his
// connection, in place of the one that was bound for the same name.
func officeOf12(t *testing.T, proto string) (*Layer, *authority) {
	var mu sync.Mutex
	bound := make(map[string]Flow)
	return openTLS(t, Config{MaxConnsPerSource: 12, Bound: func(yield func(Flow)) {
		mu.Lock()
		defer mu.Unlock()
		for _, f := range bound {
			yield(f)
		}
	}}, &handler{receive: func(w *Worker, msg []byte, from Flow) {
		if _, after, ok := bytes.Cut(msg, []byte("bind ")); ok {
			name, _, _ := bytes.Cut(after, []byte(" "))
			mu.Lock()
			bound[string(name)] = from
			mu.Unlock()
			w.Prove(from, name[:1])
		}
		echo(w, msg, from)
	}}, proto+":127.0.0.1:0")
}

// TestForgottenConnections: phones whose NAT has forgotten their connections come back, all of them,
// though the old ones were proven and take most of what the source may have.
func TestForgottenConnections(t *testing.T) {
	for _, proto := range []string{"tcp", "tls"} {
		t.Run(proto, func(t *testing.T) {
			l, a := officeOf12(t, proto)
			come := func(phone string) (net.Conn, bool) {
				c, err := net.Dial("tcp", l.Sockets()[0].Addr.String())
				if err != nil {
					return nil, false
				}
				t.Cleanup(func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(patience))
				if proto == "tls" {
					c = tls.Client(c, &tls.Config{RootCAs: a.pool, ServerName: "example.org"})
				}
				text := request("bind "+phone+" ", "")
				if _, err = c.Write([]byte(text)); err == nil {
					_, err = io.ReadFull(c, make([]byte, len(text)))
				}
				return c, err == nil
			}
			phones := strings.Fields("a b c d e f g h i j k")
			for _, phone := range phones {
				if _, ok := come(phone); !ok {
					t.Fatalf("%s is not in", phone)
				}
			}
			var back []net.Conn
			for _, phone := range phones {
				eventually(t, phone+" is back", func() bool {
					c, ok := come(phone)
					if ok {
						back = append(back, c)
					}
					return ok
				})
			}
			for _, c := range back {
				text := request("still there", "")
				write(t, c, text)
				expect(t, c, text)
			}
		})
	}
}

// TestDoubtAfar: where a registrar behind us knows the bindings, silence alone says that a connection is dead.
func TestDoubtAfar(t *testing.T) {
	for _, known := range []bool{false, true} {
		cfg := Config{MaxConnsPerSource: 4}
		if known {
			cfg.Bound = func(func(Flow)) {}
		}
		l := open(t, cfg, &handler{receive: func(w *Worker, msg []byte, from Flow) {
			w.l.ProveAfar(from, msg[len("MESSAGE sip:"):len("MESSAGE sip:")+1])
			echo(w, msg, from)
		}}, "tcp:127.0.0.1:0")
		var all []net.Conn
		for _, text := range strings.Fields("a a b c") {
			all = append(all, dial(t, l, 0))
			say(t, all[len(all)-1], text)
		}
		expectRefused(t, l, 0)
		l.conns.byFlow(Flow{Conn: 1}).heard.Store(-int64(keepAlive) - 1)
		say(t, dial(t, l, 0), "d")
		expectEnd(t, all[0])
	}
}

// TestDoubtIsNoEnd: of one user's connections from the same source those stay, in a full share too,
// that a binding names, over which something has come since, or by which something goes.
func TestDoubtIsNoEnd(t *testing.T) {
	l, _ := officeOf12(t, "tcp")
	desk, old, soft := dial(t, l, 0), dial(t, l, 0), dial(t, l, 0)
	say(t, desk, "bind a-desk ")
	say(t, old, "bind a-mobile ")
	say(t, soft, "bind a-soft ")
	mobile := dial(t, l, 0)
	say(t, mobile, "bind a-mobile ")
	say(t, dial(t, l, 0), "bind a-soft ") // which has a second connection, and uses both
	say(t, soft, "call ")
	others := []net.Conn{desk, soft, mobile}
	for _, phone := range strings.Fields("b c d e f g h") {
		others = append(others, dial(t, l, 0))
		say(t, others[len(others)-1], "bind "+phone+" ")
	}
	say(t, dial(t, l, 0), "bind i ")
	expectEnd(t, old)
	expectRefused(t, l, 0)
	for _, c := range others {
		say(t, c, "still there")
	}
	l.conns.mu.Lock()
	for _, c := range l.conns.byID {
		if c.flow.Remote == localPort(desk) {
			c.heard.Store(-int64(keepAlive) - 1)
		}
	}
	l.conns.mu.Unlock()
	say(t, dial(t, l, 0), "bind j ")
	expectEnd(t, desk)
}
