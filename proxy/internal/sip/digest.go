package sip

import "errors"

// ErrDigest says that a credentials header is not a digest that can be read.
var ErrDigest = errors.New("malformed digest credentials")

// Credentials are the parameters of an Authorization or Proxy-Authorization
// header with the Digest scheme (RFC 3261 §22.4, RFC 8760). Values are unquoted
// but keep their backslashes.
type Credentials struct {
	Username, Realm, Nonce, URI, Response []byte
	Algorithm, CNonce, Opaque, QOP, NC    []byte
}

// ParseCredentials reads a credentials header. A scheme other than Digest, a
// parameter that stands twice, or one of username, realm, nonce, uri, response
// missing is an error.
func ParseCredentials(b []byte, c *Credentials) error {
	*c = Credentials{}
	const scheme = "Digest"
	if len(b) <= len(scheme) || !EqualFold(b[:len(scheme)], scheme) || !isBlank(b[len(scheme)]) {
		return ErrDigest
	}
	rest := b[len(scheme):]
	for len(rest) > 0 {
		n := NextValue(rest)
		item := trim(rest[:n])
		rest = rest[min(n+1, len(rest)):]
		if len(item) == 0 {
			continue
		}
		name, value, _ := NextParam(item)
		slot := c.slot(name)
		if slot == nil {
			continue
		}
		if *slot != nil || value == nil {
			return ErrDigest
		}
		*slot = value
	}
	if len(c.Username) == 0 || c.Realm == nil || len(c.Nonce) == 0 || len(c.URI) == 0 || len(c.Response) == 0 {
		return ErrDigest
	}
	return nil
}

func (c *Credentials) slot(name []byte) *[]byte {
	switch {
	case EqualFold(name, "username"):
		return &c.Username
	case EqualFold(name, "realm"):
		return &c.Realm
	case EqualFold(name, "nonce"):
		return &c.Nonce
	case EqualFold(name, "uri"):
		return &c.URI
	case EqualFold(name, "response"):
		return &c.Response
	case EqualFold(name, "algorithm"):
		return &c.Algorithm
	case EqualFold(name, "cnonce"):
		return &c.CNonce
	case EqualFold(name, "opaque"):
		return &c.Opaque
	case EqualFold(name, "qop"):
		return &c.QOP
	case EqualFold(name, "nc"):
		return &c.NC
	}
	return nil
}
