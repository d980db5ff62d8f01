package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// noteSender tells the transport what the script has found out of who sent a request over a
// connection: whoever has proven who he is keeps it before others, and one whose request is
// on its way until that is answered.
func (r *Request) noteSender(w *transport.Worker) {
	switch {
	case len(r.Auth.User) > 0:
		if w.Stranger(r.From) {
			var room [256]byte
			w.Prove(r.From, appendSender(room[:0], r.Auth, r.Msg))
		}
	case r.Saved: // without a password: the name in To is whichever its sender likes
		w.Prove(r.From, nil)
	case r.underway && r.Call != nil:
		r.Call.hold(w)
	case r.underway:
		w.Reach(r.From) // an ACK
	}
}

// hold has the connection that the request came over stay until letGo. Its answer may have gone
// up already.
func (c *Call) hold(w *transport.Worker) {
	most := 64 * c.engine.txns.Config().T1
	if c.method == sip.INVITE {
		most += c.engine.cfg.TimerC
	}
	c.Lock()
	defer c.Unlock()
	c.holds = c.holds || w.Hold(c.from, most)
	if c.answered {
		c.letGo(c.server.Status())
	}
}

// letGo ends hold: a final reply goes up, or none ever will (0). By what begins a dialog more may
// come, until the dialog table tells of it. The call is locked.
func (c *Call) letGo(status int) {
	if c.holds {
		c.holds = false
		c.engine.layer.Unhold(c.from, status/100 == 2 && opensDialog(c.method))
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
