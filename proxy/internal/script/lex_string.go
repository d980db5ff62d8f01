package script

import (
	"strconv"
	"strings"
)

// str reads a string. Between single quotes nothing is special; between double
// quotes a backslash is. A string ends on its line: what comes after a forgotten
// quote would otherwise be read inside out.
func (l *lexer) str(t *token, quote byte) {
	var b strings.Builder
	open := l.at
	l.at++
	for l.at < len(l.src) && l.src[l.at] != '\n' {
		switch c := l.src[l.at]; {
		case c == quote:
			l.at++
			t.kind, t.text = tString, b.String()
			return
		case c == '\\' && quote == '"':
			l.escape(&b)
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	t.kind, t.text = tBad, openString+string(quote)
	// What ends the line is hardly the string's: with it the reader finds back.
	for l.at > open+1 && strings.IndexByte(" \t\r){;}", l.src[l.at-1]) >= 0 {
		l.at--
	}
}

// openString begins the text of the token that a string without an end is; its quote is the rest.
const openString = "a string lacks its closing "

// escape reads a backslash and what belongs to it. Before a character that has
// no meaning there the backslash stays, so that regular expressions need not
// double it.
func (l *lexer) escape(b *strings.Builder) {
	l.at++
	rest := l.rest()
	if rest == "" {
		b.WriteByte('\\')
		return
	}
	c := rest[0]
	switch {
	case c == '\n':
		b.WriteByte('\\')
		return
	case c == 'x' && digits(rest[1:], isHex, 2) > 0:
		l.code(b, rest[1:1+digits(rest[1:], isHex, 2)], 16)
		l.at++
		return
	case c <= '3' && digits(rest, isOctal, 3) == 3:
		l.code(b, rest[:3], 8)
		return
	}
	l.at++
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'a':
		b.WriteByte('\a')
	case '\\', '"':
		b.WriteByte(c)
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
}

// code writes the byte whose number stands in text, and passes the text.
func (l *lexer) code(b *strings.Builder, text string, base int) {
	if n, err := strconv.ParseUint(text, base, 8); err == nil {
		b.WriteByte(byte(n))
	}
	l.at += len(text)
}

// digits counts how many bytes of a class s begins with, at most limit.
func digits(s string, class func(byte) bool, limit int) int {
	n := 0
	for n < len(s) && n < limit && class(s[n]) {
		n++
	}
	return n
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
