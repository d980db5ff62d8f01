package dialog

import (
	"bytes"
	"hash/maphash"
	"net/netip"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// slot is where the records of a caller are counted: by his address, if he is one of ours, else
// by his host.
func (t *table) slot(address []byte, host netip.Addr) uint16 {
	if len(address) > 0 {
		return uint16(maphash.Bytes(t.seed, address) % uint64(len(t.owners)))
	}
	return uint16(maphash.Comparable(t.seed, network(host)) % uint64(len(t.owners)))
}

// kin are the dialogs of one INVITE.
type kin struct {
	fresh    *dialog // the one without a To tag
	sibling  *dialog // one with a To tag
	oldest   *dialog // of those that ring, the one that was heard first
	ownFirst *dialog // the same, of one branch
	ringing  int     // how many ring by that
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
		if !bytes.Equal(d.callID, msg.CallID()) || !bytes.Equal(d.caller.tag, fromTag) || d.key != c.Key() && !(d.again && d.invite == invite) {
			continue
		}
		if len(d.callee.tag) == 0 {
			k.fresh = d
			continue
		}
		k.sibling = d
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
// nor keep an answer out of it. An answer that finds none goes by the seal of its Route.
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
		base = m.another(s, hash, c, &k, msg, fromTag)
	}
	switch {
	case base != nil:
	case k.ownFirst != nil:
		base = k.ownFirst.anew()
	case k.oldest != nil:
		base = k.oldest.anew()
	default:
		m.refused.Add(1)
		if k.sibling != nil {
			k.sibling.lost = k.sibling.lost || msg.Status >= 200
		}
		return nil
	}
	base.callee.tag = put(base.callee.tag, toTag)
	return base
}

// another takes one more record for an INVITE, like a sibling's; nil if there is no room.
func (m *Module) another(s *shard, hash uint64, c *relay.Call, k *kin, msg *sip.Message, fromTag []byte) *dialog {
	if len(msg.CallID()) > maxCallID || len(fromTag) > maxTag {
		return nil
	}
	var room [512]byte
	address := m.ofOurs(room[:0], c.Identity())
	unlisted, id, owner := m.set.flag != noFlag || m.narrowed.Load(), uint32(0), m.table.slot(address, c.Source().Remote.Addr())
	if k.sibling != nil {
		unlisted, id, owner = k.sibling.unlisted, k.sibling.id, k.sibling.owner
	}
	d, _ := m.table.take(s, hash, msg.CallID(), unlisted, owner)
	if d == nil {
		return nil
	}
	if !unlisted {
		m.tracked.Add(1)
	}
	d.key = c.Key()
	if o := k.sibling; o != nil && o.id == id { // or it has made room
		d.key, d.invite, d.began, d.again, d.second, d.alone, d.went = o.key, o.invite, o.began, o.again, o.second, o.alone, o.went
		d.display, d.target = put(d.display, o.display), put(d.target, o.target)
		d.caller.copyFrom(&o.caller)
		d.callee.uri, d.callee.aor = put(d.callee.uri, o.callee.uri), put(d.callee.aor, o.callee.aor)
	} else {
		m.fill(d, msg, c.Source(), address, c.Callee())
		d.invite = d.caller.cseq
	}
	return d
}

// hasLost reports whether an answer to an INVITE with a Call-ID and one of the tags has found no
// record.
func (s *shard) hasLost(hash uint64, callID, a, b []byte) bool {
	if len(s.buckets) == 0 {
		return false
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.lost && bytes.Equal(d.callID, callID) && (bytes.Equal(d.caller.tag, a) || bytes.Equal(d.caller.tag, b)) {
			return true
		}
	}
	return false
}
