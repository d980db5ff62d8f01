package dialog

import (
	"bytes"
	"net/netip"
)

// Joined reports whether a phone of an owner's, at a place, is in the dialog that a Replaces names,
// ringing or up: toTag is its own (RFC 3891 §3). The phone that was called is where its first answer came
// from. Where an INVITE comes from proves nothing of who sent it, so of a caller, and of a phone that is at
// another port than it sends from, it counts that the call is its owner's and its host that one.
func (m *Module) Joined(callID, fromTag, toTag []byte, owner string, place netip.AddrPort) bool {
	if !m.on.Load() {
		return false
	}
	s, d := m.table.lockFound(callID, fromTag, toTag)
	defer s.mu.Unlock()
	if d == nil || d.state < early || d.state > confirmed {
		return false
	}
	phone := &d.caller
	if bytes.Equal(d.callee.tag, toTag) {
		phone = &d.callee
		if phone.home.Remote == place {
			return true
		}
	}
	return string(phone.aor) == owner && phone.home.Remote.Addr() == place.Addr()
}
