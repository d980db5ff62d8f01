package aor

import (
	"unicode"
	"unicode/utf8"
)

// mostOfCaller is how many bytes AppendCaller gives of a user part and of a host.
const mostOfCaller = 255

// MaxCaller is the most bytes that AppendCaller appends.
const MaxCaller = 2*mostOfCaller + 1

// nobody is the host of callers who do not want to be known (RFC 3323 §4.1.1.3).
const nobody = "anonymous.invalid"

// AppendCaller appends who calls, by the URI in From, in the form that patterns of callers
// are compared with: nothing for callers who do not want to be known, "user@host" for a SIP
// address, "@host" for one without a user, the number alone for tel, and the whole URI for
// others that name no host. It refuses nothing: a caller whom no account could be named
// like has a form as well, and however the same address is spelled, it has one form. That
// is the canonical one as far as there is one; an escape that must stay, and each * (which
// is a wildcard in patterns), is in lower case, %2a. Of a telephone number, tel or with a +,
// what people write between the digits goes (RFC 3966 §5.1.1); without a + a user part may be
// a name, and 10-01 is somebody else than 1001. The parameters of a user part that is a number
// go as well (RFC 4904). An IPv4 address that is mapped into IPv6 is the IPv4 address. Of a user part
// and of a host no more than 255 bytes count. It allocates nothing if dst has room for MaxCaller bytes.
func AppendCaller[T text](dst []byte, uri T) []byte {
	scheme, rest := cutAt(uri, ':')
	start, at := len(dst), indexOf(rest, '@')
	if at < 0 && !isSIP(scheme) { // no more than a name
		tel := sameName(scheme, "tel")
		if tel {
			uri, _ = cutAt(rest, ';')
		}
		dst = appendCallerUser(dst, uri, false, tel)
		if len(dst) == start {
			dst = append(dst, '@') // malformed is not anonymous
		}
		return dst
	}
	if at >= 0 {
		user, _ := cutAt(rest[:at], ':') // a password
		dst = appendCallerUser(dst, user, false, false)
	}
	dst = append(dst, '@')
	host := len(dst)
	dst = AppendCallerHost(dst, uri)
	if string(dst[host:]) == nobody {
		return dst[:start]
	}
	return dst
}

// AppendCallerHost appends the host that AppendCaller shows of a URI; nothing where it shows none.
// Whoever asks whether a caller claims to be one of ours asks about this one: a URI of any scheme
// may stand in From (RFC 3261 §20.20), and who reads it sees a name in our domain.
func AppendCallerHost[T text](dst []byte, uri T) []byte {
	host := callerHost(uri)
	if len(host) == 0 {
		return dst
	}
	return appendCallerHost(dst, host)
}

// callerHost is the same as it is written there.
func callerHost[T text](uri T) T {
	scheme, rest := cutAt(uri, ':')
	switch at := indexOf(rest, '@'); {
	case at >= 0:
		rest = rest[at+1:]
	case !isSIP(scheme):
		return rest[:0]
	}
	return hostIn(rest)
}

func isSIP[T text](scheme T) bool { return sameName(scheme, "sip") || sameName(scheme, "sips") }

// CallerPattern gives a pattern of callers, its two sides around the @, in the form of
// AppendCaller. A * that is not escaped stays a wildcard.
func CallerPattern(user, host string) string {
	b := appendCallerUser(nil, user, true, false)
	return string(appendCallerHost(append(b, '@'), host))
}

// appendCallerUser appends a user part or a telephone number; with wild, a * stays, with tel, a
// number is one without a + as well.
func appendCallerUser[T text](dst []byte, user T, wild, tel bool) []byte {
	b, whole := appendCallerPart(dst, user, wild, tel)
	if !whole { // what is left of a longer name may read as a number
		b, _ = appendCallerPart(dst, b[len(dst):], wild, tel) // in place: no character takes more room than before
	}
	return b
}

// appendCallerPart appends as much of a user part as counts, and reports whether that is all. What
// stands between the digits of a number takes none of the room, or it could push them out.
func appendCallerPart[T text](dst []byte, user T, wild, tel bool) (b []byte, whole bool) {
	end, compact := numberIn(user, tel)
	start := len(dst)
	for i := 0; i < end; {
		before := len(dst)
		one, n, next := character(user, i)
		switch c := one[0]; {
		case compact && isSeparator(c):
		case n > 1, wild && user[i] == '*':
			dst = append(dst, one[:n]...)
		case plain(c) && c != '*':
			dst = append(dst, lower(c))
		default:
			dst = append(dst, '%', lower(hexDigits[c>>4]), lower(hexDigits[c&15]))
		}
		if len(dst)-start > mostOfCaller {
			return dst[:before], false
		}
		i = next
	}
	return dst, true
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

// numberIn reports how much of a user part counts, up to its parameters if it is a telephone number,
// and whether what is between its digits goes: of one with a + in front, or in a tel URI.
func numberIn[T text](user T, tel bool) (end int, compact bool) {
	digits, global, first := false, false, true // first: nothing but separators so far
	for end < len(user) {
		c, next := decoded(user, end)
		if c == ';' {
			break
		}
		switch {
		case isSeparator(c):
			end = next
			continue
		case '0' <= c && c <= '9':
			digits = true
		case c == '+' && first:
			global = true
		case c != '*' && c != '#':
			return len(user), false
		}
		end, first = next, false
	}
	if !digits {
		return len(user), false
	}
	return end, global || tel
}

// isSeparator reports whether c is a visual separator (RFC 3966 §3). Blanks and the slash are none
// there; people write them all the same.
func isSeparator(c byte) bool {
	switch c {
	case '-', '.', '(', ')', '/', ' ':
		return true
	}
	return false
}

// appendCallerHost appends a host, canonical or at least in lower case. Of several dots behind it
// none goes: it is no host then, and must not look like one.
func appendCallerHost[T text](dst []byte, host T) []byte {
	if n := len(host); n > 1 && host[n-1] == '.' && host[n-2] != '.' {
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
