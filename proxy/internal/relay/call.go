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

	req      *txn.Buffer // the request as received, until it is answered
	from     transport.Flow
	local    *Local
	method   sip.Method
	holds    bool // the connection that it came over stays for it; see hold
	branches []*Branch
	cancels  *cancel
	room     [2]*Branch // for branches, which are seldom more
	edits    sip.Edits

	hooks      Hooks      // the script that it runs through
	kept       []byte     // what the script keeps with it
	start      *beginning // see keepStart; nil for most calls
	auth       Identity
	authRoom   [128]byte
	calleeRoom [192]byte
	began      time.Time

	perCall

	tags  [maxTags]uint64 // hashes of the To tags of the 2xx that went up; see tagCount
	noted *txn.Buffer     // what the accountant has noted
	later contacts        // what LoadContacts has put aside
	names *named          // renamed headers; nil for most calls
}

// perCall is what of a Call is made zero, as a whole, when its memory is used for the next one. What holds on to
// something that has to be given back at once stays outside (Release), as does what has memory that is used again.
type perCall struct {
	terms // the request's, when it was last sent on
	wishes

	vain     uint8 // how often it was sent on and nobody was there: once counts as a branch
	tracked  bool  // the dialog table knows the INVITE
	managed  bool  // the script has called dlg_manage for it
	tagCount uint8

	relayed   bool // t_relay was called
	answered  bool // a final reply went up
	cancelled bool
	elsewhere bool // the caller cancelled because somebody else answered
	watched   bool // the observer was told of it
	failure   failure
	onFailure int // the failure route that is armed, 0 for none or while it runs

	callee    []byte // who is called, in calleeRoom if it fits
	best      best
	round     round
	retries   int      // branches that took the place of a failed one
	flows     []Target // other ways to the phones of branches
	withdrawn func()   // of Later: who is told if the INVITE is cancelled; else nil
}

// failure is how far the failure route is.
type failure uint8

const (
	failureIdle    failure = iota
	failureDue             // it is to run as soon as the lock is free
	failureRunning         // until it has ended, nothing is settled
)

// maxFailures bounds the failure routes that run at once on goroutines of their own;
// others wait for them.
const maxFailures = 256

// best is the best final reply of all branches so far (RFC 3261 §16.7 step 6): the caller's.
type best struct {
	status int
	msg    *txn.Buffer // the response as received; nil for one of ours
	lost   bool        // status is noConnection, which nobody has said
}

// NewTransaction enters the request in the transaction table (SER's t_newtran).
func (r *Request) NewTransaction() error {
	if r.Call != nil {
		return nil
	}
	e := r.Engine
	if r.full() {
		r.refuseFull()
		return ErrOverload
	}
	r.stamp()
	c := e.takeCall()
	e.txns.Init(&c.Cell, r.key.Hash(), c)
	e.txns.Identify(&c.Cell, r.Msg)
	c.from, c.local, c.method = r.From, r.Local, r.Msg.Method
	c.wishes = r.wishes
	r.Msg.Save(&c.edits) // as they are if it is answered without Relay; Relay saves them anew
	c.hooks = r.routed()
	c.req = e.txns.Buffers.Copy(r.Msg.Buf)
	c.began = r.now()
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
	r.DropLoad()
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
			c.noteOver(0)
			c.server.Abort()
			c.dropRequest()
		}
	}
	c.Unlock()
	c.Unlocked(r.worker)
	c.Unref()
}

func (r *Request) answer(c *Call, status int) {
	r.remember(c)
	r.Engine.stats.LocalReplies.Add(1)
	c.replyUp(status, r.build(&sip.Reply{Status: status}), r.out())
}

// trying sends 100, once, to an INVITE that has no reply yet (RFC 3261 §17.2.1): when
// it is sent on, or when it is repeated because it waits.
func (c *Call) trying(r *Request) {
	if c.method == sip.INVITE && c.local == nil && !c.answered && c.server.Status() == 0 {
		r.Engine.stats.LocalReplies.Add(1)
		c.replyUp(100, r.build(&sip.Reply{Status: 100}), r.out())
	}
}

// replyUp sends a reply up through the server transaction.
func (c *Call) replyUp(status int, msg []byte, out txn.Out) {
	c.sendUp(status, msg, out, false)
}

// sendUp is replyUp; opens says that it is a 2xx to an INVITE with a To tag that none had before.
func (c *Call) sendUp(status int, msg []byte, out txn.Out, opens bool) {
	c.engine.stats.Sent.Add(1)
	if status >= 200 {
		c.engine.stats.Class[status/100].Add(1)
		c.account(status, msg, opens)
		if status >= 300 {
			c.noteOver(status)
		}
		c.answered = true
		c.dropRequest()
	}
	if c.watched && status > 100 {
		c.engine.cfg.Observer.Progress(c, status)
	}
	c.server.Reply(status, msg, out)
	if status >= 200 {
		c.letGo(status) // with the reply on its way
	}
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
	c.elsewhere = completedElsewhere(reason)
	c.cancelBranches(out, reason)
	c.withdraw()
}

