package relay

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// CameBack reports whether a request has passed here before, as the call with this key, which is
// still under way: another router has sent it back. That shows in the Via that the call has given
// it, below that of its sender: nobody but who has got it knows its branch.
func (r *Request) CameBack(key txn.Key) bool {
	return r.below(func(id uint64) bool { return r.Engine.sentBy(id, key) })
}

// below reports whether match holds for the branch of a Via below the sender's that this router has
// written for a transaction.
func (r *Request) below(match func(id uint64) bool) bool {
	values := r.Msg.Values(sip.HdrVia)
	values.Next() // its sender's
	for v := values.Next(); v != nil; v = values.Next() {
		if !r.Engine.wroteVia(v) {
			continue
		}
		branch, _ := sip.Param(v[bytes.IndexByte(v, ';'):], "branch")
		id, ok := txn.ParseBranch(branch, txn.StatefulMark)
		if ok && match(id) {
			return true
		}
	}
	return false
}

// SentBack reports whether a request that has come without a Route is one within a dialog that passes
// here the second time, on its way from another router to the other end.
func (r *Request) SentBack() bool { return r.sentBack }

// isSentBack finds that out. Of ACK no call is made, and what follows it makes none either; an INVITE
// has below its sender's Via one of ours, which nobody knows but who has got the same request from here
// along its dialog, and the first pass is still under way, to where the other end has said that it is.
func (r *Request) isSentBack() bool {
	if r.Msg.Method != sip.INVITE {
		return false
	}
	return r.below(func(id uint64) bool {
		cell := r.Engine.txns.CellOf(id)
		if cell == nil {
			return false
		}
		defer cell.Unref()
		c, ok := cell.Owner().(*Call)
		return ok && c.passes(r.Msg)
	})
}

// passes reports whether the call is a request within a dialog that is under way to the other end, and
// a message the same one.
func (c *Call) passes(m *sip.Message) bool {
	c.Lock()
	defer c.Unlock()
	if !c.terms.InDialog || c.method != m.Method || c.answered || c.cancelled || c.req == nil || !c.bounds.reach.Led || !c.bounds.reach.Named {
		return false
	}
	first := &sip.Message{}
	if first.Parse(c.req.B) != nil {
		return false
	}
	return bytes.Equal(first.CallID(), m.CallID()) && sameTags(first, m) && sameCSeq(first, m)
}

// sameTags reports whether two requests have the same tags in From and To.
func sameTags(a, b *sip.Message) bool {
	for _, of := range [...]func(*sip.Message) (*sip.NameAddr, error){(*sip.Message).From, (*sip.Message).To} {
		x, err := of(a)
		y, err2 := of(b)
		if err != nil || err2 != nil || !bytes.Equal(x.Tag, y.Tag) {
			return false
		}
	}
	return true
}

// sameCSeq reports whether two requests have the same number.
func sameCSeq(a, b *sip.Message) bool {
	x, err := a.CSeq()
	y, err2 := b.CSeq()
	return err == nil && err2 == nil && x.Number == y.Number
}

// SealedBetween reports whether the Route of ours that a request within a dialog has brought is that of the pass
// of its INVITE from one host to another one.
func (r *Request) SealedBetween(from, to netip.Addr) bool { return r.Engine.seals(&r.seal, from, to) }

// SealedBetween is that for a call.
func (c *Call) SealedBetween(from, to netip.Addr) bool { return c.engine.seals(&c.seal, from, to) }

func (e *Engine) seals(s *Seal, from, to netip.Addr) bool {
	return s.Kind.known() && s.ends == [...]endMark{e.mark(from), e.mark(to)}
}

// maxGoes is how many hosts Goes tells of.
const maxGoes = 4

// Goes are hosts that the request is about to be sent to. Zero ones are none.
func (r *Request) Goes() (list [maxGoes]netip.Addr) {
	n := 0
	for i := 0; i <= len(r.More) && n < maxGoes; i++ {
		if a := r.ways[i].flow.Remote.Addr(); a.IsValid() {
			list[n] = a
			n++
		}
	}
	return list
}

// sentBy reports whether a branch with an id is one of the call with a key.
func (e *Engine) sentBy(id uint64, key txn.Key) bool {
	cell := e.txns.CellOf(id)
	if cell == nil {
		return false
	}
	defer cell.Unref()
	c, ok := cell.Owner().(*Call)
	return ok && c.Key() == key
}
