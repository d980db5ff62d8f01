package script

// assignment reads $name = value.
func (p *parser) assignment() (stmt, bool) {
	t := p.take()
	if p.tok.is("[") && p.tok.glued {
		return nil, p.fail(t.pos, "indexes are not supported: write %s", t.text)
	}
	if !p.tok.is("=") {
		return nil, p.wrong("expected \"=\" after %s, before %s", t.text, p.tok)
	}
	p.take()
	if p.tok.kind == tWord {
		return nil, p.fail(p.tok.pos, "%s gets a number, a variable, or a text in quotes; what a function returned is $rc after its call", t.text)
	}
	x, ok := p.valueOf()
	return &assignStmt{t.pos, t.text, x}, ok
}

// condition reads what stands after while or switch; where it cannot be read, it
// passes on to the block.
func (p *parser) head(read func() (expr, bool)) (expr, bool) {
	x, ok := read()
	if ok {
		return x, true
	}
	for !p.tok.is("{") && !p.tok.is(";") && !p.tok.is("}") && p.tok.kind != tEOF && !p.startsRoute() {
		p.take()
	}
	if p.tok.is("{") {
		return readable(x), true
	}
	p.syncStmt()
	return nil, false
}

// whileStatement reads while (condition) statement.
func (p *parser) whileStatement() stmt {
	s := &whileStmt{pos: p.take().pos}
	var ok bool
	if s.cond, ok = p.head(p.or); !ok {
		return nil
	}
	s.body = p.branch()
	return s
}

// switchStatement reads switch (value) { case …: default: }.
func (p *parser) switchStatement() stmt {
	s := &switchStmt{pos: p.take().pos}
	var ok bool
	if s.value, ok = p.head(p.valueOf); !ok {
		return nil
	}
	if !p.tok.is("{") {
		p.wrong("expected \"{\" before %s", p.tok)
		p.syncStmt()
		return nil
	}
	open := p.take()
	if !p.enter(open.pos) {
		p.skipBlock()
		return nil
	}
	defer p.leave()
	for !p.lost && !p.tok.is("}") {
		if p.tok.kind == tEOF {
			p.lost = true
			p.fail(open.pos, "a block lacks its closing brace")
			return s
		}
		p.caseLine(s)
	}
	if !p.lost {
		p.take()
	}
	return s
}

// caseLine reads a case, the default, or a statement of the one before.
func (p *parser) caseLine(s *switchStmt) {
	t := p.tok
	switch {
	case p.accept(";"):
	case t.is("case"), t.is("default") && p.after().is(":"):
		p.take()
		c := caseArm{pos: t.pos, other: t.text == "default"}
		if !p.caseValue(&c) {
			c.unread = true
			p.toColon()
		} else if !p.expect(":") {
			p.toColon()
		}
		s.cases = append(s.cases, c)
	case len(s.cases) == 0:
		p.wrong("expected case or default before %s", t)
		p.syncStmt()
	default:
		if st := p.stmt(); st != nil {
			last := &s.cases[len(s.cases)-1]
			last.body = append(last.body, st)
		}
	}
}

func (p *parser) caseValue(c *caseArm) bool {
	if c.other {
		return true
	}
	if p.tok.is("/") {
		return p.fail(p.tok.pos, "a case is a number or a text; a pattern stands in if (… =~ \"…\")")
	}
	if p.tok.kind != tString && p.tok.kind != tNumber && !p.tok.is("-") {
		return p.wrong("a case is a number, or a text in quotes, not %s", p.tok)
	}
	var ok bool
	if p.tok.kind == tNumber {
		c.value, ok = p.num(p.take()) // arg would take the colon for a part of an address
	} else {
		c.value, ok = p.arg()
	}
	return ok
}

// toColon passes to after the colon of a case that cannot be read, on its line.
func (p *parser) toColon() {
	line := p.last.pos
	for !p.newLine(line) && p.tok.kind != tEOF && !p.tok.is("}") && !p.tok.is("{") {
		if p.accept(":") {
			return
		}
		p.take()
	}
}
