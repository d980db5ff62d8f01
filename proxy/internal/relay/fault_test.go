package relay

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is a log that a test can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range parts {
		if !strings.Contains(l.buf.String(), p) {
			return false
		}
	}
	return true
}

func (l *logged) config(c *Config) { c.Log = slog.New(slog.NewTextHandler(l, nil)) }

// panicker is an accountant with a fault in it.
type panicker struct{ callID string }

func (p *panicker) Ended(c *Call, _ int, _ []byte) {
	if c.callID() == p.callID {
		p.callID = ""
		panic("a fault in the accounts")
	}
}
func (p *panicker) Refused(*Request, int, []byte) {}

// TestPanicInTimer: a fault on the timers' goroutine costs the call that met it; the log
// tells which, its caller is answered, others go on, and nothing is left.
func TestPanicInTimer(t *testing.T) {
	t.Parallel()
	log := &logged{}
	b, alice, phones := setup(t, 1, fast, log.config, func(c *Config) { c.Accountant = &panicker{"unlucky"} })
	alice.invite("unlucky") // silent: Timer B ends it, on the timers' goroutine
	phones[0].expect("INVITE")
	alice.expectWithin(5*time.Second, "SIP/2.0 500")
	alice.ack("unlucky")
	eventually(t, "the log does not tell", func() bool {
		return log.has("panic in a timer", "call_id=unlucky", "a fault in the accounts", "fault_test.go")
	})
	alice.invite("lucky")
	alice.expectWithin(5*time.Second, "SIP/2.0 408")
	alice.ack("lucky")
	b.empty()
}

// TestPanicInFailureRoute: the route is at its end, and the best reply goes up, on a
// worker and on a goroutine of the timers'.
func TestPanicInFailureRoute(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"refused": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			log := &logged{}
			b, alice, phones := withFailure(t, func([]*phone, *Request) { panic("a fault in the route") }, log.config)
			alice.invite("route")
			inv := phones[0].expect("INVITE")
			want := "SIP/2.0 408"
			if !silent {
				phones[0].answer(inv, 486, "x")
				want = "SIP/2.0 486"
			}
			alice.expectWithin(5*time.Second, want)
			alice.ack("route")
			eventually(t, "the log does not tell", func() bool { return log.has("panic in failure route", "call_id=route", "a fault in the route") })
			b.empty()
		})
	}
}

// TestPanicOfABrokenConnection: so for the goroutine that tells of a connection's end.
func TestPanicOfABrokenConnection(t *testing.T) {
	t.Parallel()
	log := &logged{}
	b, alice, _ := prepare(t, 0, fast, log.config, func(c *Config) { c.Accountant = &panicker{"broken"} })
	to, accept := b.listener()
	b.hooks.request = toStream(to)
	b.start()
	alice.invite("broken")
	bob := accept()
	bob.answer(bob.expect("INVITE"), 180, "bt")
	alice.expect("SIP/2.0 180")
	_ = bob.conn.Close()
	alice.expect("SIP/2.0 500")
	alice.ack("broken")
	eventually(t, "the log does not tell", func() bool { return log.has("panic in a timer", "call_id=broken") })
	b.empty()
}

// faulty is a script that panics once the request is in the table.
func faulty(t *testing.T, r *Request) {
	defer func() {
		_ = recover() // as the daemon's guard does
		r.Engine.Faulted(r.worker)
	}()
	if err := r.NewTransaction(); err != nil {
		t.Error(err)
	}
	panic("a fault in the script")
}

// TestFaulted: what a panic on a worker cut short is answered, and its transaction ends.
func TestFaulted(t *testing.T) {
	t.Parallel()
	b, alice, _ := prepare(t, 0, fast)
	b.hooks.request = func(r *Request) { faulty(t, r) }
	b.start()
	alice.invite("cut")
	alice.expect("SIP/2.0 500")
	alice.ack("cut")
	b.empty()
}

// TestIdleMemoryIsGivenBack: after a peak the free lists shrink, to what stays in any case,
// and not while what lies in them is needed again.
func TestIdleMemoryIsGivenBack(t *testing.T) {
	b, _, _ := setup(t, 0)
	e := b.engine
	const peak = 10_000
	for range peak {
		e.calls.Give(&Call{})
		e.branches.Give(&Branch{})
		e.cancels.Give(&cancel{})
		e.starts.Give(&beginning{})
	}
	e.trim() // what was free at its begin only
	for range 3 {
		e.calls.Give(e.takeCall()) // the load of the moment
		e.trim()
	}
	if n := e.calls.Idle(); n >= peak/4 || n < keepIdle {
		t.Errorf("%d calls lie idle after four rounds", n)
	}
	for range 40 {
		e.trim()
	}
	for what, n := range map[string]int{"calls": e.calls.Idle(), "branches": e.branches.Idle(), "CANCELs": e.cancels.Idle(), "beginnings": e.starts.Idle()} {
		if n != keepIdle {
			t.Errorf("%d %s lie idle, want %d", n, what, keepIdle)
		}
	}
}
