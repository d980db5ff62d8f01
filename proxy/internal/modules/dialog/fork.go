package dialog

import (
	"bytes"
	"net/netip"
	"time"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// kin are the dialogs of one INVITE.
type kin struct {
	fresh    *dialog // the one without a To tag
	sibling  *dialog // one with a To tag
	oldest   *dialog // of those that ring, the one that was heard first
	ownFirst *dialog // the same, of one branch
	ringing  int     // how many ring by that
	answered bool    // one was answered by the pass that a response belongs to
}

// kin finds the dialogs of an INVITE. branch is the one that a response has come by.
func (s *shard) kin(hash uint64, c *relay.Call, branch uint64, msg *sip.Message, fromTag []byte, invite uint32) (k kin) {
	earliest := func(a, b *dialog) *dialog {
		if a == nil || b.deadline.Before(a.deadline) {
			return b
		}
		return a
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if !bytes.Equal(d.callID, msg.CallID()) || !bytes.Equal(d.caller.tag, fromTag) || !d.isPass(c.Key(), invite) {
			continue
		}
		if len(d.callee.tag) == 0 {
			k.fresh = d
			continue
		}
		k.answered = k.answered || d.state > early && d.pass == c.Key()
		if k.sibling == nil || k.sibling.own {
			k.sibling = d
		}
		if d.state != early {
			continue
		}
		k.oldest = earliest(k.oldest, d)
		if d.branch == branch {
			k.ownFirst = earliest(k.ownFirst, d)
			k.ringing++
		}
	}
	return k
}

// fork finds the record for a To tag that is new: the one without a tag, or a copy of a
// sibling's, or, where the INVITE's first dialog is over already, what the call still
// knows. Where there is no room, what rings makes room: nobody may fill the table by ringing,
// nor keep an answer out of it. The first answer to an INVITE has a record in any case, or who has
// got the INVITE could use up the call's by a pass of his own. Another one that finds none goes by
// the seal of its Route.
func (m *Module) fork(s *shard, hash uint64, c *relay.Call, b *relay.Branch, msg *sip.Message, fromTag, toTag []byte) *dialog {
	cseq, err := msg.CSeq()
	if err != nil {
		return nil
	}
	k := s.kin(hash, c, b.ID(), msg, fromTag, cseq.Number)
	base := k.fresh
	switch {
	case base != nil:
	case k.ringing >= maxRinging:
		base = k.ownFirst.anew()
	case k.ownFirst != nil && m.table.crowded(k.ownFirst.owner):
		base = k.ownFirst.anew()
	default:
		base = m.another(s, hash, c, b.SentTo(), &k, msg, fromTag, false)
	}
	switch {
	case base != nil:
	case k.ownFirst != nil:
		base = k.ownFirst.anew()
	case k.oldest != nil:
		base = k.oldest.anew()
	case msg.Status >= 200 && !k.answered && (k.sibling == nil || k.sibling.key == c.Key()):
		base = m.another(s, hash, c, b.SentTo(), &k, msg, fromTag, true)
	}
	if base == nil {
		m.refused.Add(1)
		if k.sibling != nil && msg.Status >= 200 {
			k.sibling.lost = m.cfg.Now().Add(m.set.defaultTimeout)
		}
		return nil
	}
	base.callee.tag = put(base.callee.tag, toTag)
	return base
}

// another takes one more record for an INVITE that was sent to a host, like a sibling's; nil if
// there is no room, and no must. Of a sibling that is somebody else's call it takes what they share.
func (m *Module) another(s *shard, hash uint64, c *relay.Call, to netip.Addr, k *kin, msg *sip.Message, fromTag []byte, must bool) *dialog {
	if len(msg.CallID()) > maxCallID || len(fromTag) > maxTag {
		return nil
	}
	var room [512]byte
	address := m.ofOurs(room[:0], c.Identity())
	unlisted, id, owner := !c.ManagesDialog() && !m.wantsFlagged(c.Flags()), uint32(0), m.table.ownerOf(c, address, c.Source().Remote.Addr(), []netip.Addr{to})
	if k.sibling != nil {
		unlisted, id, owner = k.sibling.unlisted, k.sibling.id, k.sibling.owner
	}
	d, _ := m.table.take(s, hash, msg.CallID(), unlisted, owner)
	if d == nil && must {
		d = m.table.takeAnyway(s, hash, msg.CallID(), unlisted, owner, k.sibling != nil)
	}
	if d == nil {
		return nil
	}
	if !unlisted {
		m.tracked.Add(1)
	}
	d.key = c.Key()
	o := k.sibling
	if o != nil && o.id != id {
		o = nil // it has made room
	}
	if o == nil || o.own && o.key == c.Key() {
		m.fillFrom(d, c, msg, address)
	}
	if o == nil {
		d.invite = d.caller.cseq
		return d
	}
	d.key, d.invite, d.began, d.again, d.second, d.alone, d.went = o.key, o.invite, o.began, o.again, o.second, o.alone, o.went
	m.copyLegs(d, o)
	if !o.own || o.key != c.Key() {
		d.display, d.target = put(d.display, o.display), put(d.target, o.target)
		d.caller.copyFrom(&o.caller)
		d.caller.cseq = o.invite // the sibling was told the rest
		d.callee.uri, d.callee.aor = put(d.callee.uri, o.callee.uri), put(d.callee.aor, o.callee.aor)
	}
	return d
}

// fillFrom takes what the INVITE of a call tells, whose caller has proven an address, or the response
// to it where the call has the INVITE no more.
func (m *Module) fillFrom(d *dialog, c *relay.Call, response *sip.Message, address []byte) {
	msg := m.spare.take()
	defer m.spare.give(msg)
	if len(c.Request()) == 0 || msg.Parse(c.Request()) != nil {
		msg.Reset()
		m.fill(d, response, c.Source(), address, c.Callee())
		return
	}
	m.fill(d, msg, c.Source(), address, c.Callee())
}

// hasLost reports whether an answer to an INVITE with a Call-ID and one of the tags has found no
// record and may be up. A To tag that is a record's but for its case is that of none: phones may
// take it for the same dialog.
func (s *shard) hasLost(hash uint64, callID, a, b []byte, now time.Time) (lost bool) {
	if len(s.buckets) == 0 {
		return false
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if !bytes.Equal(d.callID, callID) {
			continue
		}
		for _, tags := range [...][2][]byte{{a, b}, {b, a}} {
			switch {
			case !bytes.Equal(d.caller.tag, tags[0]):
			case bytes.EqualFold(d.callee.tag, tags[1]):
				return false
			default:
				lost = lost || now.Before(d.lost)
			}
		}
	}
	return lost
}
