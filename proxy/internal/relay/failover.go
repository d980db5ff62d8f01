package relay

import (
	"bytes"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

const (
	// maxRetries bounds the branches of one request that take the place of a failed one.
	maxRetries = 16
	// maxDatagram is the largest request that goes over UDP to a host found by DNS where
	// TCP is to be had (RFC 3261 §18.1.1), in bytes.
	maxDatagram = 1300
)

// spareWay is what a branch keeps to begin again elsewhere if the place where it was
// sent fails (RFC 3263 §4.3).
type spareWay struct {
	at     transport.Hop // where it was sent if DNS found that, else the zero Hop
	domain string        // whom the peer of a TLS connection has to speak for
	// noConnect says that no connection is opened for it.
	noConnect bool
	rest      int         // where, in again, what follows our Via and Record-Route begins
	again     *txn.Buffer // the request as written; nil where no place is left
	n         int
	hops      [transport.MaxHops]transport.Hop
}

// drop gives the memory back; nil is allowed.
func (s *spareWay) drop(e *Engine) {
	if s == nil {
		return
	}
	e.txns.Buffers.Give(s.again)
	s.again, s.n = nil, 0
}

// launch writes the request for a target and sends it to the first place that takes it.
// On an error nothing is under way; lost says that it was for want of a connection.
func (r *Request) launch(b *Branch, t *Target, w *way) error {
	e, c := r.Engine, b.call
	for {
		id := b.client.Prepare(e.txns, &c.Cell, b)
		r.needLength = w.n > 1
		r.scratch = r.appendBranch(r.scratch[:0], t, w.flow, txn.StatefulMark, id)
		if w.named && w.flow.Proto == transport.UDP && len(r.scratch) > maxDatagram && r.overTCP(w) {
			continue
		}
		err := b.client.Start(c.method, w.flow, r.scratch, r.out())
		if err == nil {
			if b.spare == nil && (w.found || w.left() > 0) {
				b.spare = &spareWay{}
			}
			if w.found {
				b.spare.at, b.spare.domain = w.at, w.domain
			}
			if w.left() > 0 {
				b.spare.again, b.spare.rest, b.spare.noConnect = e.txns.Buffers.Copy(r.scratch), r.rest, w.noConnect
				b.spare.n = copy(b.spare.hops[:], w.hops[w.next:w.n])
			}
			return nil
		}
		if w.at.Proto == transport.ProtoNone || !lost(err) {
			return err
		}
		if w.found {
			e.resolver.Block(w.at)
		}
		if w.advance(e, r.From.Socket) != nil {
			return errLost
		}
	}
}

// overTCP makes a large request go over TCP (RFC 3261 §18.1.1); the datagram stays what
// is tried after it, because the host may not listen there.
func (r *Request) overTCP(w *way) bool {
	f, err := r.Engine.flowTo(transport.TCP, w.at.Addr, r.From.Socket, "", w.noConnect)
	if err != nil || w.next == 0 {
		return false
	}
	w.next--
	w.hops[w.next] = w.at
	w.flow, w.at.Proto, w.named = f, transport.TCP, false
	return true
}

// goOn begins a failed branch anew at the next place of its target, as another branch
// with an id of its own. False: there is none, or nobody waits any more. The call is
// locked.
func (b *Branch) goOn(out txn.Out) bool {
	c := b.call
	e := c.engine
	s := b.spare
	if s == nil {
		return false
	}
	b.block()
	if s.again == nil || s.n == 0 || !b.awaited() {
		return false
	}
	r := e.takeRequest()
	defer e.giveRequest(r)
	if !c.restore(r, nil, c.req) {
		return false
	}
	r.Call = c
	for s.n > 0 && c.retries < maxRetries {
		hop := s.hops[0]
		s.n = copy(s.hops[:], s.hops[1:s.n])
		if r.resend(b, hop, out) {
			return true
		}
		e.resolver.Block(hop)
	}
	return false
}

// awaited reports whether somebody waits for what would come of the branch elsewhere.
func (b *Branch) awaited() bool {
	c := b.call
	return !b.cancelling && !c.answered && !c.cancelled && !c.engine.draining.Load()
}

// block remembers that the place of the branch has failed, for the requests after it, whether
// or not this one has time left for another place.
func (b *Branch) block() {
	if s := b.spare; s != nil && s.at.Proto != transport.ProtoNone {
		b.call.engine.resolver.Block(s.at)
	}
}

// resend sends what b sent once more, to another place; the new branch takes over what
// b has kept.
func (r *Request) resend(b *Branch, hop transport.Hop, out txn.Out) bool {
	c, s := b.call, b.spare
	e := c.engine
	f, err := e.flowTo(hop.Proto, hop.Addr, c.from.Socket, s.domain, s.noConnect)
	if err != nil {
		return false
	}
	n := e.takeBranch(c)
	c.branches = append(c.branches, n)
	c.retries++
	id := n.client.Prepare(e.txns, &c.Cell, n)
	if b.names != nil {
		r.names, r.params.added = b.names.of, b.names.added
	}
	line, _, _ := bytes.Cut(s.again.B, []byte(" SIP/2.0\r\n"))
	_, uri, _ := bytes.Cut(line, []byte(" "))
	msg := r.appendTop(r.scratch[:0], &Target{URI: uri}, f, txn.StatefulMark, id)
	r.scratch = append(msg, s.again.B[s.rest:]...)
	if n.client.Start(c.method, f, r.scratch, out) != nil {
		return false
	}
	n.begin(&b.course)
	n.spare, b.spare = s, n.spare
	s.at = hop
	if s.n == 0 {
		s.drop(e)
	}
	n.arm()
	return true
}

// arm starts the timers of a branch that has been sent.
func (b *Branch) arm() {
	c := b.call
	e := c.engine
	if b.fr > 0 {
		b.client.ExpireAfter(b.fr)
	}
	switch {
	case c.method == sip.INVITE:
		b.timerC.Arm(b.ringTime())
	case c.onFailure != 0 && c.method == sip.MESSAGE:
		b.timerC.Arm(min(e.messageWait, e.txns.Config().FrTimer))
	}
}
