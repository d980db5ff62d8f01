package script

import (
	"slices"
	"strconv"

	"seraph/proxy/internal/module"
)

const (
	// MaxSize is the largest script in bytes.
	MaxSize = 1 << 20
	// maxDepth bounds the nesting of blocks and parentheses.
	maxDepth = 100
)

// parser reads a script by recursive descent. A method that reads something
// returns false where it could not; it has reported why, and its caller passes
// on to the next statement.
type parser struct {
	lex    lexer
	tok    token // the one that is looked at
	last   token // the one before it
	depth  int
	lost   bool // a block ended without its brace, so all blocks around it end too
	file   *file
	report *report
}

// parse reads a script.
func parse(text string, r *report) *file {
	p := &parser{lex: lexer{src: text, line: 1}, file: &file{}, report: r}
	p.tok = p.lex.next()
	for p.tok.kind != tEOF {
		p.top()
		p.depth, p.lost = 0, false
	}
	return p.file
}

// take returns the present token and goes to the next.
func (p *parser) take() token {
	p.last = p.tok
	p.tok = p.lex.next()
	return p.last
}

// after returns the token after the present one.
func (p *parser) after() token {
	l := p.lex
	return l.next()
}

// raw takes a piece of text that is no token, from the present token on.
func (p *parser) raw(class func(byte) bool) token {
	p.last = p.lex.raw(p.tok, class)
	p.tok = p.lex.next()
	return p.last
}

func (t token) is(text string) bool { return t.text == text && (t.kind == tOp || t.kind == tWord) }

func (p *parser) accept(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.take()
	return true
}

// expect takes a bracket or comma, or reports that it is not there.
func (p *parser) expect(text string) bool {
	if p.accept(text) {
		return true
	}
	if p.tok.pos.Line > p.last.pos.Line && p.tok.kind != tBad {
		return p.fail(p.behind(), "expected %q", text)
	}
	return p.wrong("expected %q before %s", text, p.tok)
}

// behind is the place after the last token.
func (p *parser) behind() Pos {
	return Pos{p.last.pos.Line, p.last.pos.Column + p.last.end - p.last.off}
}

// wrong reports the present token; what cannot be a token at all has its own message.
func (p *parser) wrong(format string, args ...any) bool {
	switch p.tok.kind {
	case tBad:
		return p.fail(p.tok.pos, "%s", p.tok.text)
	case tVar:
		return p.fail(p.tok.pos, "pseudo-variables such as %s are not supported yet", p.tok.text)
	case tDirective:
		return p.fail(p.tok.pos, "the preprocessor (%s) is not supported yet", p.tok.text)
	}
	return p.fail(p.tok.pos, format, args...)
}

func (p *parser) fail(at Pos, format string, args ...any) bool {
	p.report.add(at, format, args...)
	return false
}

// top reads one statement outside the routes.
func (p *parser) top() {
	if p.accept(";") {
		return
	}
	at := p.tok.off
	if p.topStatement() {
		return
	}
	if p.tok.off == at {
		p.take()
	}
	p.syncTop()
}

// topWords are the words that a statement outside the routes may begin with.
var topWords = []string{"loadmodule", "modparam", "route", "request_route", "failure_route", "onreply_route"}

// laterRoutes are Kamailio's blocks that are not supported yet.
var laterRoutes = []string{"branch_route", "event_route", "onsend_route", "reply_route", "error_route"}

// laterWords are Kamailio's statements that are not supported yet.
var laterWords = []string{"switch", "while", "case", "default", "include_file", "import_file"}

func (p *parser) topStatement() bool {
	t := p.tok
	if t.kind != tWord {
		return p.wrong("expected a setting, loadmodule, modparam or a route before %s", t)
	}
	switch {
	case t.text == "loadmodule":
		return p.loadmodule()
	case t.text == "modparam":
		return p.modparam()
	case t.text == "route", t.text == "request_route":
		return p.route(module.RequestRoute)
	case t.text == "failure_route":
		return p.route(module.FailureRoute)
	case t.text == "onreply_route":
		return p.route(module.ReplyRoute)
	case slices.Contains(laterRoutes, t.text), slices.Contains(laterWords, t.text):
		return p.fail(t.pos, "%s is not supported yet", t.text)
	case p.after().is("="):
		return p.global()
	}
	return p.fail(t.pos, "unknown statement %s%s", t, didYouMean(t.text, topWords))
}

