package aor

import (
	"net/netip"
	"sync"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// text is what the parts of an address come in: strings of forms and rows,
// bytes of messages.
type text interface{ ~string | ~[]byte }

// plain reports whether a user part may hold c unescaped: unreserved and
// user-unreserved of RFC 3261 §25.1.
func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '-', '_', '.', '!', '~', '*', '\'', '(', ')', // mark
		'&', '=', '+', '$', ',', ';', '?', '/': // user-unreserved
		return true
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

const hexDigits = "0123456789ABCDEF"

// appendUser appends the canonical spelling of a user part with escapes: what
// can stand plainly does, what cannot is escaped, letters are lower case.
func appendUser[T text](dst []byte, user T, most int) ([]byte, error) {
	if len(user) == 0 {
		return dst, errUserEmpty
	}
	if len(user) > 3*utf8.UTFMax*most { // every byte of every character escaped
		return dst, errUserLong
	}
	start, escapes, wide := len(dst), 0, false
	for i := 0; i < len(user); i++ {
		c := user[i]
		switch {
		case c == '%':
			if i+2 >= len(user) {
				return dst[:start], errUserEscape
			}
			hi, ok1 := unhex(user[i+1])
			lo, ok2 := unhex(user[i+2])
			if !ok1 || !ok2 {
				return dst[:start], errUserEscape
			}
			c, i = hi<<4|lo, i+2
		case c >= utf8.RuneSelf, plain(c):
		case c <= ' ', c == 0x7f:
			return dst[:start], errUserText
		default:
			return dst[:start], errUserChar
		}
		switch {
		case c >= utf8.RuneSelf:
			wide = true
			dst = append(dst, c)
		case plain(c):
			dst = append(dst, lower(c))
		case c <= ' ' || c == 0x7f:
			return dst[:start], errUserText
		default:
			escapes++
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	n := len(dst) - start - 2*escapes
	if wide {
		runes, ok := printable(dst[start:])
		if !ok {
			return dst[:start], errUserText
		}
		n = runes - 2*escapes
	}
	if n > most {
		return dst[:start], errUserLong
	}
	return dst, nil
}

// printable counts the characters of b; ok is false if there are others than
// letters, marks, numbers, punctuation and symbols. White space is not among
// them: MySQL ignores a space at the end when it compares, SQLite does not.
func printable(b []byte) (n int, ok bool) {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) || r == ' ' {
			return n, false
		}
		b, n = b[size:], n+1
	}
	return n, true
}

// appendDomain appends the canonical spelling of a domain.
func appendDomain[T text](dst []byte, host T, most int) ([]byte, error) {
	if len(host) > 0 && host[len(host)-1] == '.' {
		host = host[:len(host)-1]
	}
	if len(host) == 0 {
		return dst, errDomainEmpty
	}
	if len(host) > most {
		return dst, errDomainLong
	}
	if host[0] == '[' {
		return appendIPv6(dst, host)
	}
	start := len(dst)
	for i := 0; i < len(host); i++ {
		c := lower(host[i])
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
		case c == '-' || c == '.':
			first := i == 0 || host[i-1] == '.'
			last := i == len(host)-1 || host[i+1] == '.'
			if first || last {
				return dst[:start], errDomainLabel
			}
		default:
			return dst[:start], errDomainChar
		}
		dst = append(dst, c)
	}
	return dst, nil
}

// ipv6Room holds more than any text of an IPv6 address.
const ipv6Room = 64

var ipv6Rooms = sync.Pool{New: func() any { return new([ipv6Room]byte) }}

// appendIPv6 appends an IPv6 reference, brackets included (RFC 5952), or the IPv4 address that
// it maps: that is the same host (RFC 4291 §2.5.5.2).
func appendIPv6[T text](dst []byte, host T) ([]byte, error) {
	if len(host) < 3 || host[len(host)-1] != ']' {
		return dst, errDomainIPv6
	}
	room := ipv6Rooms.Get().(*[ipv6Room]byte)
	if len(host)-2 > len(room) {
		ipv6Rooms.Put(room)
		return dst, errDomainIPv6
	}
	n := copy(room[:], host[1:len(host)-1])
	// ParseAddr keeps its argument only in the error, which goes no further, so a
	// view of bytes serves and an IPv6 address costs no allocation. They are not
	// dst's, which could not lie on the caller's stack then.
	ip, err := netip.ParseAddr(unsafe.String(&room[0], n))
	ipv6Rooms.Put(room)
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return dst, errDomainIPv6
	}
	if ip.Is4In6() {
		return ip.Unmap().AppendTo(dst), nil
	}
	dst = ip.AppendTo(append(dst, '['))
	return append(dst, ']'), nil
}

// unescape decodes what appendUser wrote.
func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			hi, _ := unhex(b[i+1])
			lo, _ := unhex(b[i+2])
			c, i = hi<<4|lo, i+2
		}
		out = append(out, c)
	}
	return string(out)
}

// appendEscaped appends a decoded user part with escapes where they are
// needed; ascii escapes everything outside ASCII too.
func appendEscaped(dst []byte, user string, ascii bool) []byte {
	for i := 0; i < len(user); i++ {
		c := user[i]
		if plain(c) || c >= utf8.RuneSelf && !ascii {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}
