package script

import (
	"errors"
	"slices"
	"strconv"
	"strings"

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
	reader *reader
	tok    token   // the one that is looked at
	last   token   // the one before it
	ahead  []token // those after it that were looked at already
	count  int     // how many tokens were taken
	depth  int
	joins  joins
	lost   bool // a block ended without its brace, so all blocks around it end too
	file   *file
	report *report
}

// parse reads a script.
func parse(r *reader) *file {
	p := &parser{reader: r, file: &file{}, report: r.report}
	p.tok = r.next()
	for p.tok.kind != tEOF {
		p.top()
		p.depth, p.lost = 0, false
	}
	p.file.foreign = r.foreign
	return p.file
}

// take returns the present token and goes to the next.
func (p *parser) take() token {
	p.last = p.tok
	p.count++
	if len(p.ahead) > 0 {
		p.tok = p.ahead[0]
		p.ahead = p.ahead[1:]
	} else {
		p.tok = p.reader.next()
	}
	return p.last
}

// peek returns the n-th token after the present one, from 1.
func (p *parser) peek(n int) token {
	for len(p.ahead) < n {
		if len(p.ahead) > 0 && p.ahead[len(p.ahead)-1].kind == tEOF {
			return p.ahead[len(p.ahead)-1]
		}
		p.ahead = append(p.ahead, p.reader.next())
	}
	return p.ahead[n-1]
}

// after returns the token after the present one.
func (p *parser) after() token { return p.peek(1) }

// raw takes a piece of text that is more than one token, an address, from the
// present token on: the tokens that follow without a blank and are of the class.
func (p *parser) raw(class func(byte) bool) token {
	t := p.take()
	var text strings.Builder
	text.WriteString(t.text)
	for p.tok.glued && (p.tok.kind == tWord || p.tok.kind == tNumber || p.tok.kind == tOp) && all(p.tok.text, class) {
		text.WriteString(p.take().text)
	}
	return token{kind: tWord, text: text.String(), pos: t.pos, width: text.Len(), glued: t.glued}
}

// all reports whether every byte is of the class.
func all(s string, class func(byte) bool) bool {
	for i := range len(s) {
		if !class(s[i]) {
			return false
		}
	}
	return true
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
	if p.newLine(p.last.pos) && p.tok.kind != tBad {
		return p.fail(p.behind(), "expected %q", text)
	}
	return p.wrong("expected %q before %s", text, p.tok)
}

// newLine reports whether the present token stands in another line than at.
func (p *parser) newLine(at Pos) bool {
	return p.tok.pos.file != at.file || p.tok.pos.Line > at.Line
}

// behind is the place after the last token.
func (p *parser) behind() Pos {
	at := p.last.pos
	at.Column += p.last.width
	return at
}

