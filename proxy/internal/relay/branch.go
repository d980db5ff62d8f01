package relay

import (
	"bytes"
	"errors"
	"net/netip"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Branch is one copy of a request on its way to one target.
type Branch struct {
	call   *Call
	client txn.Client
	timerC txn.Timer

	course
	spare      *spareWay // nil until DNS has found a place
	cancelling bool
	heard      bool // a provisional response has come
	rang       bool // … and it was not 100, which says nothing of the phone
	rangOut    bool // Timer C cancelled it
	late       bool // it counts as failed; see lapse
	isBest     bool
	overlong   bool   // a 2xx counted as 502, which is repeated, as nobody acknowledges it
	status     uint16 // the final one that it was answered with, no 2xx; else 0
	timedOut   bool   // it got no answer in time, and was not given up before
	reason     []byte
	challenges []byte      // of a 401 or 407, as header lines
	redirect   *txn.Buffer // a 3xx as received, where a failure route may follow it
}

// cancel is the client transaction of a CANCEL.
type cancel struct {
	client txn.Client
	next   *cancel // of the same call
}

func (e *Engine) takeBranch(c *Call) *Branch {
	b := e.branches.Take()
	b.call = c
	b.cancelling, b.heard, b.rang, b.rangOut, b.late, b.isBest = false, false, false, false, false, false
	b.status, b.timedOut, b.overlong = 0, false, false
	b.begin(&course{})
	if b.spare != nil {
		b.spare.at = transport.Hop{}
	}
	b.reason, b.challenges = b.reason[:0], b.challenges[:0]
	b.timerC.Init(&c.Cell, b)
	return b
}

func (b *Branch) sendCancel(out txn.Out) {
	e := b.call.engine
	x := e.cancels.Take()
	x.next, b.call.cancels = b.call.cancels, x
	var room [2048]byte
	msg, err := b.client.AppendCancel(room[:0], b.reason)
	if err != nil {
		return
	}
	x.client.PrepareCancel(&b.client)
	_ = x.client.Start(sip.CANCEL, b.client.Flow(), msg, out)
}

var elsewhere = []byte("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")

// Response handles a response on the branch (RFC 3261 §16.7).
func (b *Branch) Response(_ *txn.Client, m *sip.Message, from transport.Flow, w *transport.Worker) {
	c := b.call
	if c.local != nil {
		c.local.From = from
	}
	switch {
	case m.Status < 200:
		b.provisional(m, from, w)
	case m.Status < 300 && c.overlong(m):
		b.timerC.Disarm()
		if !b.overlong {
			b.overlong = true
			c.engine.tellOverlong(m, from)
			b.failed(502, w)
		}
	case m.Status < 300:
		b.timerC.Disarm()
		if c.answered && (c.method != sip.INVITE || c.server.Status() >= 300) {
			return // too late: something else was answered, and the observer told of it
		}
		c.noteRegistered(m)
		c.callee = b.callee
		c.forward(b, m, from, w)
		c.cancelBranches(w, elsewhere)
		c.dropRequest()
	default:
		b.timerC.Disarm()
		b.final(m, w)
	}
}

func (b *Branch) provisional(m *sip.Message, from transport.Flow, w *transport.Worker) {
	c := b.call
	b.heard = true
	b.rang = b.rang || m.Status > 100
	if c.method == sip.INVITE {
		if b.cancelling || b.late {
			if !b.cancelSent() {
				b.sendCancel(w)
			}
		} else {
			b.timerC.Arm(b.ringTime())
		}
	}
	if m.Status > 100 && !c.answered && !b.late {
		c.forward(b, m, from, w)
	}
}

// ID is the number of the branch's transaction: of no other branch, whatever INVITE it is of.
func (b *Branch) ID() uint64 { return b.client.ID() }

// SentTo is the host that the branch was sent to.
func (b *Branch) SentTo() netip.Addr { return b.client.Flow().Remote.Addr() }

// cancelSent reports whether the branch's CANCEL is on its way.
func (b *Branch) cancelSent() bool {
	for x := b.call.cancels; x != nil; x = x.next {
		if x.client.ID() == b.client.ID() {
			return true
		}
	}
	return false
}

// forward sends a response up, after the reply route.
func (c *Call) forward(b *Branch, m *sip.Message, from transport.Flow, w *transport.Worker) {
	r := w.Scratch().(*Request)
	c.putBack(m)
	if !c.replyRoute(r, b, m) && m.Status < 200 {
		return
	}
	c.vouch(b, m)
	msg, err := m.AppendForwardedReply(r.scratch[:0])
	if err != nil {
		return
	}
	r.scratch = msg
	opens := c.opens(m)
	c.noteReply(b, m, from, opens)
	c.sendUp(m.Status, msg, w, opens)
}

// replyRoute runs the reply routes on a response.
func (c *Call) replyRoute(r *Request, b *Branch, m *sip.Message) bool {
	if &r.own != m {
		return true
	}
	r.Call, r.branch = c, b
	r.Flags, r.InDialog = c.terms.Flags, c.terms.InDialog
	r.hooks, r.Kept = c.hooks, append(r.Kept[:0], c.kept...)
	r.Main.Flags = b.flags
	keep := r.routed().Reply(r, c.OnReply)
	c.keep(r)
	c.terms.Flags, b.flags = r.Flags, r.Main.Flags
	r.Call, r.branch = nil, nil
	return keep
}

// final handles a response that is not a 2xx.
func (b *Branch) final(m *sip.Message, w *transport.Worker) {
	c := b.call
	if c.answered || b.late {
		return
	}
	r := w.Scratch().(*Request)
	c.putBack(m)
	c.replyRoute(r, b, m)
	if b.rangOut && m.Status == 487 {
		b.failed(408, w) // nobody gave up: it rang too long (RFC 3261 §16.8)
		return
	}
	if m.Status == 430 {
		b.noteFlow()
	}
	if m.Status == 503 && b.goOn(w) || b.failedFlow(m.Status) && b.otherFlow(w) {
		return
	}
	dropOurRoutes(m)
	if m.Status == 401 || m.Status == 407 {
		b.keepChallenges(m)
	}
	if m.Status/100 == 3 && c.onFailure != 0 {
		b.redirect = c.engine.txns.Buffers.Copy(r.edited(m))
	}
	if m.Status >= 600 {
		c.cancelBranches(w, nil)
	}
	b.status = uint16(m.Status)
	c.note(b, m.Status, false)
	if better(m.Status, c.best.rank()) {
		for _, o := range c.branches {
			o.isBest = o == b
		}
		c.dropBest()
		c.best.status = m.Status
		if len(c.branches) == 1 && c.failure == failureIdle && c.onFailure == 0 && !c.cancelled && c.maySend(m.Status) {
			c.forwardOnly(r, m, w)
			return
		}
		c.best.msg = c.engine.txns.Buffers.Copy(r.edited(m))
	}
	c.settle(w)
}

// dropOurRoutes takes our Record-Route out of a refusal: no dialog comes of it, and
// who was refused needs no proof that one passes us.
func dropOurRoutes(m *sip.Message) {
	for h := m.Header(sip.HdrRecordRoute); h != nil; h = m.Next(h) {
		if bytes.Contains(m.Value(h), ourRouteParam) {
			m.Delete(h.Start, h.End-h.Start)
		}
	}
}

// maySend reports whether a final status of a branch may go up as it is: 503 does not
// (RFC 3261 §16.7 step 6), nor a 408 to what is no INVITE (RFC 4320 §4.2).
func (c *Call) maySend(status int) bool {
	return status != 503 && (status != 408 || c.method == sip.INVITE)
}

// forwardOnly sends the final reply of the only branch up as it is.
func (c *Call) forwardOnly(r *Request, m *sip.Message, w *transport.Worker) {
	msg, err := m.AppendForwardedReply(r.scratch[:0])
	if err != nil {
		return
	}
	r.scratch = msg
	c.replyUp(m.Status, msg, w)
}

// edited returns the response with the reply route's edits in it.
func (r *Request) edited(m *sip.Message) []byte {
	if !m.Edited() {
		return m.Buf
	}
	b := m.AppendRange(r.scratch[:0], 0, m.HeadersStart())
	b = m.AppendHeaders(b)
	b = append(b, m.Buf[m.HeadersEnd():]...)
	r.scratch = b
	return b
}

func (b *Branch) keepChallenges(m *sip.Message) {
	for _, id := range [...]sip.HeaderID{sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate} {
		for h := m.Header(id); h != nil; h = m.Next(h) {
			b.challenges = append(b.challenges, m.Buf[h.Start:h.End]...)
		}
	}
}

// better reports whether status a is preferred to b (RFC 3261 §16.7 step 6):
// 6xx, then the lowest class, in 4xx those that help the caller to try again.
func better(a, b int) bool {
	return rank(a) < rank(b)
}

func rank(status int) int {
	switch {
	case status == 0:
		return 1 << 20
	case status >= 600:
		return status - 600
	case status == 401 || status == 407:
		return 4000
	case status == 415 || status == 420 || status == 484:
		return 4001
	case status == 408:
		return 4900
	case status == 487:
		return 4800
	case status/100 == 4:
		return 4100 + status - 400
	default:
		return status * 10
	}
}

// Failed handles a branch that got no final response (RFC 3261 §16.8, §16.9).
func (b *Branch) Failed(_ *txn.Client, err error, out txn.Out) {
	b.timerC.Disarm()
	status := b.lost()
	if errors.Is(err, txn.ErrTimeout) {
		status = 408
		b.lapse()
	}
	if !b.heard {
		b.block()
	}
	if b.mayGoOn(status) && (b.goOn(out) || b.otherFlow(out)) {
		return
	}
	b.failed(status, out)
	if b.late && b.call.answered { // nobody waits, and nothing has come in all the time
		b.timerC.Disarm()
		b.client.GiveUp()
	}
}

// mayGoOn reports whether another place may be tried: nothing was heard of this one, and
// who waits for the answer to another request than an INVITE has not given up by now.
func (b *Branch) mayGoOn(status int) bool {
	cfg := b.call.engine.txns.Config()
	late := status == 408 && b.call.method != sip.INVITE && b.silence() >= 64*cfg.T1
	return !b.heard && !late
}

// silence is how long the branch may be without any response.
func (b *Branch) silence() time.Duration {
	if b.fr > 0 {
		return b.fr
	}
	return b.call.engine.txns.Config().FrTimer
}

// ringTime is how long the branch may ring (Timer C).
func (b *Branch) ringTime() time.Duration {
	if b.frInv > 0 {
		return b.frInv
	}
	return b.call.engine.cfg.TimerC
}

func (b *Branch) failed(status int, out txn.Out) {
	c := b.call
	if c.answered {
		return
	}
	b.timedOut = status == 408 && (b.rangOut || !b.cancelling)
	c.noteUnreached(b, status)
	c.settle(out)
}

// Expired is Timer C: the branch rang too long, or stays silent after its
// CANCEL (RFC 3261 §16.8). Of a MESSAGE it is messageWait.
func (b *Branch) Expired(_ *txn.Timer, out txn.Out) {
	if b.late {
		b.outlive()
		return
	}
	if !b.client.Pending() {
		return
	}
	if !b.cancelling && b.client.Provisional() && b.call.method == sip.INVITE {
		b.cancelling, b.rangOut = true, true
		b.sendCancel(out)
		b.timerC.Arm(b.cancelWait())
		return
	}
	if b.call.method != sip.INVITE {
		b.client.GiveUp()
		if !b.heard {
			b.block()
		}
		b.failed(408, out)
		return
	}
	b.lapse()
	if !b.cancelling && b.mayGoOn(408) && b.goOn(out) { // one that was given up says nothing of its place
		return
	}
	b.failed(408, out)
}
