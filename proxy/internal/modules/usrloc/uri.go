package usrloc

import (
	"bytes"

	"seraph/proxy/internal/sip"
)

// sameURI compares the URIs of contacts by RFC 3261 §19.1.4. URIs of other schemes
// than sip and sips are compared byte by byte.
func sameURI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y sip.URI
	if sip.ParseURI(a, &x) != nil || sip.ParseURI(b, &y) != nil || x.Scheme != y.Scheme {
		return false
	}
	if x.Scheme != sip.SchemeSIP && x.Scheme != sip.SchemeSIPS {
		return false
	}
	if crowded(x.Params, ';') || crowded(y.Params, ';') || crowded(x.Headers, '&') || crowded(y.Headers, '&') {
		return false
	}
	return x.HasUser == y.HasUser && x.Port == y.Port && sameText(x.User, y.User, false) &&
		(x.Password == nil) == (y.Password == nil) && sameText(x.Password, y.Password, false) &&
		sameText(x.Host, y.Host, true) && sameParams(x.Params, y.Params) && sameParams(y.Params, x.Params) &&
		sameHeaders(x.Headers, y.Headers) && sameHeaders(y.Headers, x.Headers)
}

// maxParts bounds the parameters and headers that are compared one by one, each with
// each; no phone has as many, and of a URI that has, only the very same is the same.
const maxParts = 20

func crowded(list []byte, separator byte) bool {
	return len(list) > maxParts && bytes.Count(list, []byte{separator}) > maxParts
}

// sameText compares two components; a character that is not reserved is the same as
// its escape (RFC 2396 §2.2, §2.4.2).
func sameText(a, b []byte, fold bool) bool {
	for len(a) > 0 && len(b) > 0 {
		c, escaped, n := character(a)
		d, other, m := character(b)
		if fold {
			c, d = lower(c), lower(d)
		}
		if c != d || escaped != other {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return len(a) == 0 && len(b) == 0
}

// character is the first character of a component, whether it is a reserved one that
// is escaped, and how many bytes it takes.
func character(b []byte) (c byte, escaped bool, size int) {
	if b[0] != '%' || len(b) < 3 {
		return b[0], false, 1
	}
	high, low := digit(b[1]), digit(b[2])
	if high < 0 || low < 0 {
		return b[0], false, 1
	}
	c = byte(high<<4 | low)
	return c, bytes.IndexByte([]byte(";/?:@&=+$,%"), c) >= 0, 3
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= lower(c) && lower(c) <= 'f':
		return int(lower(c)-'a') + 10
	}
	return -1
}

// sameParams reports whether each parameter of a has the same value in b, or may be
// absent there.
func sameParams(a, b []byte) bool {
	for len(a) > 0 {
		var name, value []byte
		name, value, a = sip.NextParam(a)
		other, there := param(b, name)
		switch {
		case there && !sameText(value, other, true):
			return false
		case !there && counts(name):
			return false
		}
	}
	return true
}

// param looks a parameter up whose name may be escaped.
func param(params, name []byte) (value []byte, ok bool) {
	for len(params) > 0 {
		var n, v []byte
		n, v, params = sip.NextParam(params)
		if sameText(n, name, true) {
			return v, true
		}
	}
	return nil, false
}

// counts reports whether a URI with the parameter differs from one without it. The
// RFC's list has not transport, its examples have.
func counts(name []byte) bool {
	for _, s := range [...]string{"user", "ttl", "method", "maddr", "transport"} {
		if sip.EqualFold(name, s) {
			return true
		}
	}
	return false
}

// sameHeaders reports whether each header of a is in b, with the same value.
func sameHeaders(a, b []byte) bool {
	for len(a) > 0 {
		var one []byte
		one, a, _ = bytes.Cut(a, []byte{'&'})
		if !hasHeader(b, one) {
			return false
		}
	}
	return true
}

func hasHeader(headers, header []byte) bool {
	name, value, _ := bytes.Cut(header, []byte{'='})
	for len(headers) > 0 {
		var one []byte
		one, headers, _ = bytes.Cut(headers, []byte{'&'})
		if n, v, _ := bytes.Cut(one, []byte{'='}); sameText(n, name, true) && sameText(v, value, false) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
