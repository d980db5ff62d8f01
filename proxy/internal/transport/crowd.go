package transport

import (
	"container/list"
	"fmt"
	"net/netip"
)

// crowd is what the table knows of one source, or of one host that our own connections lead to.
type crowd struct {
	source  netip.Addr // by SourceOf or hostOf
	n       int        // its connections
	idle    list.List  // those that may have to go, the idlest first
	doubted list.List  // those that are in doubt (doubt.go)
}

// Why there is no room, more exactly than ErrTooManyConns says.
var (
	errCrowded     = fmt.Errorf("%w from one source", ErrTooManyConns)
	errOwnCrowded  = fmt.Errorf("%w of our own to one host", ErrTooManyConns)
	errTooManyOwns = fmt.Errorf("%w of our own", ErrTooManyConns)
)

// crowds are where c is counted, and as what, and how many of one place there may be.
func (t *connTable) crowds(c *conn) (in map[netip.Addr]*crowd, as netip.Addr, most int, crowded error) {
	if c.inbound {
		return t.sources, SourceOf(c.flow.Remote.Addr()), t.maxSource, errCrowded
	}
	return t.hosts, hostOf(c.flow.Remote.Addr()), t.maxHost, errOwnCrowded
}

// full is why there is no room for c, and the queues out of which one would have to go, the
// first one first; nil if there is room. What is trusted has no limit of its own. counted is 1
// if c is in the table already. The table is locked.
func (t *connTable) full(c *conn, counted int) (from []*list.List, err error) {
	if c.stranger.Load() {
		in, as, most, crowded := t.crowds(c)
		if s := in[as]; s != nil && s.n-counted >= most {
			return []*list.List{&s.doubted, &s.idle}, crowded
		}
		if !c.inbound && t.nOwn-counted >= t.maxOwn {
			return []*list.List{&t.own}, errTooManyOwns
		}
	}
	if len(t.byID)-counted >= t.maxAll {
		return []*list.List{&t.own, &t.strangers}, ErrTooManyConns // our own can be opened again
	}
	return nil, nil
}

// waiting reports whether any of the queues has a connection.
func waiting(queues []*list.List) bool {
	for _, q := range queues {
		if q.Len() > 0 {
			return true
		}
	}
	return false
}

// fit makes c, which was entered beyond a limit, keep it: gone is what has had to go, no longer
// in the table. full without it: nothing can go.
func (t *connTable) fit(c *conn, s *search) (gone *conn, full error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, full := t.full(c, 1)
	if full != nil {
		if gone = t.idlest(from, s); gone == nil {
			return nil, full
		}
		t.drop(gone)
	}
	t.settled(c)
	return gone, full
}

// settled ends c's being overdue. The table is locked.
func (t *connTable) settled(c *conn) {
	if c.overdue {
		c.overdue = false
		t.overdue--
	}
}

// yield takes the idlest connection that may go out of the table, full or not, and returns it;
// nil if there is none.
func (t *connTable) yield(s *search) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := t.idlest([]*list.List{&t.own, &t.strangers}, s)
	if gone != nil {
		t.drop(gone)
	}
	return gone
}

// idlest is the idlest connection of the first queue in which one may go, nil if none of the
// first maxLook of each may, or if the search has to ask for one first. The table is locked.
func (t *connTable) idlest(from []*list.List, s *search) *conn {
	for _, queue := range from {
		for range min(queue.Len(), maxLook) {
			c := queue.Front().Value.(*conn)
			take, ask := s.verdict(c)
			switch {
			case take:
				return c
			case ask:
				return nil
			}
			queue.MoveToBack(queue.Front())
			t.back(c)
		}
	}
	return nil
}

// line is the queue of all in which c stands.
func (t *connTable) line(c *conn) *list.List {
	if c.inbound {
		return &t.strangers
	}
	return &t.own
}

// back moves a connection to the end of its queues. The table is locked.
func (t *connTable) back(c *conn) {
	if c.place != nil {
		t.line(c).MoveToBack(c.place)
		c.crowd.idle.MoveToBack(c.seat)
	}
}

// join counts c for its source, or one of our own to a place that is not trusted for its host.
// The table is locked.
func (t *connTable) join(c *conn) {
	if !c.inbound {
		if !c.stranger.Load() {
			return
		}
		t.nOwn++
	}
	in, source, _, _ := t.crowds(c)
	if c.crowd = in[source]; c.crowd == nil {
		c.crowd = &crowd{source: source}
		in[source] = c.crowd
	}
	c.crowd.n++
}

// part is the end of join. The table is locked.
func (t *connTable) part(c *conn) {
	t.settled(c)
	if c.crowd == nil {
		return
	}
	if !c.inbound {
		t.nOwn--
	}
	if c.crowd.n--; c.crowd.n == 0 {
		in, _, _, _ := t.crowds(c)
		delete(in, c.crowd.source)
	}
	c.crowd = nil
}

// queue lets c, if it is a stranger's, stand where those are looked for that have to go. The
// table is locked.
func (t *connTable) queue(c *conn) {
	if c.stranger.Load() && c.crowd != nil && c.place == nil {
		c.place, c.seat = t.line(c).PushBack(c), c.crowd.idle.PushBack(c)
	}
}

// opened is queue for a connection of our own that is open now; before, nothing has to go by it.
func (t *connTable) opened(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue(c)
}

// known takes c out of the strangers. The table is locked.
func (t *connTable) known(c *conn) {
	c.stranger.Store(false)
	if c.place == nil {
		return
	}
	t.line(c).Remove(c.place)
	c.crowd.idle.Remove(c.seat)
	c.place, c.seat = nil, nil
}
