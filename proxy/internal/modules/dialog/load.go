package dialog

import (
	"bytes"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/txn"
)

// carry makes a dialog, by a pass of its INVITE, a call of a gateway, nil for none; of the one before it is none any
// more.
func (d *dialog) carry(load *relay.Load, pass txn.Key) {
	d.load.Release()
	d.load, d.loaded = load, pass
}

// Moved counts an INVITE that is not answered as the call of another gateway
// (relay.Dialogs). All that its first one has begun has ended.
func (m *Module) Moved(r *relay.Request, c *relay.Call) {
	from, err := r.Msg.From()
	if err != nil {
		return
	}
	cseq, err := r.Msg.CSeq()
	if err != nil {
		return
	}
	hash := m.table.hash(r.Msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	if len(s.buckets) == 0 {
		return // the module is not at work
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.state <= early && bytes.Equal(d.callID, r.Msg.CallID()) && bytes.Equal(d.caller.tag, from.Tag) && d.isPass(c.Key(), cseq.Number) {
			d.carry(r.HandLoad(), c.Key()) // the first one has it, the others none
			d.went = r.Goes()
		}
	}
}
