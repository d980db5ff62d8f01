package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Hop is one place where a request can be sent: what RFC 3263 finds.
type Hop struct {
	Proto Proto
	Addr  netip.AddrPort
}

// blockList remembers for a short time which places failed, as Kamailio's
// dst_blocklist does. A place on it is tried after the others of its service, and not
// left out: what is said about it may have changed, and a stranger can only reorder.
type blockList struct {
	life time.Duration
	most int
	n    atomic.Int32 // of until, for those who only look

	mu    sync.Mutex
	until map[Hop]time.Time
}

// Block notes that a place failed: no answer, no connection, or 503.
func (r *Resolver) Block(h Hop) { r.blocked.add(h, time.Now()) }

// Blocked reports whether a place failed a short time ago.
func (r *Resolver) Blocked(h Hop) bool {
	b := &r.blocked
	if b.n.Load() == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	until, ok := b.until[h]
	return ok && time.Now().Before(until)
}

func (b *blockList) add(h Hop, now time.Time) {
	if b.life <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, had := b.until[h]; !had && len(b.until) >= b.most {
		b.evict(now)
	}
	b.until[h] = now.Add(b.life)
	b.n.Store(int32(len(b.until)))
}

// evict makes room: what has ended goes, and if nothing has, whatever the map shows first.
func (b *blockList) evict(now time.Time) {
	for h, until := range b.until {
		if now.After(until) {
			delete(b.until, h)
		}
	}
	for h := range b.until {
		if len(b.until) < b.most {
			return
		}
		delete(b.until, h)
	}
}
