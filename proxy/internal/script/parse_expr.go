package script

import (
	"slices"
	"strings"
)

// or reads a || b || …; a single bar means the same.
func (p *parser) or() (expr, bool) {
	outer := p.joins
	p.joins = joins{}
	x, ok := p.chain(p.and, []string{"||", "|", "or"}, func(list []expr) expr { return &disj{list} })
	if p.joins.bar.kind == tOp && p.joins.and {
		p.file.mixed = append(p.file.mixed, p.joins.bar)
	}
	p.joins = outer
	return x, ok
}

// joins are those operators between the conditions of one pair of parentheses that SER and Kamailio
// group otherwise, if both are there.
type joins struct {
	bar token // the first |
	and bool  // && is there, too
}

// join notes an operator between two operands. SER's & and | are && and ||, Kamailio's are operators
// on bits: between conditions both come to the same, between values they do not.
func (p *parser) join(op token, left, right expr) {
	switch {
	case isBitwise(op) && (isValue(left) || isValue(right)):
		p.fail(op.pos, "%s", onBits)
	case op.text == "&&" || op.text == "and":
		p.joins.and = true
	case op.text == "|" && p.joins.bar.kind != tOp:
		p.joins.bar = op
	}
}

// onBits is what is said of an operator on bits.
const onBits = `operators on bits are not supported: "&" and "|" stand between conditions, as "&&" and "||" do; a flag is asked for by isflagset`

func isBitwise(t token) bool { return t.kind == tOp && (t.text == "&" || t.text == "|") }

// and reads a && b && …, which binds tighter.
func (p *parser) and() (expr, bool) {
	return p.chain(p.unary, []string{"&&", "&", "and"}, func(list []expr) expr { return &conj{list} })
}

// chain reads operands with operators between them. Where one cannot be read, it goes on
// with the next, so that all that is wrong with a condition is found; then the result is
// false, and a *conj of what could be read, or nil.
func (p *parser) chain(operand func() (expr, bool), ops []string, join func([]expr) expr) (expr, bool) {
	var list []expr
	var op token
	var left expr
	whole := true
	for {
		x, ok := operand()
		if op.text != "" {
			p.join(op, left, x)
		}
		if !ok {
			whole = false
			x = readable(x)
			p.toOperator()
		}
		if x != nil {
			list = append(list, x)
		}
		if p.tok.kind != tOp && p.tok.kind != tWord || !slices.Contains(ops, p.tok.text) {
			break
		}
		op, left = p.take(), x
	}
	switch {
	case !whole && len(list) == 0:
		return nil, false
	case !whole:
		return &conj{list}, false
	case len(list) == 1:
		return list[0], true
	}
	return join(list), true
}

// readable is what a chain has left of a condition that it could not read in full.
func readable(x expr) expr {
	if c, ok := x.(*conj); ok {
		return c
	}
	return nil
}

// logical are the operators between conditions.
var logical = []string{"&&", "||", "&", "|", "and", "or"}

// toOperator passes to the next operator between conditions, or to what ends the condition or
// the parentheses around it.
func (p *parser) toOperator() {
	for nested := 0; p.tok.kind != tEOF && !p.tok.is("{") && !p.tok.is("}") && !p.tok.is(";") && !p.startsRoute(); p.take() {
		switch {
		case p.tok.is("("):
			nested++
		case p.tok.is(")"):
			if nested--; nested < 0 {
				return
			}
		case nested == 0 && (p.tok.kind == tOp || p.tok.kind == tWord) && slices.Contains(logical, p.tok.text):
			return
		}
	}
}

// unary reads a comparison, possibly negated.
func (p *parser) unary() (expr, bool) {
	at := p.tok.pos
	if !isNegation(p.tok) {
		return p.relation()
	}
	defer p.leave()
	if !p.enter(at) {
		return nil, false
	}
	op := p.take()
	operand := p.operand
	if isNegation(p.tok) {
		operand = p.unary
	}
	x, ok := operand()
	if !ok {
		return readable(x), false
	}
	if isComparison(p.tok) || isArithmetic(p.tok) {
		return nil, p.fail(op.pos, "before %q what %q negates stands in parentheses, as in !($rU == \"bob\"): Kamailio negates the value before it", p.tok.text, op.text)
	}
	return &not{x}, true
}

