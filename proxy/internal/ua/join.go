package ua

import (
	"bytes"
	"errors"
	"fmt"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Join makes two answered calls one conversation: what one phone asks of the session,
// a hold or another codec, is asked of the other, and DTMF by INFO goes through. Each
// end's HungUp comes as before; who joined them hangs up the other.
func Join(a, b *Call) {
	for _, x := range [...][2]*Call{{a, b}, {b, a}} {
		x[0].mu.Lock()
		x[0].peer = x[1]
		x[0].mu.Unlock()
	}
}

// Dialog returns what names the dialog of an answered call; empty before its answer.
func (c *Call) Dialog() (callID, fromTag, toTag string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.main == nil {
		return "", "", ""
	}
	return c.callID, c.fromTag, c.main.remoteTag
}

// forwarded is a request of one phone that waits for what the other one says.
type forwarded struct {
	seq   uint32
	offer bool   // it had a session description
	head  []byte // our reply as a 200, without a body
	flow  transport.Flow
	later func(status int, msg []byte) (sent bool) // see Responder
	asked *reoffer                                 // the other phone's re-INVITE; guarded by its call's mutex
}

// forwardInvite asks the joined call's phone what this one's re-INVITE asks. While a
// re-INVITE of either side is under way, or the first offer waits for Answer, it is 491 (RFC 3261 §14.2).
func (d *dialog) forwardInvite(m *sip.Message, rsp Responder, rep *sip.Reply) {
	c, peer := d.call, d.call.peer
	sdp := sdpOf(m)
	switch {
	case d.ack == nil || d.forwarded != nil || d.reoffer != nil && d.reoffer.open:
		rep.Status = 491
		return
	case sdp == nil && len(m.Body()) > 0:
		rep.Status = 488
		return
	}
	f := d.keep(m, rsp)
	if f == nil {
		rep.Status = 503
		return
	}
	f.offer = sdp != nil
	rep.Status = 0
	d.stopReply()
	d.refreshTarget(m)
	d.forwarded = f
	// The two calls' locks are never held together.
	c.queue.Post(func() {
		peer.mu.Lock()
		defer peer.mu.Unlock()
		err := peer.reinvite(sdp, func(a answer) { c.queue.Post(func() { d.forwardedEnd(f, a) }) })
		if err == nil {
			f.asked = peer.main.reoffer
		} else {
			c.queue.Post(func() { d.forwardedEnd(f, answer{status: 491, reason: sip.ReasonPhrase(491)}) })
		}
	})
}

// keep keeps a request for a reply that is made later.
func (d *dialog) keep(m *sip.Message, rsp Responder) *forwarded {
	cseq, err := m.CSeq()
	if err != nil {
		return nil
	}
	f, peer := &forwarded{seq: cseq.Number}, d.call.peer
	ok := sip.Reply{Status: 200, RecordRoute: m.Method == sip.INVITE}
	if m.Method == sip.INVITE {
		ok.Extra = append(d.call.appendContact(nil), d.call.allow()...)
	}
	f.head, f.flow = rsp.Append(nil, &ok)
	if f.later = rsp.Later(func() { d.call.queue.Post(func() { peer.withdraw(f) }) }); f.later == nil {
		return nil
	}
	return f
}

// withdraw cancels the re-INVITE that asks what another phone no longer wants to know, so that the two do
// not come to different sessions, and neither waits for this one before it can ask again.
func (c *Call) withdraw(f *forwarded) {
	c.mu.Lock()
	x := f.asked
	var r *request
	if x != nil {
		x.withdrawn, r = true, x.request
	}
	c.mu.Unlock()
	if r != nil {
		r.withdraw()
	}
}

// forwardedEnd answers a re-INVITE as the other phone has.
func (d *dialog) forwardedEnd(f *forwarded, a answer) {
	c := d.call
	c.mu.Lock()
	defer c.mu.Unlock()
	d.forwarded = nil
	if a.status/100 == 2 && a.body == nil {
		a.status, a.reason = 488, sip.ReasonPhrase(488)
	}
	if a.status/100 != 2 {
		f.later(f.failure(a))
		return
	}
	msg := f.success(c.relabel(a.body))
	sent := f.later(200, msg)
	if !sent && !f.offer {
		peer := c.peer
		c.queue.Post(func() { peer.hold(f.asked, a.body) })
	}
	if sent && d.leg == legUp {
		d.repeat(&reinviteReply{seq: f.seq, msg: msg, flow: f.flow, wantsAnswer: !f.offer})
	}
}

// hold acknowledges a 2xx with an offer whose answer is not to come, since who asked for it has cancelled
// that: without an answer in the ACK (RFC 3261 §13.2.2.4) the phone would hang up.
func (c *Call) hold(x *reoffer, offer []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.main; x != nil && x.ack == nil && d != nil && d.leg == legUp {
		x.ack = &content{}
		if sdp, err := c.answer(offer); err == nil {
			*x.ack = described(sdp)
		}
		d.ackReoffer(x.seq)
	}
}

// success is the reply with a session description.
func (f *forwarded) success(sdp []byte) []byte {
	head, _, _ := bytes.Cut(f.head, []byte("Content-Length: "))
	return fmt.Appendf(bytes.Clone(head), "Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", sdpType, len(sdp), sdp)
}

// failure is the reply with the other phone's status.
func (f *forwarded) failure(a answer) (status int, msg []byte) {
	if a.status < 300 {
		a.status, a.reason = 408, sip.ReasonPhrase(408)
	}
	_, rest, _ := bytes.Cut(f.head, []byte("\r\n"))
	return a.status, append(fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", a.status, a.reason), rest...)
}

// passAnswer gives the answer in an ACK to the joined call, whose offer it is for.
func (d *dialog) passAnswer(ack *sip.Message) {
	sdp, peer := sdpOf(ack), d.call.peer
	d.call.queue.Post(func() {
		peer.mu.Lock()
		defer peer.mu.Unlock()
		p := peer.main
		if p == nil || p.reoffer == nil || p.reoffer.ack != nil {
			return
		}
		what := content{}
		if sdp != nil {
			what = described(peer.relabel(sdp))
		}
		p.reoffer.ack = &what
		p.ackReoffer(p.reoffer.seq)
	})
}

// maxInfo bounds the body of an INFO that is passed on, in bytes.
const maxInfo = 4 << 10

// takeInfo passes an INFO on to the joined call's phone; where there is none it is 405.
func (d *dialog) takeInfo(m *sip.Message, rsp Responder, rep *sip.Reply) {
	c, peer := d.call, d.call.peer
	switch {
	case peer == nil:
		rep.Status = 405
		rep.Extra = []byte(allowAlone)
		return
	case d.leg != legUp:
		return // 481
	case len(m.Body()) > maxInfo:
		rep.Status = 413
		return
	}
	f := d.keep(m, rsp)
	if f == nil {
		rep.Status = 503
		return
	}
	rep.Status = 0
	what := content{body: bytes.Clone(m.Body())}
	if t := m.HeaderValue(sip.HdrContentType); t != nil && plainText(t) {
		what.headers = "Content-Type: " + string(t) + "\r\n"
	}
	c.queue.Post(func() {
		if !peer.request(sip.INFO, what, func(a answer) { f.later(f.final(a)) }) {
			f.later(f.final(answer{status: 481, reason: sip.ReasonPhrase(481)}))
		}
	})
}

// passOptions asks the joined call's phone whether it is there still. Its 481, its 408 and its silence are
// the answer; all else says that it is, also that it knows no OPTIONS (RFC 3261 §11). So does a call
// that is ending: how is told otherwise.
func (d *dialog) passOptions(m *sip.Message, rsp Responder, rep *sip.Reply) {
	f, peer := d.keep(m, rsp), d.call.peer
	if f == nil {
		rep.Status = 503
		return
	}
	rep.Status = 0
	d.call.queue.Post(func() {
		there := func(a answer) {
			switch {
			case a.status == 481, a.status == 408, a.err != nil && !errors.Is(a.err, ErrNoWay):
				f.later(f.final(a))
			default: // not sent: a phone whose connection is gone may come back
				f.later(200, f.head)
			}
		}
		if !peer.request(sip.OPTIONS, content{headers: "Accept: " + sdpType + "\r\n"}, there) {
			there(answer{status: 200})
		}
	})
}

// final is the reply to what is not an INVITE.
func (f *forwarded) final(a answer) (status int, msg []byte) {
	if a.status/100 == 2 {
		return 200, f.head
	}
	return f.failure(a)
}

// request sends a request that changes nothing of the session; false if the call is over.
func (c *Call) request(method sip.Method, what content, done func(answer)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.main
	if d == nil || d.leg != legUp {
		return false
	}
	d.localSeq++
	seq := d.localSeq
	c.queue.Post(func() { d.send(method, seq, what, done) })
	return true
}
