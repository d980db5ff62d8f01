package script

import "seraph/proxy/internal/module"

// relation compiles the comparison of two values.
func (k *compiler) relation(x *relation) node {
	k.warnOfNumber(x)
	a := k.value(x.left)
	equal := x.op == "=="
	switch x.op {
	case "=~", "!~":
		return k.matching(x, a)
	case "==", "!=":
		if isNull(x.right) {
			return truth(func(c *module.Ctx) bool { return (a(c).Kind == module.NullValue) == equal })
		}
		b := k.value(x.right)
		if isNull(x.left) {
			return truth(func(c *module.Ctx) bool { return (b(c).Kind == module.NullValue) == equal })
		}
		if isNoText(x.right) {
			return truth(func(c *module.Ctx) bool { return hasNoText(a(c)) == equal })
		}
		return truth(func(c *module.Ctx) bool { return a(c).Equal(b(c)) == equal })
	}
	b := k.value(x.right)
	order := func(c *module.Ctx) int { return a(c).Compare(b(c)) }
	switch x.op {
	case "<":
		return truth(func(c *module.Ctx) bool { return order(c) < 0 })
	case ">":
		return truth(func(c *module.Ctx) bool { return order(c) > 0 })
	case "<=":
		return truth(func(c *module.Ctx) bool { return order(c) <= 0 })
	}
	return truth(func(c *module.Ctx) bool { return order(c) >= 0 })
}

// isNoText tells the literal "". Compared with it, a number is not what "" counts as: Kamailio
// asks whether there are characters, so that 0 is not empty.
func isNoText(x expr) bool {
	l, ok := x.(*literal)
	return ok && l.value.quoted && l.value.text == ""
}

// hasNoText reports whether nothing would be written for a value.
func hasNoText(v module.Value) bool { return v.Kind != module.NumberValue && len(v.Str) == 0 }

// matching compares a value with a regular expression.
func (k *compiler) matching(x *relation, a valueNode) node {
	l, ok := x.right.(*literal)
	if !ok || !l.value.quoted {
		return k.wrong(x.pos, "after %s a regular expression stands in quotes", x.op)
	}
	re := k.regexp(l.value)
	if re == nil {
		return nil
	}
	want := x.op == "=~"
	return truth(func(c *module.Ctx) bool {
		text := c.TextOf(a(c))
		c.Spend(len(text))
		return re.Match(text) == want
	})
}
