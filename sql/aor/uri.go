package aor

import (
	"fmt"
	"strings"
)

// MaxURI is the greatest length in bytes of what CanonicalURI returns: the
// length of our columns for addresses.
const MaxURI = 255

var (
	errTelDigits  = fmt.Errorf("%w: a tel address has only digits, \"*\", \"#\" and a \"+\" before them", ErrUser)
	errParamChar  = fmt.Errorf("%w: a parameter holds a character that must be escaped", ErrDomain)
	errURITooLong = fmt.Errorf("%w: the address is longer than %d bytes", ErrUser, MaxURI)
)

// parts of an address, still as written.
type parts struct {
	scheme string // sip or sips; empty if none was written
	user   string
	host   string
	port   string
	params string // with the first semicolon; without headers
}

// split takes a SIP address apart. It checks scheme and port, not user and host.
func split(s, defaultDomain string) (parts, error) {
	var p parts
	s = strings.TrimSpace(s)
	if s == "" {
		return p, errUserEmpty
	}
	p.scheme, s = cutScheme(s)
	userinfo, rest, found := strings.Cut(s, "@")
	switch {
	case strings.Contains(rest, "@"):
		return p, errAtTwice
	case !found && p.scheme != "":
		return p, errUserMissing
	case !found && defaultDomain == "" && !strings.Contains(s, ":"):
		return p, errDomainMissing
	case !found:
		rest = defaultDomain
	}
	user, _, colon := strings.Cut(userinfo, ":")
	if colon && p.scheme == "" {
		return p, fmt.Errorf("%w: %s is not sip or sips", ErrScheme, quote(user))
	}
	p.user = user
	return p, p.splitHost(rest)
}

// cutScheme takes sip or sips off the front of s.
func cutScheme(s string) (scheme, rest string) {
	head, tail, found := strings.Cut(s, ":")
	if found && (strings.EqualFold(head, "sip") || strings.EqualFold(head, "sips")) {
		return strings.ToLower(head), tail
	}
	return "", s
}

// splitHost takes "host:port;params?headers" apart; the headers are dropped.
func (p *parts) splitHost(s string) error {
	s, _, _ = strings.Cut(s, "?")
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s, p.params = s[:i], s[i:]
	}
	end := strings.IndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		end = strings.IndexByte(s, ']') + 1
	}
	if end < 0 || end == len(s) || end == 0 {
		p.host = s
		return nil
	}
	p.host = s[:end]
	if s[end] != ':' || !isPort(s[end+1:]) {
		return errPort
	}
	p.port = strings.TrimLeft(s[end+1:], "0")
	return nil
}

func isPort(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n >= 1 && n <= 65535
}

// CanonicalURI reads an address that can be called: everything that Parse
// takes, and URIs with a port, parameters or the scheme tel, which it keeps.
// It drops what may not reach a Refer-To: a password, headers, the parameter
// method. It returns the URI with its scheme, at most MaxURI bytes long, free
// of white space, double quotes, angle brackets and control characters; given its own
// result it returns it again. User and host may be longer than in an AOR.
func CanonicalURI(s, defaultDomain string) (string, error) {
	uri, err := canonicalURI(strings.TrimSpace(s), defaultDomain)
	if err == nil && len(uri) > MaxURI {
		err = errURITooLong
	}
	if err != nil {
		return "", fmt.Errorf("address %s: %w", quote(s), err)
	}
	return uri, nil
}

func canonicalURI(s, defaultDomain string) (string, error) {
	if len(s) > 4*MaxURI { // so that no more than this is ever worked on
		return "", errURITooLong
	}
	if len(s) >= 4 && strings.EqualFold(s[:4], "tel:") {
		return canonicalTel(s[4:])
	}
	p, err := split(s, defaultDomain)
	if err != nil {
		return "", err
	}
	if p.scheme == "" {
		p.scheme = "sip"
	}
	user, err := appendUser(nil, p.user, 4*MaxURI) // CanonicalURI sees to the length
	if err != nil {
		return "", err
	}
	b := append([]byte(p.scheme), ':')
	b = appendEscaped(b, unescape(user), true)
	b, err = appendDomain(append(b, '@'), p.host, 4*MaxURI)
	if err != nil {
		return "", err
	}
	if p.port != "" {
		b = append(append(b, ':'), p.port...)
	}
	b, err = appendParams(b, p.params)
	return string(b), err
}

// canonicalTel handles what follows "tel:" (RFC 3966 §3): visual separators go.
func canonicalTel(s string) (string, error) {
	number, params, more := strings.Cut(s, ";")
	b := []byte("tel:")
	for i := 0; i < len(number); i++ {
		switch c := number[i]; {
		case '0' <= c && c <= '9', c == '*', c == '#', c == '+' && i == 0:
			b = append(b, c)
		case c == '-', c == '.', c == '(', c == ')':
		default:
			return "", errTelDigits
		}
	}
	if len(b) == len("tel:") || b[len(b)-1] == '+' {
		return "", errTelDigits
	}
	if more {
		params = ";" + params
	}
	b, err := appendParams(b, params)
	return string(b), err
}

// appendParams appends URI parameters, which begin with a semicolon each.
func appendParams(dst []byte, params string) ([]byte, error) {
	for param := range strings.SplitSeq(params, ";") {
		name, _, _ := strings.Cut(param, "=")
		if param == "" || strings.EqualFold(name, "method") {
			continue
		}
		dst = append(dst, ';')
		for i := 0; i < len(param); i++ {
			c := param[i]
			escape := c == '%' && i+2 < len(param) && isHex(param[i+1]) && isHex(param[i+2])
			if !escape && !plainParam(c) {
				return dst, errParamChar
			}
			dst = append(dst, c)
		}
	}
	return dst, nil
}

func isHex(c byte) bool {
	_, ok := unhex(c)
	return ok
}

// plainParam reports whether a parameter may hold c: unreserved and
// param-unreserved of RFC 3261 §25.1, and the equals sign. An apostrophe is
// unreserved but helps nobody here.
func plainParam(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c != 0 && strings.IndexByte("-_.!~*()[]/:&+$=", c) >= 0
}
