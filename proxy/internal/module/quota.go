package module

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"seraph/proxy/internal/transport"
)

// quotaSlots is how many counters a Quota has.
const quotaSlots = 1 << 15

// Quota bounds what somebody can do who has not shown who he is. It counts by a key, in
// fixed memory (512 KiB), however many keys there are: two that fall on one counter share
// it, and which ones do nobody outside can know.
type Quota struct {
	most   int
	period time.Duration
	seed   maphash.Seed

	mu    sync.Mutex
	slots []quotaWindow
}

// quotaWindow counts since its begin.
type quotaWindow struct {
	begin int64 // Unix seconds
	count int
}

// NewQuota makes a quota of most in a period of a second at least.
func NewQuota(most int, period time.Duration) *Quota {
	return &Quota{most: most, period: period, seed: maphash.MakeSeed(), slots: make([]quotaWindow, quotaSlots)}
}

// Take counts one more; false, and not counted, if that is too many.
func (q *Quota) Take(key []byte, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.window(key, now)
	if w.count >= q.most {
		return false
	}
	w.count++
	return true
}

// Give takes one back that Take has counted.
func (q *Quota) Give(key []byte, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.window(key, now); w.count > 0 {
		w.count--
	}
}

// window finds the counter of a key and begins it again if its period is over, or the
// clock was set back.
func (q *Quota) window(key []byte, now time.Time) *quotaWindow {
	w := &q.slots[maphash.Bytes(q.seed, key)%quotaSlots]
	if at := now.Unix(); at-w.begin >= int64(q.period/time.Second) || at < w.begin {
		*w = quotaWindow{begin: at}
	}
	return w
}

// QuotaKey is the key by which a source counts: its address, or of an IPv6 address the
// first 64 bits, which one household has.
func QuotaKey(a netip.Addr) [16]byte {
	if !a.IsValid() {
		return netip.IPv6Unspecified().As16()
	}
	return transport.SourceOf(a).As16()
}
