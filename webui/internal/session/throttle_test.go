package session

import (
	"fmt"
	"testing"
	"time"
)

// clock is a clock that tests set.
type clock struct{ time time.Time }

func newClock() *clock                    { return &clock{time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)} }
func (c *clock) now() time.Time           { return c.time }
func (c *clock) forward(by time.Duration) { c.time = c.time.Add(by) }

var policy = ThrottlePolicy{Free: 3, First: time.Second, Cap: 8 * time.Second, Forget: time.Minute, Keys: 4}

func TestThrottleSlowsDownAndHasACap(t *testing.T) {
	c := newClock()
	th := NewThrottle(policy, c.now)
	for i := range policy.Free {
		if wait := th.Enter("alice"); wait != 0 {
			t.Fatalf("attempt %d waits %v", i+1, wait)
		}
	}
	for _, seconds := range []int{1, 2, 4, 8, 8, 8} {
		want := time.Duration(seconds) * time.Second
		if wait := th.Enter("alice"); wait != 0 {
			t.Fatalf("an attempt after its wait is told to wait %v", wait)
		}
		if wait := th.Enter("alice"); wait != want {
			t.Fatalf("wait %v, want %v", wait, want)
		}
		if wait := th.Enter("bob"); wait != 0 {
			t.Fatalf("another key waits %v", wait)
		}
		th.Clear("bob")
		c.forward(want)
	}
	c.forward(policy.Forget)
	th.Enter("alice")
	if wait := th.Enter("alice"); wait != 0 {
		t.Errorf("after a pause: wait %v", wait)
	}
}

func TestThrottleForgiveTakesBackOne(t *testing.T) {
	th := NewThrottle(policy, newClock().now)
	for range policy.Free {
		th.Enter("192.0.2.1")
	}
	th.Enter("192.0.2.1") // the fourth: has a wait
	th.Forgive("192.0.2.1")
	if wait := th.Enter("192.0.2.1"); wait != 0 {
		t.Fatalf("after Forgive: wait %v", wait)
	}
	if wait := th.Enter("192.0.2.1"); wait != time.Second {
		t.Errorf("earlier failures are forgotten: wait %v", wait)
	}
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	th := NewThrottle(policy, newClock().now)
	for i := range 100 {
		th.Enter(fmt.Sprint("key", i))
	}
	if th.Len() != policy.Keys {
		t.Errorf("%d keys, want %d", th.Len(), policy.Keys)
	}
}
