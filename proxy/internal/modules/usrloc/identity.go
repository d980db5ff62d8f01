package usrloc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"seraph/proxy/internal/sip"
)

// match says how well a contact of a registration, which p tells of, is that binding: of a
// flow by instance and reg-id (RFC 5626 §6), of others by the URI, and by whose it is.
func (v *version) match(c *Contact, p *phone) likeness {
	switch {
	case c.outbound() != v.outbound():
		return another
	case c.outbound() && v.RegID == c.RegID && bytes.Equal(v.Instance(), c.Instance):
		return sameInstance
	case c.outbound() || !v.HasContact(c.URI):
		return another
	}
	q := v.phone()
	return p.like(&q)
}

// HasContact reports whether a URI is the binding's Contact (RFC 3261 §19.1.4).
func (b *Binding) HasContact(uri []byte) bool { return sameURI(b.Contact(), uri) }

func (c *Contact) outbound() bool { return c.RegID > 0 && len(c.Instance) > 0 }

func (b *Binding) outbound() bool { return b.RegID > 0 && b.ends[textInstance] > b.ends[textUserAgent] }

// sameContact reports whether two contacts of one request are one binding.
func sameContact(a, b *Contact) bool {
	if a.outbound() || b.outbound() {
		return a.RegID == b.RegID && bytes.Equal(a.Instance, b.Instance)
	}
	return sameURI(a.URI, b.URI)
}

// rowID identifies the row of a binding.
type rowID [16]byte

// ruid is the identity of the binding's row, the column ruid.
func (b *Binding) ruid() string { return hex.EncodeToString(b.id[:]) }

// Named reports whether that is the binding's Contact as it stands, or its ruid, which is the binding's alone.
func (b *Binding) Named(name []byte) bool {
	return bytes.Equal(name, b.Contact()) || string(name) == b.ruid()
}

// parseRUID reads a ruid of ours.
func parseRUID(s string) (id rowID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// newID is the identity of a new binding's row: a hash of what makes it that binding,
// so that writing it again is no second row. SHA-256, because a phone chooses its
// contacts and must not hit another's row. A refreshed binding keeps its row though its
// contact may be spelled in another way by then, and another phone may have the same contact: a
// new one whose hash is taken gets another, over what tells the phone from others as well, and over
// the time if need be. So few are tried, however many bindings or removals have that contact.
func (e *entry) newID(b *Binding) rowID {
	var room [1024]byte
	text := append(room[:0], e.aor...)
	if b.outbound() {
		text = append(text, "\x00instance\x00"...)
		text = append(text, b.Instance()...)
		text = append(text, 0)
		text = strconv.AppendInt(text, int64(b.RegID), 10)
	} else {
		text = append(text, "\x00contact\x00"...)
		uri := b.Contact()
		from, to := caseful(uri)
		for i, c := range uri {
			if i < from || i >= to {
				c = lower(c)
			}
			text = append(text, c)
		}
	}
	for taken := 0; ; taken++ {
		sum := sha256.Sum256(text)
		if id := rowID(sum[:16]); !e.uses(id) {
			return id
		}
		switch taken {
		case 0:
			for _, part := range [...][]byte{b.Received(), b.Path(), b.CallID()} {
				text = append(append(text, 0), part...)
			}
		case 1:
			text = strconv.AppendInt(append(text, 0), b.modified, 10)
		default:
			text = append(text, "\x00again"...)
		}
	}
}

// uses reports whether a binding of the address has that row.
func (e *entry) uses(id rowID) bool {
	for _, v := range e.heads {
		if v.id == id {
			return true
		}
	}
	return false
}

// caseful is the part of a URI whose case counts.
func caseful(uri []byte) (from, to int) {
	from = bytes.IndexByte(uri, ':')
	if from < 0 || !sip.EqualFold(uri[:from], "sip") && !sip.EqualFold(uri[:from], "sips") {
		return 0, len(uri)
	}
	to = bytes.IndexByte(uri, '@')
	if to < from {
		return 0, 0
	}
	return from, to
}
