package ua

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"seraph/proxy/internal/sip"
)

// maxSDP bounds a session description that is passed on, in bytes.
const maxSDP = 16 << 10

// sdpOf returns a copy of the session description in a message, nil if it has none.
func sdpOf(m *sip.Message) []byte {
	body := m.Body()
	if len(body) == 0 || len(body) > maxSDP || !bytes.HasPrefix(body, []byte("v=0")) ||
		!sip.EqualFold(firstToken(m.HeaderValue(sip.HdrContentType)), sdpType) {
		return nil
	}
	return bytes.Clone(body)
}

// relabel makes somebody's session description one of ours: the o= line is that of our
// session, with a version higher than the last (RFC 3725 §6, RFC 3264 §8).
func (c *Call) relabel(sdp []byte) []byte {
	var b bytes.Buffer
	done := false
	for line := range bytes.Lines(sdp) {
		if f := strings.Fields(string(line)); !done && bytes.HasPrefix(line, []byte("o=")) && len(f) == 6 {
			done = true
			c.version++
			f[0], f[1], f[2] = "o=-", strconv.FormatUint(c.sessionID, 10), strconv.FormatUint(c.version, 10)
			b.WriteString(strings.Join(f, " ") + "\r\n")
			continue
		}
		b.Write(line)
	}
	return b.Bytes()
}

// described is a session description as the content of a request.
func described(sdp []byte) content {
	return content{headers: "Content-Type: " + sdpType + "\r\n", body: sdp}
}

// takeOffer keeps the offer in the answer to an INVITE without one. One that cannot be
// the call is answered with every stream on hold, since its ACK must have an answer
// (RFC 3261 §13.2.2.4), and so is nothing. It reports whether success goes on.
func (c *Call) takeOffer(d *dialog, m *sip.Message, first bool) bool {
	sdp := sdpOf(m)
	if first && sdp != nil {
		d.ack = nil // until Answer
		return true
	}
	if answer, err := c.answer(sdp); err == nil {
		what := described(answer)
		d.ack = &what
	}
	if !first {
		return true
	}
	c.agent.log.Warn("user agent: answer without an offer", "call_id", c.callID)
	d.acknowledge()
	d.leg = legUp
	c.failLocked(Event{Kind: Failed, Status: 488, Reason: sip.ReasonPhrase(488), Err: ErrBadAnswer})
	d.bye()
	return false
}

// Answer acknowledges the answer to an offerless INVITE with the answer to its offer.
// It is done once.
func (c *Call) Answer(sdp []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.main; d != nil && d.ack == nil {
		what := described(c.relabel(sdp))
		d.ack = &what
		d.acknowledge()
	}
}

// refuse acknowledges it with all streams on hold, for who is about to hang up.
func (c *Call) refuse() {
	if d := c.main; d != nil && d.ack == nil {
		d.ack = &content{}
		d.acknowledge()
	}
}

// Extend puts off the end of the call by MaxLife to d from now.
func (c *Call) Extend(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life != nil && c.main != nil && c.main.leg == legUp {
		c.life.Reset(d)
	}
}

// reoffer is a re-INVITE of ours.
type reoffer struct {
	seq uint32
	// ack is its ACK's content; nil while the answer to an offer in the 2xx is to come.
	ack   *content
	open  bool // no final response yet
	taken bool // that was a 2xx

	request   *request // nil until it is sent
	withdrawn bool     // it is to be cancelled
}

// Offer sends a re-INVITE with somebody's session description. The final response
// comes as Reoffered. ErrNotUp says that there is no dialog, or a re-INVITE of either
// side under way.
func (c *Call) Offer(sdp []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reinvite(sdp, func(a answer) {
		c.tell(Event{Kind: Reoffered, Status: a.status, Reason: a.reason, Err: a.err, Body: a.body})
	})
}

// reinvite sends a re-INVITE; done takes its end, under the call's lock.
func (c *Call) reinvite(sdp []byte, done func(answer)) error {
	d := c.main
	if d == nil || d.leg != legUp || d.ack == nil || d.forwarded != nil || d.reoffer != nil && d.reoffer.open {
		return ErrNotUp
	}
	d.localSeq++
	r := &reoffer{seq: d.localSeq, open: true}
	what := content{headers: c.allow()}
	if sdp != nil {
		what = described(c.relabel(sdp))
		what.headers += allowJoined // it is the other phone's
		r.ack = &content{}
	}
	d.reoffer, what.reoffer = r, r
	c.queue.Post(func() {
		d.send(sip.INVITE, r.seq, what, func(a answer) {
			c.mu.Lock()
			defer c.mu.Unlock()
			r.open, r.taken = false, a.status/100 == 2
			done(a)
		})
	})
	return nil
}

// reofferAccepted acknowledges each copy of the 2xx to our re-INVITE.
func (d *dialog) reofferAccepted(seq uint32, m *sip.Message) {
	c := d.call
	c.mu.Lock()
	defer c.mu.Unlock()
	d.refreshTarget(m)
	d.ackReoffer(seq)
}

func (d *dialog) ackReoffer(seq uint32) {
	if r := d.reoffer; r != nil && r.seq == seq && r.ack != nil {
		what := *r.ack
		d.call.queue.Offer(func() { d.sendAck(seq, what) }, maxPending)
	}
}
