package transport

import (
	"container/list"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"time"
)

// Whoever has proven who he is stays no stranger over as many connections as his phones need, and
// not over all that there are: one user with a password would take the table from the others.
// Beyond Config.MaxProven the connection that was proven first is a stranger's again. It is the
// first and not the last one, since a phone that comes back after its NAT has lost its connection
// leaves a dead one behind. It costs something once a connection only.
//
// Where a registrar asks for no password a REGISTER proves nothing of the name in it, which is whoever's
// its sender likes. So it counts for his source, which keeps half of its share that way.

// holder is somebody who has proven who he is.
type holder struct {
	who   uint64    // the hash of his name, so that a long one takes no memory
	conns list.List // over which he has, the one proven first in front
	// nameless says that he is whoever speaks from a source.
	nameless         bool
	most, mostSource int // how many they may be, in all and of one source
}

// maxNamed bounds what the log tells of who has proven himself, in bytes.
const maxNamed = 128

// prove notes that c's peer has shown that he is who, a user's address or a certificate; empty: that he
// has registered a name which may be anybody's.
func (l *Layer) prove(c *conn, who []byte) {
	lapsed, h := l.conns.prove(c, who)
	if lapsed == nil {
		return
	}
	lapsed.wake()
	if l.provenLog.Pass(time.Now(), time.Minute, 1) {
		l.log.Warn("somebody has proven who he is over as many connections as may count: his first ones are strangers' again",
			"who", string(who[:min(len(who), maxNamed)]), "source", SourceOf(c.flow.Remote.Addr()).String(), "limit", h.most, "limit_source", h.mostSource, "setting", "tcp_user_connections")
	}
}

// Disprove makes the connections over which somebody has proven who he is strangers' again: his
// account was closed, say. who is what Prove was told.
func (l *Layer) Disprove(who []byte) {
	for _, c := range l.conns.disprove(who) {
		c.wake()
	}
}

// certificate is what the peer of a connection with a verified certificate has proven to be.
func (c *conn) certificate() []byte {
	cert := c.shown.Load().PeerCertificates[0]
	return fmt.Appendf(nil, "certificate %x of %s", sha256.Sum256(cert.Raw), cert.Subject)
}

// wake has the reader of a connection look again how long it may be silent.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nc != nil && !c.closed && !c.last {
		_ = c.nc.SetReadDeadline(time.Now())
	}
}

// prove ends c's being a stranger. lapsed is the connection of the same peer's, h, that has become
// one for it, nil for none.
func (t *connTable) prove(c *conn, who []byte) (lapsed *conn, h *holder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[c.flow.Conn] != c || !c.stranger.Load() {
		return nil, nil
	}
	t.known(c)
	h = t.holder(c, who)
	lapsed = t.hold(c, h)
	t.suspect(c)
	t.nameBare(c)
	return lapsed, h
}

// holder is who has proven himself over c. The table is locked.
func (t *connTable) holder(c *conn, who []byte) *holder {
	nameless := len(who) == 0
	most, mostSource := t.maxProven, t.maxProvenSource
	if nameless {
		var room [64]byte
		who = c.crowd.source.AppendTo(append(room[:0], "source "...))
		most, mostSource = max(1, t.maxAll/2), max(1, t.maxSource/2)
	}
	key := maphash.Bytes(t.seed, who)
	h := t.holders[key]
	if h == nil {
		h = &holder{who: key, nameless: nameless, most: most, mostSource: mostSource}
		t.holders[key] = h
	}
	return h
}

// hold counts c for who has proven himself over it. The table is locked.
func (t *connTable) hold(c *conn, h *holder) (lapsed *conn) {
	c.holder, c.rank = h, h.conns.PushBack(c)
	first, n := (*conn)(nil), 0 // of the same source
	for e := h.conns.Front(); e != nil; e = e.Next() {
		if other := e.Value.(*conn); other.crowd == c.crowd {
			if first == nil {
				first = other
			}
			n++
		}
	}
	switch {
	case n > h.mostSource:
		lapsed = first
	case h.conns.Len() > h.most:
		lapsed = h.conns.Front().Value.(*conn)
	default:
		return nil
	}
	t.lapse(lapsed)
	return lapsed
}

// disprove makes all connections of somebody's strangers' again and returns them.
func (t *connTable) disprove(who []byte) (lapsed []*conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.holders[maphash.Bytes(t.seed, who)]
	if h == nil {
		return nil
	}
	for h.conns.Len() > 0 {
		c := h.conns.Front().Value.(*conn)
		t.lapse(c)
		lapsed = append(lapsed, c)
	}
	return lapsed
}

// lapse makes a connection a stranger's again. The table is locked.
func (t *connTable) lapse(c *conn) {
	t.release(c)
	c.stranger.Store(true)
	t.queue(c)
}

// release is the end of hold. The table is locked.
func (t *connTable) release(c *conn) {
	h := c.holder
	if h == nil {
		return
	}
	t.trust(c)
	h.conns.Remove(c.rank)
	c.holder, c.rank = nil, nil
	if h.conns.Len() == 0 {
		delete(t.holders, h.who)
	}
}
