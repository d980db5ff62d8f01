package moduletest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// Func returns a function of a module.
func Func(t testing.TB, m module.Module, name string) module.Func {
	t.Helper()
	for _, f := range m.Funcs() {
		if f.Name == name {
			if f.Doc == "" || f.Routes == 0 {
				t.Errorf("%s has no line of documentation, or may stand nowhere", name)
			}
			return f
		}
	}
	t.Fatalf("module %s has no function %s", m.Name(), name)
	panic("unreachable")
}

// Compile binds a function of a module to its arguments, as a script would.
func Compile(t testing.TB, m module.Module, name string, args ...string) module.Call {
	t.Helper()
	call, err := compile(t, m, name, args)
	if err != nil {
		t.Fatalf("%s(%q): %v", name, args, err)
	}
	return call
}

// Refused is the error with which a function refuses its arguments.
func Refused(t testing.TB, m module.Module, name string, args ...string) string {
	t.Helper()
	_, err := compile(t, m, name, args)
	if err == nil {
		t.Fatalf("%s(%q) compiles", name, args)
	}
	return err.Error()
}

func compile(t testing.TB, m module.Module, name string, texts []string) (module.Call, error) {
	t.Helper()
	f := Func(t, m, name)
	if len(texts) < f.Min || len(texts) > f.Max {
		t.Fatalf("%s takes %d to %d arguments, %d were given", name, f.Min, f.Max, len(texts))
	}
	var args []module.Arg
	for _, text := range texts {
		a := module.Arg{Kind: module.String, Str: text}
		if f.Dynamic {
			a.Scope = &module.Scope{}
		}
		args = append(args, a)
	}
	return f.Compile(args)
}

// Set sets a parameter of a module, as modparam would.
func Set(t testing.TB, m module.Module, name, value string) error {
	t.Helper()
	for _, p := range m.Params() {
		if p.Name != name {
			continue
		}
		if p.Doc == "" {
			t.Errorf("%s has no line of documentation", name)
		}
		n, err := strconv.Atoi(value)
		if p.Kind == module.Int && err != nil {
			t.Fatalf("%s takes a number, %q is none", name, value)
		}
		return p.Set(value, n)
	}
	t.Fatalf("module %s has no parameter %s", m.Name(), name)
	panic("unreachable")
}

// Documented checks that the page of a module, README.md in the folder of the test,
// has a section for each of its functions and parameters, and for nothing else.
func Documented(t *testing.T, m module.Module) {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, p := range m.Params() {
		want[p.Name] = true
	}
	for _, f := range m.Funcs() {
		want[f.Name] = true
	}
	for line := range strings.Lines(string(page)) {
		title, ok := strings.CutPrefix(line, "### ")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimSpace(title), "(")
		if !want[name] {
			t.Errorf("README.md describes %s, which module %s does not have", name, m.Name())
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("README.md does not describe %s", name)
	}
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "PARAMETERS", "FUNCTIONS", "EXAMPLES"} {
		if !strings.Contains(string(page), "\n## "+section+"\n") {
			t.Errorf("README.md has no section %s", section)
		}
	}
}
