package msilo

import (
	"net/netip"
	"sync"
	"time"
)

// maxSources bounds the sources that are counted at once; with all of them busy,
// nothing is stored for one more.
const maxSources = 10000

// quota counts what is stored for strangers by the address that it came from; of an
// IPv6 address the first 64 bits count.
type quota struct {
	most   int
	period time.Duration

	mu      sync.Mutex
	sources map[netip.Addr]window
	pruned  time.Time
}

// window is what came since its begin.
type window struct {
	begin time.Time
	count int
}

// take counts one more; false if that is too many.
func (q *quota) take(source netip.Addr, now time.Time) bool {
	source = source.WithZone("")
	if source.Is6() && !source.Is4In6() {
		if p, err := source.Prefix(64); err == nil {
			source = p.Addr()
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sources == nil {
		q.sources = map[netip.Addr]window{}
	}
	w, known := q.sources[source]
	if now.Sub(w.begin) >= q.period {
		if !known && len(q.sources) >= maxSources && !q.prune(now) {
			return false
		}
		w = window{begin: now}
	}
	if w.count >= q.most {
		return false
	}
	w.count++
	q.sources[source] = w
	return true
}

// prune forgets windows that are over, once a second at most, and reports whether
// there is room now.
func (q *quota) prune(now time.Time) bool {
	if now.Sub(q.pruned) < time.Second {
		return false
	}
	q.pruned = now
	for source, w := range q.sources {
		if now.Sub(w.begin) >= q.period {
			delete(q.sources, source)
		}
	}
	return len(q.sources) < maxSources
}
