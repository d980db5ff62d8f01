package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// noteSender tells the transport what the script has found out of who sent a request over a
// connection: whoever has proven who he is keeps it before others, and one whose request is
// on its way as long as that may take.
func (r *Request) noteSender(w *transport.Worker) {
	switch {
	case r.Saved || len(r.Auth.User) > 0:
		w.Prove(r.From)
	case r.underway && r.Msg.Method == sip.INVITE:
		w.Hold(r.From, r.Engine.cfg.TimerC+64*r.Engine.txns.Config().T1)
	case r.underway:
		w.Hold(r.From, 64*r.Engine.txns.Config().T1)
	}
}

// noteRegistered keeps the connection of a phone whose registrar, behind us, has taken it.
func (c *Call) noteRegistered(status int) {
	if c.method == sip.REGISTER && status/100 == 2 && c.from.Conn != 0 {
		c.engine.layer.Prove(c.from)
	}
}
