package msilo

import (
	"bytes"
	"strings"
)

// Media types of what is sent by programs about messages.
const (
	typeIMDN      = "message/imdn+xml"               // RFC 5438 §11
	typeCPIM      = "message/cpim"                   // RFC 3862
	typeComposing = "application/im-iscomposing+xml" // RFC 3994
)

// receipt reports whether a message is a delivery receipt: an IMDN by itself, as some
// phones send it, or in a message/cpim as RFC 5438 §8 has it.
func receipt(contentType string, body []byte) bool {
	switch kindOf(contentType) {
	case typeIMDN:
		return true
	case typeCPIM:
		return kindOf(innerType(body)) == typeIMDN
	}
	return false
}

// kindOf is a media type without its parameters.
func kindOf(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// innerType is the Content-Type of what a message/cpim wraps: after its own headers
// and an empty line come those of the content (RFC 3862 §2). Where it has none of its own
// it begins with that line; but there are phones that begin with an empty line and then
// have some.
func innerType(body []byte) string {
	part := 0 // 0: its own headers, 1: the content's, or, where nothing stood before them, perhaps its own
	if rest := bytes.TrimLeft(body, "\r\n"); len(rest) < len(body) {
		body, part = rest, 1
	}
	last := 1 // the part that must be the content's headers
	if part == 1 {
		last = 2
	}
	for part <= last {
		line, rest, more := bytes.Cut(body, []byte{'\n'})
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) == 0 {
			part++
		} else if name, value, ok := bytes.Cut(line, []byte{':'}); ok && part > 0 && strings.EqualFold(string(bytes.TrimSpace(name)), "Content-Type") {
			return string(bytes.TrimSpace(value))
		}
		if !more {
			return ""
		}
		body = rest
	}
	return ""
}
