package peer

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/e2e/wait"
)

// Match selects messages; Name is for the failure's text.
type Match struct {
	Name string
	OK   func(*Message) bool
}

// Request matches requests of a method.
func Request(method string) Match {
	return Match{method, func(m *Message) bool { return m.IsRequest() && m.Method() == method }}
}

// Response matches responses with the status to requests of the method.
func Response(status int, method string) Match {
	return Match{fmt.Sprintf("%d to %s", status, method), func(m *Message) bool {
		return !m.IsRequest() && m.Status() == status && m.Method() == method
	}}
}

// Final matches any final response to requests of the method.
func Final(method string) Match {
	return Match{"final response to " + method, func(m *Message) bool {
		return !m.IsRequest() && m.Status() >= 200 && m.Method() == method
	}}
}

// Of narrows a match to one call.
func (w Match) Of(callID string) Match {
	return Match{w.Name + " of call " + callID, func(m *Message) bool { return m.CallID() == callID && w.OK(m) }}
}

// With narrows a match by a CSeq number.
func (w Match) With(cseq int) Match {
	return Match{fmt.Sprintf("%s with CSeq %d", w.Name, cseq), func(m *Message) bool {
		n, _ := m.CSeq()
		return n == cseq && w.OK(m)
	}}
}

// inbox holds what arrived: everything for the trace, and what no Expect has taken yet.
type inbox struct {
	mu      sync.Mutex
	history []*Message
	waiting []*Message
	faults  []string
}

func (b *inbox) put(m *Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history = append(b.history, m)
	b.waiting = append(b.waiting, m)
}

func (b *inbox) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// take removes and returns the oldest waiting message that matches.
func (b *inbox) take(w Match) *Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range b.waiting {
		if w.OK(m) {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			return m
		}
	}
	return nil
}

func (b *inbox) count(w Match) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, m := range b.history {
		if w.OK(m) {
			n++
		}
	}
	return n
}

// maxDescribed bounds how many messages a failure shows.
const maxDescribed = 40

func (b *inbox) describe() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	if n := len(b.history) - maxDescribed; n > 0 {
		lines = append(lines, fmt.Sprintf("(%d older messages)", n))
	}
	for _, m := range b.history[max(0, len(b.history)-maxDescribed):] {
		lines = append(lines, m.At.Format("05.000 ")+m.String())
	}
	return strings.Join(append(lines, b.faults...), "\n  ")
}

// Expect waits for a message and takes it out of the inbox; what does not match
// stays for later. It fails the test after the patience of the peer.
func (p *Peer) Expect(w Match) *Message {
	p.t.Helper()
	return p.ExpectWithin(p.Patience, w)
}

// ExpectWithin is Expect with another deadline.
func (p *Peer) ExpectWithin(d time.Duration, w Match) *Message {
	p.t.Helper()
	var got *Message
	if !wait.Until(d, func() bool { got = p.in.take(w); return got != nil }) {
		p.t.Fatalf("%s: no %s within %v; it has seen:\n  %s", p.Name, w.Name, d, p.in.describe())
	}
	return got
}

// Within waits for a message that may not come.
func (p *Peer) Within(d time.Duration, w Match) (got *Message, ok bool) {
	ok = wait.Until(d, func() bool { got = p.in.take(w); return got != nil })
	return got, ok
}

// Quiet fails the test if a matching message arrives while the time runs, or was
// waiting already.
func (p *Peer) Quiet(during time.Duration, w Match) {
	p.t.Helper()
	wait.Never(p.t, during, p.Name+" must not see "+w.Name, func() error {
		if m := p.in.take(w); m != nil {
			return fmt.Errorf("got %s; it has seen:\n  %s", m, p.in.describe())
		}
		return nil
	})
}

// Count is how many matching messages have arrived so far, taken or not.
func (p *Peer) Count(w Match) int { return p.in.count(w) }

// History is everything that arrived, in order.
func (p *Peer) History() []*Message {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	return append([]*Message(nil), p.in.history...)
}

// faultless fails the test if something unreadable arrived.
func (p *Peer) faultless(t testing.TB) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	for _, f := range p.in.faults {
		t.Errorf("%s received something that is no SIP message: %s", p.Name, f)
	}
}
