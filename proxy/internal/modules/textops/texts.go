package textops

import "seraph/proxy/internal/module"

// compileTwo compiles a question for two texts, in which variables may stand.
func compileTwo(ask func(a, b []byte) bool) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		var list [2]text
		for i := range list {
			f, plain, err := args[i].Format()
			if err != nil {
				return nil, err
			}
			list[i] = text{plain: []byte(plain), format: f}
		}
		return func(c *module.Ctx) int {
			a, ok := list[0].in(c)
			b, both := list[1].in(c)
			return module.Truth(ok && both && ask(a, b))
		}, nil
	}
}

// text is an argument.
type text struct {
	plain  []byte
	format *module.Format // nil where it holds no variable
}

// in is the text in a run; ok is false if it is too long.
func (t *text) in(c *module.Ctx) (b []byte, ok bool) {
	if t.format == nil {
		return t.plain, true
	}
	v := t.format.Value(c)
	return v.Str, v.Kind == module.TextValue
}
