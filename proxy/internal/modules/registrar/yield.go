package registrar

import (
	"bytes"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
)

// Which contacts give way to a new one where there are max_contacts already, the highest
// first. A phone on the move has a new contact each time that it comes back; without this
// the ones that it has left would lock it out until they expire.
const (
	staysThere  = iota
	endsSomeDay // only where the operator has set no max_contacts
	sameContact // has the Contact of the new one, behind another NAT: likely what the same phone has left
	sameCallID  // registered with the Call-ID of the new one; the same holds
	samePhone   // of the instance of the new one (RFC 5626), and no flow beside it
	isUnplugged // its connection is closed
)

// saveInPlace saves a REGISTER in the place of contacts that give way. Whoever sends it has
// shown the owner's password: nobody else's contacts go.
func (m *Module) saveInPlace(r *relay.Request, s *scratch) (usrloc.Result, error) {
	s.reg.Yields = func(b *usrloc.Binding) int { return m.yields(r, s, b) }
	res, err := m.table.Save(&s.reg, s.bindings[:0])
	s.reg.Yields = nil
	if err == nil {
		m.displaced.Add(int64(res.Displaced))
		m.cfg.Log.Info("registrar: contacts gave way to new ones", "aor", string(s.reg.AoR), "gone", res.Displaced, "max_contacts", m.maxContacts)
	}
	return res, err
}

// yields says how soon a contact gives way to those of the REGISTER in s.
func (m *Module) yields(r *relay.Request, s *scratch, b *usrloc.Binding) int {
	switch {
	case b.ByHand():
		return staysThere
	case unplugged(r, b):
		return isUnplugged
	case b.RegID == 0 && len(b.Instance()) > 0 && s.names(b.Instance()):
		return samePhone
	case !flow(b) && s.repeats(b):
		return sameContact
	case m.ownMax || b.Permanent():
		return staysThere
	case bytes.Equal(b.CallID(), s.reg.CallID):
		return sameCallID
	}
	return endsSomeDay
}

// names reports whether the REGISTER adds or refreshes a contact of an instance.
func (s *scratch) names(instance []byte) bool {
	for i := range s.reg.Contacts {
		if c := &s.reg.Contacts[i]; c.Expires > 0 && bytes.Equal(c.Instance, instance) {
			return true
		}
	}
	return false
}

// repeats reports whether the REGISTER adds or refreshes a contact with the URI of a binding.
func (s *scratch) repeats(b *usrloc.Binding) bool {
	for i := range s.reg.Contacts {
		if c := &s.reg.Contacts[i]; c.Expires > 0 && c.RegID == 0 && b.HasContact(c.URI) {
			return true
		}
	}
	return false
}