// cancelBranches sends CANCEL on every branch that is still open.
func (c *Call) cancelBranches(out txn.Out, reason []byte) {
	if c.method != sip.INVITE {
		return
	}
	for _, b := range c.branches {
		b.giveUp(out, reason)
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
	if c.answered || c.failure != failureIdle || !c.relayed || c.open() > 0 {
		return
	}
	if c.onFailure != 0 && !c.cancelled {
		c.failure = failureDue // Unlocked runs it
		return
	}
	c.replyBest(out)
}

// Unlocked runs the failure route, which may wait and so needs the lock free.
func (c *Call) Unlocked(w *transport.Worker) {
	route := c.dueFailure()
	if route == 0 {
		return
	}
	c.Ref()
	if w == nil {
		// On the timers' goroutine nothing may wait.
		go c.runFailuresDetached(route)
		return
	}
	c.runFailures(w, route)
}

// dueFailure takes the failure route that is to run, 0 for none.
func (c *Call) dueFailure() int {
	c.Lock()
	defer c.Unlock()
	if c.failure != failureDue {
		return 0
	}
	route := c.onFailure
	c.failure, c.onFailure = failureRunning, 0
	return route
}

func (c *Call) runFailuresDetached(route int) {
	e := c.engine
	e.failures <- struct{}{}
	defer func() { <-e.failures }()
	w := e.layer.Detached()
	defer e.layer.Release(w)
	c.runFailures(w, route)
}

// runFailures runs a failure route, and those that are due when it has ended because nobody
// is there whom it has sent to. It takes a reference of the caller's.
func (c *Call) runFailures(w *transport.Worker, route int) {
	for route != 0 {
		c.runFailure(w, route)
		route = c.dueFailure()
	}
	c.Unref()
}

// runFailure runs the failure route on a copy of the request, because the call gives
// its own back as soon as it is answered, by the route itself or by a branch that the
// route has begun.
func (c *Call) runFailure(w *transport.Worker, route int) {
	e := c.engine
	r := e.takeRequest()
	var request *txn.Buffer
	c.Lock()
	if c.req != nil {
		request = e.txns.Buffers.Copy(c.req.B)
	}
	ok := c.restore(r, w, request)
	if ok {
		c.startAgain(r)
	}
	r.Final = int(c.round.status)
	c.Unlock()
	if ok {
		r.route = inFailure
		r.Call = c
		c.failureRoute(r, route)
		r.DropLoad()
	}
	c.Lock()
	c.failure = failureIdle // what is armed now, Relay armed: a route that only arms itself is at its end
	c.settle(w)
	c.Unlock()
	e.giveRequest(r)
	e.txns.Buffers.Give(request)
}

// restore makes r the request of the call again, with its edits; request holds the
// request as received.
func (c *Call) restore(r *Request, w *transport.Worker, request *txn.Buffer) bool {
	if request == nil || r.own.Parse(request.B) != nil {
		return false
	}
	r.reset(w, &r.own, c.from)
	r.own.Restore(&c.edits)
	r.terms, r.wishes, r.stamped = c.terms, c.wishes, true
	r.Local, r.Auth = c.local, c.auth
	r.goAlong(c.nextAt)
	if len(c.callee) > 0 {
		r.Callee = r.Keep(c.callee)
	}
	r.hooks, r.Kept = c.hooks, append(r.Kept[:0], c.kept...)
	c.names.restoreTo(r)
	r.later.set(c.later.list)
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
	if status == 408 && c.method != sip.INVITE {
		msg = nil // whoever made it, it is too late (RFC 4320 §4.2)
	}
	if msg == nil || !c.replyKept(status, msg, out) {
		c.replyOwn(status, out)
	}
}

// replyKept sends the kept response of a branch up; false if it cannot be read, which
// is when a reply route has blown it up.
func (c *Call) replyKept(status int, msg *txn.Buffer, out txn.Out) bool {
	e := c.engine
	r := e.takeRequest()
	defer e.giveRequest(r)
	if r.own.ParseOwn(msg.B) != nil {
		return false
	}
	r.addChallenges(c)
	b, err := r.own.AppendForwardedReply(r.scratch[:0])
	if err != nil {
		return false
	}
	r.scratch = b
	c.replyUp(status, b, out)
	return true
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
		c.abort() // RFC 4320 §4.2: too late to be of use
		return
	}
	c.replyMade(&sip.Reply{Status: status}, out)
}

// replyMade answers with a reply of the router's to the request as it was kept; where that cannot
// be read, the call ends without one.
func (c *Call) replyMade(rep *sip.Reply, out txn.Out) {
	e := c.engine
	r := e.takeRequest()
	defer e.giveRequest(r)
	if !c.restore(r, nil, c.req) {
		c.abort()
		return
	}
	e.stats.LocalReplies.Add(1)
	c.replyUp(rep.Status, r.build(rep), out)
}

// abort ends the call without an answer.
func (c *Call) abort() {
	c.noteOver(0)
	c.answered = true
	c.letGo(0)
	c.server.Abort()
	c.dropRequest()
}

// Release takes the memory of a call back.
func (c *Call) Release() {
	e := c.engine
	c.letGo(0)
	c.dropRequest()
	e.txns.Buffers.Give(c.noted)
	c.noted = nil
	for _, b := range c.branches {
		b.spare.drop(e)
		e.txns.Buffers.Give(b.redirect)
		b.redirect = nil
		e.branches.Give(b)
	}
	for c.cancels != nil {
		x := c.cancels
		c.cancels = x.next
		e.cancels.Give(x)
	}
	c.branches = c.branches[:0]
	if c.start != nil {
		e.starts.Give(c.start)
		c.start = nil
	}
	c.local, c.auth, c.names = nil, Identity{}, nil
	c.forgetScript()
	e.calls.Give(c)
}

func (e *Engine) takeCall() *Call {
	c := e.calls.Take()
	if c.engine == nil {
		c.engine, c.branches = e, c.room[:0]
		return c
	}
	c.perCall = perCall{}
	c.later.clear()
	return c
}
