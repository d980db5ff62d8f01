package dialog

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// permits reports whether a request belongs to its dialog as that stands now. A phone does
// within a dialog what it is told: REFER has it call somebody, SUBSCRIBE tell what its owner
// does. A dialog begins with the first ring, for whoever rings, so until it is answered only
// what belongs to setting up a call passes, and after its end what ends it and the news that
// were asked for in it.
func (m *Module) permits(d *dialog, l *leg, msg *sip.Message, byCaller bool) bool {
	switch {
	case msg.Method == sip.ACK:
		return true
	case msg.Method == sip.BYE: // two may cross
		return d.state != deleted || d.hungUpBy != who(byCaller)
	case d.state == deleted:
		_, to := d.ends(byCaller)
		return sip.EqualFold(msg.MethodText(), "NOTIFY") && (to.hasAsked() && m.wasAsked(to, msg) || m.askedAlong(l, msg, byCaller))
	case !d.state.up() && (l == nil || !l.answered):
		return ofCall(msg.Method)
	case sip.EqualFold(msg.MethodText(), "NOTIFY"): // a phone may not mind the case
		_, to := d.ends(byCaller)
		return m.wasAsked(to, msg) || m.askedAlong(l, msg, byCaller)
	}
	return true
}

// askedAlong is wasAsked of who has asked along a pass, nil for none, with that pass' Route: of a call that a router
// has sent back its other end is not the call's.
func (m *Module) askedAlong(l *leg, msg *sip.Message, byCaller bool) bool {
	if l == nil {
		return false
	}
	_, to := l.ends(byCaller)
	return to.hasAsked() && m.wasAsked(to, msg)
}

// maxTold is of how many events a party may be told. Where it asks for more, the first one is
// forgotten.
const maxTold = 4

// unasked is the event that gateways tell of without being asked: a key that was pressed.
const unasked = "telephone-event"

// noteEvent notes that a party has asked for the news of an event (RFC 6665), or by REFER for
// what becomes of that (RFC 3515).
func (m *Module) noteEvent(p *party, msg *sip.Message) {
	name := []byte("refer")
	if msg.Method == sip.SUBSCRIBE {
		if name = event(msg); name == nil {
			return
		}
	}
	hash := m.table.hash(name)
	for _, h := range p.events {
		if h == hash {
			return
		}
	}
	copy(p.events[1:], p.events[:])
	p.events[0] = hash
}

// wasAsked reports whether a party has asked for what a NOTIFY tells. Some phones obey one
// of an event that nobody asked for: they restart (check-sync) or answer (talk).
func (m *Module) wasAsked(p *party, msg *sip.Message) bool {
	name := event(msg)
	if name == nil {
		return false
	}
	hash := m.table.hash(name)
	for _, h := range p.events {
		if h == hash {
			return true
		}
	}
	return string(name) == unasked
}

// event is the event of a SUBSCRIBE or NOTIFY without its parameters, nil if it names none
// or more than one.
func event(msg *sip.Message) []byte {
	h := msg.Header(sip.HdrEvent)
	if h == nil || msg.Next(h) != nil {
		return nil
	}
	name := msg.Value(h)
	if i := bytes.IndexByte(name, ';'); i >= 0 {
		name = name[:i]
	}
	return bytes.TrimRight(name, " \t\r\n")
}
