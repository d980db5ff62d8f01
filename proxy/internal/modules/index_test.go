package modules_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules"
)

// indexFile is the page that is made of the registration.
const indexFile = "../../../docs/modules.md"

var writeIndex = flag.Bool("write-index", false, "write docs/modules.md instead of comparing it (make docs)")

// TestModuleIndexIsUpToDate: docs/modules.md says what the modules register, no more and
// no less.
func TestModuleIndexIsUpToDate(t *testing.T) {
	want, err := index(modules.New(modules.Config{}).All(), ".")
	if err != nil {
		t.Fatal(err)
	}
	if *writeIndex {
		if err := os.WriteFile(indexFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(indexFile)
	if err != nil {
		t.Fatal(err)
	}
	if line := firstDifference(string(got), string(want)); line != "" {
		t.Errorf("docs/modules.md is not what the modules register; `make docs` writes it. First difference: %s", line)
	}
}

// TestModuleIndexWrongInput: a module whose page is missing or does not say what the
// module is for, a parameter or a function without its line, are found.
func TestModuleIndexWrongInput(t *testing.T) {
	dir := t.TempDir()
	page := func(folder, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "README.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	page("whole", "# whole\n\n## NAME\n\nwhole: does all\n\n")
	page("nameless", "# nameless\n\n## NAME\n\nother: does all\n\n")
	good := func() []module.Param { return []module.Param{{Name: "p", Doc: "a parameter"}} }
	for _, c := range []struct {
		name string
		m    described
		want string
	}{
		{"nothing wrong", described{name: "whole", params: good()}, ""},
		{"no page", described{name: "absent"}, "absent"},
		{"no purpose", described{name: "nameless"}, "nameless"},
		{"parameter without a line", described{name: "whole", params: []module.Param{{Name: "mute"}}}, "mute"},
		{"function without a line", described{name: "whole", funcs: []module.Func{{Name: "silent", Routes: module.AnyRoute}}}, "silent"},
		{"function that may stand nowhere", described{name: "whole", funcs: []module.Func{{Name: "lost", Doc: "a function"}}}, "lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := index([]module.Module{c.m}, dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want an error that names %q", err, c.want)
			}
		})
	}
	if line := firstDifference("a\nb\n", "a\nc\n"); !strings.Contains(line, "c") {
		t.Errorf("the difference is said to be %q", line)
	}
}

// described is a module that only describes itself.
type described struct {
	name   string
	params []module.Param
	funcs  []module.Func
}

func (d described) Name() string           { return d.name }
func (d described) Params() []module.Param { return d.params }
func (d described) Funcs() []module.Func   { return d.funcs }

// index writes the page; folder holds a folder a module, with its own page.
func index(all []module.Module, folder string) ([]byte, error) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b module.Module) int { return cmp.Compare(a.Name(), b.Name()) })
	var b bytes.Buffer
	b.WriteString(`# Modules

<!-- Written by "make docs" from what the modules register: do not edit. -->

What a script can load. Each module's own page says more: its parameters with their defaults and
limits, its functions, statistics, and an example that a test runs. The language itself is in
[routing-language.md](routing-language.md).

A function may stand in a request route (R), failure_route (F), onreply_route (O), branch_route (B),
event_route[tm:local-request] (L). One that *may wait* asks a database or a resolver.

| module | what it does |
|---|---|
`)
	for _, m := range all {
		purpose, err := purposeOf(m.Name(), folder)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", m.Name(), m.Name(), cell(purpose))
	}
	for _, m := range all {
		fmt.Fprintf(&b, "\n## %s\n\n[The page of %s](../proxy/internal/modules/%s/README.md)\n", m.Name(), m.Name(), m.Name())
		if err := writeParams(&b, m); err != nil {
			return nil, err
		}
		if err := writeFuncs(&b, m); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func writeParams(b *bytes.Buffer, m module.Module) error {
	if len(m.Params()) == 0 {
		return nil
	}
	b.WriteString("\n| parameter | type | what it sets |\n|---|---|---|\n")
	for _, p := range m.Params() {
		if p.Doc == "" {
			return fmt.Errorf("parameter %s of %s has no line that says what it sets", p.Name, m.Name())
		}
		kind := "string"
		if p.Kind == module.Int {
			kind = "number"
		}
		if p.Live {
			kind += ", at a reload too"
		}
		if p.Secret {
			kind += ", masked"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", p.Name, kind, cell(p.Doc))
	}
	return nil
}

func writeFuncs(b *bytes.Buffer, m module.Module) error {
	if len(m.Funcs()) == 0 {
		return nil
	}
	b.WriteString("\n| function | arguments | where | what it does |\n|---|---|---|---|\n")
	for _, f := range m.Funcs() {
		if f.Doc == "" {
			return fmt.Errorf("function %s of %s has no line that says what it does", f.Name, m.Name())
		}
		where := letters(f.Routes)
		if where == "" {
			return fmt.Errorf("function %s of %s may stand nowhere", f.Name, m.Name())
		}
		if f.MayWait {
			where += ", may wait"
		}
		count := fmt.Sprint(f.Min)
		switch {
		case f.Max > f.Min:
			count = fmt.Sprintf("%d to %d", f.Min, f.Max)
		case f.Max < f.Min:
			count = fmt.Sprintf("%d or more", f.Min)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, count, where, cell(f.Doc))
	}
	return nil
}

// letters are the routes in which a function may stand.
func letters(r module.Routes) string {
	var b strings.Builder
	for _, l := range []struct {
		kind   module.Routes
		letter string
	}{{module.RequestRoute, "R"}, {module.FailureRoute, "F"}, {module.ReplyRoute, "O"}, {module.BranchRoute, "B"}, {module.LocalRoute, "L"}} {
		if r&l.kind != 0 {
			b.WriteString(l.letter)
		}
	}
	return b.String()
}

// purposeOf is what stands behind the module's name under NAME of its page.
func purposeOf(name, folder string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, name, "README.md"))
	if err != nil {
		return "", fmt.Errorf("the page of module %s: %w", name, err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## NAME\n")
	paragraph, _, _ := strings.Cut(strings.TrimSpace(rest), "\n\n")
	purpose, ok := strings.CutPrefix(paragraph, name+": ")
	if !ok || strings.HasPrefix(paragraph, "#") {
		return "", fmt.Errorf("the page of module %s does not say under NAME what it is for", name)
	}
	return strings.Join(strings.Fields(purpose), " "), nil
}

// cell makes a text fit into a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// firstDifference is the first line of want that got has not in that place.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) {
			return fmt.Sprintf("line %d of %d and %d", i+1, len(g), len(w))
		}
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is %q, should be %q", i+1, g[i], w[i])
		}
	}
	return ""
}
