package nathelper

import "sync"

// maxSilent bounds the phones whose silence is watched at once. Beyond it, which
// happens when the network is away and not the phones, nobody more is dropped before
// others have been.
const maxSilent = 100_000

// silent are the phones that have a ping to answer. Who answers in time is here for
// as long as that takes.
type silent struct {
	mu  sync.Mutex
	set map[phoneID]silence
}

// phoneID identifies a binding: Locations says what it is.
type phoneID = [16]byte

// silence is since when a phone has answered no ping, in Unix milliseconds, and the
// last round in which it got one.
type silence struct {
	since int64
	round uint32
}

// ping notes a ping of a phone whose binding was last refreshed at modified, and
// returns for how many milliseconds it has been silent.
func (s *silent) ping(id phoneID, modified, now int64, round uint32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = map[phoneID]silence{}
	}
	e, known := s.set[id]
	switch {
	case !known && len(s.set) >= maxSilent:
		return 0
	case !known || modified >= e.since: // a REGISTER is a sign of life
		e.since = now
	}
	e.round = round
	s.set[id] = e
	return now - e.since
}

// forget notes that a phone has answered or is gone; false if nothing was expected.
func (s *silent) forget(id phoneID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.set[id]
	delete(s.set, id)
	return known
}

// sweep forgets phones that got no ping since a round: their bindings are gone.
func (s *silent) sweep(round uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.set {
		if int32(e.round-round) < 0 {
			delete(s.set, id)
		}
	}
	if len(s.set) == 0 {
		s.set = nil // a map keeps the room of its largest time
	}
}

func (s *silent) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.set)
}
