package acc

import (
	"encoding/binary"
	"time"
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
	// ByRouter says that the BYEs were the router's own, which pass nowhere; Flags are the script's of
	// the INVITE, whose row in acc goes by them, too. Unlisted says that there is none in call_log.
	ByRouter, Unlisted bool
	Flags              uint32
}

// Talk notes in call_log that a call was answered. Its length is not known until HungUp,
// and stays so should the router end before.
func (m *Module) Talk(t Talk) { m.putTalk(kindTalk, &t) }

// HungUp notes when a call that was answered ended, and by whom. What the router has hung up
// gets the row of a BYE in acc if the INVITE's flags pick it, whatever was said within the call: who is
// in it chooses whose BYE ends it.
func (m *Module) HungUp(t Talk) {
	if t.ByRouter && has(t.Flags, m.set.dbFlag) {
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
	switch k {
	case kindHungUp:
		at = t.Ended
	case kindAcc:
		at, method, why = t.Ended, "BYE", "OK"
	}
	dst = append(dst, byte(k))
	dst = binary.LittleEndian.AppendUint16(dst, 200)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Began.UnixNano()))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(at.UnixNano()))
	dst = appendString(dst, method)
	dst = appendText(dst, t.CallID)
	dst = appendText(dst, t.FromTag)
	dst = appendText(dst, t.ToTag)
	dst = appendText(dst, t.FromURI)
	dst = appendText(dst, t.Display)
	dst = appendText(dst, t.TargetURI)
	dst = appendText(dst, t.Callee)
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
