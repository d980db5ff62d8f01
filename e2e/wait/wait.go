// Package wait lets a test wait for a condition with a deadline, instead of for a time.
package wait

import (
	"fmt"
	"testing"
	"time"
)

// step is how often a condition is looked at again. Short beside every deadline
// of the tests, long beside the cost of a look.
const step = 10 * time.Millisecond

// Until looks at ok until it is true; it reports whether that was so within the
// deadline. ok is looked at once more when the deadline has passed.
func Until(within time.Duration, ok func() bool) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return ok()
		}
	}
	return true
}

// For fails the test at once unless check returns nil within the deadline. The
// last error of check is in the message, after what was waited for.
func For(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	last := fmt.Errorf("never looked")
	if !Until(within, func() bool { last = check(); return last == nil }) {
		t.Fatalf("%s: not within %v: %v", what, within, last)
	}
}

// Never fails the test if bad returns an error while the time runs. It is the one
// helper that always takes its whole time, so give it a short one.
func Never(t testing.TB, during time.Duration, what string, bad func() error) {
	t.Helper()
	var seen error
	if Until(during, func() bool { seen = bad(); return seen != nil }) {
		t.Fatalf("%s: %v", what, seen)
	}
}
