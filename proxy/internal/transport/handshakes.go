package transport

import (
	"container/list"
	"math/rand/v2"
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
// way sooner, they would push each other out for ever when all come back at once. But some do, by
// lot: else who has many sources, and asks for one handshake from each, keeps everybody out. Hosts that
// the operator trusts give way to nobody, and have some places more.
type handshakes struct {
	maxAll, maxSource int
	patience          time.Duration // how long one that we have answered may have us wait

	mu      sync.Mutex
	all     int
	order   list.List // those that may have to go, the oldest first
	sources map[netip.Addr]*shakers
	sites   map[netip.Addr]*shakers // by hostOf, which are many sources of IPv6
	lots    int64                   // in Layer.Mono, up to when lots are drawn
}

// shakers are the handshakes of one source, or site, that may have to go.
type shakers struct {
	order list.List
	site  *shakers // of a source
}

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
	bench       *list.Element // and of the site
}

// stuckTime is how long a handshake may have us wait for the rest of its first words, a ClientHello
// or the request for a WebSocket, before it has to give way. Those are a packet or two.
const stuckTime = time.Second

// lotTime is in how long as many handshakes that have had us wait for stuckTime make room as there are places:
// those that end by themselves, and as many more as lots are drawn for. So slow phones that come back at once
// lose few to lots, since they end, and where somebody only holds the places half of them are free again
// each second.
const lotTime = 2 * time.Second

// modest is the part of all places up to which a source is not greedy.
const modest = 128

func newHandshakes(cfg *Config) *handshakes {
	return &handshakes{
		maxAll: cfg.MaxHandshakes, maxSource: cfg.MaxHandshakesPerSource, patience: cfg.HandshakeTimeout / 2,
		sources: make(map[netip.Addr]*shakers), sites: make(map[netip.Addr]*shakers),
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
	a := c.flow.Remote.Addr()
	source, site := h.sources[SourceOf(a)], h.sites[hostOf(a)]
	most := h.maxAll
	if exempt {
		most += h.reserve()
		source, site = nil, nil
	}
	crowded, full := source.count() >= h.maxSource, h.all >= most
	var out *handshake
	switch {
	case crowded:
		out = h.stuck(&source.order, now)
	case full:
		out = h.stuck(&h.order, now)
		if out == nil {
			out = h.greediest(source, site)
		}
		if out == nil {
			out = h.lot(now)
		}
	}
	if out == nil && (crowded || full) {
		return nil, nil
	}
	if out != nil {
		gone = out.c
		h.drop(out)
	}
	s = &handshake{c: c, since: now}
	h.all++
	if !exempt {
		h.join(s, a)
	}
	return s, gone
}

// join counts s for its source and site, a. The handshakes are locked.
func (h *handshakes) join(s *handshake, a netip.Addr) {
	site := h.sites[hostOf(a)]
	if site == nil {
		site = &shakers{}
		h.sites[hostOf(a)] = site
	}
	s.source = h.sources[SourceOf(a)]
	if s.source == nil {
		s.source = &shakers{site: site}
		h.sources[SourceOf(a)] = s.source
	}
	s.place, s.seat, s.bench = h.order.PushBack(s), s.source.order.PushBack(s), site.order.PushBack(s)
}

// count is how many handshakes they are; nil are none.
func (x *shakers) count() int {
	if x == nil {
		return 0
	}
	return x.order.Len()
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

// greediest is the youngest handshake of the site that has the most, if those are at least twice as
// many as there would be of the site that asks, else of a source of that very site compared with the one
// that asks; nil if nobody is so greedy. The youngest: if the oldest went, an office would get none done
// while others come one by one.
func (h *handshakes) greediest(source, site *shakers) *handshake {
	if most := h.most(h.sites, site.count(), nil); most != nil {
		return most.order.Back().Value.(*handshake)
	}
	if site == nil {
		return nil
	}
	if most := h.most(h.sources, source.count(), site); most != nil {
		return most.order.Back().Value.(*handshake)
	}
	return nil
}

// most are those of some shakers, of one site if that is not nil, that have the most, and more than
// anybody may who comes while another one has own; nil if none have.
func (h *handshakes) most(of map[netip.Addr]*shakers, own int, site *shakers) (most *shakers) {
	n := max(2*(own+1), h.maxAll/modest) - 1
	for _, x := range of {
		if x.order.Len() > n && (site == nil || x.site == site) {
			most, n = x, x.order.Len()
		}
	}
	return most
}

// lot is any of the handshakes that we have answered and that have had us wait for stuckTime since, a
// limited number of times a second; nil if it is none's turn.
func (h *handshakes) lot(now int64) (out *handshake) {
	each := h.perLot()
	h.lots = max(h.lots, now-max(each, int64(lotTime)/16)) // a few may be saved up
	if now-h.lots < each {
		return nil
	}
	soon, n := min(stuckTime, h.patience), 0
	for e := h.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*handshake)
		if now-s.since < int64(soon) {
			break // nor any after it
		}
		if s.kept(now) < soon {
			continue
		}
		if n++; rand.IntN(n) == 0 {
			out = s
		}
	}
	if out != nil {
		h.lots += each
	}
	return out
}

// perLot is one lot in each.
func (h *handshakes) perLot() int64 { return int64(lotTime) / int64(h.maxAll) }

// leave gives the place back, now being Layer.Mono, if it is not another one's by now. A slow one saves
// another its lot.
func (h *handshakes) leave(s *handshake, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.done && s.answered.Load() != 0 && s.kept(now) >= min(stuckTime, h.patience) {
		h.lots = min(max(h.lots, now-int64(lotTime)/16)+h.perLot(), now+int64(lotTime)/2)
	}
	h.drop(s)
}

// drop gives a place back. The handshakes are locked.
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
	s.source.site.order.Remove(s.bench)
	a := s.c.flow.Remote.Addr()
	if s.source.order.Len() == 0 {
		delete(h.sources, SourceOf(a))
	}
	if s.source.site.order.Len() == 0 {
		delete(h.sites, hostOf(a))
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
