package relay

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// ledger notes what the accountant is told.
type ledger struct {
	mu    sync.Mutex
	lines []string
}

func (l *ledger) Ended(c *Call, status int, reply []byte) {
	line := fmt.Sprintf("%s %d callee=%s relayed=%v elsewhere=%v request=%v reply=%v", c.Method(), status, c.Callee(), c.Relayed(), c.Elsewhere(), len(c.Request()) > 0, len(reply) > 0)
	if noted := c.Noted(); noted != nil {
		line += " noted=" + string(noted)
	}
	l.note(line)
	if c.Method() == sip.INVITE && c.Noted() == nil {
		c.Note(fmt.Appendf(nil, "%s %d", c.Method(), status))
	}
}

func (l *ledger) Refused(r *Request, status int, reply []byte) {
	l.note(fmt.Sprintf("%s %d callee=%s stateless reply=%v", r.Msg.Method, status, r.Callee, len(reply) > 0))
}

func (l *ledger) note(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *ledger) want(t *testing.T, lines ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if fmt.Sprint(l.lines) != fmt.Sprint(lines) {
		t.Errorf("the accountant was told\n%q, want\n%q", l.lines, lines)
	}
}

// accounted is setup with a ledger; the script has looked bob up.
func accounted(t *testing.T, callees int, change ...func(*Config)) (*bench, *ledger, *phone, []*phone) {
	t.Helper()
	var phones []*phone
	route := toPhones(&phones)
	b := newBench(t, &hooks{request: func(r *Request) {
		r.Callee = r.Keep([]byte("bob@example.org"))
		route(r)
	}}, change...)
	l := &ledger{}
	b.engine.cfg.Accountant = l
	for range callees {
		phones = append(phones, b.phone())
	}
	b.start()
	return b, l, b.phone(), phones
}

// TestAccountantHearsEnds: once for a forked call, with what was asked and answered.
func TestAccountantHearsEnds(t *testing.T) {
	_, l, alice, phones := accounted(t, 2)
	alice.request("INVITE", "sip:bob@example.org", "busy", 1, "inv", "")
	phones[0].answer(phones[0].expect("INVITE"), 486, "b0")
	phones[1].answer(phones[1].expect("INVITE"), 603, "b1")
	alice.expect("SIP/2.0 603")
	l.want(t, "INVITE 603 callee=bob@example.org relayed=true elsewhere=false request=true reply=true")
}

// TestAccountantHearsEachAnswerOnce: each answer of a forked call that makes a dialog is told, and not once
// more when it is repeated; of the others the accountant has what it has noted with the first one. So many
// are told as there may be dialogs.
func TestAccountantHearsEachAnswerOnce(t *testing.T) {
	_, l, alice, phones := accounted(t, 2)
	alice.request("INVITE", "sip:bob@example.org", "twice", 1, "inv", "")
	first, second := phones[0].expect("INVITE"), phones[1].expect("INVITE")
	phones[0].answer(first, 200, "b0")
	alice.expect("SIP/2.0 200")
	phones[1].answer(second, 200, "b1")
	alice.expect("SIP/2.0 200")
	want := []string{"INVITE 200 callee=bob@example.org relayed=true elsewhere=false request=true reply=true"}
	more := "INVITE 200 callee=bob@example.org relayed=true elsewhere=false request=false reply=true noted=INVITE 200"
	for range 2 {
		phones[0].answer(first, 200, "b0")
		alice.expect("SIP/2.0 200")
		phones[1].answer(second, 200, "b1")
		alice.expect("SIP/2.0 200")
	}
	l.want(t, append(want, more)...)
	for i := range maxTags {
		phones[1].answer(second, 200, fmt.Sprint("c", i))
		alice.expect("SIP/2.0 200")
	}
	for range maxTags - 1 {
		want = append(want, more)
	}
	l.want(t, want...)
}

// TestAccountantHearsWhyGivenUp: the caller's Reason tells whether another phone took
// the call.
func TestAccountantHearsWhyGivenUp(t *testing.T) {
	for line, elsewhere := range map[string]bool{
		`Reason: SIP;cause=200;text="Call completed elsewhere"`: true,
		`Reason: Q.850;cause=26, sip ; text="x" ; cause=200`:    true,
		`Reason: SIP ;cause=2000`:                               false,
		"Reason: Q.850;cause=26,\r\n SIP\r\n\t;cause=200":       true,
		`Reason: Q.850;cause=200`:                               false,
		`Reason: Q.850;cause=200, SIP;cause=487`:                false,
		`Reason: SIP;text="a, SIP;cause=200"`:                   false,
		`Reason: SIP;text="SIP;cause=200`:                       false,
		`Reason: SIP;cause=487`:                                 false,
		`Subject: cause=200`:                                    false,
	} {
		_, l, alice, phones := accounted(t, 1)
		alice.request("INVITE", "sip:bob@example.org", "given-up", 1, "inv", "")
		invite := phones[0].expect("INVITE")
		phones[0].answer(invite, 180, "b")
		alice.expect("SIP/2.0 180")
		alice.request("CANCEL", "sip:bob@example.org", "given-up", 1, "inv", "", line)
		phones[0].answer(phones[0].expect("CANCEL"), 200, "b")
		phones[0].answer(invite, 487, "b")
		alice.expect("SIP/2.0 487")
		l.want(t, fmt.Sprintf("INVITE 487 callee=bob@example.org relayed=true elsewhere=%v request=true reply=true", elsewhere))
	}
}

// TestAccountantHearsRefusals: with a transaction and without one.
func TestAccountantHearsRefusals(t *testing.T) {
	var stateful atomic.Bool
	b := newBench(t, &hooks{request: func(r *Request) {
		r.Callee = r.Keep([]byte("bob@example.org"))
		if stateful.Load() {
			_ = r.NewTransaction()
		}
		_ = r.Reply(&sip.Reply{Status: 480})
	}})
	l := &ledger{}
	b.engine.cfg.Accountant = l
	b.start()
	alice := b.phone()
	alice.request("INVITE", "sip:bob@example.org", "1", 1, "i1", "")
	alice.expect("SIP/2.0 480")
	alice.request("MESSAGE", "sip:bob@example.org", "2", 1, "m1", "")
	alice.expect("SIP/2.0 480")
	stateful.Store(true)
	alice.request("INVITE", "sip:bob@example.org", "3", 1, "i2", "")
	alice.expect("SIP/2.0 480")
	l.want(t, "INVITE 480 callee=bob@example.org stateless reply=true",
		"INVITE 480 callee=bob@example.org relayed=false elsewhere=false request=true reply=true")
}

// TestRingsTooLong: a phone that confirms our CANCEL with 487 has not been given up by
// the caller: it rang too long, and the caller gets 408 (RFC 3261 §16.8).
func TestRingsTooLong(t *testing.T) {
	t.Parallel()
	_, l, alice, phones := accounted(t, 1, func(c *Config) { c.TimerC = 200 * time.Millisecond })
	alice.request("INVITE", "sip:bob@example.org", "long", 1, "inv", "")
	invite := phones[0].expect("INVITE")
	phones[0].answer(invite, 180, "b")
	phones[0].answer(phones[0].expect("CANCEL"), 200, "b")
	phones[0].answer(invite, 487, "b")
	alice.expect("SIP/2.0 408")
	l.want(t, "INVITE 408 callee=bob@example.org relayed=true elsewhere=false request=true reply=true")
}
