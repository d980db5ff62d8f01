package htable

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"seraph/proxy/internal/module"
)

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	removal := func(of subject) func([]module.Arg) (module.Call, error) {
		return func(args []module.Arg) (module.Call, error) { return m.compileSearch(args, of, true) }
	}
	question := func(of subject) func([]module.Arg) (module.Call, error) {
		return func(args []module.Arg) (module.Call, error) { return m.compileSearch(args, of, false) }
	}
	list := []module.Func{
		{Name: "sht_reset", Min: 1, Max: 1, Compile: m.compileReset, Doc: "removes everything from a table"},
		{Name: "sht_rm", Min: 2, Max: 2, Dynamic: true, Compile: m.compileRemove, Doc: "removes a key from a table"},
		{Name: "sht_rm_name_re", Min: 1, Max: 1, Compile: m.compileRemoveRE(name), Doc: "removes the keys that match a regular expression"},
		{Name: "sht_rm_value_re", Min: 1, Max: 1, Compile: m.compileRemoveRE(content), Doc: "removes the items whose value matches a regular expression"},
		{Name: "sht_rm_name", Min: 3, Max: 3, Dynamic: true, Compile: removal(name), Doc: "removes the keys that match or begin with a text"},
		{Name: "sht_rm_value", Min: 3, Max: 3, Dynamic: true, Compile: removal(content), Doc: "removes the items whose value matches or begins with a text"},
		{Name: "sht_has_name", Min: 3, Max: 3, Dynamic: true, Compile: question(name), Doc: "true if a key is, matches or begins with a text"},
		{Name: "sht_has_str_value", Min: 3, Max: 3, Dynamic: true, Compile: question(content), Doc: "true if a text among the values is, matches or begins with a text"},
		{Name: "sht_print", Compile: module.NoArgs(m.print), Doc: "logs how much is in each table"},
	}
	for i := range list {
		list[i].Routes = module.AnyRoute
	}
	return list
}

// compileReset compiles sht_reset(table).
func (m *Module) compileReset(args []module.Arg) (module.Call, error) {
	t, err := m.named(args[0].Str)
	return func(*module.Ctx) int {
		t.removeIf(func(string, *item) bool { return true })
		return module.True
	}, err
}

// compileRemove compiles sht_rm(table, key).
func (m *Module) compileRemove(args []module.Arg) (module.Call, error) {
	t, err := m.named(args[0].Str)
	if err != nil {
		return nil, err
	}
	r := ref{table: t}
	var literal string
	if r.format, literal, err = args[1].Format(); err != nil {
		return nil, err
	}
	r.literal = []byte(literal)
	return func(c *module.Ctx) int {
		t.remove(r.key(c))
		return module.True
	}, nil
}

// subject is what of an item is looked at.
type subject uint8

const (
	name subject = iota
	content
)

// of is the text of an item that is looked at; false if its value is no text and texts only are asked for.
func (s subject) of(key string, v module.Value, textsOnly bool) ([]byte, bool) {
	if s == name {
		return []byte(key), true
	}
	return v.Append(nil), !textsOnly || v.Kind == module.TextValue
}

// compileRemoveRE compiles sht_rm_name_re("table=>expression") and sht_rm_value_re.
func (m *Module) compileRemoveRE(of subject) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		table, expression, ok := strings.Cut(args[0].Str, "=>")
		if !ok {
			return nil, fmt.Errorf("%q is not of the form table=>expression", args[0].Str)
		}
		t, err := m.named(strings.TrimSpace(table))
		if err != nil {
			return nil, err
		}
		re, err := module.Regexp(module.AnyCase, expression)
		if err != nil {
			return nil, fmt.Errorf("the expression: %w", err)
		}
		return func(*module.Ctx) int {
			t.removeIf(func(key string, i *item) bool {
				text, _ := of.of(key, i.value, false)
				return re.Match(text)
			})
			return module.True
		}, nil
	}
}

// compileSearch compiles the functions of a table, an operator and a text: removals and questions.
func (m *Module) compileSearch(args []module.Arg, of subject, removes bool) (module.Call, error) {
	t, err := m.named(args[0].Str)
	if err != nil {
		return nil, err
	}
	f, literal, err := args[2].Format()
	if err != nil {
		return nil, err
	}
	op := args[1].Str
	if removes && op != "re" && op != "sw" {
		return nil, fmt.Errorf("operator %q is neither \"re\" nor \"sw\"", op)
	}
	fits, err := comparison(op, literal, f != nil)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		text := []byte(literal)
		if f != nil {
			text = f.Value(c).Str
		}
		fit := fits(text)
		if removes {
			t.removeIf(func(key string, i *item) bool {
				got, _ := of.of(key, i.value, false)
				return fit(got)
			})
			return module.True
		}
		found := module.False
		t.each(m.now(), func(key string, v module.Value) bool {
			if got, ok := of.of(key, v, true); ok && fit(got) {
				found = module.True
			}
			return found != module.True
		})
		return found
	}, nil
}

// comparison makes what compares with a text. An expression that comes of variables is compiled in
// each run; one that cannot be fits nothing.
func comparison(op, literal string, variable bool) (func(text []byte) func(got []byte) bool, error) {
	switch op {
	case "eq":
		return func(text []byte) func([]byte) bool { return func(got []byte) bool { return bytes.Equal(got, text) } }, nil
	case "ne":
		return func(text []byte) func([]byte) bool { return func(got []byte) bool { return !bytes.Equal(got, text) } }, nil
	case "sw":
		return func(text []byte) func([]byte) bool {
			return func(got []byte) bool { return bytes.HasPrefix(got, text) }
		}, nil
	case "re":
		return matching(literal, variable)
	}
	return nil, fmt.Errorf("operator %q is none of \"eq\", \"ne\", \"re\" and \"sw\"", op)
}

func matching(literal string, variable bool) (func(text []byte) func(got []byte) bool, error) {
	if variable {
		return func(text []byte) func([]byte) bool {
			re, err := module.Regexp(module.AnyCase, string(text))
			return func(got []byte) bool { return err == nil && re.Match(got) }
		}, nil
	}
	re, err := module.Regexp(module.AnyCase, literal)
	if err != nil {
		return nil, fmt.Errorf("the expression: %w", err)
	}
	return func([]byte) func([]byte) bool { return re.Match }, nil
}

// print is sht_print.
func (m *Module) print(*module.Ctx) int {
	for _, t := range m.tables {
		m.log.Log(context.Background(), slog.LevelInfo, "hash table", "name", t.name, "items", t.len())
	}
	return module.True
}
