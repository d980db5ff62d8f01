package script

import (
	"seraph/proxy/internal/module"
)

// valueNode is a compiled value.
type valueNode func(c *module.Ctx) module.Value

func null(*module.Ctx) module.Value { return module.Value{} }

// value compiles a value. Where there is a problem, the value is null.
func (k *compiler) value(x expr) valueNode {
	k.block.weight += stepWeight
	switch x := x.(type) {
	case *literal:
		v := literalValue(x.value)
		return func(*module.Ctx) module.Value { return v }
	case *variable:
		v := k.variable(x)
		if v == nil {
			return null
		}
		return v.Value
	case *arith:
		return k.arith(x)
	case *call:
		k.wrong(x.pos, "a call is no value: what it returned is $rc after it")
	} // a condition is refused where it is read
	return null
}

func literalValue(v value) module.Value {
	if v.number {
		return module.Number(int64(v.num))
	}
	return module.Value{Kind: module.TextValue, Str: []byte(v.text)}
}

// variable finds the pseudo-variable; nil after a problem.
func (k *compiler) variable(x *variable) *module.Variable {
	v, n, err := module.ParseVariable(x.text, k.prog.scope)
	if err == nil && n != len(x.text) {
		k.wrong(x.pos, "%s is no variable", quoted(x.text))
		return nil
	}
	if err != nil {
		k.wrong(x.pos, "%v", err)
		return nil
	}
	return v
}

// isNull tells the variable $null.
func isNull(x expr) bool {
	v, ok := x.(*variable)
	return ok && (v.text == "$null" || v.text == "$(null)")
}

// arith compiles a + b and the like.
func (k *compiler) arith(x *arith) valueNode {
	a, b := k.value(x.left), k.value(x.right)
	switch x.op {
	case "+":
		return func(c *module.Ctx) module.Value { return add(c, a(c), b(c)) }
	case "-":
		return reckon(a, b, func(a, b int64) (int64, bool) { return a - b, true })
	case "*":
		return reckon(a, b, func(a, b int64) (int64, bool) { return a * b, a == 0 || a*b/a == b })
	case "/":
		return reckon(a, b, func(a, b int64) (int64, bool) {
			if b == 0 {
				return 0, false
			}
			return a / b, true
		})
	}
	return reckon(a, b, func(a, b int64) (int64, bool) {
		if b == 0 {
			return 0, false
		}
		return a % b, true
	})
}

// reckon is null where an operand is no number, or the result is none.
func reckon(a, b valueNode, f func(a, b int64) (int64, bool)) valueNode {
	return func(c *module.Ctx) module.Value {
		m, ok := a(c).Int()
		n, ok2 := b(c).Int()
		if !ok || !ok2 {
			return module.Value{}
		}
		r, ok := f(m, n)
		if !ok {
			return module.Value{}
		}
		return module.Number(r)
	}
}

// add joins two texts or adds two numbers: as the left one is, or the right one where
// the left one is null.
func add(c *module.Ctx, a, b module.Value) module.Value {
	if a.Kind == module.TextValue || a.Kind == module.NullValue && b.Kind == module.TextValue {
		return c.Join(a, b)
	}
	m, ok := a.Int()
	n, ok2 := b.Int()
	if !ok || !ok2 {
		return module.Value{}
	}
	return module.Number(m + n)
}

// assign compiles $name = value.
func (k *compiler) assign(s *assignStmt) node {
	v := k.variable(&variable{s.pos, s.name})
	x := k.value(s.value)
	switch {
	case v == nil:
		return nil
	case !v.Writable():
		return k.wrong(s.pos, "%s can only be read", v)
	}
	if !v.Own() {
		k.use(s.pos, v.String()+" = …", uriRoutes, false)
	}
	log := k.prog.log
	return func(c *module.Ctx) result {
		if !v.Set(c, x(c)) {
			refusedValue(log, c, v)
			return failed(c)
		}
		return done(c)
	}
}
