package auth

import "sync"

// counts remembers which counts of a nonce were used (RFC 2617 §3.2.2, nc-value). It
// has a fixed number of slots; a nonce enters its slot when a request proves to be
// right with it, and leaves it when a newer nonce needs the slot. An older nonce
// that finds a newer one in its slot may have been used before: it counts as used.
type counts struct {
	slots []slot
	mask  uint32
	locks [64]sync.Mutex
}

// window is how far below the highest count one may come late.
const window = 64

// slot is what is known of one nonce.
type slot struct {
	id   uint64
	seen uint64 // bit i: the count top-i was used
	top  uint32
	next uint32    // index into recent
	last [4]uint64 // hashes of the last requests that were right
}

// verdict is what a count is.
type verdict uint8

const (
	fresh    verdict = iota
	repeated         // the very same request once more: a retransmission
	replayed         // used by another request, or too old to know
)

// init makes room for at least n nonces.
func (t *counts) init(n int) {
	size := 1
	for size < n {
		size <<= 1
	}
	t.slots, t.mask = make([]slot, size), uint32(size-1)
}

// use marks a count as used by the request with this hash, which is not 0.
func (t *counts) use(x nonce, nc uint32, request uint64) verdict {
	i := x.serial & t.mask
	mu := &t.locks[i%uint32(len(t.locks))]
	mu.Lock()
	defer mu.Unlock()
	s := &t.slots[i]
	if s.id != x.id() {
		if s.id > x.id() {
			return replayed
		}
		*s = slot{id: x.id(), seen: 1, top: nc, next: 1, last: [4]uint64{request}}
		return fresh
	}
	for _, h := range s.last {
		if h == request {
			return repeated
		}
	}
	if !s.mark(nc) {
		return replayed
	}
	s.last[s.next%uint32(len(s.last))] = request
	s.next++
	return fresh
}

// mark takes a count; false if it was used or may have been.
func (s *slot) mark(nc uint32) bool {
	if nc > s.top {
		s.seen = s.seen<<min(nc-s.top, window) | 1
		s.top = nc
		return true
	}
	late := s.top - nc
	if late >= window || s.seen>>late&1 == 1 {
		return false
	}
	s.seen |= 1 << late
	return true
}

// used reports whether use would find the count replayed.
func (t *counts) used(x nonce, nc uint32) bool {
	i := x.serial & t.mask
	mu := &t.locks[i%uint32(len(t.locks))]
	mu.Lock()
	defer mu.Unlock()
	s := t.slots[i]
	if s.id != x.id() {
		return s.id > x.id()
	}
	return !s.mark(nc)
}