func isNegation(t token) bool { return t.is("!") || t.is("not") }

// isArithmetic tells the operators of sums and products.
func isArithmetic(t token) bool {
	return t.is("mod") || t.kind == tOp && slices.Contains([]string{"+", "-", "*", "/", "%"}, t.text)
}

// relation reads a value, or two that are compared.
func (p *parser) relation() (expr, bool) {
	left, ok := p.sum()
	if !ok || !isComparison(p.tok) {
		return left, ok
	}
	if isCondition(left) {
		return nil, p.fail(p.tok.pos, "what is compared by %q is a value, not a condition", p.tok.text)
	}
	if p.tok.text == "=" {
		return nil, p.fail(p.tok.pos, `"=" compares nothing: write "=="`)
	}
	op := p.take()
	if p.tok.kind == tWord {
		return nil, p.fail(p.tok.pos, "%s is compared with a number, a variable, or a text in quotes", p.comparedText(left))
	}
	right, ok := p.sum()
	if ok && isCondition(right) {
		return nil, p.fail(op.pos, "what is compared by %q is a value, not a condition", op.text)
	}
	return &relation{op.pos, op.text, left, right}, ok
}

// isCondition tells what is true or false from what has a value.
func isCondition(x expr) bool {
	switch x.(type) {
	case *compare, *relation, *conj, *disj, *not:
		return true
	}
	return false
}

// valueOf reads a value.
func (p *parser) valueOf() (expr, bool) {
	at := p.tok.pos
	x, ok := p.sum()
	switch {
	case ok && isCondition(x):
		return nil, p.fail(at, "a condition is no value")
	case ok && isBitwise(p.tok):
		return nil, p.fail(p.tok.pos, "%s", onBits)
	}
	return x, ok
}

// comparedText names the left side of a comparison in a message.
func (p *parser) comparedText(x expr) string {
	if v, ok := x.(*variable); ok {
		return v.text
	}
	return "a value"
}

// sum reads a + b - …
func (p *parser) sum() (expr, bool) {
	return p.operands(p.product, []string{"+", "-"})
}

// product reads a * b / …
func (p *parser) product() (expr, bool) {
	return p.operands(p.operand, []string{"*", "/", "%", "mod"})
}

// operands reads operands with operators of one rank between them.
func (p *parser) operands(next func() (expr, bool), ops []string) (expr, bool) {
	x, ok := next()
	for n := 0; ok && (p.tok.kind == tOp || p.tok.is("mod")) && slices.Contains(ops, p.tok.text); n++ {
		if n >= maxDepth {
			return nil, p.fail(p.tok.pos, "more than %d operators in a row", maxDepth)
		}
		op := p.take()
		if op.text == "mod" {
			op.text = "%"
		}
		var right expr
		right, ok = next()
		if ok && (isCondition(x) || isCondition(right)) {
			return nil, p.fail(op.pos, "%q stands between values, not conditions", op.text)
		}
		x = &arith{op.pos, op.text, x, right}
	}
	return x, ok
}

// operand reads a literal, a variable, a condition in parentheses, a value of the
// message with what it is compared with, or a call.
func (p *parser) operand() (expr, bool) {
	t := p.tok
	switch {
	case t.kind == tNumber:
		v, ok := p.num(p.take())
		return &literal{v}, ok
	case t.is("-") && p.after().kind == tNumber:
		v, ok := p.arg()
		return &literal{v}, ok
	case t.kind == tString:
		p.take()
		return &literal{value{pos: t.pos, text: t.text, quoted: true}}, true
	case t.kind == tVar:
		p.take()
		return &variable{t.pos, t.text}, true
	case t.is("("):
		return p.parenthesis()
	case t.is("@") && p.after().kind == tWord:
		return p.selected()
	case t.kind != tWord || t.text == "if" || t.text == "else":
		return nil, p.wrong("expected a condition before %s", t)
	}
	return p.word()
}

