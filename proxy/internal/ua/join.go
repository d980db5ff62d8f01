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
	peer  *Call                        // the other phone's
	later func(status int, msg []byte) // see Responder

	// What follows is touched by functions of the queue alone, one after the other.
	withdrawn bool     // it is an INVITE, and cancelled
	asked     *reoffer // the other phone's re-INVITE
}

// forwardInvite asks the joined call's phone what this one's re-INVITE asks. While a
// re-INVITE of either side is under way, or the first offer waits for Answer, it is 491 (RFC 3261 §14.2).
func (d *dialog) forwardInvite(m *sip.Message, rsp Responder, rep *sip.Reply) {
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
	d.call.queue.Post(func() { d.passInvite(f, sdp) })
}

// passInvite sends the other phone the re-INVITE for one of this phone's. The two calls' locks are never
// held together.
func (d *dialog) passInvite(f *forwarded, sdp []byte) {
	end := func(a answer) { d.call.queue.Post(func() { d.forwardedEnd(f, a) }) }
	if f.withdrawn { // before it was asked
		end(answer{status: 487, reason: sip.ReasonPhrase(487)})
		return
	}
	f.peer.mu.Lock()
	defer f.peer.mu.Unlock()
	if f.peer.reinvite(sdp, end) != nil {
		end(answer{status: 491, reason: sip.ReasonPhrase(491)})
		return
	}
	f.asked = f.peer.main.reoffer
}

// keep keeps a request for a reply that is made later.
func (d *dialog) keep(m *sip.Message, rsp Responder) *forwarded {
	cseq, err := m.CSeq()
	if err != nil {
		return nil
	}
	f := &forwarded{seq: cseq.Number, peer: d.call.peer}
	ok := sip.Reply{Status: 200, RecordRoute: m.Method == sip.INVITE}
	if m.Method == sip.INVITE {
		ok.Extra = append(d.call.appendContact(nil), d.call.allow()...)
	}
	f.head, f.flow = rsp.Append(nil, &ok)
	if f.later = rsp.Later(func() { d.call.queue.Post(f.withdraw) }); f.later == nil {
		return nil
	}
	return f
}

// withdraw cancels the re-INVITE that asks what another phone no longer wants to know. That phone has its
// answer when the other one has said how it ended: a CANCEL may cross a 2xx (RFC 3261 §9.1), and if 487
// were said before, the two would be in different sessions.
func (f *forwarded) withdraw() {
	f.withdrawn = true
	x := f.asked
	if x == nil {
		return // passInvite sees it
	}
	f.peer.mu.Lock()
	x.withdrawn = true
	r := x.request
	f.peer.mu.Unlock()
	if r != nil {
		r.withdraw()
	}
}

// forwardedEnd answers a re-INVITE as the other phone has; one that was cancelled with 487, unless the
// other phone has taken it nevertheless. It comes in any case: a re-INVITE to which nothing is said ends by
// timer B (RFC 3261 §17.1.1.2), one that gets provisional responses alone 64·T1 after its CANCEL.
func (d *dialog) forwardedEnd(f *forwarded, a answer) {
	c := d.call
	c.mu.Lock()
	defer c.mu.Unlock()
	d.forwarded = nil
	if a.status/100 == 2 && a.body == nil {
		a.status, a.reason = 488, sip.ReasonPhrase(488)
	}
	if a.status/100 != 2 {
		if f.withdrawn {
			a = answer{status: 487, reason: sip.ReasonPhrase(487)}
		}
		f.later(f.failure(a))
		return
	}
	msg := f.success(c.relabel(a.body))
	if f.later(200, msg); d.leg == legUp {
		d.repeat(&reinviteReply{seq: f.seq, msg: msg, flow: f.flow, wantsAnswer: !f.offer})
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
