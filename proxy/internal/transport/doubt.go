package transport

import "time"

// A phone whose NAT has forgotten its connection leaves a dead one behind, over which it has proven
// who it is: so it would be no stranger's, and give way to nobody until the keep-alives of TCP find it
// dead. Where half of an office's share is taken by such ones, no phone of its could come back.
// Therefore a connection is in doubt once the same peer has proven himself over a newer one from the
// same source. In doubt it works as before, and is closed no sooner; but where its source has as many
// connections as it may, it gives way to a new one, before any stranger, if nothing goes by it and
//   - nothing has come over it since, and no binding names it (Config.Bound): its phone has registered
//     over another one (what a registrar behind us has bound nobody here knows), or
//   - nothing has come over it for longer than a keep-alive takes, and he has a name: whoever has
//     registered without a password may be another one than who speaks from there now.

// suspect puts the older connections in doubt over which c's peer, who has just proven himself, has
// done so from the same source. The table is locked.
func (t *connTable) suspect(c *conn) {
	if !c.inbound {
		return
	}
	for e := c.holder.conns.Front(); e != nil; e = e.Next() {
		other := e.Value.(*conn)
		if other == c || !other.inbound || other.crowd != c.crowd {
			continue
		}
		other.doubted = c.l.Mono()
		if other.doubt == nil {
			other.doubt = c.crowd.doubted.PushBack(other)
		}
	}
}

// trust is the end of suspect. The table is locked.
func (t *connTable) trust(c *conn) {
	if c.doubt != nil {
		c.crowd.doubted.Remove(c.doubt)
		c.doubt = nil
	}
}

// dead reports whether nothing speaks for a connection in doubt; ask, that the bindings have to be asked
// for first.
func (s *search) dead(c *conn) (dead, ask bool) {
	heard := c.heard.Load()
	switch {
	case s.now-heard > int64(keepAlive) && !c.holder.nameless:
		return true, false
	case heard > c.doubted || c.afar.Load() || s.l.cfg.Bound == nil:
		return false, false
	case s.bound == nil:
		return false, true
	}
	_, named := s.bound[c.flow.Conn]
	return !named && heard < s.boundAt, false // or it may have been bound since
}

// namedCost is how many times longer than it took to find out it is believed which connections
// bindings name, needsLife at most: where few phones are registered each that comes back lets the
// next one in at once, and where there are very many asking takes a twentieth of a processor.
const namedCost = 20

// named is the set of connections that a binding named at a time, in Layer.Mono. It asks Config.Bound,
// so that no lock may be held.
func (l *Layer) named() (byID map[uint64]struct{}, at int64) {
	n := &l.bindings
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gather(l.cfg.Bound, min(needsLife, namedCost*n.took))
	return n.byID, l.since(n.at)
}

// gather finds out which connections all tells, if what is known is older than life. The needs are
// locked.
func (n *needs) gather(all func(yield func(Flow)), life time.Duration) {
	begin := time.Now()
	if n.byID != nil && begin.Sub(n.at) < life {
		return
	}
	set := make(map[uint64]struct{})
	all(func(f Flow) {
		if f.Conn != 0 {
			set[f.Conn] = struct{}{}
		}
	})
	n.at, n.took, n.byID = begin, time.Since(begin), set
}
