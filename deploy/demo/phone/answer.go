package phone

import (
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// onInvite rings and answers a new call, or answers a re-INVITE. It runs in the transaction's own
// goroutine, which it may block.
func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if !p.understood(req, tx) {
		return
	}
	if to := req.To(); to != nil && to.Params.Has("tag") {
		p.onReinvite(req, tx)
		return
	}
	d, err := dialogOfRequest(req)
	if err != nil {
		p.respond(req, tx, sip.StatusBadRequest, "Bad Request: "+err.Error())
		return
	}
	c := p.newCall(d, d.remote.Address.Addr())
	body, err := c.reply(req)
	if err != nil {
		p.respond(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
		return
	}
	if !p.admit(c) {
		p.respond(req, tx, sip.StatusBusyHere, "Busy Here")
		return
	}
	if !p.ring(c, req, tx) {
		c.finish()
		p.drop(c)
		return
	}
	p.log.Info("answers", "peer", c.peer)
	if !p.accept(c, req, tx, body) {
		c.finish()
		p.drop(c)
		return
	}
	p.limit(c, maxAnswered)
}

// understood refuses what demands an extension that we do not have (RFC 3261 §8.2.2.3).
func (p *Phone) understood(req *sip.Request, tx sip.ServerTransaction) bool {
	var wanted []string
	for _, h := range req.GetHeaders("Require") {
		wanted = append(wanted, h.Value())
	}
	if len(wanted) == 0 {
		return true
	}
	p.respond(req, tx, sip.StatusBadExtension, "Bad Extension", sip.NewHeader("Unsupported", strings.Join(wanted, ", ")))
	return false
}

// reply is our session description for a request: the answer to its offer, or an offer if it has none.
func (c *call) reply(req *sip.Request) ([]byte, error) {
	if len(req.Body()) == 0 {
		return c.desc.offer(), nil
	}
	return c.desc.answer(req.Body())
}

// ring says 180 and waits; true if the call is to be answered, false if it is over.
func (p *Phone) ring(c *call, req *sip.Request, tx sip.ServerTransaction) bool {
	canceled := make(chan struct{})
	cancel := sync.OnceFunc(func() { close(canceled) })
	if !tx.OnCancel(func(*sip.Request) { cancel() }) {
		return false
	}
	p.log.Info("rings", "peer", c.peer)
	p.respond(req, tx, 180, "Ringing", p.contact(), sip.NewHeader("Allow", p.methods()))
	t := time.NewTimer(p.cfg.RingFor)
	defer t.Stop()
	select {
	case <-t.C:
	case <-canceled:
	case <-tx.Done():
	case <-p.life.Done():
		p.respond(req, tx, sip.StatusTemporarilyUnavailable, "Temporarily Unavailable")
		return false
	}
	select {
	case <-canceled: // sipgo has answered 487
		p.log.Info("stops ringing: the caller gave up", "peer", c.peer)
		return false
	case <-tx.Done():
		return false
	default:
		return true
	}
}

// accept answers an INVITE with 200 and repeats it until the ACK comes (RFC 3261 §13.3.1.4);
// without one the call is hung up. It is false if the 200 could not be sent: the caller gave up at
// the last moment, or the phone is being switched off.
func (p *Phone) accept(c *call, req *sip.Request, tx sip.ServerTransaction, body []byte) bool {
	res := sip.NewResponseFromRequest(req, sip.StatusOK, "OK", body)
	for _, h := range []sip.Header{
		p.contact(), sip.NewHeader("Allow", p.methods()), sip.NewHeader("Content-Type", "application/sdp"),
	} {
		res.AppendHeader(h)
	}
	acked := c.expectAck(req.CSeq().SeqNo)
	c.up.Store(true)
	if err := tx.Respond(res); err != nil {
		p.log.Debug("200 not sent", "peer", c.peer, "error", err)
		return false
	}
	p.spawn(func() {
		if !p.repeat(tx, res, acked, c.over) {
			p.hangUp(c, "no ACK")
		}
	})
	return true
}

// repeat sends a 2xx again until its ACK comes or the call is over; false if neither happened in 64·T1.
func (p *Phone) repeat(tx sip.ServerTransaction, res *sip.Response, acked, over <-chan struct{}) bool {
	deadline := time.NewTimer(64 * sip.T1)
	defer deadline.Stop()
	pause := sip.T1
	again := time.NewTimer(pause)
	defer again.Stop()
	for {
		select {
		case <-acked:
			return true
		case <-tx.Acks(): // an ACK with the INVITE's own branch, as RFC 2543 had it
			return true
		case <-over:
			return true
		case <-p.life.Done():
			return true
		case <-deadline.C:
			return false
		case <-again.C:
			if err := tx.Respond(res); err != nil {
				p.log.Debug("200 not repeated", "error", err)
			}
			pause = min(2*pause, sip.T2)
			again.Reset(pause)
		}
	}
}

// onReinvite answers a change of the session in a call (RFC 3261 §14.2).
func (p *Phone) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	c := p.within(req, tx)
	if c == nil {
		return
	}
	body, err := c.reply(req)
	if err != nil {
		p.respond(req, tx, sip.StatusNotAcceptableHere, "Not Acceptable Here")
		return
	}
	c.retarget(req)
	p.accept(c, req, tx, body)
}

// within finds the call of a request and checks its order; it has answered if it returns nil.
func (p *Phone) within(req *sip.Request, tx sip.ServerTransaction) *call {
	c := p.find(req)
	switch {
	case c == nil:
		p.respond(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return nil
	case !c.inOrder(req):
		p.respond(req, tx, sip.StatusInternalServerError, "CSeq Out of Order")
		return nil
	default:
		return c
	}
}

func (p *Phone) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if c := p.find(req); c != nil && req.CSeq() != nil {
		c.acked(req.CSeq().SeqNo)
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := p.within(req, tx)
	if c == nil {
		return
	}
	p.respond(req, tx, sip.StatusOK, "OK")
	if c.finish() {
		p.drop(c)
		p.log.Info("call is over: the other side hung up", "peer", c.peer)
	}
}

// onOptions answers as an INVITE would be answered (RFC 3261 §11.2), without a body.
func (p *Phone) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	p.respond(req, tx, sip.StatusOK, "OK",
		sip.NewHeader("Allow", p.methods()), sip.NewHeader("Accept", "application/sdp, text/plain"))
}

// onMessage takes a text message (RFC 3428 §7) and shows its length: what it says is nobody's
// business on a demo's terminal.
func (p *Phone) onMessage(req *sip.Request, tx sip.ServerTransaction) {
	if t := req.ContentType(); t != nil && !strings.HasPrefix(strings.ToLower(t.Value()), "text/plain") {
		p.respond(req, tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", "text/plain"))
		return
	}
	p.respond(req, tx, sip.StatusOK, "OK")
	if from := req.From(); from != nil {
		p.log.Info("received a message", "from", from.Address.Addr(), "bytes", len(req.Body()))
	}
}
