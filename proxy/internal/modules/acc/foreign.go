package acc

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// foreignSlots is how many counters there are for sources, and as many for callees.
// Two that fall on one slot share it: which ones do nobody outside can know.
const foreignSlots = 1 << 15

// foreign bounds the missed calls that callers can make who have not shown who they
// are. Its memory is fixed, whoever calls whom.
type foreign struct {
	perSource, perCallee int
	period               time.Duration

	mu               sync.Mutex
	sources, callees []window
	told             time.Time // when it was logged
}

// window counts since its begin.
type window struct {
	begin int64 // Unix seconds
	count int
}

func (f *foreign) init(s *settings) {
	f.perSource, f.perCallee, f.period = s.foreignPerSource, s.foreignPerCallee, s.foreignPeriod
	f.sources, f.callees = make([]window, foreignSlots), make([]window, foreignSlots)
}

// take counts one more missed call; false if that is too many, and tell if it is the
// first one for a period.
func (f *foreign) take(seed maphash.Seed, e *ending) (ok, tell bool) {
	from := network(e.source).As16()
	source := maphash.Bytes(seed, from[:]) % foreignSlots
	callee := maphash.Bytes(seed, e.callee) % foreignSlots
	f.mu.Lock()
	defer f.mu.Unlock()
	a, b := &f.sources[source], &f.callees[callee]
	a.renew(e.now, f.period)
	b.renew(e.now, f.period)
	if a.count < f.perSource && b.count < f.perCallee {
		a.count++
		b.count++
		return true, false
	}
	if tell = e.now.Sub(f.told) >= f.period; tell {
		f.told = e.now
	}
	return false, tell
}

// renew begins the window again if it is over.
func (w *window) renew(now time.Time, period time.Duration) {
	if at := now.Unix(); at-w.begin >= int64(period/time.Second) || at < w.begin {
		*w = window{begin: at}
	}
}

// network is the address by which a source counts: of an IPv6 address the first 64
// bits.
func network(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	if !a.IsValid() {
		return netip.IPv6Unspecified()
	}
	return a
}
