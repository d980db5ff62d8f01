package relay

import (
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Call is one request that is forwarded statefully: its server transaction, its
// branches and what the script armed. Its fields are guarded by its lock.
type Call struct {
	txn.Cell
	engine *Engine
	server txn.Server
	next   *Call // in the free list

	req      *txn.Buffer // the request as received, until it is answered
	from     transport.Flow
	local    *Local
	method   sip.Method
	branches []*Branch
	cancels  *cancel
	edits    sip.Edits

	onFailure, onReply int
	flags              uint32
	auth               Identity
	authRoom           [128]byte
	recordRouted       bool
	inDialog           bool
	forceRPort         bool

	relayed   bool // t_relay was called
	answered  bool // a final reply went up
	cancelled bool
	failing   bool // the failure route is to run, or runs
	watched   bool // the observer was told of it
	best      best
}

// best is the best final reply of the branches so far (RFC 3261 §16.7 step 6).
type best struct {
	status int
	msg    *txn.Buffer // the response as received; nil for one of ours
}

// NewTransaction enters the request in the transaction table (SER's t_newtran).
func (r *Request) NewTransaction() error {
	if r.Call != nil {
		return nil
	}
	e := r.Engine
	if e.txns.Full() {
		return ErrOverload
	}
	r.stamp()
	c := e.takeCall()
	e.txns.Init(&c.Cell, r.key.Hash(), c)
	c.from, c.local, c.method = r.From, r.Local, r.Msg.Method
	c.forceRPort = r.forceRPort
	c.req = e.txns.Buffers.Copy(r.Msg.Buf)
	var replies txn.LocalReplies
	if r.Local != nil {
		replies = r.Local
		r.Local.call = c
		e.stats.Local.Add(1)
	}
	if old := c.server.Start(e.txns, &c.Cell, r.key, r.Msg, r.replyFlow(), replies); old != nil {
		// Another worker was faster with a copy of the same request.
		old.Cell().Unref()
		c.Unref()
		return ErrNoTransaction
	}
	e.stats.Total.Add(1)
	r.Call = c
	return nil
}

// finishCall gives the request's hold on its transaction back. A transaction
// that the script neither answered nor relayed is dropped, as SER does.
func (r *Request) finishCall() {
	c := r.Call
	if c == nil {
		return
	}
	r.Call = nil
	c.Lock()
	if !c.relayed && !c.answered {
		if c.cancelled {
			r.answer(c, 487)
		} else {
			c.server.Abort()
			c.dropRequest()
		}
	}
	c.Unlock()
	c.Unlocked(r.worker)
	c.Unref()
}

func (r *Request) answer(c *Call, status int) {
	c.replyUp(status, r.build(&sip.Reply{Status: status}), r.out())
}

// replyUp sends a reply up through the server transaction.
func (c *Call) replyUp(status int, msg []byte, out txn.Out) {
	if status >= 200 {
		c.engine.stats.Class[status/100].Add(1)
		c.answered = true
		c.dropRequest()
	}
	if c.watched && status > 100 {
		c.engine.cfg.Observer.Progress(c, status)
	}
	c.server.Reply(status, msg, out)
}

func (c *Call) dropRequest() {
	c.engine.txns.Buffers.Give(c.req)
	c.req = nil
	c.dropBest()
}

func (c *Call) dropBest() {
	c.engine.txns.Buffers.Give(c.best.msg)
	c.best = best{}
}

// cancel handles a CANCEL of the caller, or of the router's own user agent
// (RFC 3261 §16.10). reason is a Reason line that goes with it.
func (c *Call) cancel(out txn.Out, reason []byte) {
	if c.cancelled || c.answered || c.method != sip.INVITE {
		return
	}
	c.cancelled = true
	c.cancelBranches(out, reason)
}

// cancelBranches sends CANCEL on every branch that is still open: at once where
// a provisional response has come, else as soon as it comes (RFC 3261 §9.1).
func (c *Call) cancelBranches(out txn.Out, reason []byte) {
	if c.method != sip.INVITE {
		return
	}
	for _, b := range c.branches {
		if !b.client.Pending() || b.cancelling {
			continue
		}
		b.cancelling = true
		b.reason = append(b.reason[:0], reason...)
		if b.client.Provisional() {
			b.sendCancel(out)
		}
		// A branch that stays silent after its CANCEL is given up after 64·T1.
		b.timerC.Arm(64 * c.engine.txns.Config().T1)
	}
}

// open counts the branches without a final response.
func (c *Call) open() int {
	n := 0
	for _, b := range c.branches {
		if b.client.Pending() {
			n++
		}
	}
	return n
}

// settle ends the call when no branch is open and no 2xx was sent: the failure
// route if one is armed, else the best reply.
func (c *Call) settle(out txn.Out) {
	if c.answered || c.failing || !c.relayed || c.open() > 0 {
		return
	}
	if c.onFailure != 0 && !c.cancelled {
		c.failing = true // Unlocked runs it
		return
	}
	c.replyBest(out)
}

// Unlocked runs the failure route, which may wait and so needs the lock free.
func (c *Call) Unlocked(w *transport.Worker) {
	c.Lock()
	run := c.failing && c.onFailure != 0
	route := c.onFailure
	if run {
		c.onFailure = 0
	}
	c.Unlock()
	if !run {
		return
	}
	c.Ref()
	if w == nil {
		// On the timers' goroutine nothing may wait.
		go c.runFailure(nil, route)
		return
	}
	c.runFailure(w, route)
}

func (c *Call) runFailure(w *transport.Worker, route int) {
	e := c.engine
	r := e.spare.Get().(*Request)
	detached := w == nil
	if detached {
		w = e.layer.Detached()
	}
	c.Lock()
	ok := c.restore(r, w)
	r.Final = c.best.status
	c.Unlock()
	if ok {
		r.route = inFailure
		c.Ref()
		r.Call = c
		e.cfg.Hooks.Failure(r, route)
		r.Call = nil
		c.Lock()
		c.failing = false
		c.onFailure = r.OnFailure
		c.settle(w)
		c.Unlock()
		c.Unlocked(w)
		c.Unref()
	}
	r.own.Reset()
	e.spare.Put(r)
	if detached {
		e.layer.Release(w)
	}
	c.Unref()
}

// restore makes r the request of the call again, with its edits.
func (c *Call) restore(r *Request, w *transport.Worker) bool {
	if c.req == nil || r.own.Parse(c.req.B) != nil {
		return false
	}
	r.reset(w, &r.own, c.from)
	r.own.Restore(&c.edits)
	r.stamped, r.forceRPort = true, c.forceRPort
	r.Local, r.Flags, r.Auth = c.local, c.flags, c.auth
	r.RecordRouted, r.InDialog = c.recordRouted, c.inDialog
	r.OnReply = c.onReply
	return true
}

// replyBest sends the best reply of the branches up (RFC 3261 §16.7 steps 6-9).
func (c *Call) replyBest(out txn.Out) {
	status, msg := c.best.status, c.best.msg
	if status == 0 {
		status = 500
	}
	if c.cancelled && status < 600 && status != 401 && status != 407 {
		status, msg = 487, keepIf(msg, c.best.status == 487)
	}
	if status == 503 {
		status, msg = 500, nil // another element's overload is not ours
	}
	if msg == nil {
		c.replyOwn(status, out)
		return
	}
	e := c.engine
	r := e.spare.Get().(*Request)
	if err := r.own.Parse(msg.B); err == nil {
		r.addChallenges(c)
		if b, err := r.own.AppendForwardedReply(r.scratch[:0]); err == nil {
			r.scratch = b
			c.replyUp(status, b, out)
		}
	}
	r.own.Reset()
	e.spare.Put(r)
}

func keepIf(b *txn.Buffer, ok bool) *txn.Buffer {
	if ok {
		return b
	}
	return nil
}

// addChallenges merges the challenges of the other branches into a 401 or 407
// (RFC 3261 §16.7 step 7).
func (r *Request) addChallenges(c *Call) {
	if s := r.own.Status; s != 401 && s != 407 {
		return
	}
	for _, b := range c.branches {
		if len(b.challenges) > 0 && !b.isBest {
			r.own.Insert(r.own.HeadersEnd(), b.challenges)
		}
	}
}

// replyOwn answers with a reply that the router makes.
func (c *Call) replyOwn(status int, out txn.Out) {
	if status == 408 && c.method != sip.INVITE && c.local == nil {
		c.answered = true // RFC 4320 §4.2: too late to be of use
		c.server.Abort()
		c.dropRequest()
		return
	}
	e := c.engine
	r := e.spare.Get().(*Request)
	if c.restore(r, nil) {
		c.replyUp(status, r.build(&sip.Reply{Status: status}), out)
	}
	r.own.Reset()
	e.spare.Put(r)
}

// Release takes the memory of a call back.
func (c *Call) Release() {
	e := c.engine
	c.dropRequest()
	e.callMu.Lock()
	for _, b := range c.branches {
		b.next, e.branches = e.branches, b
	}
	for c.cancels != nil {
		x := c.cancels
		c.cancels = x.next
		x.next, e.cancels = e.cancels, x
	}
	c.branches = c.branches[:0]
	c.local, c.auth = nil, Identity{}
	c.next, e.calls = e.calls, c
	e.callMu.Unlock()
}

func (e *Engine) takeCall() *Call {
	e.callMu.Lock()
	c := e.calls
	if c != nil {
		e.calls, c.next = c.next, nil
	}
	e.callMu.Unlock()
	if c == nil {
		c = &Call{engine: e, branches: make([]*Branch, 0, 2)}
		return c
	}
	c.onFailure, c.onReply, c.flags = 0, 0, 0
	c.recordRouted, c.inDialog, c.forceRPort = false, false, false
	c.relayed, c.answered, c.cancelled, c.failing, c.watched = false, false, false, false, false
	c.best = best{}
	return c
}

// timerC is the time that an INVITE may ring.
func (e *Engine) timerC() time.Duration { return e.cfg.TimerC }
