package transport

import (
	"container/list"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// peer is the key by which a connection is found again for a remote address.
type peer struct {
	proto  Proto
	remote netip.AddrPort
	// domain is whom the peer of a TLS connection has proved to speak for, whoever has opened
	// it: the host of another domain may have the same address (RFC 5923 §9). Empty is the
	// address itself.
	domain string
}

func (c *conn) peer() peer { return peer{c.flow.Proto, c.flow.Remote, c.domain} }

// overdraft is how many connections of our own may be entered in a full table at a time,
// each until it has taken a stranger's place.
const overdraft = 64

// connTable holds every connection, by number and by remote address.
type connTable struct {
	maxAll, maxSource int

	mu      sync.RWMutex
	lastID  uint64
	byID    map[uint64]*conn
	byPeer  map[peer]*conn
	sources map[netip.Addr]*crowd // by sourceOf
	// strangers are those of all sources, the idlest first.
	strangers list.List
	closed    bool
}

func newConnTable(maxAll, maxSource int) *connTable {
	return &connTable{
		maxAll: maxAll, maxSource: maxSource,
		byID:    make(map[uint64]*conn),
		byPeer:  make(map[peer]*conn),
		sources: make(map[netip.Addr]*crowd),
	}
}

// sourceOf is what the limit on one source counts: an IPv4 address, or an IPv6 /64,
// within which one host may take any address.
func sourceOf(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return addr
	}
	p, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return p.Addr()
}

// byFlow is the connection of f, nil if it is no more.
func (t *connTable) byFlow(f Flow) *conn {
	t.mu.RLock()
	c := t.byID[f.Conn]
	t.mu.RUnlock()
	return c
}

// byRemote is an open or opening connection to a peer, nil if there is none.
func (t *connTable) byRemote(p peer) *conn {
	t.mu.RLock()
	c := t.byPeer[p]
	t.mu.RUnlock()
	return c
}

// errCrowded is ErrTooManyConns because one source has all that it may have.
var errCrowded = fmt.Errorf("%w from one source", ErrTooManyConns)

// addInbound enters an accepted connection and numbers it. Where there is no room it takes the
// place of a stranger that may go (none may without mayGo), of its own source where that has
// too many; that one is returned, no longer in the table. The limit on one source does not
// count where exempt says so.
func (t *connTable) addInbound(c *conn, exempt bool, mayGo func(*conn) bool) (gone *conn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if from, full := t.full(c, exempt); full != nil {
		if mayGo != nil {
			gone = t.idlest(from, mayGo)
		}
		if gone == nil {
			return nil, full
		}
		t.drop(gone)
	}
	t.enter(c)
	return gone, nil
}

// full is why there is no room for c, and the strangers of whom one would have to go; nil if
// there is room. The table is locked.
func (t *connTable) full(c *conn, exempt bool) (*list.List, error) {
	if s := t.sources[sourceOf(c.flow.Remote.Addr())]; !exempt && s != nil && s.n >= t.maxSource {
		return &s.strangers, errCrowded
	}
	if len(t.byID) >= t.maxAll {
		return &t.strangers, ErrTooManyConns
	}
	return nil, nil
}

// shrink takes the idlest stranger that may go out of a table that holds more than it may, and
// returns it. False: there is none.
func (t *connTable) shrink(mayGo func(*conn) bool) (gone *conn, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) <= t.maxAll {
		return nil, true
	}
	if gone = t.idlest(&t.strangers, mayGo); gone == nil {
		return nil, false
	}
	t.drop(gone)
	return gone, true
}

// idlest is the idlest stranger of a queue that may go, nil if none of the first maxLook may.
// The table is locked.
func (t *connTable) idlest(queue *list.List, mayGo func(*conn) bool) *conn {
	for range min(queue.Len(), maxLook) {
		c := queue.Front().Value.(*conn)
		if mayGo(c) {
			return c
		}
		t.back(c)
	}
	return nil
}

// back moves a stranger to the end of the queues. The table is locked.
func (t *connTable) back(c *conn) {
	if c.place != nil {
		t.strangers.MoveToBack(c.place)
		c.crowd.strangers.MoveToBack(c.seat)
	}
}

// stir is back, for a stranger that has spoken.
func (t *connTable) stir(c *conn) {
	t.mu.Lock()
	t.back(c)
	t.mu.Unlock()
}

// prove ends c's being a stranger.
func (t *connTable) prove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known(c)
	t.own(c)
}

// known takes c out of the strangers. The table is locked.
func (t *connTable) known(c *conn) {
	c.stranger.Store(false)
	if c.place == nil {
		return
	}
	t.strangers.Remove(c.place)
	c.crowd.strangers.Remove(c.seat)
	c.place, c.seat = nil, nil
}

