package script

import (
	"slices"

	"seraph/proxy/internal/module"
)

// route reads a block: its word, its number in brackets, its body.
func (p *parser) route(kind module.Routes) bool {
	r := &route{pos: p.tok.pos, kind: kind}
	word := p.take().text
	if p.accept("[") {
		if !p.routeNumber(r, word) {
			return false
		}
	} else if kind == module.FailureRoute {
		return p.wrong("expected the number of the failure_route in brackets before %s", p.tok)
	}
	if !p.tok.is("{") {
		return p.wrong("expected \"{\" before %s", p.tok)
	}
	r.body = p.block()
	p.file.routes = append(p.file.routes, r)
	return true
}

func (p *parser) routeNumber(r *route, word string) bool {
	if p.tok.kind == tWord || p.tok.kind == tString {
		return p.fail(p.tok.pos, "named routes are not supported yet: a %s has a number", word)
	}
	if p.tok.kind != tNumber {
		return p.wrong("expected the number of the route before %s", p.tok)
	}
	n, ok := p.num(p.take())
	r.number = n.num
	return ok && p.expect("]")
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
	if p.tok.is("if") {
		return p.ifStatement()
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
	case p.tok.kind == tBad || p.tok.kind == tVar:
		p.wrong("")
		p.syncStmt()
	default:
		p.fail(p.behind(), "expected \";\" before %s", p.tok)
		if p.tok.kind != tWord && !p.tok.is("}") {
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
	switch p.tok.text {
	case "route", "request_route", "failure_route", "onreply_route", "branch_route", "event_route":
		next := p.after()
		return next.is("[") || next.is("{")
	}
	return false
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
	case t.kind != tWord:
		return nil, p.wrong("expected a statement before %s", t)
	case t.text == "else":
		return nil, p.fail(t.pos, "else without an if before it")
	case slices.Contains(laterWords, t.text):
		return nil, p.fail(t.pos, "%s is not supported yet", t.text)
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
	if t.text == "return" && (p.tok.kind == tNumber || p.tok.is("-")) {
		v, ok := p.arg()
		if !ok {
			return nil, false
		}
		s.code = v.num
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
