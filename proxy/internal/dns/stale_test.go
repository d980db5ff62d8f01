package dns

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"seraph/proxy/internal/dns/dnstest"
)

// TestOldAnswerIsNotWaitedFor: where an old answer serves, a dead server costs Patience and
// not its time; whoever wants to be sure waits, and the new answer counts when it is there.
func TestOldAnswerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, "gw.example.org 1 IN A 192.0.2.1", "_sip._udp.example.org 1 IN SRV 1 1 5060 gw.example.org.")
		const patience = 20 * time.Millisecond
		c := asking(t, func(c *Config) {
			c.MinTTL, c.MaxTTL, c.NegativeTTL = time.Millisecond, time.Millisecond, time.Millisecond
			c.Patience, c.Dial = patience, dnstest.Dial(s)
		}, s.Addr)
		questions := map[question]error{
			{"gw.example.org", A}: nil, {"_sip._udp.example.org", SRV}: nil,
			{"gw.example.org", SRV}: ErrNoRecord, // as good to know as a record is
		}
		for q, want := range questions {
			if _, err := c.Lookup(t.Context(), q.name, q.typ); !errors.Is(err, want) {
				t.Fatal(q, err)
			}
		}
		_, _ = c.Lookup(t.Context(), "gw.example.org", AAAA)
		hold := make(chan struct{})
		s.Mangle(func(_ string, m *wire.Msg) []*wire.Msg { <-hold; return []*wire.Msg{m} })
		s.Set("other.example.org 1 IN A 192.0.2.9", "gw.example.org 1 IN A 192.0.2.2")
		time.Sleep(5 * time.Millisecond)
		for q, want := range questions {
			for _, takes := range []time.Duration{patience, 0} { // the second one finds the question asked
				began := time.Now()
				a, err := c.Lookup(t.Context(), q.name, q.typ)
				if took := time.Since(began); !errors.Is(err, want) || errors.Is(err, ErrNoServer) || err == nil && a.empty() || took != takes {
					t.Errorf("%v: %q, %v after %v, want %v after %v", q, text(a), err, took, want, takes)
				}
				if left := time.Until(a.Until); left > oldHolds {
					t.Errorf("%v holds for %v", q, left)
				}
			}
		}
		short, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
		defer cancel()
		if a, err := c.Lookup(short, "gw.example.org", AAAA); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("that there is no address serves on: %q, %v", text(a), err)
		}
		close(hold)
		if a, err := c.LookupAnew(t.Context(), "gw.example.org", A); err != nil || text(a) != "192.0.2.2" {
			t.Errorf("new: %q, %v", text(a), err)
		}
	})
}

// TestSilence: who says that it cannot answer is not silent.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		send   reply
		silent bool
	}{
		"nothing": {func(string, *wire.Msg) []*wire.Msg { return nil }, true},
		"strays": {func(_ string, m *wire.Msg) []*wire.Msg {
			m.Id++
			flood := make([]*wire.Msg, 2*maxStrays)
			for i := range flood {
				flood[i] = m
			}
			return flood
		}, true},
		"SERVFAIL": {func(_ string, m *wire.Msg) []*wire.Msg { m.Rcode = wire.RcodeServerFailure; return []*wire.Msg{m} }, false},
		"REFUSED":  {func(_ string, m *wire.Msg) []*wire.Msg { m.Rcode = wire.RcodeRefused; return []*wire.Msg{m} }, false},
	} {
		s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1")
		s.Mangle(c.send)
		_, err := asking(t, func(c *Config) { c.Timeout = 50 * time.Millisecond }, s.Addr).Lookup(t.Context(), "gw.example.org", A)
		if !errors.Is(err, ErrNoServer) || errors.Is(err, ErrSilent) != c.silent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := asking(t, nil).Lookup(t.Context(), "gw.example.org", A); !errors.Is(err, ErrNoServer) || errors.Is(err, ErrSilent) {
		t.Errorf("nobody to ask: %v", err)
	}
}

// TestAhead: a question that was asked ahead is not asked again, and nonsense never.
func TestAhead(t *testing.T) {
	s := dnstest.New(t, "gw.example.org 300 IN A 192.0.2.1")
	c := asking(t, nil, s.Addr)
	for range 3 {
		c.Ahead("gw.example.org", A)
		c.Ahead("no..such", A)
		c.Ahead("", A)
	}
	if a, err := c.Lookup(t.Context(), "gw.example.org", A); err != nil || text(a) != "192.0.2.1" {
		t.Errorf("%q, %v", text(a), err)
	}
	c.Ahead("gw.example.org", A)
	if n := s.Questions(); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// TestWhatServesOnStays: neither names that nobody can tell, nor new ones as long as it is
// asked for, drive out an answer that has ended and serves on.
func TestWhatServesOnStays(t *testing.T) {
	failed := fmt.Errorf("looking up: %w", ErrSilent)
	for _, c := range []struct {
		name string
		err  error
		used bool
		want bool
	}{
		{"failures", failed, false, true},
		{"names, and it is in use", nil, true, true},
		{"names, and nobody wants it", nil, false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			cl := New(Config{MaxEntries: 32})
			put := func(name string, err error) {
				time.Sleep(time.Millisecond)
				cl.mu.Lock()
				a := someAddr
				a.Until = time.Now().Add(time.Minute)
				_, _ = cl.store(question{name, A}, a, err)
				cl.mu.Unlock()
			}
			put("gw.example.org", nil)
			time.Sleep(2 * time.Minute)
			for i := range 200 {
				put(fmt.Sprint("host-", i), c.err)
				if c.used && i%8 == 0 {
					cl.mu.Lock()
					if e := cl.entries[question{"gw.example.org", A}]; e != nil {
						e.used = time.Now()
					}
					cl.mu.Unlock()
				}
			}
			cl.mu.Lock()
			e := cl.entries[question{"gw.example.org", A}]
			n := len(cl.entries)
			cl.mu.Unlock()
			if n > 32 || e.serves(time.Now()) != c.want {
				t.Errorf("%s: serves on: %v, %d entries", c.name, e.serves(time.Now()), n)
			}
		})
	}
}
