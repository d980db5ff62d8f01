package acc

import (
	"encoding/binary"
	"time"

	"seraph/sql/store"
)

// Talk is a call that was answered, as module dialog tells of it. The texts are good
// during the call only.
type Talk struct {
	CallID, FromTag, ToTag      []byte
	FromURI, Display, TargetURI []byte
	// Caller is the caller's address, empty if it is none of our users; Callee the
	// address that was called, after aliases, empty if it is none of ours.
	Caller, Callee         []byte
	Began, Answered, Ended time.Time
	HungUpBy               string // store.HungUpCaller and so on
	// ByRouter says that the BYEs were the router's own, InAgent that the BYE was taken or sent by its
	// own user agent, an end of the call: they pass nowhere. Flags are the script's of the
	// INVITE, whose row in acc goes by them, too. Unlisted says that there is none in call_log.
	ByRouter, InAgent, Unlisted bool
	Flags                       uint32
}

// Talk notes in call_log that a call was answered. Its length is not known until HungUp,
// and stays so should the router end before.
func (m *Module) Talk(t Talk) { m.putTalk(kindTalk, &t) }

// HungUp notes when a call that was answered ended, and by whom. A BYE that passes nowhere
// gets its row in acc if the INVITE's flags pick it, whatever was said within the call: who is
// in it chooses whose BYE ends it.
func (m *Module) HungUp(t Talk) {
	if !m.on {
		return
	}
	m.ends.keep(m.unrouted.dialog(t.CallID, t.FromTag, t.ToTag), &t)
	if (t.ByRouter || t.InAgent) && has(t.Flags, m.set.dbFlag) {
		m.putTalk(kindAcc, &t)
	}
	if !t.Unlisted {
		m.putTalk(kindHungUp, &t)
	}
}

func (m *Module) putTalk(k kind, t *Talk) {
	if !m.on || k != kindAcc && len(t.Caller) == 0 && len(t.Callee) == 0 {
		return
	}
	if !m.queue.put(k, func(dst []byte) []byte { return appendTalk(dst, k, t) }) {
		m.noteLost(t.CallID)
	}
}

// appendTalk packs a row as appendRow does, with other things in some of its places: the
// second time is when the call was answered or ended, and the text who hung up, in a row of acc
// the reason.
func appendTalk(dst []byte, k kind, t *Talk) []byte {
	at, method, why := t.Answered, "", t.HungUpBy
	fromTag, toTag, from, target, callee := t.FromTag, t.ToTag, t.FromURI, t.TargetURI, t.Callee
	switch k {
	case kindHungUp:
		at = t.Ended
	case kindAcc:
		at, method, why = t.Ended, "BYE", "OK"
		if t.InAgent && !t.ByRouter && t.HungUpBy == store.HungUpCallee { // as the callee has sent it
			fromTag, toTag, from, target, callee = t.ToTag, t.FromTag, t.TargetURI, t.FromURI, t.Caller
		}
	}
	dst = append(dst, byte(k))
	dst = binary.LittleEndian.AppendUint16(dst, 200)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Began.UnixNano()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at.UnixNano()))
	dst = appendString(dst, method)
	dst = appendText(dst, t.CallID)
	dst = appendText(dst, fromTag)
	dst = appendText(dst, toTag)
	dst = appendText(dst, from)
	dst = appendText(dst, t.Display)
	dst = appendText(dst, target)
	dst = appendText(dst, callee)
	dst = appendString(dst, why)
	if k == kindAcc {
		return appendText(dst, nil) // it came from nowhere
	}
	return appendText(dst, t.Caller)
}

// appendString is appendText for a short text.
func appendString(dst []byte, text string) []byte {
	return append(binary.LittleEndian.AppendUint16(dst, uint16(len(text))), text...)
}
