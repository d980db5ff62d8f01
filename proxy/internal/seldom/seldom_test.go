package seldom

import (
	"testing"
	"time"
)

// TestGate: so many in a period.
func TestGate(t *testing.T) {
	var one, two Gate
	now := time.Unix(1000, 0)
	for _, x := range []struct {
		at       time.Duration
		one, two bool
	}{
		{0, true, true}, {0, false, true}, {59 * time.Second, false, false}, {time.Minute, true, true}, {time.Minute, false, true},
		{time.Minute, false, false}, {time.Second, true, true},
	} {
		if got := one.Pass(now.Add(x.at), time.Minute, 1); got != x.one {
			t.Errorf("of one, after %v: %v", x.at, got)
		}
		if got := two.Pass(now.Add(x.at), time.Minute, 2); got != x.two {
			t.Errorf("of two, after %v: %v", x.at, got)
		}
	}
}
