package acc

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// maxSeen bounds the calls that are remembered; beyond it the oldest is
// forgotten.
const maxSeen = 1 << 16

// unroutedLife is how long a call that has not got our Route is remembered, at most.
const unroutedLife = 7 * 24 * time.Hour

// dialog is the key of a dialog, whichever of its ends names it.
func (s *seen) dialog(callID, fromTag, toTag []byte) uint64 {
	if bytes.Compare(fromTag, toTag) > 0 {
		fromTag, toTag = toTag, fromTag
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, part := range [...][]byte{callID, fromTag, toTag} {
		_, _ = h.Write(part)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// keyOf is what makes a missed call the same one: Call-ID, From tag and callee.
func (s *seen) keyOf(e *ending) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.Write(e.request.CallID())
	_ = h.WriteByte(0)
	if from, err := e.request.From(); err == nil {
		_, _ = h.Write(from.Tag)
	}
	_ = h.WriteByte(0)
	_, _ = h.Write(e.callee)
	return h.Sum64()
}

// seen remembers calls for a while: those that were missed, so that a repeated refusal makes no second row, or
// those that have not got our Route.
type seen struct {
	seed maphash.Seed
	size atomic.Int32

	mu    sync.Mutex
	calls map[uint64]seenCall
	order []uint64 // by time, oldest first, from head on
	head  int
}

// seenCall is a call that is remembered.
type seenCall struct {
	until  time.Time
	taken  bool // see take
	proven bool // a pass of it was whose caller has shown who he is, see note
	bare   bool // it has no rows, see forgo
}

// news is what a pass of a call tells.
type news byte

const (
	newsNone   news = iota
	newsCall        // a call that was not noted
	newsCaller      // who has made it, which no pass has shown before
)

// note remembers a call that was missed, and that a pass of it is its caller's who has shown who he is.
func (s *seen) note(key uint64, now time.Time, life time.Duration, proven bool) news {
	s.mu.Lock()
	defer s.mu.Unlock()
	tells := newsNone
	if s.add(key, now, life) {
		tells = newsCall
	}
	call := s.calls[key]
	if !proven || call.proven {
		return tells
	}
	if tells == newsNone {
		tells = newsCaller
	}
	if call.bare {
		tells = newsCall
	}
	call.proven, call.bare = true, false
	s.calls[key] = call
	return tells
}

// forgo says that a call has got no rows.
func (s *seen) forgo(key uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if call, known := s.calls[key]; known && !call.proven {
		call.bare = true
		s.calls[key] = call
	}
}

// first reports whether the call is a new one, and remembers it.
func (s *seen) first(key uint64, now time.Time, life time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(key, now, life)
}

// add is first with the lock held.
func (s *seen) add(key uint64, now time.Time, life time.Duration) bool {
	s.expire(now)
	if _, known := s.calls[key]; known {
		return false
	}
	if s.calls == nil {
		s.calls = map[uint64]seenCall{}
	}
	if len(s.calls) >= maxSeen {
		s.drop()
	}
	s.calls[key] = seenCall{until: now.Add(life)}
	s.order = append(s.order, key)
	s.size.Store(int32(len(s.calls)))
	return true
}

// any reports whether anything is remembered, without the lock.
func (s *seen) any() bool { return s.size.Load() > 0 }

// has reports whether the call is remembered.
func (s *seen) has(key uint64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	_, known := s.calls[key]
	return known
}

// take reports whether the call is remembered and was not taken before.
func (s *seen) take(key uint64, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	call, known := s.calls[key]
	if !known || call.taken {
		return false
	}
	call.taken = true
	s.calls[key] = call
	return true
}

func (s *seen) expire(now time.Time) {
	for s.head < len(s.order) && !s.calls[s.order[s.head]].until.After(now) {
		s.drop()
	}
	s.size.Store(int32(len(s.calls)))
}

// drop forgets the oldest.
func (s *seen) drop() {
	delete(s.calls, s.order[s.head])
	s.head++
	if s.head*2 > len(s.order) {
		s.order = s.order[:copy(s.order, s.order[s.head:])]
		s.head = 0
	}
}