// reach lets what goes to the very address of c's peer take c.
func (t *connTable) reach(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own(c)
}

// own is reach. The table is locked.
func (t *connTable) own(c *conn) {
	if t.byID[c.flow.Conn] == c && c.ready && !slices.Contains(c.names, c.peer()) {
		t.name(c, c.peer())
	}
}

// name lets c be found as key, unless an open connection of ours has that name. The table is
// locked.
func (t *connTable) name(c *conn, key peer) {
	if other := t.byPeer[key]; other != nil && !other.inbound && c.inbound && !other.dead() {
		return
	}
	t.byPeer[key] = c
	c.names = append(c.names, key)
	if key == c.peer() {
		c.reached.Store(true)
	}
}

// addOutbound enters c, unless there is one to that remote by now: then it returns that. In a
// full table c is overdue: it has to make room before it is opened.
func (t *connTable) addOutbound(c *conn) (*conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if other := t.byPeer[c.peer()]; other != nil && !other.dead() {
		return other, nil
	}
	if n := len(t.byID); n >= t.maxAll {
		if t.strangers.Len() == 0 || n >= t.maxAll+overdraft {
			return nil, ErrTooManyConns
		}
		c.overdue = true
	}
	t.enter(c)
	return c, nil
}

// enter numbers c and, where it can be used at once, lets others find it. The table is locked.
func (t *connTable) enter(c *conn) {
	t.lastID++
	c.flow.Conn = t.lastID
	t.byID[t.lastID] = c
	if c.inbound {
		t.seat(c)
	}
	if c.ready = !c.inbound || !c.shaking; c.ready {
		t.name(c, c.peer())
	}
}

// seat counts c for its source, and a stranger among those. The table is locked.
func (t *connTable) seat(c *conn) {
	source := sourceOf(c.flow.Remote.Addr())
	if c.crowd = t.sources[source]; c.crowd == nil {
		c.crowd = &crowd{source: source}
		t.sources[source] = c.crowd
	}
	c.crowd.n++
	if c.stranger.Load() {
		c.place, c.seat = t.strangers.PushBack(c), c.crowd.strangers.PushBack(c)
	}
}

// publish lets others find an accepted connection whose handshakes are done: over TLS for the
// domains that its peer has proven, else for its address.
func (t *connTable) publish(c *conn, domains []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[c.flow.Conn] != c {
		return
	}
	c.ready = true
	for _, domain := range domains {
		t.name(c, peer{c.flow.Proto, c.flow.Remote, domain})
	}
	if c.flow.Proto != TLS || !c.stranger.Load() {
		t.own(c)
	}
}

// alias lets c be found for another port of the peer's too, as each of the domains, unless an
// open connection has that name. It has the aliases of one port at most.
func (t *connTable) alias(c *conn, port uint16, domains []string) bool {
	to := netip.AddrPortFrom(c.flow.Remote.Addr(), port)
	t.mu.RLock()
	free, found := t.free(c, to, domains)
	t.mu.RUnlock()
	if len(free) == 0 {
		return found // mostly
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[c.flow.Conn] != c {
		return false
	}
	if free, found = t.free(c, to, domains); len(free) == 0 {
		return found
	}
	c.names = slices.DeleteFunc(c.names, func(key peer) bool {
		old := key.remote != c.flow.Remote && key.remote != to
		if old && t.byPeer[key] == c {
			delete(t.byPeer, key)
		}
		return old
	})
	for _, key := range free {
		t.name(c, key)
	}
	return true
}

// free are the names for c at to, one for each of the domains, that no open connection has.
// found says that c has one already. The table is locked.
func (t *connTable) free(c *conn, to netip.AddrPort, domains []string) (free []peer, found bool) {
	for _, domain := range domains {
		key := peer{c.flow.Proto, to, domain}
		switch other := t.byPeer[key]; {
		case other == c:
			found = true
		case other == nil || other.dead():
			free = append(free, key)
		}
	}
	return free, found
}

// remove forgets a connection; again is nothing.
func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(c)
}

// drop is remove. The table is locked.
func (t *connTable) drop(c *conn) {
	if t.byID[c.flow.Conn] != c {
		return
	}
	delete(t.byID, c.flow.Conn)
	for _, key := range c.names {
		if t.byPeer[key] == c {
			delete(t.byPeer, key)
		}
	}
	c.names = nil
	if !c.inbound {
		return
	}
	t.known(c)
	if c.crowd.n--; c.crowd.n == 0 {
		delete(t.sources, c.crowd.source)
	}
	c.crowd = nil
}

// close refuses new connections and returns those that are open.
func (t *connTable) close() []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	all := make([]*conn, 0, len(t.byID))
	for _, c := range t.byID {
		all = append(all, c)
	}
	return all
}

// size is the number of connections.
func (t *connTable) size() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID)
}
