package ua

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Responder answers the request that Handle was given, during Handle only.
type Responder interface {
	// Reply answers through a server transaction.
	Reply(rep *sip.Reply)
	// Refuse answers without a transaction: what belongs to nothing of ours, and may
	// be anybody's, takes no memory.
	Refuse(rep *sip.Reply)
	// Append appends the same reply as text, to be sent again later, and says
	// where to.
	Append(dst []byte, rep *sip.Reply) ([]byte, transport.Flow)
	// Later keeps the transaction for a final reply that is made when Handle has
	// returned: the function that it returns sends one as it is, once, and must be called. An INVITE
	// that is cancelled before is told to cancelled, once, under locks of the router, perhaps before
	// Later has returned; its reply has to come all the same. Later returns nil if there can be no
	// transaction.
	Later(cancelled func()) func(status int, msg []byte)
}

// Handle takes a request that Owns has recognised. What belongs to no dialog of
// ours gets 481; an ACK nothing.
func (a *Agent) Handle(m *sip.Message, from transport.Flow, rsp Responder) {
	token, ok := a.token(m)
	if !ok {
		return
	}
	a.mu.Lock()
	c := a.calls[string(token)]
	a.mu.Unlock()
	rep := sip.Reply{Status: 481}
	ours := c != nil && c.handle(m, from, rsp, &rep)
	switch {
	case rep.Status == 0 || m.Method == sip.ACK:
	case ours:
		rsp.Reply(&rep)
	default:
		a.stats.unknown.Add(1)
		rsp.Refuse(&rep)
	}
}

// handle decides about a request under the lock; false if it is of no dialog here. A
// Status of 0 in rep says that it was answered already.
func (c *Call) handle(m *sip.Message, from transport.Flow, rsp Responder, rep *sip.Reply) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.find(m)
	if d == nil {
		return false
	}
	d.receive(m, from, rsp, rep)
	return true
}

// receive takes a request of the dialog. One of the router's own (SendWithin) is as if from the other
// end, but tells neither where that is nor what number it has come to: it may not know that itself.
func (d *dialog) receive(m *sip.Message, from transport.Flow, rsp Responder, rep *sip.Reply) {
	if from.Proto == transport.Local {
		d.take(m, from, rsp, rep)
		return
	}
	d.flow = from
	if m.Method == sip.ACK {
		d.acknowledged(m)
		return
	}
	cseq, err := m.CSeq()
	if err != nil {
		rep.Status = 400
		return
	}
	if d.seqKnown && cseq.Number < d.remoteSeq { // RFC 3261 §12.2.2
		rep.Status = 500
		return
	}
	d.remoteSeq, d.seqKnown = cseq.Number, true
	if h := m.Header(sip.HdrRequire); h != nil { // §8.2.2.3
		rep.Status = 420
		rep.Extra = append(append([]byte("Unsupported: "), m.Value(h)...), "\r\n"...)
		return
	}
	d.take(m, from, rsp, rep)
}

// find returns the dialog of a request: living, with our Call-ID and both tags.
func (c *Call) find(m *sip.Message) *dialog {
	from, err := m.From()
	if err != nil {
		return nil
	}
	to, err := m.To()
	if err != nil || string(to.Tag) != c.fromTag || string(m.CallID()) != c.callID {
		return nil
	}
	for _, d := range c.dialogs {
		if d.alive() && d.remoteTag == string(from.Tag) {
			return d
		}
	}
	return nil
}

// take handles a request by its method.
func (d *dialog) take(m *sip.Message, from transport.Flow, rsp Responder, rep *sip.Reply) {
	switch m.Method {
	case sip.BYE:
		d.takeBye(from, rep)
	case sip.NOTIFY:
		d.takeNotify(m, rep)
	case sip.INVITE:
		d.takeInvite(m, rsp, rep)
	case sip.OPTIONS:
		d.takeOptions(m, from, rsp, rep)
	case sip.INFO:
		d.takeInfo(m, rsp, rep)
	default:
		rep.Status = 405
		rep.Extra = []byte(d.call.allow())
	}
}

// takeOptions says what the agent takes. Where the router asks in the name of a phone whether the other end
// is there still, and calls are joined, that is the other call's phone.
func (d *dialog) takeOptions(m *sip.Message, from transport.Flow, rsp Responder, rep *sip.Reply) {
	if from.Proto == transport.Local && d.leg == legUp && d.call.peer != nil {
		d.passOptions(m, rsp, rep)
		return
	}
	rep.Status = 200
	rep.Extra = []byte(d.call.allow() + "Accept: " + sdpType + ", message/sipfrag\r\n")
}

// takeBye ends the session (RFC 3261 §15.1.2). A subscription goes on. The router's own BYE goes on to the
// phone: what it sends there itself may have a CSeq that is too low after requests of ours, which it did not see.
func (d *dialog) takeBye(from transport.Flow, rep *sip.Reply) {
	rep.Status = 200
	d.call.agent.stats.byesReceived.Add(1)
	if d.leg != legUp {
		return // it crosses our own, or is a second one
	}
	d.stopReply()
	if d == d.call.main {
		d.call.tell(Event{Kind: HungUp})
	}
	if d.call.invite.worded != nil { // nobody comes back to it
		d.linger()
	}
	if from.Proto == transport.Local && d.localSeq > d.call.inviteSeq() {
		d.bye()
		return
	}
	d.down()
}

// takeNotify takes news of the REFER (RFC 3515 §2.4.4). A NOTIFY without a
// readable body is answered all the same: to refuse it would end the
// subscription, and the outcome with it.
func (d *dialog) takeNotify(m *sip.Message, rep *sip.Reply) {
	if !sip.EqualFold(firstToken(m.HeaderValue(sip.HdrEvent)), "refer") {
		rep.Status = 489
		rep.Reason = "Bad Event"
		rep.Extra = []byte("Allow-Events: refer\r\n")
		return
	}
	if d.sub != subActive {
		return // 481
	}
	e := Event{Kind: Notified}
	e.Status, e.Reason, _ = parseSipfrag(m.Body())
	state := firstToken(m.HeaderValue(sip.HdrSubscriptionState))
	// A phone that says nothing of the subscription has said its last with a
	// final status.
	e.Terminated = sip.EqualFold(state, "terminated") || len(state) == 0 && e.Status >= 200
	c := d.call
	if !c.queue.Offer(func() { c.events(e) }, maxPending) {
		rep.Status = 503
		rep.Extra = []byte("Retry-After: 5\r\n")
		return
	}
	rep.Status = 200
	d.notified = true
	c.agent.stats.notifies.Add(1)
	if e.Terminated {
		d.endSubscription()
	}
}
