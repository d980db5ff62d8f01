package transport

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// A stranger is a connection that its peer has opened without having proven anything yet: no
// request of its was authenticated, no REGISTER saved, its certificate not verified, its
// address none that the operator trusts. Strangers may be silent for less long than others,
// and where the table is full, of all or of one source, a new connection takes the place of
// the idlest of them that nothing goes by. What costs is done for strangers alone: a
// connection that has proven somebody is asked for nothing more. (How many one may have proven
// stands in proven.go.)
//
// A connection that we have opened to a place that the operator does not trust is a stranger
// too: whoever may send a request through us says where it leads. Those have a share of the
// table and of it a share for each host, and are the first to go, as they can be opened again.

const (
	// restTime is how often a stranger that speaks is moved to the end of the queues, at
	// most: so exactly they are kept.
	restTime = time.Second
	// maxLook bounds the strangers that are looked at for one that may go. Those that are
	// needed go to the queue's end, so that others are looked at the next time.
	maxLook = 64
	// needsLife is how long it is believed which connections are needed.
	needsLife = time.Second
	// busyTime is Layer.busyTime, unless a test sets another one.
	busyTime = 2 * needsLife
)

// ErrReplaced ends a stranger's connection: another took its place in a full table.
var ErrReplaced = errors.New("gave its place to another connection")

// needs are the connections that something goes by, or that bindings name, gathered when somebody has to go.
type needs struct {
	mu   sync.Mutex
	at   time.Time
	took time.Duration // to gather them
	byID map[uint64]struct{}
}

// needed is the set of connections that something goes by, no older than needsLife. It asks
// Config.Needed, so that no lock may be held.
func (l *Layer) needed() map[uint64]struct{} {
	if l.cfg.Needed == nil {
		return nil
	}
	n := &l.needs
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gather(l.cfg.Needed, needsLife)
	return n.byID
}

// mayGo reports whether a stranger may lose its connection.
func (l *Layer) mayGo(c *conn) bool { return l.search().mayGo(c) && !l.favours(c) }

// favours reports whether the peer of a connection is none of those that have to go: one that
// the operator trusts, or a gateway to which we have opened it.
func (l *Layer) favours(c *conn) bool {
	a := c.flow.Remote.Addr()
	return l.trusts(a) || !c.inbound && l.cfg.Gateway != nil && l.cfg.Gateway(a)
}

// trusts reports whether the operator trusts an address.
func (l *Layer) trusts(a netip.Addr) bool { return l.cfg.Trusted != nil && l.cfg.Trusted(a) }

// Stranger reports whether a flow is a connection whose peer has proven nothing.
func (l *Layer) Stranger(f Flow) bool {
	c := l.conns.byFlow(f)
	return c != nil && c.stranger.Load()
}

// ProveAfar is Worker.Prove for a registrar behind us, which has taken the peer's REGISTER: its bindings are
// none that Config.Bound tells.
func (l *Layer) ProveAfar(f Flow, who []byte) {
	if c := l.conns.byFlow(f); c != nil && c.stranger.Load() {
		c.afar.Store(true)
		l.prove(c, who)
	}
}

// Stranger is Layer.Stranger for the flow that the message came on.
func (w *Worker) Stranger(f Flow) bool { return w.stranger(f) != nil }

// Prove notes that the peer of a stranger's connection, that the message came on, has shown that he is who: the
// address of a user; empty for a name that he has registered without a password.
func (w *Worker) Prove(f Flow, who []byte) {
	if c := w.stranger(f); c != nil {
		c.l.prove(c, who)
	}
}

// Hold notes that a stranger's request is on its way, which takes no longer than d: until Unhold,
// that long at most, its connection is needed. False if it is no stranger's, and needs no Unhold.
func (w *Worker) Hold(f Flow, d time.Duration) bool {
	c := w.stranger(f)
	if c == nil {
		return false
	}
	c.mu.Lock()
	c.underway++
	c.hold(c.l.Mono()+int64(d), 0)
	c.mu.Unlock()
	c.reach()
	return true
}

// Reach lets what goes to the very address of a stranger take his connection, as Hold does.
func (w *Worker) Reach(f Flow) {
	if c := w.stranger(f); c != nil {
		c.reach()
	}
}

// Unhold ends a Hold, once: the request was answered. Where that was the last one under way the
// connection is a stranger's like others, at once, or where a dialog has begun when Config.Needed may
// tell of it.
func (l *Layer) Unhold(f Flow, begun bool) {
	c := l.conns.byFlow(f)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if begun || !c.inbound { // our own may be busy
		c.inDialog = l.Mono() + int64(l.busyTime)
	}
	if c.underway--; c.underway > 0 {
		return
	}
	until := c.inDialog
	for held := c.held.Load(); held > until && !c.held.CompareAndSwap(held, until); held = c.held.Load() {
	}
}

