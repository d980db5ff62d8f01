// Package seldom keeps lines out of the log that strangers could cause any number of times.
package seldom

import (
	"sync"
	"time"
)

// Gate lets a few through in a period. The zero value is ready, for any number of goroutines.
type Gate struct {
	mu    sync.Mutex
	since time.Time // when the period began
	n     int       // how many it has let through since then
}

// Pass reports whether less than most were let through in this period, and if so counts this
// one as let through. A period begins with the first that comes after the end of the last one,
// or after the clock was set back.
func (g *Gate) Pass(now time.Time, period time.Duration, most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone := now.Sub(g.since); g.since.IsZero() || gone < 0 || gone >= period {
		g.since, g.n = now, 0
	}
	if g.n >= most {
		return false
	}
	g.n++
	return true
}
