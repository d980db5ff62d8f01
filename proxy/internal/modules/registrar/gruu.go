package registrar

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// tempPrefix begins the user part of a temporary GRUU.
const tempPrefix = "tgruu."

// A temporary GRUU is encrypted: a hash of the phone's instance, one of the Call-ID of
// its registration, with which it ends (RFC 5627 §3.2), and the user. So it tells
// strangers nothing, each one is another, and nothing has to be kept.
const (
	gruuHash  = 8
	gruuNonce = 12
	gruuMost  = len(tempPrefix) + 600 // of a user part that is one
)

// newSeal makes the cipher; without a key the GRUUs end with the process.
func newSeal(key []byte) cipher.AEAD {
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, see crypto/rand
	}
	sum := sha256.Sum256(key)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		panic(err) // the length is right
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return seal
}

// appendGRUUs appends the GRUUs of a binding as Contact parameters (RFC 5627 §5.2).
func (m *Module) appendGRUUs(dst []byte, s *scratch, b *usrloc.Binding) []byte {
	instance := urn(b.Instance())
	if len(instance) == 0 {
		return dst
	}
	dst = append(append(dst, `;pub-gruu="sip:`...), s.reg.AoR...)
	dst = appendParam(append(dst, ";gr="...), instance)
	user, domain, _ := bytes.Cut(s.reg.AoR, []byte{'@'})
	dst = append(append(dst, `";temp-gruu="sip:`...), tempPrefix...)
	dst = m.appendTemp(dst, user, domain, instance, b.CallID())
	return append(append(append(dst, '@'), domain...), `;gr"`...)
}

func (m *Module) appendTemp(dst, user, domain, instance, callID []byte) []byte {
	sealed := make([]byte, gruuNonce, gruuNonce+2*gruuHash+len(user)+m.seal.Overhead())
	_, _ = rand.Read(sealed)
	plain := make([]byte, 0, 2*gruuHash+len(user))
	for _, text := range [...][]byte{instance, callID} {
		sum := sha256.Sum256(text)
		plain = append(plain, sum[:gruuHash]...)
	}
	sealed = m.seal.Seal(sealed, sealed[:gruuNonce], append(plain, user...), domain)
	return base64.RawURLEncoding.AppendEncode(dst, sealed)
}

// gruu is what a Request-URI asks for that is a GRUU.
type gruu struct {
	on       bool
	instance []byte // of a public one
	temp     bool
	hashes   [2 * gruuHash]byte // of a temporary one
	memory   [1024]byte
}

// readGRUU makes s.gruu what the URI asks for, and replaces the user part by that of
// the address of record; false if it is a GRUU that was never given.
func (m *Module) readGRUU(s *scratch, u *sip.URI) bool {
	g := &s.gruu
	g.on, g.temp = false, false
	value, ok := u.Param("gr")
	if !ok || !m.gruuEnabled {
		return true
	}
	g.on = true
	if len(value) > 0 {
		g.instance = unescape(g.memory[:0], value)
		return g.instance != nil
	}
	text, ok := bytes.CutPrefix(u.User, []byte(tempPrefix))
	if !ok || len(u.User) > gruuMost {
		return false
	}
	sealed, err := base64.RawURLEncoding.Strict().AppendDecode(g.memory[:0], text)
	if err != nil || len(sealed) < gruuNonce {
		return false
	}
	s.domain = append(s.domain[:0], u.Host...)
	for i, c := range s.domain {
		if 'A' <= c && c <= 'Z' {
			s.domain[i] = c + 'a' - 'A'
		}
	}
	body := sealed[gruuNonce:]
	plain, err := m.seal.Open(body[:0], sealed[:gruuNonce], body, s.domain)
	if err != nil || len(plain) <= 2*gruuHash {
		return false
	}
	g.temp = true
	copy(g.hashes[:], plain)
	u.User = plain[2*gruuHash:]
	return true
}

// OfDevice appends the canonical address of whose phone a GRUU leads to; false for a URI that is no
// GRUU, or one that was never given. Whether the phone is still there, lookup finds out.
func (m *Module) OfDevice(dst []byte, uri *sip.URI) ([]byte, bool) {
	if _, ok := uri.Param("gr"); !ok {
		return dst, false
	}
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	u := *uri
	if !m.readGRUU(s, &u) || !s.gruu.on {
		return dst, false
	}
	b, err := aor.AppendCanonical(dst, u.User, u.Host)
	return b, err == nil
}

// meant reports whether the GRUU is of that binding.
func (g *gruu) meant(b *usrloc.Binding) bool {
	instance := urn(b.Instance())
	if !g.on || len(instance) == 0 {
		return !g.on
	}
	if !g.temp {
		return bytes.EqualFold(instance, g.instance)
	}
	one, two := sha256.Sum256(instance), sha256.Sum256(b.CallID())
	return bytes.Equal(g.hashes[:gruuHash], one[:gruuHash]) && bytes.Equal(g.hashes[gruuHash:], two[:gruuHash])
}

// urn is an instance without its brackets.
func urn(instance []byte) []byte {
	if n := len(instance); n > 2 && instance[0] == '<' && instance[n-1] == '>' {
		return instance[1 : n-1]
	}
	return instance
}

// appendParam appends a URI parameter's value, with escapes where the grammar wants
// them (RFC 3261 §25.1, paramchar).
func appendParam(dst, value []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range value {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || bytes.IndexByte([]byte("-_.!~*'()[]/:&+$"), c) >= 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// unescape appends a value without its escapes; nil if one is malformed, or if it does
// not fit into dst.
func unescape(dst, value []byte) []byte {
	if len(value) > cap(dst) {
		return nil
	}
	for i := 0; i < len(value); i++ {
		if value[i] != '%' {
			dst = append(dst, value[i])
			continue
		}
		if i+2 >= len(value) {
			return nil
		}
		high, low := hexDigit(value[i+1]), hexDigit(value[i+2])
		if high < 0 || low < 0 {
			return nil
		}
		dst = append(dst, byte(high<<4|low))
		i += 2
	}
	return dst
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
