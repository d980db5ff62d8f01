package usrloc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"seraph/proxy/internal/sip"
)

// same reports whether the contact is that binding: by instance and reg-id where
// it has both (RFC 5626 §6), else by its URI.
func (v *version) same(c *Contact) bool {
	if c.outbound() {
		return v.outbound() && v.RegID == c.RegID && bytes.Equal(v.Instance(), c.Instance)
	}
	return !v.outbound() && sameURI(v.Contact(), c.URI)
}

func (c *Contact) outbound() bool { return c.RegID > 0 && len(c.Instance) > 0 }

func (b *Binding) outbound() bool { return b.RegID > 0 && b.ends[textInstance] > b.ends[textUserAgent] }

// sameContact reports whether two contacts of one request are one binding.
func sameContact(a, b *Contact) bool {
	if a.outbound() || b.outbound() {
		return a.RegID == b.RegID && bytes.Equal(a.Instance, b.Instance)
	}
	return sameURI(a.URI, b.URI)
}

// sameURI compares the URIs of contacts: of a SIP URI the user part with regard
// to case, the rest without (RFC 3261 §19.1.4); any other byte by byte.
func sameURI(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	from, to := caseful(a)
	if f, t := caseful(b); f != from || t != to {
		return false
	}
	for i := range a {
		if a[i] != b[i] && (i >= from && i < to || lower(a[i]) != lower(b[i])) {
			return false
		}
	}
	return true
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

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// ruid is the identity of the binding's row: a hash of what makes it that
// binding, so that writing it again is no second row. SHA-256, because a phone
// chooses its contacts and must not hit another's row.
func (b *Binding) ruid(aor string) string {
	var room [1024]byte
	text := append(room[:0], aor...)
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
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
