package txn

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// names are the Call-ID, the tags and the CSeq number of a request. Every response to it repeats
// them (RFC 3261 §8.2.6.2), but for a To tag where the request had none.
type names struct {
	cseq                   uint32
	callID, fromTag, toTag uint16 // how long each is in the text, in bytes: a message has 64 KB at most
	known                  bool
	room                   [100]byte // the text, if that is enough; a call has two of these
	long                   *Buffer   // else it is here, which counts as the transactions' memory
	from                   *Buffers
}

// text is the Call-ID, the tag in From and the tag in To, one after another.
func (n *names) text() []byte {
	if n.long != nil {
		return n.long.B
	}
	return n.room[:n.callID+n.fromTag+n.toTag]
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
	n.forget() // a request that is tried by another way has its names again
	n.known, n.cseq = true, cs.Number
	n.callID, n.fromTag, n.toTag = uint16(len(m.CallID())), uint16(len(from.Tag)), uint16(len(toTag))
	text := append(append(append(n.room[:0], m.CallID()...), from.Tag...), toTag...)
	if len(text) > len(n.room) {
		n.long, n.from = t.Buffers.Copy(text), &t.Buffers
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
		n.long = nil
	}
}

// ToTag is the tag that the request had in To when Identify was called, nil for none. It is good as
// long as the cell is referred to.
func (c *Cell) ToTag() []byte {
	n := c.names
	if n == nil || !n.known || n.toTag == 0 {
		return nil
	}
	return n.text()[n.callID+n.fromTag:]
}

// Repeats reports whether a response to the cell's request, or a CANCEL of it, has its names. The To tag
// may be any: there are phones that answer with another one within a dialog, and who counts by the tag
// takes ToTag. The cell is referred to.
func (c *Cell) Repeats(m *sip.Message) bool {
	n := c.names
	if n == nil || !n.known {
		return true
	}
	cs, err := m.CSeq()
	text := n.text()
	if err != nil || cs.Number != n.cseq || !bytes.Equal(m.CallID(), text[:n.callID]) {
		return false
	}
	from, err := m.From()
	return err == nil && bytes.Equal(from.Tag, text[n.callID:n.callID+n.fromTag])
}
