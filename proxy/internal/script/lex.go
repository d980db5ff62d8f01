package script

import (
	"strings"

	"seraph/proxy/internal/module"
)

type kind uint8

const (
	tEOF    kind = iota
	tWord        // a name, possibly with dots and hyphens in it
	tNumber      // decimal, or hexadecimal after 0x
	tString
	tOp
	tVar       // $name, of Kamailio
	tDirective // a line of Kamailio's preprocessor
	tBad       // something that is no token; text says why
)

// token is one piece of a script.
type token struct {
	kind  kind
	text  string // of a string, its value
	pos   Pos
	width int  // how many bytes it takes in its line
	glued bool // it follows the token before it without a blank
}

// String is the token as a message names it.
func (t token) String() string {
	switch t.kind {
	case tEOF:
		return "the end of the file"
	case tString:
		return "the string " + quoted(t.text)
	}
	return quoted(t.text)
}

// lexer cuts one text into tokens, one at a time.
type lexer struct {
	file  *source
	src   string
	at    int
	line  int
	start int // offset of the line's first byte
	// marked says that a comment such as #!KAMAILIO was there.
	marked bool
}

func newLexer(file *source, text string) lexer { return lexer{file: file, src: text, line: 1} }

func (l *lexer) pos() Pos { return Pos{l.line, l.at - l.start + 1, l.file} }

// step passes one byte.
func (l *lexer) step() {
	if l.src[l.at] == '\n' {
		l.line++
		l.start = l.at + 1
	}
	l.at++
}

func (l *lexer) advance(n int) {
	for range n {
		l.step()
	}
}

// rest is what has not been read.
func (l *lexer) rest() string { return l.src[l.at:] }

// next returns the next token.
func (l *lexer) next() token {
	from := l.at
	t := token{}
	if l.skip(&t) {
		t.pos = l.pos()
		start := l.at
		if l.at < len(l.src) {
			l.scan(&t)
		}
		t.width = l.at - start
		t.glued = start == from && from > 0
	}
	return t
}

func (l *lexer) scan(t *token) {
	c := l.src[l.at]
	switch {
	case c == '"' || c == '\'':
		l.str(t, c)
	case isDigit(c):
		l.number(t)
	case isLetter(c):
		t.kind, t.text = tWord, l.take(isWordByte)
	case c == '$':
		n := module.VariableLength(l.rest())
		t.kind, t.text = tVar, l.src[l.at:l.at+n]
		l.at += n
	default:
		l.operator(t)
	}
}

// skip passes blanks and comments. It returns false where it met something that
// is a token itself: a line of the preprocessor, or a comment without end.
func (l *lexer) skip(t *token) bool {
	for l.at < len(l.src) {
		rest := l.rest()
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			l.step()
		case c == '#' || strings.HasPrefix(rest, "//"):
			if l.directive(t, rest) {
				return false
			}
			l.marked = l.marked || len(rest) > 2 && rest[:2] == "#!" && isLetter(rest[2])
			l.toLineEnd()
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				t.kind, t.text, t.pos, t.width = tBad, `a comment lacks its "*/"`, l.pos(), 2
				l.advance(len(rest))
				return false
			}
			l.advance(end + 4)
		default:
			return true
		}
	}
	return true
}

func (l *lexer) toLineEnd() {
	for l.at < len(l.src) && l.src[l.at] != '\n' {
		l.at++
	}
}

func (l *lexer) number(t *token) {
	t.kind, t.text = tNumber, l.take(isWordByte)
	if digits := strings.TrimRight(t.text, "-"); digits != t.text && l.at < len(l.src) && l.src[l.at] == '$' {
		l.at -= len(t.text) - len(digits) // 10-$var(x)
		t.text = digits
	}
	body := t.text
	ok := isDigit
	if strings.HasPrefix(body, "0x") || strings.HasPrefix(body, "0X") {
		body, ok = body[2:], isHex
	}
	if body == "" {
		t.kind = tWord
	}
	for i := range len(body) {
		if !ok(body[i]) {
			t.kind = tWord // 1.2.3.4, 3com.example
		}
	}
}

// operators, the longer ones first.
var operators = [...]string{
	"==", "!=", "=~", "!~", "<=", ">=", "&&", "||",
	"=", "<", ">", "!", "&", "|", "(", ")", "{", "}", "[", "]", ",", ";", ":", "/", "-", "+", "*", "%", ".", "@",
}

func (l *lexer) operator(t *token) {
	rest := l.rest()
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.at += len(op)
			t.kind, t.text = tOp, op
			return
		}
	}
	t.kind = tBad
	n := 1
	for n < len(rest) && rest[n]&0xc0 == 0x80 {
		n++ // the rest of a UTF-8 character
	}
	t.text = "unexpected character " + quoted(rest[:n])
	l.at += n
}

// take passes the bytes of a class.
func (l *lexer) take(class func(byte) bool) string {
	from := l.at
	for l.at < len(l.src) && class(l.src[l.at]) {
		l.at++
	}
	return l.src[from:l.at]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// isWordByte takes host names as words: a hyphen and a dot may stand within.
func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '.' }

// isHostByte takes addresses with their protocol, port and brackets.
func isHostByte(c byte) bool { return isWordByte(c) || c == ':' || c == '[' || c == ']' }

// isNetByte takes addresses with their mask.
func isNetByte(c byte) bool { return isHostByte(c) || c == '/' }
