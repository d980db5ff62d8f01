package sip

import (
	"bytes"
	"slices"
	"strings"
)

// Unfold makes one line of a header's value: a line end with the white space around it,
// or a tab, is as good as one space (RFC 3261 §7.3.1). It allocates.
func Unfold(value []byte) string {
	if !bytes.ContainsAny(value, "\r\n\t") {
		return string(value)
	}
	lines := strings.FieldsFunc(string(value), func(c rune) bool { return c == '\r' || c == '\n' || c == '\t' })
	for i := range lines {
		lines[i] = strings.Trim(lines[i], " ")
	}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	return strings.Join(lines, " ")
}

// Printable copies what a stranger wrote as text for people and for tools that read lines:
// valid UTF-8 without control characters. It allocates.
func Printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "\uFFFD"))
}

// DisplayText is what a display name says: on one line, and without the quotes and
// backslashes of a quoted string (RFC 3261 §25.1). It allocates.
func DisplayText(display []byte) string {
	text := Unfold(display)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return text
	}
	var b strings.Builder
	for text = text[1 : len(text)-1]; text != ""; text = text[1:] {
		if text[0] == '\\' && len(text) > 1 {
			text = text[1:]
		}
		b.WriteByte(text[0])
	}
	return b.String()
}
