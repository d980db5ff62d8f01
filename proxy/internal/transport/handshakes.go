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
// may be, a new one takes the place of one that has kept us waiting for too long, so that nobody
// holds the places by saying nothing, or a byte now and then. Whoever has asked for a handshake
// and has our answer is given the time that a slow phone behind a slow line needs: if those gave
// way sooner, they would push each other out for ever when all come back at once. Hosts that the
// operator trusts give way to nobody, and have some places more.
type handshakes struct {
	maxAll, maxSource int
	patience          time.Duration // how long one that we have answered may have us wait

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

	// answered says that the peer's first words were complete, since we have written something: until
	// when, in Layer.Mono, its connection is held for that. 0 if not.
	answered atomic.Int64

	// Guarded by the handshakes.
	done        bool // its place is free again
	source      *shakers
	place, seat *list.Element // in the order of all and of the source
}

// stuckTime is how long a handshake may have us wait for the rest of its first words, a ClientHello
// or the request for a WebSocket, before it has to give way. Those are a packet or two.
const stuckTime = time.Second

func newHandshakes(cfg *Config) *handshakes {
	return &handshakes{
		maxAll: cfg.MaxHandshakes, maxSource: cfg.MaxHandshakesPerSource, patience: cfg.HandshakeTimeout / 2,
		sources: make(map[netip.Addr]*shakers),
	}
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
		out = h.stuck(&source.order, now)
	case h.all >= most:
		if out = h.stuck(&h.order, now); out == nil {
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

// stuck is the oldest of the handshakes that have had us wait for too long, nil if none has: one
// whose first words are not complete before one that we have answered.
func (h *handshakes) stuck(order *list.List, now int64) (slow *handshake) {
	soon := min(stuckTime, h.patience)
	for e := order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*handshake)
		if now-s.since < int64(soon) {
			break // nor has any after it
		}
		switch kept := s.kept(now); {
		case s.answered.Load() == 0 && kept >= soon:
			return s
		case slow == nil && kept >= h.patience:
			slow = s
		}
	}
	return slow
}

// greediest is the youngest handshake of the source that has the most, if those are at least twice as
// many as the one that asks would have, who has own already; else nil. The youngest: if the oldest
// went, an office would get none done while others come one by one.
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
	return most.order.Back().Value.(*handshake)
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

// read is do, a Read that may have to wait for the peer. A nil handshake counts nothing.
func (s *handshake) read(do func([]byte) (int, error), b []byte) (int, error) {
	if s == nil {
		return do(b)
	}
	return s.wait(do, b)
}

// write is read for a Write. What we write first is the answer to the peer's first words; from then
// on its connection is no idle one in a full table, until the handshake ends or has us wait for too long.
func (s *handshake) write(do func([]byte) (int, error), b []byte) (int, error) {
	if s == nil {
		return do(b)
	}
	if s.answered.Load() == 0 {
		until := s.c.l.Mono() + int64(s.c.l.handshaking.patience)
		s.answered.Store(until)
		s.c.hold(until, 0)
	}
	return s.wait(do, b)
}

// wait does what may have to wait, and counts how long it did.
func (s *handshake) wait(do func([]byte) (int, error), b []byte) (int, error) {
	since := s.c.l.Mono()
	s.waiting.Store(since)
	n, err := do(b)
	s.waiting.Store(0)
	s.waited.Add(s.c.l.Mono() - since)
	return n, err
}
