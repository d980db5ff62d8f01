package transport

import (
	"net/netip"
	"sync"
)

// peer is the key by which a connection is found again for a remote address.
type peer struct {
	proto  Proto
	remote netip.AddrPort
	// domain is whom the peer has proved to speak for, on TLS connections of our own: the
	// host of another domain may have the same address (RFC 5923 §9).
	domain string
}

func (c *conn) peer() peer { return peer{c.flow.Proto, c.flow.Remote, c.domain} }

// connTable holds every connection, by number and by remote address.
type connTable struct {
	maxAll, maxSource int

	mu      sync.RWMutex
	lastID  uint64
	byID    map[uint64]*conn
	byPeer  map[peer]*conn
	sources map[netip.Addr]int // accepted connections by sourceOf
	closed  bool
}

func newConnTable(maxAll, maxSource int) *connTable {
	return &connTable{
		maxAll: maxAll, maxSource: maxSource,
		byID:    make(map[uint64]*conn),
		byPeer:  make(map[peer]*conn),
		sources: make(map[netip.Addr]int),
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

// addInbound enters an accepted connection and numbers it.
func (t *connTable) addInbound(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	source := sourceOf(c.flow.Remote.Addr())
	if t.closed {
		return ErrClosed
	}
	if len(t.byID) >= t.maxAll || t.sources[source] >= t.maxSource {
		return ErrTooManyConns
	}
	t.sources[source]++
	t.enter(c)
	return nil
}

// addOutbound enters c, unless there is one to that remote by now: then it returns that.
func (t *connTable) addOutbound(c *conn) (*conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if other := t.byPeer[c.peer()]; other != nil && !other.dead() {
		return other, nil
	}
	if len(t.byID) >= t.maxAll {
		return nil, ErrTooManyConns
	}
	t.enter(c)
	return c, nil
}

func (t *connTable) enter(c *conn) {
	t.lastID++
	c.flow.Conn = t.lastID
	t.byID[t.lastID] = c
	if !c.inbound || !c.shaking {
		t.byPeer[c.peer()] = c
	}
}

// publish lets others find an accepted connection whose handshakes are done.
func (t *connTable) publish(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[c.flow.Conn] == c {
		t.byPeer[c.peer()] = c
	}
}

// alias lets c be found for another port of the peer's too, unless an open connection has
// that name. It has one alias at most.
func (t *connTable) alias(c *conn, port uint16) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := c.peer()
	key.remote = netip.AddrPortFrom(key.remote.Addr(), port)
	if t.byID[c.flow.Conn] != c {
		return false
	}
	if other := t.byPeer[key]; other != nil && !other.dead() {
		return other == c
	}
	if c.alias.remote.IsValid() && t.byPeer[c.alias] == c && c.alias != c.peer() {
		delete(t.byPeer, c.alias)
	}
	c.alias = key
	t.byPeer[key] = c
	return true
}

func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, c.flow.Conn)
	for _, key := range [...]peer{c.peer(), c.alias} {
		if t.byPeer[key] == c {
			delete(t.byPeer, key)
		}
	}
	if c.inbound {
		source := sourceOf(c.flow.Remote.Addr())
		if t.sources[source]--; t.sources[source] <= 0 {
			delete(t.sources, source)
		}
	}
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
