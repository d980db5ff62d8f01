package script

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
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

// assign compiles $name = value. A constant that can never stand there is refused here; what comes
// of a message is refused in the run.
func (k *compiler) assign(s *assignStmt) node {
	v := k.variable(&variable{s.pos, s.name})
	before := len(k.report.found)
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
	constant := isConstant(s.value)
	if constant && len(k.report.found) == before && !k.isOff(s.value) {
		if err := v.Check(x(&module.Ctx{})); err != nil {
			return k.wrong(posOf(s.value, s.pos), "%v", err)
		}
	}
	refused := &refusedValue{log: k.prog.log, v: v, pos: s.pos}
	return func(c *module.Ctx) result {
		x := x(c)
		c.Constant = constant
		if !v.Set(c, x) {
			refused.tell(c, x)
			return failed(c)
		}
		return done(c)
	}
}

// isConstant tells what comes to the same in each run: literals, $null, the script's own settings,
// and what is made of these.
func isConstant(x expr) bool {
	switch x := x.(type) {
	case *literal:
		return true
	case *variable:
		return isNull(x) || strings.HasPrefix(x.text, "$sel(") || strings.HasPrefix(x.text, "$(sel(")
	case *arith:
		return isConstant(x.left) && isConstant(x.right)
	}
	return false
}

// isOff reports whether there is a setting of the script's own in a constant that is empty, or 0: what
// it is for is off, and its use is guarded.
func (k *compiler) isOff(x expr) bool {
	switch x := x.(type) {
	case *variable:
		v := k.variable(x)
		if v == nil || isNull(x) {
			return false
		}
		set := v.Value(&module.Ctx{})
		return set.Num == 0 && len(set.Str) == 0
	case *arith:
		return k.isOff(x.left) || k.isOff(x.right)
	}
	return false
}

// posOf is where a value begins, as far as it tells; else the given place.
func posOf(x expr, at Pos) Pos {
	switch x := x.(type) {
	case *literal:
		return x.value.pos
	case *variable:
		return x.pos
	case *arith:
		return posOf(x.left, x.pos)
	}
	return at
}

// How often a minute one assignment tells of a value that it has refused, and how many bytes of it:
// strangers can cause them.
const (
	refusedMost  = 10
	refusedShown = 100
)

// refusedValue is one assignment's place in the log.
type refusedValue struct {
	log  *slog.Logger
	v    *module.Variable
	pos  Pos
	gate seldom.Gate
}

// tell warns of a value that could not stand where the script has put it: the request goes on
// without, perhaps to somewhere else than its author meant.
func (r *refusedValue) tell(c *module.Ctx, x module.Value) {
	ctx := context.Background()
	if !r.log.Enabled(ctx, slog.LevelWarn) || !r.gate.Pass(c.Engine.Now(), time.Minute, refusedMost) {
		return
	}
	text := c.TextOf(x)
	shown := strings.ToValidUTF8(string(text[:min(len(text), refusedShown)]), "?")
	r.log.Warn("value refused", "variable", r.v.String(), "value", shown, "file", r.pos.file.name, "line", r.pos.Line, "call_id", string(c.Msg.CallID()))
}
