package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// noteSender tells the transport what the script has found out of who sent a request over a
// connection: whoever has proven who he is keeps it before others, and one whose request is
// on its way as long as that may take.
func (r *Request) noteSender(w *transport.Worker) {
	switch {
	case len(r.Auth.User) > 0:
		if w.Stranger(r.From) {
			var room [256]byte
			w.Prove(r.From, appendSender(room[:0], r.Auth, r.Msg))
		}
	case r.Saved: // without a password: the name in To is whichever its sender likes
		w.Prove(r.From, nil)
	case r.underway && r.Msg.Method == sip.INVITE:
		w.Hold(r.From, r.Engine.cfg.TimerC+64*r.Engine.txns.Config().T1)
	case r.underway:
		w.Hold(r.From, 64*r.Engine.txns.Config().T1)
	}
}

// noteRegistered keeps the connection of a phone whose registrar, behind us, has taken it and says
// so by m.
func (c *Call) noteRegistered(m *sip.Message) {
	if c.method != sip.REGISTER || m.Status/100 != 2 || c.from.Conn == 0 || !c.engine.layer.Stranger(c.from) {
		return
	}
	var room [256]byte
	c.engine.layer.ProveAfar(c.from, appendSender(room[:0], c.auth, m))
}

// appendSender appends the address of the user who was authenticated, or whom the response to a
// REGISTER is about, as the control socket writes it.
func appendSender(dst []byte, who Identity, m *sip.Message) []byte {
	if len(who.User) > 0 {
		return append(append(append(dst, who.User...), '@'), who.Domain...)
	}
	if u, err := m.ToURI(); err == nil {
		if b, err := aor.AppendCanonical(dst, u.User, u.Host); err == nil {
			return b
		}
	}
	return append(dst, m.HeaderValue(sip.HdrTo)...) // of another kind (tel)
}
