package siputils

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// maxNumber bounds the digits of a telephone number, which E.164 gives 15.
const maxNumber = 32

// telToSIP is tel2sip: a telephone number in the Request-URI (RFC 3966) becomes a SIP URI of
// From's domain (RFC 3261 §19.1.6). True if it did, or if there is none.
func telToSIP(c *module.Ctx) int {
	u, err := c.URI()
	if err != nil {
		return module.False
	}
	if u.Scheme != sip.SchemeTel {
		return module.True
	}
	from, err := c.Msg.FromURI()
	if err != nil || len(from.Host) == 0 {
		return module.False
	}
	context, there := u.Param("phone-context")
	if there && !sip.EqualFold(context, string(from.Host)) {
		return module.False // what is dialled there is another number than here
	}
	var room [128]byte
	uri := append(room[:0], "sip:"...)
	if uri = appendNumber(uri, u.User); uri == nil {
		return module.False
	}
	uri = append(append(append(uri, '@'), from.Host...), ";user=phone"...)
	if c.SetURI(uri) != nil {
		return module.False
	}
	c.Moved() // to the caller's domain, wherever the tel URI was found
	return module.True
}

// appendNumber appends a telephone number without visual separators; nil if it is none.
func appendNumber(dst, number []byte) []byte {
	start := len(dst)
	for i, d := range number {
		switch {
		case d >= '0' && d <= '9', d == '+' && i == 0, d == '*' || d == '#':
			if d == '#' {
				dst = append(dst, "%23"...)
				continue
			}
			dst = append(dst, d)
		case d == '-' || d == '.' || d == '(' || d == ')':
		default:
			return nil
		}
	}
	if n := len(dst) - start; n == 0 || n > maxNumber || string(dst[start:]) == "+" {
		return nil
	}
	return dst
}
