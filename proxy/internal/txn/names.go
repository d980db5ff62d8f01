package txn

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// names are the Call-ID, the tags and the CSeq number of a request. Every response to it repeats
// them (RFC 3261 §8.2.6.2), but for a To tag where the request had none.
type names struct {
	known                  bool
	cseq                   uint32
	callID, fromTag, toTag uint32 // how long each is in the text, in bytes
	room                   [136]byte
	text                   []byte  // in room, if that is enough
	long                   *Buffer // else in this, which counts as the transactions' memory
	from                   *Buffers
}

// Identify keeps the names of the request whose cell this is: responses to the client transactions of
// the cell have to have them. Without it all are taken.
func (t *Table) Identify(c *Cell, m *sip.Message) {
	from, err := m.From()
	if err != nil {
		return
	}
	cs, err := m.CSeq()
	if err != nil {
		return
	}
	var toTag []byte
	if to, err := m.To(); err == nil {
		toTag = to.Tag
	}
	if c.names == nil {
		c.names = &names{} // once for each record of the owner's
	}
	n := c.names
	n.known, n.cseq = true, cs.Number
	n.callID, n.fromTag, n.toTag = uint32(len(m.CallID())), uint32(len(from.Tag)), uint32(len(toTag))
	n.text = append(append(append(n.room[:0], m.CallID()...), from.Tag...), toTag...)
	if len(n.text) > len(n.room) {
		n.long, n.from = t.Buffers.Copy(n.text), &t.Buffers
		n.text = n.long.B
	}
}

// forget gives the memory of the names back; nil is allowed.
func (n *names) forget() {
	if n == nil {
		return
	}
	n.known = false
	if n.long != nil {
		n.from.Give(n.long)
		n.long, n.text = nil, nil
	}
}

// ToTag is the tag that the request had in To when Identify was called, nil for none. It is good as
// long as the cell is referred to.
func (c *Cell) ToTag() []byte {
	n := c.names
	if n == nil || !n.known || n.toTag == 0 {
		return nil
	}
	return n.text[n.callID+n.fromTag:]
}

// asked reports whether a response has the names of the cell's request. Its To tag may be any: there
// are phones that answer with another one within a dialog, and who counts by the tag takes ToTag.
func (c *Cell) asked(m *sip.Message) bool {
	n := c.names
	if n == nil || !n.known {
		return true
	}
	cs, err := m.CSeq()
	if err != nil || cs.Number != n.cseq || !bytes.Equal(m.CallID(), n.text[:n.callID]) {
		return false
	}
	from, err := m.From()
	return err == nil && bytes.Equal(from.Tag, n.text[n.callID:n.callID+n.fromTag])
}
