package nathelper

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// contact is one Contact value with a sip or sips URI.
type contact struct {
	uri    sip.URI
	at     uint32 // the offset of the URI in the message
	length uint32 // of the URI
	bare   bool   // it stands without angle brackets
}

// contacts walks over the Contact values of a message that can be understood.
type contacts struct {
	values sip.Values
	contact
}

func contactsOf(m *sip.Message) contacts { return contacts{values: m.Values(sip.HdrContact)} }

// next moves to the next contact; false at the end.
func (w *contacts) next() bool {
	for value := w.values.Next(); value != nil; value = w.values.Next() {
		var a sip.NameAddr
		if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &w.uri) != nil || w.uri.Host == nil {
			continue // "*", another scheme, or nonsense
		}
		// The URI is a part of the value, which ends where its capacity does.
		offset := cap(value) - cap(a.URI)
		w.at, w.length = w.values.Start+uint32(offset), uint32(len(a.URI))
		before := bytes.TrimRight(value[:offset], " \t\r\n")
		w.bare = len(before) == 0 || before[len(before)-1] != '<'
		return true
	}
	return false
}

func (m *Module) privateContact(msg *sip.Message) bool {
	for w := contactsOf(msg); w.next(); {
		if m.privateHost(w.uri.Host) {
			return true
		}
	}
	return false
}

func otherContactPort(c *module.Ctx) bool {
	for w := contactsOf(c.Msg); w.next(); {
		if port(&w.uri) != c.From.Remote.Port() {
			return true
		}
	}
	return false
}

// otherContact reports whether a contact has another address than the message came from, or a name.
func otherContact(c *module.Ctx) bool {
	for w := contactsOf(c.Msg); w.next(); {
		if !hostIs(w.uri.Host, c.From.Remote.Addr()) {
			return true
		}
	}
	return false
}

// port is the port of a URI, the usual one if none is written.
func port(u *sip.URI) uint16 {
	switch {
	case u.Port != 0:
		return u.Port
	case u.Scheme == sip.SchemeSIPS:
		return 5061
	}
	return 5060
}

// ownContacts reports whether the message's contacts are its sender's: those of a
// redirection are not.
func ownContacts(c *module.Ctx) bool {
	return c.Local == nil && c.From.Remote.IsValid() && (c.Msg.IsRequest || c.Msg.Status < 300)
}

// fixContact is fix_nated_contact: the source's address and port take the place of
// those in Contact.
func fixContact(c *module.Ctx) int {
	if !ownContacts(c) {
		return module.False
	}
	var room [64]byte
	text := appendHostPort(room[:0], c.From.Remote, ':')
	result := module.False
	for w := contactsOf(c.Msg); w.next(); {
		start, end := authority(w.uri.Raw)
		c.Msg.Replace(w.at+start, end-start, text)
		result = module.True
	}
	return result
}

// authority is where the host and port of a sip URI begin and end.
func authority(uri []byte) (start, end uint32) {
	from := bytes.IndexByte(uri, ':') + 1
	if at := bytes.IndexByte(uri, '@'); at >= 0 {
		from = at + 1
	}
	to := bytes.IndexAny(uri[from:], ";?")
	if to < 0 {
		to = len(uri) - from
	}
	return uint32(from), uint32(from + to)
}

// appendHostPort appends an address and a port as a URI has them; sep stands between.
func appendHostPort(dst []byte, a netip.AddrPort, sep byte) []byte {
	if a.Addr().Is6() {
		dst = append(a.Addr().AppendTo(append(dst, '[')), ']')
	} else {
		dst = a.Addr().AppendTo(dst)
	}
	return sip.AppendUint(append(dst, sep), uint64(a.Port()))
}
