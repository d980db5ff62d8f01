package aor

import (
	"unicode"
	"unicode/utf8"
)

// mostOfCaller is how many bytes AppendCaller gives of a user part and of a host.
const mostOfCaller = 255

// MaxCaller is the most bytes that AppendCaller appends.
const MaxCaller = 2*mostOfCaller + 1

// nobody is the host of who does not want to be known (RFC 3323 §4.1.1.3).
const nobody = "anonymous.invalid"

// AppendCaller appends who calls, by the URI in From, in the form that patterns of callers
// are compared with: nothing for who does not want to be known, "user@host" for a SIP
// address, "@host" for one without a user, the number alone for tel, and the whole URI for
// others that name no host. It refuses nothing: a caller whom no account could be named
// like has a form as well, and however the same address is spelled, it has one form. That
// is the canonical one as far as there is one; an escape that must stay, and each * (which
// is a wildcard in patterns), is in lower case, %2a. Of a telephone number, tel or with a +,
// what people write between the digits goes (RFC 3966 §5.1.1); without a + a user part may be
// a name, and 10-01 is somebody else than 1001. The parameters of a user part that is a number
// go as well (RFC 4904). Of a user part and of a host no more than 255 bytes count. It
// allocates nothing if dst has room for MaxCaller bytes.
func AppendCaller[T text](dst []byte, uri T) []byte {
	scheme, rest := cutAt(uri, ':')
	sip := sameName(scheme, "sip") || sameName(scheme, "sips")
	start, at := len(dst), indexOf(rest, '@')
	if !sip && at < 0 { // no more than a name
		tel := sameName(scheme, "tel")
		if tel {
			uri, _ = cutAt(rest, ';')
		}
		if dst = appendCallerUser(dst, uri, false); tel {
			dst = compactNumber(dst, start, true)
		}
		if len(dst) == start {
			dst = append(dst, '@') // malformed is not anonymous
		}
		return dst
	}
	if at >= 0 {
		user, _ := cutAt(rest[:at], ':') // a password
		dst = appendCallerUser(dst, user, false)
		rest = rest[at+1:]
	}
	dst = append(dst, '@')
	host := len(dst)
	dst = appendCallerHost(dst, hostIn(rest))
	if string(dst[host:]) == nobody {
		return dst[:start]
	}
	return dst
}

// CallerPattern gives a pattern of callers, its two sides around the @, in the form of
// AppendCaller. A * that is not escaped stays a wildcard.
func CallerPattern(user, host string) string {
	b := appendCallerUser(nil, user, true)
	return string(appendCallerHost(append(b, '@'), host))
}

// appendCallerUser appends a user part or a telephone number; with wild, a * stays.
func appendCallerUser[T text](dst []byte, user T, wild bool) []byte {
	start := len(dst)
	for i := 0; i < len(user); {
		before := len(dst)
		one, n, next := character(user, i)
		switch c := one[0]; {
		case n > 1, wild && user[i] == '*':
			dst = append(dst, one[:n]...)
		case plain(c) && c != '*':
			dst = append(dst, lower(c))
		default:
			dst = append(dst, '%', lower(hexDigits[c>>4]), lower(hexDigits[c&15]))
		}
		if len(dst)-start > mostOfCaller {
			dst = dst[:before]
			break
		}
		i = next
	}
	return compactNumber(dst, start, false)
}

// character decodes the character at i, its bytes escaped or not: the bytes of one that can
// be printed, else one byte. next is where what follows it begins.
func character[T text](s T, i int) (one [utf8.UTFMax]byte, n, next int) {
	one[0], next = decoded(s, i)
	if one[0] < utf8.RuneSelf {
		return one, 1, next
	}
	for n, end := 1, next; n < len(one) && end < len(s); n++ {
		one[n], end = decoded(s, end)
		if r, size := utf8.DecodeRune(one[:n+1]); size == n+1 && unicode.IsPrint(r) {
			return one, size, end
		}
	}
	return one, 1, next
}

// decoded is the byte at i, an escape decoded, and where the next one is.
func decoded[T text](s T, i int) (c byte, next int) {
	if s[i] == '%' && i+2 < len(s) {
		hi, ok1 := unhex(s[i+1])
		lo, ok2 := unhex(s[i+2])
		if ok1 && ok2 {
			return hi<<4 | lo, i + 3
		}
	}
	return s[i], i + 1
}

// compactNumber drops the parameters of dst[start:], if it is a telephone number, and, of one
// with a + in front or in a tel URI, what is between its digits.
func compactNumber(dst []byte, start int, tel bool) []byte {
	end, digits, global := start, false, false
	first := start // of what is no separator
	for ; end < len(dst) && dst[end] != ';'; end++ {
		n := separator(dst[end:])
		switch c := dst[end]; {
		case n > 0:
			if first == end {
				first += n
			}
			end += n - 1
		case '0' <= c && c <= '9':
			digits = true
		case c == '+' && end == first:
			global = true
		case c == '*':
		case isEscape(dst[end:], "%2a"), isEscape(dst[end:], "%23"):
			end += 2
		default:
			return dst
		}
	}
	switch {
	case !digits:
		return dst
	case !global && !tel:
		return dst[:end]
	}
	to := start
	for i := start; i < end; i++ {
		if n := separator(dst[i:]); n > 0 {
			i += n - 1
			continue
		}
		dst[to] = dst[i]
		to++
	}
	return dst[:to]
}

// separator is how long a visual separator (RFC 3966 §3) is that a text begins with, 0 without
// one. Blanks and the slash are none there; people write them all the same.
func separator(b []byte) int {
	switch c := b[0]; {
	case c == '-', c == '.', c == '(', c == ')', c == '/':
		return 1
	case isEscape(b, "%20"):
		return len("%20")
	}
	return 0
}

func isEscape(b []byte, escape string) bool {
	return len(b) >= len(escape) && string(b[:len(escape)]) == escape
}

// appendCallerHost appends a host, canonical or at least in lower case.
func appendCallerHost[T text](dst []byte, host T) []byte {
	for n := len(host); n > 0 && host[n-1] == '.'; n-- {
		host = host[:n-1]
	}
	if b, err := appendDomain(dst, host, mostOfCaller); err == nil {
		return b
	}
	for i := range min(len(host), mostOfCaller) {
		dst = append(dst, lower(host[i]))
	}
	return dst
}

// hostIn is the host at the beginning of "host:port;params?headers".
func hostIn[T text](s T) T {
	s, _ = cutAt(s, '?')
	s, _ = cutAt(s, ';')
	if end := indexOf(s, ']'); end >= 0 && s[0] == '[' {
		return s[:end+1]
	}
	s, _ = cutAt(s, ':')
	return s
}

func indexOf[T text](s T, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return -1
}

// cutAt cuts s around the first c; without one, all of it is before.
func cutAt[T text](s T, c byte) (before, after T) {
	if i := indexOf(s, c); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, s[len(s):]
}

// sameName reports whether s is a name in lower case, however it is written.
func sameName[T text](s T, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != name[i] {
			return false
		}
	}
	return true
}
