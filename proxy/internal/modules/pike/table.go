package pike

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// ways is how many sources share a place in the table. Where all of them are taken, a newcomer
// pushes one out: so no number of senders makes the table grow.
const ways = 8

// locks guard the places, each an equal share of them.
const locks = 64

// table counts the requests of sources.
type table struct {
	seed  maphash.Seed
	sets  [][ways]source
	guard [locks]sync.Mutex
}

// source is what is known of one sender; the zero source is free.
type source struct {
	addr   netip.Addr
	unit   uint32 // when it sent last
	curr   uint32 // requests in that unit
	prev   uint32 // and in the one before
	hot    bool   // it was reported
	stream bool   // of the sender
}

// is reports whether a source is a sender's.
func (s *source) is(a sender) bool { return s.addr == a.addr && s.stream == a.stream }

// tick is a moment: the unit of time that it is in, and after how many units without a request a
// source is forgotten.
type tick struct{ unit, quiet uint32 }

// verdict is what counting a request says of its source.
type verdict uint8

const (
	calm verdict = iota
	detected
	flooding
)

func (t *table) init(sources int) {
	sets := 1
	for sets*ways < sources {
		sets <<= 1
	}
	t.seed, t.sets = maphash.MakeSeed(), make([][ways]source, sets)
}

// place returns the index of a sender's place.
func (t *table) place(a sender) uint64 {
	return maphash.Comparable(t.seed, a) % uint64(len(t.sets))
}

// count counts a request. A source floods from the request on that is one too many in its unit
// of time, and until a whole unit has passed with no more than density.
func (t *table) count(a sender, now tick, density int) verdict {
	i := t.place(a)
	mu := &t.guard[i%locks]
	mu.Lock()
	defer mu.Unlock()
	s := t.find(i, a, now)
	s.advance(now.unit)
	if s.curr < 1<<31 {
		s.curr++
	}
	switch over := s.over(density); {
	case !over:
		s.hot = false
		return calm
	case s.hot:
		return flooding
	}
	s.hot = true
	return detected
}

// advance brings the counters to the present unit.
func (s *source) advance(unit uint32) {
	switch unit - s.unit {
	case 0:
		return
	case 1:
		s.prev = s.curr
	default:
		s.prev = 0
	}
	s.curr, s.unit = 0, unit
}

func (s *source) over(density int) bool { return int(s.curr) > density || int(s.prev) > density }

// find returns a source, in the place of the least interesting one if it is new: a free or
// forgotten one, else one that does not flood, else any; of these the one that sent least, and
// longest ago.
func (t *table) find(i uint64, a sender, now tick) *source {
	set := &t.sets[i]
	worst := &set[0]
	for w := range set {
		s := &set[w]
		if s.is(a) {
			return s
		}
		if s.weight(now) < worst.weight(now) {
			worst = s
		}
	}
	*worst = source{addr: a.addr, stream: a.stream, unit: now.unit}
	return worst
}

// weight is how much a source deserves to be kept.
func (s *source) weight(now tick) uint64 {
	switch age := now.unit - s.unit; {
	case !s.addr.IsValid() || age > now.quiet:
		return 0
	case s.hot:
		return 1<<63 | uint64(now.quiet-age)
	default:
		return 1 + uint64(s.curr+s.prev)<<16 + uint64(min(now.quiet-age, 1<<15))
	}
}

// each calls yield with a copy of every source that is remembered, its counters brought to the
// present, and the units since it sent last.
func (t *table) each(now tick, yield func(s source, age uint32)) {
	for i := range t.sets {
		mu := &t.guard[i%locks]
		mu.Lock()
		set := t.sets[i]
		mu.Unlock()
		for w := range set {
			s := set[w]
			age := now.unit - s.unit
			if !s.addr.IsValid() || age > now.quiet {
				continue
			}
			s.advance(now.unit)
			yield(s, age)
		}
	}
}

// sizes counts the sources, and those of them that flood.
func (t *table) sizes(now tick, density int) (all, hot int) {
	t.each(now, func(s source, _ uint32) {
		all++
		if s.over(density) {
			hot++
		}
	})
	return all, hot
}

// remove forgets a source; false if it is not there.
func (t *table) remove(a sender) bool {
	if len(t.sets) == 0 {
		return false
	}
	i := t.place(a)
	mu := &t.guard[i%locks]
	mu.Lock()
	defer mu.Unlock()
	for w := range t.sets[i] {
		if s := &t.sets[i][w]; s.is(a) {
			*s = source{}
			return true
		}
	}
	return false
}
