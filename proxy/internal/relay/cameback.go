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
	values := r.Msg.Values(sip.HdrVia)
	values.Next() // its sender's
	for v := values.Next(); v != nil; v = values.Next() {
		if !r.Engine.wroteVia(v) {
			continue
		}
		branch, _ := sip.Param(v[bytes.IndexByte(v, ';'):], "branch")
		id, ok := txn.ParseBranch(branch, txn.StatefulMark)
		if ok && r.Engine.sentBy(id, key) {
			return true
		}
	}
	return false
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
