package sip

import (
	"bytes"
	"errors"
)

// Scheme is the scheme of a URI.
type Scheme uint8

// The schemes that the router tells apart.
const (
	SchemeOther Scheme = iota
	SchemeSIP
	SchemeSIPS
	SchemeTel
)

// ErrURI says that something is not a URI that can be routed.
var ErrURI = errors.New("malformed URI")

// URI is a parsed sip, sips or tel URI (RFC 3261 §19.1, RFC 3966). All slices
// point into the text that was parsed. Of a tel URI, User is the number.
type URI struct {
	Scheme   Scheme
	Raw      []byte
	User     []byte // as written, escapes included; nil if there is no user part
	Password []byte
	Host     []byte // an IPv6 address keeps its brackets
	Port     uint16 // 0 if none is written
	Params   []byte // after the first ';', without it
	Headers  []byte // after the '?', without it
	HasUser  bool
}

// ParseURI parses b into u. A URI of another scheme parses with SchemeOther and
// only Raw set. Control characters, blanks and '<', '>', '"' are refused.
func ParseURI(b []byte, u *URI) error {
	*u = URI{Raw: b}
	if len(b) == 0 {
		return ErrURI
	}
	for _, c := range b {
		if c <= ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' {
			return ErrURI
		}
	}
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || !isToken(b[:colon]) {
		return ErrURI
	}
	rest := b[colon+1:]
	switch {
	case EqualFold(b[:colon], "sip"):
		u.Scheme = SchemeSIP
	case EqualFold(b[:colon], "sips"):
		u.Scheme = SchemeSIPS
	case EqualFold(b[:colon], "tel"):
		return u.parseTel(rest)
	default:
		return nil
	}
	return u.parseSIP(rest)
}

func (u *URI) parseTel(rest []byte) error {
	u.Scheme = SchemeTel
	if i := bytes.IndexByte(rest, ';'); i >= 0 {
		u.Params, rest = rest[i+1:], rest[:i]
	}
	if len(rest) == 0 {
		return ErrURI
	}
	u.User, u.HasUser = rest, true
	return nil
}

func (u *URI) parseSIP(rest []byte) error {
	// '@' may stand only once outside escapes, after the user part; a user part
	// may hold ';' and '?', so it is cut off first.
	if at := bytes.IndexByte(rest, '@'); at >= 0 {
		user := rest[:at]
		rest = rest[at+1:]
		if i := bytes.IndexByte(user, ':'); i >= 0 {
			u.Password, user = user[i+1:], user[:i]
		}
		if len(user) == 0 {
			return ErrURI
		}
		u.User, u.HasUser = user, true
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		u.Headers, rest = rest[i+1:], rest[:i]
	}
	if i := bytes.IndexByte(rest, ';'); i >= 0 {
		u.Params, rest = rest[i+1:], rest[:i]
	}
	host, port, ok := splitHostPort(rest)
	if !ok || hasEmptyLabel(host) {
		return ErrURI
	}
	u.Host, u.Port = host, port
	return nil
}

// hasEmptyLabel reports whether nothing stands before a dot, or between two: no such host is there
// (RFC 3261 §25.1), and who drops the dots reads it as another one's name. A dot behind the last label
// may be.
func hasEmptyLabel(host []byte) bool {
	return host[0] == '.' || bytes.Contains(host, twoDots)
}

var twoDots = []byte("..")

// splitHostPort cuts host[:port]; an IPv6 address stands in brackets.
func splitHostPort(b []byte) (host []byte, port uint16, ok bool) {
	end := 0
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 3 {
			return nil, 0, false
		}
		for _, c := range b[1:i] {
			if !isHex(c) && c != ':' && c != '.' {
				return nil, 0, false
			}
		}
		end = i + 1
	} else {
		for end < len(b) && hostChar(b[end]) {
			end++
		}
	}
	if end == 0 {
		return nil, 0, false
	}
	host = b[:end:end]
	if end == len(b) {
		return host, 0, true
	}
	if b[end] != ':' {
		return nil, 0, false
	}
	n, ok := parseUint(b[end+1:], 65535)
	return host, uint16(n), ok && n > 0
}

func hostChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// Param returns the value of a URI parameter and whether it is there.
func (u *URI) Param(name string) ([]byte, bool) { return Param(u.Params, name) }

// Param looks a parameter up in text of the form a;b=c;d="e" and returns its
// value, unquoted but with its backslashes, and whether it is there. Blanks
// around names and values are skipped; quoted values may hold ';'.
func Param(params []byte, name string) ([]byte, bool) {
	for len(params) > 0 {
		var k, v []byte
		k, v, params = NextParam(params)
		if EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// NextParam cuts the first parameter off params: its name, its value (nil if it
// has none) and what follows it.
func NextParam(params []byte) (name, value, rest []byte) {
	end, quoted, eq := 0, false, -1
	for ; end < len(params); end++ {
		switch c := params[end]; {
		case quoted && c == '\\':
			end++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '=' && eq < 0:
			eq = end
		case c == ';':
			goto cut
		}
	}
cut:
	if end >= len(params) {
		end = len(params)
	} else {
		rest = params[end+1:]
	}
	if eq < 0 {
		return trim(params[:end]), nil, rest
	}
	value = trim(params[eq+1 : end])
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return trim(params[:eq]), value, rest
}

func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
