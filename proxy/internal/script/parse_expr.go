package script

import "slices"

// or reads a || b || …; a single bar means the same.
func (p *parser) or() (expr, bool) {
	return p.chain(p.and, []string{"||", "|", "or"}, func(list []expr) expr { return &anyOf{list} })
}

// and reads a && b && …, which binds tighter.
func (p *parser) and() (expr, bool) {
	return p.chain(p.unary, []string{"&&", "&", "and"}, func(list []expr) expr { return &all{list} })
}

func (p *parser) chain(operand func() (expr, bool), ops []string, join func([]expr) expr) (expr, bool) {
	first, ok := operand()
	if !ok {
		return nil, false
	}
	list := []expr{first}
	for p.tok.kind != tString && slices.Contains(ops, p.tok.text) {
		p.take()
		x, ok := operand()
		if !ok {
			return nil, false
		}
		list = append(list, x)
	}
	if len(list) == 1 {
		return first, true
	}
	return join(list), true
}

// unary reads an element, negated or in parentheses.
func (p *parser) unary() (expr, bool) {
	at := p.tok.pos
	if !p.tok.is("!") && !p.tok.is("not") && !p.tok.is("(") {
		return p.element()
	}
	defer p.leave()
	if !p.enter(at) {
		return nil, false
	}
	if !p.accept("(") {
		p.take()
		x, ok := p.unary()
		return &not{x}, ok
	}
	x, ok := p.or()
	return x, ok && p.expect(")")
}

func (p *parser) element() (expr, bool) {
	t := p.tok
	switch {
	case t.kind == tNumber:
		v, ok := p.num(p.take())
		return &constant{v.num}, ok
	case t.kind != tWord || t.text == "if" || t.text == "else":
		return nil, p.wrong("expected a condition before %s", t)
	}
	name := t.text
	if name == "msg" {
		name = p.msgLen()
	}
	if s, ok := subjects[name]; ok {
		p.take()
		return p.comparison(&compare{pos: t.pos, subject: name}, s)
	}
	if isComparison(p.after()) {
		return nil, p.fail(t.pos, "there is no value %s to compare%s", quoted(name), didYouMean(name, subjectNames()))
	}
	c, ok := p.call()
	if ok && isComparison(p.tok) {
		return nil, p.fail(p.tok.pos, "a call stands alone in a condition: it is true if it returns more than 0")
	}
	return c, ok
}

// msgLen takes the first two of the three tokens of msg:len.
func (p *parser) msgLen() string {
	l := p.lex
	if l.next().is(":") && l.next().is("len") {
		p.take()
		p.take()
		return "msg:len"
	}
	return "msg"
}

func isComparison(t token) bool {
	return t.kind == tOp && slices.Contains([]string{"=", "==", "!=", "=~", "<", ">", "<=", ">="}, t.text)
}

// comparison reads the operator and the value after a subject.
func (p *parser) comparison(c *compare, s subject) (expr, bool) {
	switch {
	case !isComparison(p.tok):
		return nil, p.wrong("expected a comparison after %s, before %s", c.subject, p.tok)
	case p.tok.text == "=":
		return nil, p.fail(p.tok.pos, `"=" compares nothing: write "=="`)
	case !slices.Contains(s.ops, p.tok.text):
		return nil, p.fail(p.tok.pos, "%s cannot be compared by %q", c.subject, p.tok.text)
	}
	c.op = p.take().text
	var ok bool
	if !s.address || p.tok.kind == tString {
		c.value, ok = p.arg()
		return c, ok
	}
	c.value, ok = p.network()
	return c, ok
}

// network reads an address, possibly with a mask.
func (p *parser) network() (value, bool) {
	t := p.tok
	if t.kind != tWord && t.kind != tNumber && !t.is("[") && !t.is(":") {
		return value{}, p.wrong("expected an address before %s", t)
	}
	v := value{pos: t.pos, text: p.raw(isNetByte).text}
	for p.tok.is("/") || v.text[len(v.text)-1] == '/' && (p.tok.kind == tNumber || p.tok.kind == tWord) {
		v.text += p.raw(isNetByte).text
	}
	return v, true
}
