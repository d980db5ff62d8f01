package dialog

// Accounts hold one INVITE of a dialog. A request within it that has come without our Route is for
// the relay to find out (Has), when it is sent on; what follows is for those that it does not find:
// what was refused before.

// Holds reports whether there is a call with these tags that was answered, up or only just over: what was
// refused within it, nobody has missed.
func (m *Module) Holds(callID, fromTag, toTag []byte) bool {
	if !m.on.Load() {
		return false
	}
	s, d := m.table.lockFound(callID, fromTag, toTag)
	defer s.mu.Unlock()
	return d != nil && d.state > early
}
