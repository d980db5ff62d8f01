package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// Sources are counted in a table of fixed size: a new one takes the place of one that has sent nothing
// in this interval, else of the one that sent least.
const (
	sourceSets = 1 << 12
	sourceWays = 8
)

// sources counts the requests of each source and pipe.
type sources struct {
	seed maphash.Seed
	mu   [64]sync.Mutex
	sets [sourceSets][sourceWays]counter
}

type counter struct {
	key   uint64 // of address and pipe, 0 for none
	tick  uint32
	count uint32
}

// count counts a request and returns how many of its source there are in this interval.
func (s *sources) count(a netip.Addr, pipe int, tick uint32) int {
	b := a.As16()
	var text [17]byte
	copy(text[:], b[:])
	text[16] = byte(pipe)
	key := maphash.Bytes(s.seed, text[:]) | 1
	i := key >> 1 % sourceSets
	mu := &s.mu[i%uint64(len(s.mu))]
	mu.Lock()
	defer mu.Unlock()
	c := s.find(i, key, tick)
	if c.tick != tick {
		c.tick, c.count = tick, 0
	}
	c.count++
	return int(c.count)
}

func (s *sources) find(i, key uint64, tick uint32) *counter {
	set := &s.sets[i]
	worst := &set[0]
	for w := range set {
		c := &set[w]
		if c.key == key {
			return c
		}
		if c.weight(tick) < worst.weight(tick) {
			worst = c
		}
	}
	*worst = counter{key: key, tick: tick}
	return worst
}

func (c *counter) weight(tick uint32) uint32 {
	if c.key == 0 || c.tick != tick {
		return 0
	}
	return c.count
}
