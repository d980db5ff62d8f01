package transport

import (
	"container/list"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// handshakes are the connections that are between their first byte and the end of
// their handshake: each costs tens of kilobytes and some milliseconds of a processor, so
// neither one source nor all together may have many at a time. Where there are as many as there
// may be, a new one takes the place of one that has kept us waiting, so that nobody holds the
// places by saying nothing, or a byte now and then. Hosts that the operator trusts give way to
// nobody, and have some places more.
type handshakes struct {
	maxAll, maxSource int

	mu      sync.Mutex
	all     int
	order   list.List // those that may have to go, the oldest first
	sources map[netip.Addr]*shakers
}

// shakers are the handshakes of one source that may have to go.
type shakers struct{ order list.List }

// handshake is one that is under way.
type handshake struct {
	c       *conn
	since   int64        // in Layer.Mono, when it began
	waited  atomic.Int64 // how long we have waited for its peer, in nanoseconds
	waiting atomic.Int64 // in Layer.Mono, since when we do; 0 if we do not

	// Guarded by the handshakes.
	done        bool // its place is free again
	source      *shakers
	place, seat *list.Element // in the order of all and of the source
}

// stuckTime is how long a handshake may have us wait for its peer before it has to give way. An
// honest one waits for one or two round trips.
const stuckTime = time.Second

func newHandshakes(cfg *Config) *handshakes {
	return &handshakes{maxAll: cfg.MaxHandshakes, maxSource: cfg.MaxHandshakesPerSource, sources: make(map[netip.Addr]*shakers)}
}

// reserve is how many places there are beyond maxAll for hosts that the operator trusts.
func (h *handshakes) reserve() int { return max(1, h.maxAll/8) }

// enter takes a place for c, now being Layer.Mono: of all and, unless it is exempt, of its source.
// Where there is none it takes that of another one, gone, which is to be closed. s is nil if none
// can go.
func (h *handshakes) enter(c *conn, exempt bool, now int64) (s *handshake, gone *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := sourceOf(c.flow.Remote.Addr())
	source := h.sources[key]
	own, most := 0, h.maxAll
	switch {
	case exempt:
		most += h.reserve()
	case source != nil:
		own = source.order.Len()
	}
	var out *handshake
	switch {
	case own >= h.maxSource:
		out = stuck(&source.order, now)
	case h.all >= most:
		if out = stuck(&h.order, now); out == nil {
			out = h.greediest(own)
		}
	}
	if out == nil && (own >= h.maxSource || h.all >= most) {
		return nil, nil
	}
	if out != nil {
		gone = out.c
		h.drop(out)
	}
	s = &handshake{c: c, since: now}
	h.all++
	if exempt {
		return s, gone
	}
	if source = h.sources[key]; source == nil { // or it has gone with out
		source = &shakers{}
		h.sources[key] = source
	}
	s.source, s.place, s.seat = source, h.order.PushBack(s), source.order.PushBack(s)
	return s, gone
}

// stuck is the oldest of the handshakes that have had us wait for too long, nil if none has.
func stuck(order *list.List, now int64) *handshake {
	for e := order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*handshake)
		if now-s.since < int64(stuckTime) {
			return nil // nor has any after it
		}
		if s.kept(now) >= stuckTime {
			return s
		}
	}
	return nil
}

// greediest is the oldest handshake of the source that has the most, if those are at least twice as
// many as the one that asks would have, who has own already; else nil.
func (h *handshakes) greediest(own int) *handshake {
	var most *shakers
	n := 2*(own+1) - 1
	for _, source := range h.sources {
		if source.order.Len() > n {
			most, n = source, source.order.Len()
		}
	}
	if most == nil {
		return nil
	}
	return most.order.Front().Value.(*handshake)
}

// leave gives the place back, if it is not another one's by now.
func (h *handshakes) leave(s *handshake) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}

// drop is leave. The handshakes are locked.
func (h *handshakes) drop(s *handshake) {
	if s.done {
		return
	}
	s.done = true
	h.all--
	if s.source == nil {
		return
	}
	h.order.Remove(s.place)
	s.source.order.Remove(s.seat)
	if s.source.order.Len() == 0 {
		delete(h.sources, sourceOf(s.c.flow.Remote.Addr()))
	}
}

// kept is how long the peer has had us wait, in all.
func (s *handshake) kept(now int64) time.Duration {
	waited := s.waited.Load()
	if since := s.waiting.Load(); since != 0 {
		waited += now - since
	}
	return time.Duration(waited)
}

// wait does what may have to wait for the peer, a Read or a Write. A nil handshake counts nothing.
func (s *handshake) wait(do func([]byte) (int, error), b []byte) (int, error) {
	if s == nil {
		return do(b)
	}
	since := s.c.l.Mono()
	s.waiting.Store(since)
	n, err := do(b)
	s.waiting.Store(0)
	s.waited.Add(s.c.l.Mono() - since)
	return n, err
}
