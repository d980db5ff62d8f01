package transport

import (
	"container/list"
	"hash/maphash"
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

// overdraft is how many connections of our own may be entered beyond a limit at a time, each
// until it has taken another one's place.
const overdraft = 64

// connTable holds every connection, by number and by remote address.
type connTable struct {
	maxAll, maxSource, maxOwn, maxHost int
	// maxProven is Config.MaxProven, at most half of maxAll, maxProvenSource at most half of maxSource.
	maxProven, maxProvenSource int

	mu     sync.RWMutex
	lastID uint64
	byID   map[uint64]*conn
	byPeer map[peer]*conn
	// sources are where accepted connections come from, hosts where our own lead to places
	// that are not trusted, of which there are nOwn, by SourceOf and hostOf.
	sources, hosts map[netip.Addr]*crowd
	nOwn, overdue  int
	// strangers are the strangers' connections of all sources, own our own that may have to
	// go, the idlest first.
	strangers, own list.List
	holders        map[uint64]*holder // by the hash of whom they have proven to be
	seed           maphash.Seed
	closed         bool
}

func newConnTable(cfg *Config) *connTable {
	return &connTable{
		maxAll: cfg.MaxConns, maxSource: cfg.MaxConnsPerSource, maxOwn: cfg.MaxOwn, maxHost: cfg.MaxOwnPerHost,
		maxProven:       max(1, min(cfg.MaxProven, cfg.MaxConns/2)),
		maxProvenSource: max(1, min(cfg.MaxProven, cfg.MaxConnsPerSource/2)),

		byID:    make(map[uint64]*conn),
		byPeer:  make(map[peer]*conn),
		sources: make(map[netip.Addr]*crowd),
		hosts:   make(map[netip.Addr]*crowd),
		holders: make(map[uint64]*holder),
		seed:    maphash.MakeSeed(),
	}
}

// byFlow is the connection of f, nil if it is no more.
func (t *connTable) byFlow(f Flow) *conn {
	t.mu.RLock()
	c := t.byID[f.Conn]
	t.mu.RUnlock()
	return c
}

// byRemote is an open or opening connection to a peer, nil if there is none. The caller has a
// moment to send on it.
func (t *connTable) byRemote(p peer) *conn {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := t.byPeer[p]
	if c != nil {
		c.busy()
	}
	return c
}

// addInbound enters an accepted connection and numbers it. Where there is no room it takes the
// place of a stranger that may go (none may without a search), of its own source where that has
// too many; that one is returned, no longer in the table.
func (t *connTable) addInbound(c *conn, s *search) (gone *conn, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if from, full := t.full(c, 0); full != nil {
		if s != nil {
			gone = t.idlest(from, s)
		}
		if gone == nil {
			return nil, full
		}
		t.drop(gone)
	}
	t.enter(c)
	return gone, nil
}

// stir is back, for a stranger that has spoken.
func (t *connTable) stir(c *conn) {
	t.mu.Lock()
	t.back(c)
	t.mu.Unlock()
}

// reach lets what goes to the very address of c's peer take c.
func (t *connTable) reach(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nameBare(c)
}

// nameBare is reach. The table is locked.
func (t *connTable) nameBare(c *conn) {
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
		other.busy()
		return other, nil
	}
	if from, full := t.full(c, 0); full != nil {
		if !waiting(from) || t.overdue >= overdraft {
			return nil, full
		}
		c.overdue = true
		t.overdue++
	}
	t.enter(c)
	return c, nil
}

// enter numbers c and, where it can be used at once, lets others find it. The table is locked.
func (t *connTable) enter(c *conn) {
	t.lastID++
	c.flow.Conn = t.lastID
	t.byID[t.lastID] = c
	t.join(c)
	if c.inbound {
		t.queue(c)
	}
	if c.ready = !c.inbound || !c.shaking; c.ready {
		t.name(c, c.peer())
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
	t.back(c) // it has spoken
	for _, domain := range domains {
		t.name(c, peer{c.flow.Proto, c.flow.Remote, domain})
	}
	if c.flow.Proto != TLS || !c.stranger.Load() {
		t.nameBare(c)
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
	t.known(c)
	t.release(c)
	t.part(c)
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

// size is the number of connections, and of those of our own that lead to places that are not
// trusted.
func (t *connTable) size() (all, own int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byID), t.nOwn
}
