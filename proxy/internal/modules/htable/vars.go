package htable

import (
	"fmt"
	"strings"

	"seraph/proxy/internal/module"
)

// Vars lists the pseudo-variables.
func (m *Module) Vars() []module.Var {
	const form = "a table and a key: $%s(table=>key)"
	list := []module.Var{
		{Name: "sht", Doc: "what stands under a key of a table; $null removes it", Bind: m.bind(m.value)},
		{Name: "shtex", Doc: "the seconds that it has yet, 0 for ever; may be set", Bind: m.bind(m.seconds)},
		{Name: "shtinc", Doc: "adds 1 to the number under a key, and is the sum", Bind: m.bind(m.count(1))},
		{Name: "shtdec", Doc: "subtracts 1 from it, and is the difference", Bind: m.bind(m.count(-1))},
	}
	for i := range list {
		list[i].Form = fmt.Sprintf(form, list[i].Name)
	}
	return list
}

// ref is a key of a table, as it stands in a script.
type ref struct {
	table   *table
	literal []byte
	format  *module.Format
}

// key is the key in a run.
func (r *ref) key(c *module.Ctx) []byte {
	if r.format == nil {
		return r.literal
	}
	return r.format.Value(c).Str
}

// parseRef reads "table=>key".
func (m *Module) parseRef(arg string, s *module.Scope) (*ref, error) {
	name, key, ok := strings.Cut(arg, "=>")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return nil, fmt.Errorf("%q is not of the form table=>key", arg)
	}
	t, err := m.named(strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	r := &ref{table: t}
	var literal string
	if r.format, literal, err = module.ParseFormat(key, s); err != nil {
		return nil, err
	}
	if r.literal = []byte(literal); len(literal) > maxKey {
		return nil, fmt.Errorf("a key has at most %d bytes", maxKey)
	}
	return r, nil
}

// bind makes the Bind of a variable that is a function of a table's key.
func (m *Module) bind(of func(r *ref) module.BoundVar) func(string, *module.Scope) (module.BoundVar, error) {
	return func(arg string, s *module.Scope) (module.BoundVar, error) {
		r, err := m.parseRef(arg, s)
		if err != nil {
			return module.BoundVar{}, err
		}
		return of(r), nil
	}
}

func (m *Module) value(r *ref) module.BoundVar {
	return module.BoundVar{
		Get: func(c *module.Ctx) module.Value { return r.table.get(c, r.key(c), m.now()) },
		Set: func(c *module.Ctx, x module.Value) bool { return r.table.set(r.key(c), x, m.now()) },
	}
}

func (m *Module) seconds(r *ref) module.BoundVar {
	return module.BoundVar{
		Get: func(c *module.Ctx) module.Value {
			n, ok := r.table.left(r.key(c), m.now())
			if !ok {
				return module.Value{}
			}
			return module.Number(n)
		},
		Set: func(c *module.Ctx, x module.Value) bool {
			n, ok := x.Int()
			return ok && r.table.setLeft(r.key(c), n, m.now())
		},
	}
}

func (m *Module) count(by int64) func(r *ref) module.BoundVar {
	return func(r *ref) module.BoundVar {
		return module.BoundVar{Get: func(c *module.Ctx) module.Value {
			n, ok := r.table.add(r.key(c), by, m.now())
			if !ok {
				return module.Value{}
			}
			return module.Number(n)
		}}
	}
}
