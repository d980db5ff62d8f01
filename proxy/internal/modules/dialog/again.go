package dialog

import (
	"bytes"
	"net/netip"
	"slices"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// An INVITE that another router sends back passes here more than once: an alias that leads
// abroad and home again, a PBX that is asked first. It is one call, and has one record, that of
// the first pass, or it would count twice. It bears a Via of that, or comes from where that was
// sent to (some routers hide who has sent what they send on). Whoever has got an INVITE from us can send one that is
// like it, so what such a pass is answered counts as the call's own only with the answer to the
// first one, which is what the caller hears; or, where somebody has proven with it who he is, as
// his. A pass that outlives the first one is a call by itself.

// cameBack notes that an INVITE is one that has passed before, if it is.
func (m *Module) cameBack(s *shard, hash uint64, r *relay.Request, c *relay.Call, fromTag []byte, invite uint32) bool {
	var first txn.Key
	found, wanted := false, false
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.state > early || !bytes.Equal(d.callID, r.Msg.CallID()) || !bytes.Equal(d.caller.tag, fromTag) {
			continue
		}
		if len(d.legs) == maxLegs && !d.isInvite(invite) {
			continue // by nothing could its answers be told from those of another call: it is one
		}
		from := r.From.Remote.Addr()
		if found && d.key != first || !found && !slices.Contains(d.went[:], from) && !r.CameBack(d.key) {
			continue
		}
		if !found {
			first, found, wanted = d.key, true, m.wants(r)
			if load := r.HandLoad(); load != nil {
				d.carry(load, c.Key())
			}
		}
		d.again, d.second = true, c.Key()
		m.addLegs(d, r, c, invite)
		if wanted && d.unlisted { // or a pass that nobody wants to see would hide the other one
			d.unlisted = false
			s.count(d, 1)
			m.tracked.Add(1)
		}
	}
	return found
}

// answers reports whether a 2xx to one pass of an INVITE is an answer to the call, and makes the
// dialog that of who has proven himself with a pass that is not the first one.
func (m *Module) answers(d *dialog, c *relay.Call) bool {
	if d.key == c.Key() && !d.alone {
		return true
	}
	var room [512]byte
	caller := m.ofOurs(room[:0], c.Identity())
	if !d.alone && len(caller) == 0 {
		d.inside = true
		return false
	}
	if d.own = d.key != c.Key(); d.own {
		d.began = c.Began() // not when the call did that he has got
	}
	d.caller.aor, d.callee.aor = put(d.caller.aor, caller), put(d.callee.aor, c.Callee())
	msg := m.spare.take()
	defer m.spare.give(msg)
	if msg.Parse(c.Request()) != nil {
		return true
	}
	d.target = put(d.target, msg.RequestURI()[:min(len(msg.RequestURI()), maxURI)])
	if a, err := msg.From(); err == nil && len(a.URI) <= maxURI {
		d.caller.uri = put(d.caller.uri, a.URI)
		d.display = put(d.display, a.Display[:min(len(a.Display), maxURI)])
	}
	return true
}

// passOver takes the end without a 2xx of one pass of an INVITE that has a dialog.
func (m *Module) passOver(s *shard, d *dialog, pass txn.Key) {
	last := d.legWith(d.second)
	defer m.dropLeg(d, pass)
	switch {
	case d.again && d.key != pass: // the answer to the first one is still to come
		if d.second == pass {
			d.second = d.key
		}
		if d.pass == pass {
			d.pass = d.key
		}
	case d.key != pass:
	case d.inside:
		m.upInside(s, d)
	case d.again && d.second != pass && d.pass != pass:
		d.goOn(last)
	case d.again && d.second != pass && !s.has(d.hash, d.second):
		d.anew() // for the answers to the last pass
		d.callee.tag = d.callee.tag[:0]
		s.become(d, unconfirmed)
		d.goOn(last)
	default:
		m.table.remove(s, d)
	}
}

// has reports whether there is a dialog of a transaction that is not up.
func (s *shard) has(hash uint64, key txn.Key) bool {
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.key == key && d.state <= early {
			return true
		}
	}
	return false
}

// upInside makes a dialog a call that is up whose last pass was answered, and its caller, who is
// nobody's user, never told.
func (m *Module) upInside(s *shard, d *dialog) {
	d.caller.aor, d.inside = d.caller.aor[:0], false
	m.confirm(s, d, nil, m.cfg.Now())
	s.become(d, confirmed)
	s.due(d, d.expires)
}

// passes notes the host of a router between two passes of the INVITE: the To tag has come by it.
func (d *dialog) passes(host netip.Addr, msg *sip.Message) {
	if cseq, err := msg.CSeq(); err != nil || !d.isInvite(cseq.Number) {
		return
	}
	for i, a := range d.between {
		if a == host {
			return
		}
		if !a.IsValid() {
			d.between[i] = host
			return
		}
	}
}
