package auth

import (
	"crypto/md5" //nolint:gosec // RFC 2617 digest asks for it
	"crypto/subtle"

	"seraph/proxy/internal/sip"
)

// hash is an MD5 in lower-case hex.
type hash [2 * md5.Size]byte

func sum(text []byte) (h hash) {
	raw := md5.Sum(text) //nolint:gosec // see import
	for i, b := range raw {
		h[2*i], h[2*i+1] = hexDigits[b>>4], hexDigits[b&15]
	}
	return h
}

// parseHash reads a column ha1 or ha1b.
func parseHash(s string) (h hash, ok bool) {
	if len(s) != len(h) {
		return h, false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'F' {
			c += 'a' - 'A'
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return h, false
		}
		h[i] = c
	}
	return h, true
}

// rightResponse reports whether the response of credentials was made with this HA1
// (RFC 2617 §3.2.2.1; without qop that of RFC 2069).
func rightResponse(ha1 *hash, method []byte, cr *sip.Credentials) bool {
	var room [1024]byte
	text := append(append(append(room[:0], method...), ':'), cr.URI...)
	ha2 := sum(text)
	text = append(append(append(text[:0], ha1[:]...), ':'), cr.Nonce...)
	if cr.QOP != nil {
		text = append(append(text, ':'), cr.NC...)
		text = append(append(text, ':'), cr.CNonce...)
		text = append(append(text, ':'), cr.QOP...)
	}
	text = append(append(text, ':'), ha2[:]...)
	want := sum(text)
	return subtle.ConstantTimeCompare(want[:], cr.Response) == 1
}
