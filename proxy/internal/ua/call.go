package ua

import (
	"errors"
	"sync"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// What a Failed or ReferAnswered event gives as its cause.
var (
	// ErrDropped: the script neither answered nor relayed the INVITE.
	ErrDropped = errors.New("the routing script dropped the request")
	// ErrNoAnswer: Invite.Timeout ran out.
	ErrNoAnswer = errors.New("nobody answered in time")
	// ErrBadAnswer: the 2xx makes no dialog that can be used.
	ErrBadAnswer = errors.New("the answer cannot be used")
	// ErrNoWay: a request could not be sent along the dialog.
	ErrNoWay = errors.New("no way to the other end of the dialog")
)

// maxForks bounds the dialogs of one INVITE; more answers than a relay makes
// branches are a fault of somebody's.
const maxForks = 32

// Call is one INVITE of ours and the dialogs that its answers made. One of them,
// that of the first 2xx, is the call; the others are acknowledged and ended.
// All methods may be called from any goroutine and return at once.
type Call struct {
	agent                  *Agent
	invite                 Invite
	token, callID, fromTag string
	sessionID              uint64 // of our SDP
	key                    txn.Key
	queue                  Serial
	events                 func(Event)

	mu          sync.Mutex
	inviting    bool // the INVITE has no final response
	cancelled   bool // Hangup was called
	timedOut    bool // Invite.Timeout ran out
	provisional int  // the last one told
	version     uint64
	main        *dialog
	dialogs     []*dialog
	peer        *Call // what Join joined it with
	counted     int   // what of the agent's number of dialogs is ours
	ended       bool
	ring, life  *time.Timer
}

// Invite begins a call. events takes what happens to it, one at a time and in
// order, on a goroutine that holds no lock; Ended is the last of those of the call. ErrLimit, ErrClosed
// and ErrBadAddress say that nothing was sent.
func (a *Agent) Invite(p Invite, events func(Event)) (*Call, error) {
	if a.socket == nil {
		return nil, ErrNotAttached
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	c := &Call{
		agent: a, invite: p, events: events, inviting: true,
		token: random(tokenSize / 2), callID: random(16), fromTag: random(8), sessionID: sessionID(),
	}
	if w := p.worded; w != nil {
		c.callID, c.fromTag = w.callID, w.fromTag
	}
	msg := c.appendInvite(nil)
	var m sip.Message
	if err := m.Parse(msg); err != nil {
		return nil, errors.Join(ErrBadAddress, err)
	}
	var err error
	if c.key, err = a.table.KeyOf(&m); err != nil {
		return nil, err
	}
	if err := a.list(c, false); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.recount()
	c.ring = time.AfterFunc(p.Timeout, c.ringTimeout)
	c.mu.Unlock()
	a.stats.invites.Add(1)
	c.queue.Post(func() { c.inject(msg) })
	return c, nil
}

// CallID returns the Call-ID of the INVITE.
func (c *Call) CallID() string { return c.callID }

// FromTag returns the tag in its From.
func (c *Call) FromTag() string { return c.fromTag }

// inject sends the INVITE through the script.
func (c *Call) inject(msg []byte) {
	c.mu.Lock()
	given := c.cancelled
	c.mu.Unlock()
	if given {
		c.fail(487, "Request Terminated", nil)
		return
	}
	err := c.agent.router.Inject(msg, Identity{
		User: []byte(c.invite.User), Domain: []byte(c.invite.Domain), Contact: []byte(c.invite.Contact), Accounted: c.invite.Accounted,
		NoRules: c.invite.NoRules,
	}, c.replied)
	if err != nil {
		c.agent.log.Warn("user agent: INVITE not sent", "call_id", c.callID, "error", err)
		c.fail(0, "", err)
		return
	}
	// A script may end without a word. Every final reply comes before the
	// transaction leaves the table, so without one now none will come.
	if srv := c.agent.table.FindServer(c.key); srv != nil {
		srv.Cell().Unref()
		return
	}
	c.fail(0, "", ErrDropped)
}

// replied takes the responses to the INVITE, under the relay's lock.
func (c *Call) replied(status int, msg []byte, from transport.Flow) {
	if w := c.invite.worded; w != nil && status >= 200 {
		w.final(msg)
	}
	switch {
	case status < 200:
		c.progress(status)
	case status < 300:
		c.success(msg, from)
	default:
		var m sip.Message
		_ = m.ParseOwn(msg)
		c.fail(status, cleanText(m.Reason()), nil)
	}
}

// maxPending bounds the events that a stranger can make wait; what is told once
// is not counted.
const maxPending = 64

func (c *Call) progress(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.inviting || status <= 100 || status == c.provisional {
		return
	}
	c.provisional = status
	c.queue.Offer(func() { c.events(Event{Kind: Provisional, Status: status}) }, maxPending)
}

func (c *Call) tell(e Event) { c.queue.Post(func() { c.events(e) }) }

// success takes a 2xx: the first one makes the call, a repeated one is
// acknowledged again, one of another branch, or one that crossed our CANCEL, is
// acknowledged and ended (RFC 3261 §13.2.2.4).
func (c *Call) success(msg []byte, from transport.Flow) {
	m := &sip.Message{}
	err := m.ParseOwn(append([]byte(nil), msg...))
	c.mu.Lock()
	defer c.mu.Unlock()
	d, err := c.dialogOf(m, err, from)
	if err != nil {
		if c.inviting {
			c.agent.log.Warn("user agent: answer cannot be used", "call_id", c.callID, "error", err)
			c.failLocked(Event{Kind: Failed, Err: errors.Join(ErrBadAnswer, err)})
		}
		return
	}
	if d == nil {
		return
	}
	first := c.inviting && !c.cancelled
	if d.leg == legNew && c.invite.Offerless && !c.takeOffer(d, m, first) {
		return
	}
	d.acknowledge()
	if d.leg != legNew {
		return
	}
	if c.inviting && c.cancelled {
		c.crossed()
	}
	c.inviting = false
	c.stopRinging()
	if first {
		d.leg = legUp
		c.main = d
		c.agent.stats.answered.Add(1)
		c.life = time.AfterFunc(c.invite.MaxLife, c.Hangup)
		c.recount()
		c.tell(Event{Kind: Answered, Status: m.Status, TakesRefer: takesRefer(m), Flow: from, Body: sdpOf(m)})
		return
	}
	c.agent.stats.spare.Add(1)
	d.leg = legUp
	c.recount()
	d.bye()
}

// crossed tells that the INVITE has failed although an answer crossed our CANCEL.
func (c *Call) crossed() {
	e := Event{Kind: Failed, Status: 487, Reason: sip.ReasonPhrase(487)}
	if c.timedOut {
		e.Err = ErrNoAnswer
	}
	c.agent.stats.failed.Add(1)
	c.tell(e)
}

// dialogOf finds or makes the dialog of a 2xx; nil for one too many.
func (c *Call) dialogOf(m *sip.Message, parseErr error, from transport.Flow) (*dialog, error) {
	to, err := m.To()
	if err != nil {
		return nil, errors.Join(parseErr, err)
	}
	if string(m.CallID()) != c.callID {
		return nil, errors.Join(parseErr, errors.New("Call-ID is not ours"))
	}
	for _, d := range c.dialogs {
		if d.remoteTag == string(to.Tag) {
			return d, nil
		}
	}
	if len(c.dialogs) >= maxForks {
		return nil, nil
	}
	d, err := newDialog(c, m, from)
	if err != nil {
		return nil, err
	}
	c.dialogs = append(c.dialogs, d)
	return d, nil
}

// fail ends the INVITE without a dialog.
func (c *Call) fail(status int, reason string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timedOut && err == nil && (status == 487 || status == 408) {
		err = ErrNoAnswer
	}
	c.failLocked(Event{Kind: Failed, Status: status, Reason: reason, Err: err})
}

func (c *Call) failLocked(e Event) {
	if !c.inviting {
		return
	}
	c.inviting = false
	c.stopRinging()
	c.agent.stats.failed.Add(1)
	c.tell(e)
	c.recount()
}

func (c *Call) stopRinging() {
	if c.ring != nil {
		c.ring.Stop()
	}
}

func (c *Call) ringTimeout() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inviting && !c.cancelled {
		c.timedOut = true
		c.cancel()
	}
}

// Hangup ends the call wherever it stands: an INVITE without a final response is
// cancelled, a dialog ended with BYE. A subscription that has not been
// terminated is given 64·T1 more, in which its NOTIFYs are still answered.
func (c *Call) Hangup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.inviting && !c.cancelled:
		c.cancel()
	case c.main != nil:
		c.refuse()
		c.main.bye()
		c.main.linger()
	}
}

// cancel sends CANCEL. Should even that bring no final response, the call is
// given up.
func (c *Call) cancel() {
	c.cancelled = true
	reason := []byte("Reason: SIP;cause=487;text=\"Click-to-dial ended\"\r\n")
	c.queue.Post(func() { c.agent.router.Cancel(c.key, reason) })
	c.stopRinging()
	c.ring = time.AfterFunc(c.agent.longest()+time.Second, func() { c.fail(408, "Request Timeout", nil) })
}

// recount brings the agent's numbers in line with what is alive, and tells when
// nothing is any more.
func (c *Call) recount() {
	n := 0
	if c.inviting {
		n++
	}
	for _, d := range c.dialogs {
		if d.alive() {
			n++
		}
	}
	if n == c.counted {
		return
	}
	c.agent.stats.dialogs.Add(int64(n - c.counted))
	was := c.counted
	c.counted = n
	switch {
	case n == 0:
		c.agent.unlist(c)
		if c.life != nil {
			c.life.Stop()
		}
		if !c.ended {
			c.ended = true
			c.tell(Event{Kind: Ended})
		}
	case was == 0 && c.ended:
		_ = c.agent.list(c, true) // a late answer
	}
}
