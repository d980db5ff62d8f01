package auth

import (
	"crypto/md5" //nolint:gosec // RFC 2617 digest asks for it
	"crypto/sha256"
	"crypto/subtle"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// algorithm is a digest algorithm (RFC 8760 §2.1).
type algorithm uint8

const (
	unknownAlgorithm algorithm = iota
	algMD5
	algSHA256
)

// algorithmOf reads the parameter algorithm of credentials; without one it is MD5.
func algorithmOf(cr *sip.Credentials) algorithm {
	switch {
	case cr.Algorithm == nil || sip.EqualFold(cr.Algorithm, "MD5"):
		return algMD5
	case sip.EqualFold(cr.Algorithm, "SHA-256"):
		return algSHA256
	}
	return unknownAlgorithm
}

// hash is an MD5 in lower-case hex, hash256 a SHA-256.
type (
	hash    [2 * md5.Size]byte
	hash256 [2 * sha256.Size]byte
)

// hashes256 are what a user's SHA-256 responses are checked against: of the bare
// user name, and of user@domain.
type hashes256 struct{ ha1, ha1b hash256 }

func putDigits(dst, raw []byte) {
	for i, b := range raw {
		dst[2*i], dst[2*i+1] = hexDigits[b>>4], hexDigits[b&15]
	}
}

func sum(text []byte) (h hash) {
	raw := md5.Sum(text) //nolint:gosec // see import
	putDigits(h[:], raw[:])
	return h
}

func sum256(text []byte) (h hash256) {
	raw := sha256.Sum256(text)
	putDigits(h[:], raw[:])
	return h
}

// parseHash reads a hash of a column into dst; false if it is none of that length.
func parseHash(dst []byte, s string) bool {
	if len(s) != len(dst) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'F' {
			c += 'a' - 'A'
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
		dst[i] = c
	}
	return true
}

// hashes256Of reads the SHA-256 hashes of a row, nil if it has not both.
func hashes256Of(row store.Credential) *hashes256 {
	var h hashes256
	if !parseHash(h.ha1[:], row.SHA256) || !parseHash(h.ha1b[:], row.SHA256B) {
		return nil
	}
	return &h
}

// rightResponse reports whether the response of credentials was made with this HA1
// (RFC 2617 §3.2.2.1; without qop that of RFC 2069).
func rightResponse(ha1 *hash, method []byte, cr *sip.Credentials) bool {
	var room [1024]byte
	text := appendA2(room[:0], method, cr)
	ha2 := sum(text)
	want := sum(appendResponse(text[:0], ha1[:], ha2[:], cr))
	return subtle.ConstantTimeCompare(want[:], cr.Response) == 1
}

// rightResponse256 is rightResponse of SHA-256 (RFC 8760 §2.3, RFC 7616 §3.4.1).
func rightResponse256(ha1 *hash256, method []byte, cr *sip.Credentials) bool {
	var room [1024]byte
	text := appendA2(room[:0], method, cr)
	ha2 := sum256(text)
	want := sum256(appendResponse(text[:0], ha1[:], ha2[:], cr))
	return subtle.ConstantTimeCompare(want[:], cr.Response) == 1
}

// appendA2 writes what the second hash is made of.
func appendA2(dst, method []byte, cr *sip.Credentials) []byte {
	return append(append(append(dst, method...), ':'), cr.URI...)
}

// appendResponse writes what the response is made of.
func appendResponse(dst, ha1, ha2 []byte, cr *sip.Credentials) []byte {
	dst = append(append(append(dst, ha1...), ':'), cr.Nonce...)
	if cr.QOP != nil {
		dst = append(append(dst, ':'), cr.NC...)
		dst = append(append(dst, ':'), cr.CNonce...)
		dst = append(append(dst, ':'), cr.QOP...)
	}
	return append(append(dst, ':'), ha2...)
}
