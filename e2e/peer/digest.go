package peer

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
)

// Challenge is a parsed WWW-Authenticate or Proxy-Authenticate.
type Challenge struct{ Realm, Nonce, Opaque, Algorithm, QOP, Stale string }

// ParseChallenge reads the header's value.
func ParseChallenge(value string) (Challenge, error) {
	rest, ok := strings.CutPrefix(value, "Digest ")
	if !ok {
		return Challenge{}, fmt.Errorf("challenge %q is not Digest", value)
	}
	var c Challenge
	for _, p := range splitList(rest) {
		key, v, _ := strings.Cut(p, "=")
		v = strings.Trim(v, `"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "realm":
			c.Realm = v
		case "nonce":
			c.Nonce = v
		case "opaque":
			c.Opaque = v
		case "algorithm":
			c.Algorithm = v
		case "qop":
			c.QOP = v
		case "stale":
			c.Stale = v
		}
	}
	if c.Nonce == "" || c.Realm == "" {
		return c, fmt.Errorf("challenge %q has no nonce or no realm", value)
	}
	return c, nil
}

// Credentials answer a challenge.
type Credentials struct {
	User, Password string
	NC             int    // nonce count; 0 means 1
	CNonce         string // "" means a fixed one
}

// Answer is the value of Authorization for a request (RFC 7616 §3.4), with qop=auth
// where the challenge offers it.
func (c Challenge) Answer(cr Credentials, method, uri string) string {
	digest := hexMD5
	if strings.EqualFold(c.Algorithm, "SHA-256") {
		digest = hexSHA256
	}
	if cr.NC == 0 {
		cr.NC = 1
	}
	if cr.CNonce == "" {
		cr.CNonce = "0a4f113b"
	}
	ha1 := digest(cr.User + ":" + c.Realm + ":" + cr.Password)
	ha2 := digest(method + ":" + uri)
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username="%s", realm="%s", nonce="%s", uri="%s"`, cr.User, c.Realm, c.Nonce, uri)
	if c.Algorithm != "" {
		fmt.Fprintf(&b, ", algorithm=%s", c.Algorithm)
	}
	if c.Opaque != "" {
		fmt.Fprintf(&b, `, opaque="%s"`, c.Opaque)
	}
	if c.QOP == "" {
		fmt.Fprintf(&b, `, response="%s"`, digest(ha1+":"+c.Nonce+":"+ha2))
		return b.String()
	}
	nc := fmt.Sprintf("%08x", cr.NC)
	response := digest(strings.Join([]string{ha1, c.Nonce, nc, cr.CNonce, "auth", ha2}, ":"))
	fmt.Fprintf(&b, `, qop=auth, nc=%s, cnonce="%s", response="%s"`, nc, cr.CNonce, response)
	return b.String()
}

func hexMD5(s string) string    { return hexOf(md5.New(), s) }
func hexSHA256(s string) string { return hexOf(sha256.New(), s) }

func hexOf(h hash.Hash, s string) string {
	h.Write([]byte(s))
	return fmt.Sprintf("%x", h.Sum(nil))
}

// HA1 is the MD5 of user:realm:password, as the subscriber table keeps it.
func HA1(user, realm, password string) string { return hexMD5(user + ":" + realm + ":" + password) }
