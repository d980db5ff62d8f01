package user

import (
	"mime"
	"strings"
	"unicode"

	"seraph/sql/store"
)

// maxShown is how much of a message's text a page shows, in characters.
const maxShown = 4000

// textOf is what a message says, in UTF-8 with plain line ends; ok is false if
// it is no text. The text is a stranger's: it is for templates only, which
// escape it.
func textOf(m store.SiloMessage) (text string, ok bool) {
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
