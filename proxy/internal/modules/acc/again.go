package acc

import (
	"encoding/binary"

	"seraph/proxy/internal/relay"
)

// answeredAgain makes the row of a further 2xx to an INVITE that has forked: each one makes a dialog,
// which has a BYE (RFC 3261 §13.2.2.4). It is the row of the first one, which the call has kept, but for
// what the answer says; an answer is not believed who has called whom.
func (m *Module) answeredAgain(c *relay.Call, status int, reply []byte) {
	first := c.Noted()
	if first == nil {
		return
	}
	s := m.spare.take()
	defer m.spare.give(s)
	m.read(&s.reply, reply)
	m.noteUnrouted(c, &s.reply)
	texts := [rowTexts][]byte{rowCallee: c.Callee(), rowReason: s.reply.Reason()}
	if to, err := s.reply.To(); err == nil {
		texts[rowToTag] = to.Tag
	}
	now := m.cfg.Now()
	pack := func(dst []byte) []byte {
		at := len(dst)
		dst = append(dst, first[:rowNumbers]...)
		binary.LittleEndian.PutUint16(dst[at+1:], uint16(status))
		binary.LittleEndian.PutUint64(dst[at+11:], uint64(now.UnixNano()))
		for i, rest := 0, first[rowNumbers:]; i < rowTexts; i++ {
			n := 2 + int(binary.LittleEndian.Uint16(rest))
			switch i {
			case rowToTag, rowCallee, rowReason:
				dst = appendText(dst, texts[i])
			default:
				dst = append(dst, rest[:n]...)
			}
			rest = rest[n:]
		}
		return dst
	}
	if !m.queue.put(kindAcc, pack) {
		m.noteLost(s.reply.CallID())
	}
	m.logAccounted(c.Flags(), []byte(c.Method().String()), status, s.reply.CallID())
}
