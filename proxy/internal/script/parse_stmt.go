package script

import (
	"strings"

	"seraph/proxy/internal/module"
)

// localRequest is the one event that has a route.
const localRequest = "tm:local-request"

// route reads a block: its word, its name in brackets, its body.
func (p *parser) route(kind module.Routes) bool {
	r := &route{pos: p.tok.pos, kind: kind}
	word := p.take().text
	if p.accept("[") {
		if !p.routeName(r, word) {
			return false
		}
	} else if kind == module.FailureRoute || kind == module.BranchRoute || kind == module.LocalRoute {
		return p.wrong("expected the name of the %s in brackets before %s", word, p.tok)
	}
	if !p.tok.is("{") {
		return p.wrong("expected \"{\" before %s", p.tok)
	}
	r.body = p.block()
	p.file.routes = append(p.file.routes, r)
	return true
}

func (p *parser) routeName(r *route, word string) bool {
	t := p.tok
	if t.kind != tWord && t.kind != tNumber && t.kind != tString {
		return p.wrong("expected the name of the route before %s", t)
	}
	if t.kind == tString {
		p.take()
	} else {
		t = p.raw(isHostByte0)
	}
	if r.kind == module.LocalRoute && t.text != localRequest {
		p.fail(t.pos, "event_route[%s] is not supported: there is event_route[%s]", t.text, localRequest)
	}
	if (word == "request_route" || word == "reply_route") && t.text != "0" {
		return p.fail(t.pos, "a %s has no name", word)
	}
	r.name = routeName(t.text)
	if strings.ContainsAny(r.name, "\"\\$") || len(r.name) > maxRouteName {
		return p.fail(t.pos, "the name of a route has at most %d characters, and no quotes, backslashes or dollar signs", maxRouteName)
	}
	return p.expect("]")
}

// maxRouteName bounds the name of a route in bytes.
const maxRouteName = 64

// isHostByte0 is isHostByte without the brackets.
func isHostByte0(c byte) bool { return isWordByte(c) || c == ':' }

// routeName makes numbers alike; the route 0 is the main one.
func routeName(s string) string {
	if n, ok := atoi(s); ok && n >= 0 && s[0] != '+' {
		if n == 0 {
			return ""
		}
		return itoa(n)
	}
	return s
}

// block reads a brace, statements, and the closing brace.
func (p *parser) block() []stmt {
	open := p.take()
	if !p.enter(open.pos) {
		p.skipBlock()
		return nil
	}
	defer p.leave()
	var list []stmt
	for !p.lost && !p.tok.is("}") {
		if p.tok.kind == tEOF {
			p.lost = true
			p.fail(open.pos, "a block lacks its closing brace")
			return list
		}
		if p.accept(";") {
			continue
		}
		if s := p.stmt(); s != nil {
			list = append(list, s)
		}
	}
	if !p.lost {
		p.take()
	}
	return list
}

func (p *parser) enter(at Pos) bool {
	p.depth++
	return p.depth <= maxDepth || p.fail(at, "nested deeper than %d levels", maxDepth)
}

func (p *parser) leave() { p.depth-- }

// skipBlock passes to after the brace that closes the present block.
func (p *parser) skipBlock() {
	p.depth--
	for nested := 1; nested > 0 && p.tok.kind != tEOF; {
		switch p.take(); {
		case p.last.is("{"):
			nested++
		case p.last.is("}"):
			nested--
		}
	}
}

// stmt reads one statement with its semicolon, nil where it could not.
func (p *parser) stmt() stmt {
	if p.startsRoute() {
		p.lost = true
		p.fail(p.tok.pos, "a closing brace is missing before this %s", p.tok.text)
		return nil
	}
	switch {
	case p.tok.is("if"):
		return p.ifStatement()
	case p.tok.is("switch"):
		return p.switchStatement()
	case p.tok.is("while"):
		return p.whileStatement()
	}
	s, ok := p.command()
	if !ok {
		p.syncStmt()
		return nil
	}
	p.semicolon()
	return s
}

// semicolon takes what ends a statement. Where it is missing and a statement, or
// the end of the block, follows, nothing is passed over.
func (p *parser) semicolon() {
	switch {
	case p.accept(";"):
	case p.tok.kind == tBad:
		p.wrong("")
		p.syncStmt()
	default:
		p.fail(p.behind(), "expected \";\" before %s", p.tok)
		if p.tok.kind != tWord && p.tok.kind != tVar && !p.tok.is("}") {
			p.syncStmt()
		}
	}
}