// reach lets c be found by its peer's very address.
func (c *conn) reach() {
	if !c.reached.Load() {
		c.l.conns.reach(c)
	}
}

// stranger is the connection of a flow if it is a stranger's, else nil. The one that the
// worker reads needs no looking up.
func (w *Worker) stranger(f Flow) *conn {
	c, ok := w.src.(*conn)
	switch {
	case ok && c.flow.Conn == f.Conn:
	case w.l == nil || f.Conn == 0:
		return nil
	default:
		c = w.l.conns.byFlow(f)
	}
	if c == nil || !c.stranger.Load() {
		return nil
	}
	return c
}

// stir moves a stranger that has spoken to the end of the queues.
func (c *conn) stir() {
	if c.stranger.Load() && c.active.Sub(c.stirred) >= restTime {
		c.stirred = c.active
		c.l.conns.stir(c)
	}
}

// busy notes that something is about to go out on a connection of our own.
func (c *conn) busy() {
	if c.inbound || !c.stranger.Load() {
		return
	}
	d := int64(c.l.busyTime)
	c.hold(c.l.Mono()+d, d/2)
}

// hold has the connection needed until a time, if that is later, by more than step, than what is known.
func (c *conn) hold(until, step int64) {
	for held := c.held.Load(); until-held > step && !c.held.CompareAndSwap(held, until); held = c.held.Load() {
	}
}

// spare lets a stranger that is needed be silent for longer, as long as others may.
func (c *conn) spare() bool {
	now := time.Now()
	if c.inbound && !c.proven || !c.stranger.Load() || now.Sub(c.active) >= c.idleTimeout() || c.l.mayGo(c) {
		return false
	}
	c.spared = now
	return true
}

// restUntil is when a stranger that stays silent has to go.
func (c *conn) restUntil() time.Time {
	since := c.active
	if c.spared.After(since) {
		since = c.spared
	}
	return since.Add(c.l.cfg.StrangerTimeout)
}

// enterInbound enters an accepted connection in the table, in the place of a stranger's where
// there is no room.
func (l *Layer) enterInbound(c *conn) error {
	c.stranger.Store(!l.trusts(c.flow.Remote.Addr()))
	_, full := l.conns.addInbound(c, nil)
	if !errors.Is(full, ErrTooManyConns) {
		return full
	}
	var gone *conn
	var err error
	s := l.search()
	s.look(func() { gone, err = l.conns.addInbound(c, s) })
	if gone != nil {
		gone.leave()
	}
	if gone != nil || errors.Is(err, ErrTooManyConns) {
		l.complain(c, full, err != nil)
	}
	return err
}

// makeRoom makes c, a connection of our own which was entered beyond a limit, fit.
func (l *Layer) makeRoom(c *conn) error {
	var gone *conn
	var full error
	s := l.search()
	s.look(func() { gone, full = l.conns.fit(c, s) })
	if full == nil {
		return nil
	}
	l.complain(c, full, gone == nil)
	if gone == nil {
		return full
	}
	gone.leave()
	return nil
}

// Yield ends the idlest connection of a stranger that nothing goes by, for who is out of file
// descriptors. False if there is none.
func (l *Layer) Yield() bool {
	var gone *conn
	s := l.search()
	s.look(func() { gone = l.conns.yield(s) })
	if gone == nil {
		return false
	}
	gone.leave()
	return true
}

// leave ends a connection that has lost its place in the table.
func (c *conn) leave() {
	c.l.stats.connsReplaced.Add(1)
	c.farewell()
	_ = c.close(ErrReplaced)
}

// complain says that the table, or somebody's share of it, was full for c, and which setting
// says how much that is.
func (l *Layer) complain(c *conn, full error, refused bool) {
	end := "idle connections of strangers give way to new ones"
	if refused {
		end = "new ones are refused"
	}
	a := c.flow.Remote.Addr()
	switch now := time.Now(); {
	case errors.Is(full, errCrowded):
		if l.crowdedLog.Pass(now, time.Minute, 1) {
			l.log.Warn("one source has as many connections as it may: "+end, "source", SourceOf(a).String(), "limit", l.cfg.MaxConnsPerSource, "setting", "tcp_accept_iplimit")
		}
	case errors.Is(full, errOwnCrowded), errors.Is(full, errTooManyOwns):
		if l.ownLog.Pass(now, time.Minute, 1) {
			l.log.Warn("our own connections to hosts that are not trusted are as many as they may be: "+end, "host", hostOf(a).String(),
				"limit", l.cfg.MaxOwn, "limit_host", l.cfg.MaxOwnPerHost, "setting", "tcp_max_connections")
		}
	case l.fullLog.Pass(now, time.Minute, 1):
		l.log.Warn("there are as many connections as there may be: "+end, "limit", l.cfg.MaxConns, "setting", "tcp_max_connections")
	}
}
