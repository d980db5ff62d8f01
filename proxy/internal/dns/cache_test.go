package dns

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var someAddr = Answer{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}

// TestHowLongAnswersStay: the TTL of the record within the bounds, a failure for a moment,
// and the old answer while no server answers.
func TestHowLongAnswersStay(t *testing.T) {
	q := question{"gw.example.org", A}
	failed := fmt.Errorf("looking up: %w", ErrNoServer)
	for _, c := range []struct {
		name  string
		ttl   time.Duration
		err   error
		stays time.Duration
	}{
		{"its TTL", 5 * time.Minute, nil, 5 * time.Minute},
		{"at least MinTTL", 0, nil, 5 * time.Second},
		{"at most MaxTTL", 1000 * time.Hour, nil, time.Hour},
		{"what does not exist, as the SOA says", 3 * time.Second, ErrNoName, 3 * time.Second},
		{"at most NegativeTTL", time.Hour, ErrNoRecord, 10 * time.Second},
		{"a failure", 0, failed, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			cl := New(Config{})
			a := Answer{Until: time.Now().Add(c.ttl)}
			if c.err == nil {
				a.Addrs = someAddr.Addrs
			}
			cl.mu.Lock()
			_, _ = cl.store(q, a, c.err)
			cl.mu.Unlock()
			time.Sleep(c.stays - time.Millisecond)
			if _, err, ok := cl.Cached("gw.example.org", A); !ok || !errors.Is(err, c.err) {
				t.Errorf("%s: gone too early (%v)", c.name, err)
			}
			time.Sleep(2 * time.Millisecond)
			if _, _, ok := cl.Cached("gw.example.org", A); ok {
				t.Errorf("%s: still there", c.name)
			}
		})
	}
}

// TestStale: an answer that has ended serves on while the servers fail, for StaleTTL, and
// not when they say that the name is gone.
func TestStale(t *testing.T) {
	q := question{"gw.example.org", A}
	failed := fmt.Errorf("looking up: %w", ErrNoServer)
	for _, c := range []struct {
		name  string
		after time.Duration
		err   error
		want  string
	}{
		{"dead servers", 30 * time.Minute, failed, "192.0.2.1"},
		{"dead servers for too long", 2 * time.Hour, failed, ""},
		{"the name is gone", time.Minute, ErrNoName, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			cl := New(Config{})
			a := someAddr
			a.Until = time.Now().Add(10 * time.Second)
			cl.mu.Lock()
			defer cl.mu.Unlock()
			_, _ = cl.store(q, a, nil)
			time.Sleep(c.after)
			got, err := cl.store(q, Answer{}, c.err)
			if text(got) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s: %q, %v", c.name, text(got), err)
			}
		})
	}
}

// TestCacheIsBounded: names without end do not fill the memory, and what has ended goes
// first.
func TestCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{MaxEntries: 10})
		c.mu.Lock()
		for i := range 1000 {
			a := someAddr
			a.Until = time.Now().Add(time.Hour)
			_, _ = c.store(question{fmt.Sprint("host-", i), A}, a, nil)
		}
		c.mu.Unlock()
		if n := c.Size(); n != 10 {
			t.Errorf("%d entries", n)
		}
		time.Sleep(2 * time.Hour)
		c.mu.Lock()
		_, _ = c.store(question{"new", A}, someAddr, nil)
		c.mu.Unlock()
		if n := c.Size(); n != 1 {
			t.Errorf("%d entries after all have ended", n)
		}
		c.Flush()
		if n := c.Size(); n != 0 {
			t.Errorf("%d entries after Flush", n)
		}
	})
}

// TestNoCache keeps nothing.
func TestNoCache(t *testing.T) {
	c := New(Config{NoCache: true})
	c.mu.Lock()
	_, _ = c.store(question{"gw", A}, someAddr, nil)
	c.mu.Unlock()
	if n := c.Size(); n != 0 {
		t.Errorf("%d entries", n)
	}
}
