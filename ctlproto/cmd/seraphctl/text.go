package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"seraph/sql/store"
)

// safe makes a stranger's text fit for a terminal: what would move the cursor,
// change colours or turn the direction of writing is shown as an escape
// (\n, \x1b, \u202e). A line break in a text of ours stays out of it: one
// message is one line.
func safe(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// plain reports whether safe would change nothing.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !shown(r) }) < 0
		}
	}
	return true
}

// shown reports whether a terminal prints r and does nothing else.
func shown(r rune) bool { return unicode.IsPrint(r) }

// safeJSON escapes in encoded JSON what encoding/json leaves as it is and a
// terminal might obey. Such characters stand in strings only, so the value
// stays the same.
func safeJSON(text []byte) []byte {
	if plain(string(text)) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for _, r := range string(text) { // encoding/json writes valid UTF-8
		switch {
		case r == '\n' || shown(r):
			out = utf8.AppendRune(out, r)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out
}

// columns is how many columns of a terminal s takes (East Asian wide letters
// two, combining marks none).
func columns(s string) int {
	n := 0
	for _, r := range s {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			continue
		}
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}

// passwordInURL finds database URLs that a text repeats.
var passwordInURL = regexp.MustCompile(`(?i)\b(mysql|sql):/[^\s"']*`)

// maskURLs hides the passwords of database URLs in a text. The pattern that an
// error text shows of one has none.
func maskURLs(s string) string {
	return passwordInURL.ReplaceAllStringFunc(s, func(url string) string {
		if strings.HasPrefix(url, "mysql://user:password@") {
			return url
		}
		return store.MaskURL(url)
	})
}
