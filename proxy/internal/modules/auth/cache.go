package auth

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	cacheShards = 32
	// maxUnknown bounds the users of a shard that are known not to exist. Strangers
	// choose their names, so they have little room.
	maxUnknown = 256
)

// record is what is known of a user: the zero record is nobody, a closed account
// included.
type record struct {
	found     bool
	ha1, ha1b hash
	sha256    *hashes256 // nil without a current row of credential_sha256
}

// entry is a record of the cache; its shard's lock guards it.
type entry struct {
	key  string
	rec  record
	at   time.Time // when it was read
	used time.Time
	// rereadAt is when a wrong digest last made us read it again.
	rereadAt   time.Time
	refreshing bool
	// proved are the last places from which the user gave right credentials.
	proved [4]uint64
	next   uint8 // index into proved
}

// cache holds the records of users by their canonical address.
type cache struct {
	seed             maphash.Seed
	ttl, negativeTTL time.Duration
	perShard         int
	refresh          chan string // keys to read again
	shards           [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.Mutex
	known   map[string]*entry
	unknown map[string]time.Time // when it was read
	// forgotten counts the calls of forget, so that a reading begun before one is
	// not kept.
	forgotten uint64
}

func (c *cache) init(m *Module) {
	c.ttl, c.negativeTTL = m.ttl, m.negativeTTL
	c.perShard = max(1, m.cacheSize/cacheShards)
	c.refresh = make(chan string, 1024)
	for i := range c.shards {
		c.shards[i].known, c.shards[i].unknown = map[string]*entry{}, map[string]time.Time{}
	}
}

func (c *cache) shard(key []byte) *cacheShard {
	return &c.shards[maphash.Bytes(c.seed, key)%cacheShards]
}

// freshness is how far a record can be believed.
type freshness uint8

const (
	absent freshness = iota
	expired
	current
)

// get looks a user up. A record in the second half of its time is asked for again
// in the background, so that who calls often never waits; so is an expired one while
// the table is away, when nobody waits for it.
func (c *cache) get(key []byte, now time.Time, away bool) (record, freshness) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[string(key)]
	if e == nil {
		if at, ok := s.unknown[string(key)]; ok && now.Sub(at) < c.negativeTTL {
			return record{}, current
		}
		return record{}, absent
	}
	e.used = now
	age := now.Sub(e.at)
	if age >= c.ttl/2 && (age < c.ttl || away) {
		c.ask(e)
	}
	if age >= c.ttl {
		return e.rec, expired
	}
	return e.rec, current
}

// ask has an entry read in the background, unless that is under way or too many are.
func (c *cache) ask(e *entry) {
	if e.refreshing {
		return
	}
	select {
	case c.refresh <- e.key:
		e.refreshing = true
	default:
	}
}

// mayReread reports whether a wrong digest may have the user read again now, and
// remembers that it was.
func (c *cache) mayReread(key []byte, now time.Time) bool {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[string(key)]
	if e == nil || now.Sub(e.at) < rereadAge || now.Sub(e.rereadAt) < rereadEvery {
		return false
	}
	e.rereadAt = now
	return true
}

// generation is what put wants to know of the time before a reading.
func (c *cache) generation(key []byte) uint64 {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forgotten
}

// put keeps what was read.
func (c *cache) put(key string, rec record, generation uint64, now time.Time) {
	s := c.shard([]byte(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten != generation {
		if e := s.known[key]; e != nil {
			e.refreshing = false
		}
		return
	}
	if !rec.found {
		delete(s.known, key)
		s.makeRoomUnknown(now.Add(-c.negativeTTL))
		s.unknown[key] = now
		return
	}
	delete(s.unknown, key)
	e := s.known[key]
	if e == nil {
		if len(s.known) >= c.perShard {
			s.makeRoomKnown()
		}
		e = &entry{key: key, used: now}
		s.known[key] = e
	}
	e.rec, e.at, e.refreshing = rec, now, false
}

// failed says that the background could not read a user; it may be asked again.
func (c *cache) failed(key string) {
	s := c.shard([]byte(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known[key]; e != nil {
		e.refreshing = false
	}
}

// sample is how many entries are looked at to find one to drop.
const sample = 8

// makeRoomUnknown drops what was read before the time old, of those it looks at, and
// one in any case if there is no room.
func (s *cacheShard) makeRoomUnknown(old time.Time) {
	if len(s.unknown) < maxUnknown {
		return
	}
	n, last := 0, ""
	for key, at := range s.unknown {
		if last = key; at.Before(old) {
			delete(s.unknown, key)
		}
		if n++; n == sample {
			break
		}
	}
	delete(s.unknown, last)
}

// makeRoomKnown drops the one of a few entries that was not used for the longest.
func (s *cacheShard) makeRoomKnown() {
	var oldest *entry
	n := 0
	for _, e := range s.known {
		if oldest == nil || e.used.Before(oldest.used) {
			oldest = e
		}
		if n++; n == sample {
			break
		}
	}
	delete(s.known, oldest.key)
}

func (c *cache) forget(key []byte) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten++
	delete(s.known, string(key))
	delete(s.unknown, string(key))
}

// size is how many users are known.
func (c *cache) size() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.known)
		s.mu.Unlock()
	}
	return n
}
