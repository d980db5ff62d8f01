package ua

import (
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// reinviteReply is our 2xx to a re-INVITE, sent again until its ACK comes: that
// is the user agent's work, not the transaction's (RFC 3261 §13.3.1.4).
type reinviteReply struct {
	seq      uint32
	msg      []byte
	flow     transport.Flow
	interval time.Duration
	// wantsAnswer says that the ACK brings the answer to the joined call's offer.
	wantsAnswer bool
	until       time.Time
	timer       *time.Timer
}

// takeInvite answers a re-INVITE with the session on hold, as phones send one
// before they follow a REFER.
func (d *dialog) takeInvite(m *sip.Message, rsp Responder, rep *sip.Reply) {
	if d.leg != legUp {
		return // 481: the session is over
	}
	if d.call.peer != nil {
		d.forwardInvite(m, rsp, rep)
		return
	}
	if d.joining() {
		rep.Status = 491
		return
	}
	body, err := d.describe(m, rep)
	if err != nil {
		return
	}
	d.stopReply() // a new INVITE says that the answer to the last has come
	d.refreshTarget(m)
	cseq, _ := m.CSeq()
	ok := sip.Reply{Status: 200, ContentType: sdpType, Body: body, RecordRoute: true}
	ok.Extra = append(d.call.appendContact(nil), d.call.allow()+"Supported: norefersub\r\n"...)
	msg, flow := rsp.Append(nil, &ok)
	d.repeat(&reinviteReply{seq: cseq.Number, msg: msg, flow: flow})
	*rep = ok
}

// joining reports whether the session is becoming that of another call, so that it can neither be put on
// hold nor changed: its offer waits for Answer, or a re-INVITE of ours is under way or accepted. Who asks
// meanwhile is to ask again (RFC 3261 §14.2), when Join tells who has to answer.
func (d *dialog) joining() bool {
	return d.ack == nil || d.reoffer != nil && (d.reoffer.open || d.reoffer.taken)
}

// repeat sends the 2xx again until its ACK comes.
func (d *dialog) repeat(r *reinviteReply) {
	cfg := d.call.agent.table.Config()
	r.interval, r.until = cfg.T1, time.Now().Add(64*cfg.T1)
	r.timer = time.AfterFunc(r.interval, func() { d.again(r) })
	d.reply = r
}

// describe makes the body of the 2xx: an answer to the offer, or an offer where
// there was none (RFC 3261 §14.2). On an error rep says what is wrong.
func (d *dialog) describe(m *sip.Message, rep *sip.Reply) ([]byte, error) {
	if len(m.Body()) == 0 {
		return d.call.offer(), nil
	}
	if !sip.EqualFold(firstToken(m.HeaderValue(sip.HdrContentType)), sdpType) {
		rep.Status = 415
		rep.Extra = []byte("Accept: " + sdpType + "\r\n")
		return nil, errNotAcceptable
	}
	body, err := d.call.answer(m.Body())
	if err != nil {
		rep.Status = 488
	}
	return body, err
}

// again repeats the 2xx, over any transport (RFC 3261 §13.3.1.4).
func (d *dialog) again(r *reinviteReply) {
	c := d.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.reply != r {
		return
	}
	if !time.Now().Before(r.until) {
		d.reply = nil
		return
	}
	c.queue.Post(func() { _ = c.agent.net.Send(r.flow, r.msg) })
	r.interval = min(2*r.interval, c.agent.table.Config().T2)
	r.timer.Reset(r.interval)
}

// acknowledged ends the repetition.
func (d *dialog) acknowledged(m *sip.Message) {
	cseq, err := m.CSeq()
	if err != nil || d.reply == nil || cseq.Number != d.reply.seq {
		return
	}
	if d.reply.wantsAnswer {
		d.passAnswer(m)
	}
	d.stopReply()
}

func (d *dialog) stopReply() {
	if d.reply != nil {
		d.reply.timer.Stop()
		d.reply = nil
	}
}