// selected reads @cfg_get.group.name, which is $sel(cfg_get.group.name).
func (p *parser) selected() (expr, bool) {
	at := p.take()
	name := p.take().text
	if !strings.HasPrefix(name, "cfg_get.") {
		return nil, p.fail(at.pos, "@%s is not supported: there is only @cfg_get.GROUP.NAME, a setting of the script's own", name)
	}
	return &variable{at.pos, "$sel(" + name + ")"}, true
}

// parenthesis reads what stands in parentheses.
func (p *parser) parenthesis() (expr, bool) {
	defer p.leave()
	if !p.enter(p.tok.pos) {
		return nil, false
	}
	p.take()
	x, ok := p.or()
	if ok && p.expect(")") {
		return x, true
	}
	// What is between here and the parenthesis that closes this one is read, too.
	list := []expr{x}
	for p.toOperator(); (p.tok.kind == tOp || p.tok.kind == tWord) && slices.Contains(logical, p.tok.text); p.toOperator() {
		p.take()
		if x, _ := p.or(); x != nil {
			list = append(list, x)
		}
	}
	p.accept(")")
	return &conj{slices.DeleteFunc(list, func(x expr) bool { return x == nil })}, false
}

// word reads a value of the message, or a call.
func (p *parser) word() (expr, bool) {
	t := p.tok
	name := t.text
	if name == "msg" {
		name = p.msgLen()
	}
	if s, ok := subjects[name]; ok {
		p.take()
		return p.comparison(&compare{pos: t.pos, subject: name}, s)
	}
	if isComparison(p.after()) {
		return nil, p.fail(t.pos, "there is no value %s to compare%s", quoted(name), p.report.didYouMean(name, subjectNames()))
	}
	c, ok := p.call()
	if ok && isComparison(p.tok) {
		return nil, p.fail(p.tok.pos, "a call stands alone in a condition: it is true if it returns more than 0")
	}
	return c, ok
}

// msgLen takes the first two of the three tokens of msg:len.
func (p *parser) msgLen() string {
	if p.peek(1).is(":") && p.peek(2).is("len") {
		p.take()
		p.take()
		return "msg:len"
	}
	return "msg"
}

func isComparison(t token) bool {
	return t.kind == tOp && slices.Contains([]string{"=", "==", "!=", "=~", "!~", "<", ">", "<=", ">="}, t.text)
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
	if p.tok.kind == tVar {
		return nil, p.fail(p.tok.pos, "%s is compared with a literal; of two variables, %s is the one that says the same", c.subject, sameVariable[c.subject])
	}
	if !s.address || p.tok.kind == tString {
		c.value, ok = p.arg()
		return c, ok
	}
	c.value, ok = p.network()
	return c, ok
}

// sameVariable are the variables that say what the old values say.
var sameVariable = map[string]string{
	"method": "$rm", "uri": "$ru", "from_uri": "$fu", "to_uri": "$tu", "status": "$T_reply_code", "src_ip": "$si", "dst_ip": "$Ri",
	"src_port": "$sp", "dst_port": "$Rp", "proto": "$pr", "af": "$si", "msg:len": "$ml", "retcode": "$rc",
}

// network reads an address, possibly with a mask.
func (p *parser) network() (value, bool) {
	t := p.tok
	if t.kind != tWord && t.kind != tNumber && !t.is("[") && !t.is(":") {
		return value{}, p.wrong("expected an address before %s", t)
	}
	v := value{pos: t.pos, text: p.raw(isNetByte).text}
	for len(v.text) < 100 && (p.tok.is("/") || v.text[len(v.text)-1] == '/' && (p.tok.kind == tNumber || p.tok.kind == tWord)) { // an address is shorter
		v.text += p.raw(isNetByte).text
	}
	return v, true
}
