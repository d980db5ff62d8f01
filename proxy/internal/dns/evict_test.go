package dns

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhatIsNotThereGoesFirst: names that do not exist, however fast they are asked for and
// however long that could serve on, drive out no record, and each other only when nobody
// has asked for them for the longest time.
func TestWhatIsNotThereGoesFirst(t *testing.T) {
	for _, c := range []struct {
		name  string
		typ   Type
		err   error
		pause time.Duration
	}{
		{"SRV, slowly", SRV, ErrNoName, time.Second},
		{"SRV, at once", SRV, ErrNoName, 0},
		{"NAPTR", NAPTR, ErrNoRecord, time.Second},
		{"addresses", A, ErrNoName, 0},
		{"failures", SRV, fmt.Errorf("looking up: %w", ErrNoServer), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			cl := New(Config{MaxEntries: 32})
			put := func(q question, a Answer, err error) {
				cl.mu.Lock()
				a.Until = time.Now().Add(5 * time.Minute)
				_, _ = cl.store(q, a, err)
				cl.mu.Unlock()
			}
			srv := question{"_sip._udp.gw.example.org", SRV}
			put(srv, Answer{Services: []Service{{1, 1, 5080, "real.example.org"}}}, nil)
			put(question{"real.example.org", A}, someAddr, nil)
			time.Sleep(time.Second)
			for i := range 200 {
				put(question{fmt.Sprint("host-", i), c.typ}, Answer{}, c.err)
				time.Sleep(c.pause)
			}
			cl.mu.Lock()
			defer cl.mu.Unlock()
			for _, q := range []question{srv, {"real.example.org", A}, {"host-199", c.typ}} {
				if cl.entries[q] == nil {
					t.Errorf("%s: %v is gone", c.name, q)
				}
			}
			if n := len(cl.entries); n > 32 || cl.entries[question{"host-0", c.typ}] != nil {
				t.Errorf("%s: %d entries, the first one: %v", c.name, n, cl.entries[question{"host-0", c.typ}])
			}
		})
	}
}

// TestThatThereIsNothingStaysAWhile: it is worth more than what nobody could tell as long as
// it holds, and no more after that.
func TestThatThereIsNothingStaysAWhile(t *testing.T) {
	for after, want := range map[time.Duration]bool{time.Second: true, 11 * time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			cl := New(Config{MaxEntries: 32})
			put := func(name string, err error) {
				cl.mu.Lock()
				_, _ = cl.store(question{name, SRV}, Answer{Until: time.Now().Add(time.Minute)}, err)
				cl.mu.Unlock()
			}
			put("_sip._udp.plain.example.org", ErrNoRecord)
			time.Sleep(after)
			for i := range 32 {
				put(fmt.Sprint("host-", i), fmt.Errorf("looking up: %w", ErrNoServer))
			}
			cl.mu.Lock()
			defer cl.mu.Unlock()
			if got := cl.entries[question{"_sip._udp.plain.example.org", SRV}] != nil; got != want {
				t.Errorf("after %v: still there: %v", after, got)
			}
		})
	}
}

// waiting is a Dial that nobody gets through until hold is closed.
func waiting(hold chan struct{}) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		<-hold
		return nil, net.ErrClosed
	}
}

// TestNothingAheadInACrowd: a question that may prove to be needless does not take the place
// of one that somebody waits for.
func TestNothingAheadInACrowd(t *testing.T) {
	for busy, want := range map[int]int{0: 1, 4: 5, 5: 5} {
		synctest.Test(t, func(t *testing.T) {
			hold := make(chan struct{})
			c := New(Config{MaxLookups: 8, Servers: []string{"server.invalid:53"}, Dial: waiting(hold)})
			for i := range busy {
				go func() { _, _ = c.Lookup(t.Context(), fmt.Sprintf("h%d.example.org", i), A) }()
			}
			synctest.Wait()
			c.Ahead("_sip._udp.gw.example.org", SRV)
			c.mu.Lock()
			if n := len(c.pending); n != want {
				t.Errorf("with %d under way: %d after it", busy, n)
			}
			c.mu.Unlock()
			close(hold)
		})
	}
}
