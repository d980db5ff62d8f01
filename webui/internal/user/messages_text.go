package user

import (
	"bytes"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/sql/store"
)

// maxShown is how much of a message's text a page shows, in characters.
const maxShown = 4000

// maxLines is how many lines of a message are shown at first, lineLength about how
// many characters a line has room for.
const (
	maxLines   = 12
	lineLength = 76
)

// linesOf is about how many lines a text takes.
func linesOf(text string) (n int) {
	for line := range strings.Lines(text) {
		n += 1 + max(0, utf8.RuneCountInString(line)-2)/lineLength
	}
	return n
}

// textOf is what a message says, in UTF-8 with plain line ends; ok is false if
// it is no text. The text is a stranger's: it is for templates only, which
// escape it.
func textOf(m store.SiloMessage) (text string, ok bool) {
	m = unwrapped(m)
	kind, params, err := mime.ParseMediaType(m.ContentType)
	if err != nil {
		kind, _, _ = strings.Cut(m.ContentType, ";") // as much as can be understood
	}
	if kind = strings.TrimSpace(strings.ToLower(kind)); kind != "" && !strings.HasPrefix(kind, "text/") {
		return "", false
	}
	text = string(m.Body)
	switch strings.ToLower(params["charset"]) {
	case "iso-8859-1", "latin1", "windows-1252":
		text = fromLatin1(m.Body)
	}
	text = strings.ToValidUTF8(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\uFFFD")
	return strings.TrimRight(strings.Map(showable, text), " \n\t"), true
}

// unwrapped is the content of a message/cpim (RFC 3862 §2): headers about the message,
// an empty line, headers about the content, an empty line, the content. One without headers
// about the message begins with the empty line. What is not made so, or another message,
// stays as it is.
func unwrapped(m store.SiloMessage) store.SiloMessage {
	if kind, _, _ := strings.Cut(m.ContentType, ";"); !strings.EqualFold(strings.TrimSpace(kind), "message/cpim") {
		return m
	}
	body := bytes.TrimLeft(m.Body, "\r\n")
	head, rest, found := cutEmptyLine(body)
	if kind, ok := contentType(head); ok && found && len(body) < len(m.Body) {
		m.ContentType, m.Body = kind, rest
		return m
	}
	head, content, found := cutEmptyLine(rest)
	if kind, ok := contentType(head); ok && found {
		m.ContentType, m.Body = kind, content
	}
	return m
}

// contentType is what header lines say of the content.
func contentType(head []byte) (kind string, ok bool) {
	for line := range strings.Lines(string(head)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// cutEmptyLine cuts text at its first empty line.
func cutEmptyLine(text []byte) (before, after []byte, found bool) {
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n') + 1
		if end == 0 {
			break
		}
		if len(bytes.TrimRight(text[at:at+end], "\r\n")) == 0 {
			return text[:at], text[at+end:], true
		}
		at += end
	}
	return text, nil, false
}

// isReceipt reports whether a message only says what became of an earlier one
// (RFC 5438).
func isReceipt(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "message/imdn+xml")
}

// showable drops what would spoil the page around it: control characters other
// than line ends and tabs.
func showable(c rune) rune {
	if unicode.IsControl(c) && c != '\n' && c != '\t' {
		return -1
	}
	return c
}

// fromLatin1 reads ISO 8859-1, whose bytes are the first characters of Unicode.
func fromLatin1(body []byte) string {
	var text strings.Builder
	for _, b := range body {
		text.WriteRune(rune(b))
	}
	return text.String()
}
