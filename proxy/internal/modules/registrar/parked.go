package registrar

import (
	"log/slog"
	"sync"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
)

// sender sends what is ready to be sent, from any goroutine.
type sender interface {
	Send(transport.Flow, []byte) error
}

// parked is a 200 that waits until its change is durable.
type parked struct {
	reply    []byte // the 200 as it goes out
	from, to int    // where its own header lines stand, which a 500 does not have
	callID   []byte
	flow     transport.Flow
	out      sender
	stats    *relay.Stats
	log      *slog.Logger
	failed   []byte
}

// emptyBody is how a reply without body ends.
const emptyBody = "Content-Length: 0\r\n\r\n"

// spare are used ones.
var spareParked = sync.Pool{New: func() any { return new(parked) }}

// park makes the 200 ready; s.extra are its header lines.
func (m *Module) park(r *relay.Request, s *scratch) *parked {
	p := spareParked.Get().(*parked)
	p.reply = r.BuildReply(p.reply[:0], &s.reply)
	p.to = len(p.reply) - len(emptyBody)
	p.from = p.to - len(s.extra)
	p.callID = append(p.callID[:0], r.Msg.CallID()...)
	p.flow, p.out, p.stats, p.log = r.ReplyFlow(), r.Engine.Layer(), r.Engine.Counters(), m.cfg.Log
	return p
}

// Settled sends the 200, or the 500 in its place. The reason of a failure is the
// log's business.
func (p *parked) Settled(err error) {
	msg, class := p.reply, 2
	if err != nil {
		msg, class = p.failure(), 5
		p.log.Warn("registrar: a registration was undone", "error", err, "call_id", string(p.callID))
	}
	p.stats.Stateless[class].Add(1)
	if e := p.out.Send(p.flow, msg); e != nil {
		p.log.Debug("registrar: the answer could not be sent", "error", e, "call_id", string(p.callID))
	}
	p.out, p.stats, p.log = nil, nil, nil
	spareParked.Put(p)
}

// failure is the 500 that the 200 becomes: its lines without those that tell of
// success.
func (p *parked) failure() []byte {
	const started = "SIP/2.0 200 OK"
	p.failed = append(p.failed[:0], "SIP/2.0 500 Server Internal Error"...)
	p.failed = append(p.failed, p.reply[len(started):p.from]...)
	p.failed = append(p.failed, p.reply[p.to:]...)
	return p.failed
}