// wrong reports the present token; what cannot be a token at all has its own message.
func (p *parser) wrong(format string, args ...any) bool {
	if p.tok.kind == tBad {
		return p.fail(p.tok.pos, "%s", p.tok.text)
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
	at, first := p.count, p.tok
	if p.topStatement() {
		if slices.Contains(topWords, first.text) {
			first.pos.file.known = true // name = value stands in many a file
		}
		return
	}
	if quote, open := strings.CutPrefix(p.tok.text, openString); open && p.tok.kind == tBad {
		p.report.silence(p.tok.pos, quote)
	}
	if p.count == at {
		p.take()
	}
	p.syncTop()
}

// topRoutes are the words that begin a route block, and its kind.
var topRoutes = map[string]module.Routes{
	"route": module.RequestRoute, "request_route": module.RequestRoute,
	"failure_route": module.FailureRoute,
	"onreply_route": module.ReplyRoute, "reply_route": module.ReplyRoute,
	"branch_route": module.BranchRoute,
	"event_route":  module.LocalRoute,
}

// topWords are the words that a statement outside the routes may begin with.
var topWords = []string{"loadmodule", "modparam", "include_file", "import_file",
	"route", "request_route", "failure_route", "onreply_route", "reply_route", "branch_route", "event_route"}

// otherWords are Kamailio's statements outside the routes that are not supported.
var otherWords = []string{"onsend_route", "error_route", "loadmodulex", "modparamx", "loadpath", "flags", "avpflags", "cfgengine", "preload_module"}

func (p *parser) topStatement() bool {
	t := p.tok
	if t.kind != tWord {
		return p.wrong("expected a setting, loadmodule, modparam or a route before %s", t)
	}
	kind, isRoute := topRoutes[t.text]
	switch {
	case t.text == "loadmodule":
		return p.loadmodule()
	case t.text == "modparam":
		return p.modparam()
	case isRoute:
		return p.route(kind)
	case t.text == "include_file", t.text == "import_file":
		p.take()
		return p.wrong("%s wants the path of a file in quotes before %s", t.text, p.tok)
	case p.after().is("="):
		return p.global()
	case slices.Contains(otherWords, t.text):
		return p.fail(t.pos, "%s is not supported", t.text)
	}
	return p.fail(t.pos, "unknown statement %s%s", t, p.report.didYouMean(t.text, topWords))
}

// didYouMean names the entry of a list that a word is most like, for the first problems of
// a script.
func (r *report) didYouMean(word string, list []string) string {
	if len(r.found) >= maxHints {
		return ""
	}
	if n := module.Nearest(word, list); n != "" {
		return " (did you mean " + n + "?)"
	}
	return ""
}

// syncTop passes to the next line that begins outside a block.
func (p *parser) syncTop() {
	nested, line := 0, p.last.pos
	if p.last.is("{") {
		nested = 1
	}
	for p.tok.kind != tEOF {
		switch {
		case nested == 0 && p.newLine(line) && !p.tok.is("{"):
			return
		case p.tok.is("{"):
			nested++
		case p.tok.is("}"):
			nested = max(0, nested-1)
			line = p.tok.pos
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
	l := load{s.pos, s.text}
	p.file.loads = append(p.file.loads, l)
	p.reader.define("MOD_"+l.name(), s.pos)
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
	if m.value, ok = p.joined(); !ok || !p.expect(")") {
		return false
	}
	p.file.modparams = append(p.file.modparams, m)
	return true
}

// joined reads the value of a modparam. Texts that follow each other are one, as with
// Kamailio. Lines that hold no more than such a text, which may be a password, are veiled.
func (p *parser) joined() (value, bool) {
	line := p.last.pos.Line
	veil := func() {
		if at := p.tok.pos; at.Line != line {
			p.report.veil(at)
		}
	}
	veil()
	v, ok := p.arg()
	if !ok || !v.quoted || p.tok.kind != tString {
		return v, ok
	}
	var b strings.Builder
	b.WriteString(v.text)
	for p.tok.kind == tString {
		veil()
		b.WriteString(p.take().text)
	}
	v.text = b.String()
	return v, true
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
	if isCustom(g.name) && !p.newLine(p.last.pos) && (p.accept("desc") || p.accept("descr") || p.accept("description")) {
		if _, ok := p.str("a description in quotes"); !ok {
			return false
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
	case t.kind == tVar:
		p.take()
		v.variable = true
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
	switch {
	case len(text) > 2 && (text[1] == 'x' || text[1] == 'X'):
		base, text = 16, text[2:]
	case len(text) > 1 && text[0] == '0':
		base = 8 // as in SER and Kamailio
	}
	n, err := strconv.ParseUint(text, base, 31)
	if errors.Is(err, strconv.ErrSyntax) {
		return v, p.fail(t.pos, "the number %s begins with 0, so it is octal, and has no digit 8 or 9", quoted(t.text))
	}
	if err != nil {
		return v, p.fail(t.pos, "the number %s is too large", quoted(t.text))
	}
	v.num = int(n)
	return v, true
}