// startsRoute reports whether a route begins here, as it does where the braces
// of the one before do not match.
func (p *parser) startsRoute() bool {
	if p.tok.kind != tWord {
		return false
	}
	if _, ok := topRoutes[p.tok.text]; !ok {
		return false
	}
	next := p.after()
	return next.is("[") || next.is("{")
}

// syncStmt passes to after the semicolon, or to before the brace, that ends the
// statement. A block in it is passed over, and the else that belongs to it.
func (p *parser) syncStmt() {
	nested := 0
	for p.tok.kind != tEOF && !p.startsRoute() {
		switch {
		case p.tok.is("{"):
			nested++
		case p.tok.is("}"):
			if nested == 0 {
				return
			}
			if nested--; nested == 0 && !p.after().is("else") {
				p.take()
				return
			}
		case p.tok.is(";") && nested == 0:
			p.take()
			return
		}
		p.take()
	}
}

func (p *parser) ifStatement() stmt {
	s := &ifStmt{}
	for {
		p.take() // if
		a, ok := p.arm()
		if !ok {
			return nil
		}
		s.arms = append(s.arms, a)
		if p.lost {
			return s
		}
		// "};" may stand before else.
		if p.tok.is(";") && p.after().is("else") {
			p.take()
		}
		if !p.accept("else") {
			return s
		}
		if !p.tok.is("if") {
			s.els = p.branch()
			return s
		}
	}
}

// arm reads a condition and what it governs. Of a condition that cannot be read
// the block is read all the same.
func (p *parser) arm() (arm, bool) {
	cond, ok := p.or()
	if !ok {
		for !p.tok.is("{") && !p.tok.is(";") && !p.tok.is("}") && p.tok.kind != tEOF && !p.startsRoute() {
			p.take()
		}
		if !p.tok.is("{") {
			p.syncStmt()
			return arm{}, false
		}
	}
	return arm{cond, p.branch()}, true
}

// branch reads a block or one statement.
func (p *parser) branch() []stmt {
	switch {
	case p.tok.is("{"):
		return p.block()
	case p.accept(";"):
		return nil
	case p.tok.is("}") || p.tok.kind == tEOF:
		p.wrong("expected a statement before %s", p.tok)
		return nil
	}
	// A chain of ifs without braces nests too.
	if !p.enter(p.tok.pos) {
		p.syncStmt()
		p.leave()
		return nil
	}
	defer p.leave()
	if s := p.stmt(); s != nil {
		return []stmt{s}
	}
	return nil
}

// command reads a statement that is no if, without its semicolon.
func (p *parser) command() (stmt, bool) {
	t := p.tok
	switch {
	case t.kind == tVar:
		return p.assignment()
	case t.kind != tWord:
		return nil, p.wrong("expected a statement before %s", t)
	case t.text == "else":
		return nil, p.fail(t.pos, "else without an if before it")
	case t.text == "case", t.text == "default" && p.after().is(":"):
		return nil, p.fail(t.pos, "%s stands in a switch", t.text)
	case t.text == "include_file", t.text == "import_file":
		return nil, p.fail(t.pos, "%s wants the path of a file in quotes", t.text)
	case t.text == "break", t.text == "drop", t.text == "exit", t.text == "return":
		return p.leaveWord()
	case subjects[t.text].build != nil:
		return nil, p.fail(t.pos, "%s is a value: it stands in a condition", t.text)
	case p.after().is("="):
		return nil, p.fail(t.pos, "settings such as %s stand outside the routes", t.text)
	}
	return p.call()
}

// leaveWord reads break, drop, exit or return, each with or without parentheses;
// return may have a number.
func (p *parser) leaveWord() (stmt, bool) {
	t := p.take()
	s := &leaveStmt{pos: t.pos, word: t.text, code: 1}
	paren := p.accept("(")
	if t.text == "return" && (p.tok.kind == tNumber || p.tok.is("-") || p.tok.kind == tVar || paren && !p.tok.is(")")) {
		x, ok := p.valueOf()
		if !ok {
			return nil, false
		}
		if l, ok := x.(*literal); ok && l.value.quoted {
			return nil, p.fail(l.value.pos, "return takes a number")
		} else if ok {
			s.code = l.value.num
		} else {
			s.value = x
		}
	}
	if paren && !p.expect(")") {
		return nil, false
	}
	return s, true
}

func (p *parser) call() (*call, bool) {
	t := p.take()
	c := &call{pos: t.pos, name: t.text}
	if !p.accept("(") {
		return c, true
	}
	c.parens = true
	for !p.accept(")") {
		if len(c.args) > 0 && !p.expect(",") {
			return nil, false
		}
		a, ok := p.arg()
		if !ok {
			return nil, false
		}
		c.args = append(c.args, a)
	}
	return c, true
}