func didYouMean(word string, list []string) string {
	if n := module.Nearest(word, list); n != "" {
		return " (did you mean " + n + "?)"
	}
	return ""
}

// syncTop passes to the next line that begins outside a block.
func (p *parser) syncTop() {
	nested, line := 0, p.last.pos.Line
	if p.last.is("{") {
		nested = 1
	}
	for p.tok.kind != tEOF {
		switch {
		case nested == 0 && p.tok.pos.Line > line && !p.tok.is("{"):
			return
		case p.tok.is("{"):
			nested++
		case p.tok.is("}"):
			nested = max(0, nested-1)
			line = p.tok.pos.Line
		}
		p.take()
	}
}

func (p *parser) loadmodule() bool {
	p.take()
	paren := p.accept("(")
	s, ok := p.str("the module's name in quotes")
	if !ok {
		return false
	}
	p.file.loads = append(p.file.loads, load{s.pos, s.text})
	return !paren || p.expect(")")
}

func (p *parser) str(what string) (value, bool) {
	if p.tok.kind != tString {
		return value{}, p.wrong("expected %s before %s", what, p.tok)
	}
	t := p.take()
	return value{pos: t.pos, text: t.text, quoted: true}, true
}

func (p *parser) modparam() bool {
	p.take()
	if !p.expect("(") {
		return false
	}
	var m modparam
	var ok bool
	if m.module, ok = p.str("the module's name in quotes"); !ok || !p.expect(",") {
		return false
	}
	if m.param, ok = p.str("the parameter's name in quotes"); !ok || !p.expect(",") {
		return false
	}
	if m.value, ok = p.arg(); !ok || !p.expect(")") {
		return false
	}
	p.file.modparams = append(p.file.modparams, m)
	return true
}

func (p *parser) global() bool {
	name := p.take()
	g := global{pos: name.pos, name: name.text}
	if p.take(); p.tok.pos.Line > name.pos.Line {
		return p.fail(p.behind(), "expected the value of %s", name.text)
	}
	for {
		v, ok := p.setting()
		if !ok {
			return false
		}
		g.values = append(g.values, v)
		if p.tok.pos.Line != v.pos.Line || !isList(g.name) || !p.startsValue() {
			break
		}
	}
	p.accept(";")
	p.file.globals = append(p.file.globals, g)
	return true
}

// startsValue reports whether the present token goes on with a list of values.
func (p *parser) startsValue() bool {
	switch p.tok.kind {
	case tWord:
		return !p.after().is("=")
	case tNumber, tString:
		return true
	}
	return p.tok.is("[") || p.tok.is(":")
}

// setting reads the value of a setting: a string, a number, a word or an address.
func (p *parser) setting() (value, bool) {
	if p.tok.kind == tOp && (p.tok.text == "[" || p.tok.text == ":" || p.tok.text == "*") {
		t := p.raw(func(c byte) bool { return isHostByte(c) || c == '*' })
		return value{pos: t.pos, text: t.text}, true
	}
	if p.tok.is("/") {
		return value{}, p.fail(p.tok.pos, "a path stands in quotes")
	}
	return p.arg()
}

// arg reads a literal: a string, a number, a name or an address.
func (p *parser) arg() (value, bool) {
	t := p.tok
	v := value{pos: t.pos, text: t.text}
	switch {
	case t.kind == tString:
		p.take()
		v.quoted = true
		return v, true
	case t.is("-") && p.after().kind == tNumber:
		p.take()
		v, ok := p.num(p.take())
		v.pos, v.text, v.num = t.pos, "-"+v.text, -v.num
		return v, ok
	case t.kind == tNumber, t.kind == tWord, t.is("["):
		r := p.raw(isHostByte)
		if t.kind == tNumber && r.text == t.text {
			return p.num(t)
		}
		v.text = r.text
		return v, true
	}
	return v, p.wrong("expected a value before %s", t)
}

// num reads a number: 31 bits, decimal or hexadecimal.
func (p *parser) num(t token) (value, bool) {
	v := value{pos: t.pos, text: t.text, number: true}
	base, text := 10, t.text
	if len(text) > 2 && (text[1] == 'x' || text[1] == 'X') {
		base, text = 16, text[2:]
	}
	n, err := strconv.ParseUint(text, base, 31)
	if err != nil {
		return v, p.fail(t.pos, "the number %s is too large", quoted(t.text))
	}
	v.num = int(n)
	return v, true
}
