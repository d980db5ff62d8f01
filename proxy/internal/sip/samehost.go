package sip

import (
	"bytes"
	"net/netip"
)

// SameHost reports whether two hosts of URIs are the same one: names in any case and with or without the
// final dot, addresses however they are written, in brackets or not, IPv4 mapped to IPv6 too
// (RFC 3261 §19.1.4, RFC 5954, RFC 4291 §2.5.5.2).
// No name server is asked.
func SameHost(a, b []byte) bool {
	if bytes.EqualFold(a, b) {
		return true
	}
	a, b = plainHost(a), plainHost(b)
	if bytes.EqualFold(a, b) {
		return true
	}
	if bytes.IndexByte(a, ':') < 0 && bytes.IndexByte(b, ':') < 0 || !endsLikeAddress(a) || !endsLikeAddress(b) {
		return false
	}
	x, err := netip.ParseAddr(string(a))
	if err != nil {
		return false
	}
	y, err := netip.ParseAddr(string(b))
	return err == nil && x.Unmap() == y.Unmap()
}

// endsLikeAddress reports whether a host, without its brackets, can be an address: all but names.
func endsLikeAddress(host []byte) bool {
	if bytes.IndexByte(host, ':') >= 0 {
		return true
	}
	n := len(host)
	return n > 0 && '0' <= host[n-1] && host[n-1] <= '9'
}

// plainHost is a host without its brackets or its final dot.
func plainHost(host []byte) []byte {
	if n := len(host); n > 1 && host[n-1] == '.' {
		return host[:n-1]
	}
	return Unbracket(host)
}

// Unbracket is the host of a URI without the brackets of an IPv6 address.
func Unbracket(host []byte) []byte {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// AppendWithout appends the URI as it is written, without its parameters of that name.
func (u *URI) AppendWithout(dst []byte, name string) []byte {
	if u.Params == nil {
		return append(dst, u.Raw...)
	}
	end := len(u.Raw)
	if u.Headers != nil {
		end -= 1 + len(u.Headers)
	}
	dst = append(dst, u.Raw[:end-len(u.Params)-1]...)
	for rest := u.Params; ; {
		param, after, more := bytes.Cut(rest, []byte{';'})
		if key, _, _ := NextParam(param); !EqualFold(key, name) {
			dst = append(append(dst, ';'), param...)
		}
		if !more {
			return append(dst, u.Raw[end:]...)
		}
		rest = after
	}
}
