package seraph_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is one Go file of the repository, e2e/ included.
type source struct {
	path string // from the root, with slashes
	file *ast.File
	fset *token.FileSet
}

func (s source) at(pos token.Pos) string { return s.fset.Position(pos).String() }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+path+`"` })
}

// readSources parses every Go file of the repository.
func readSources(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	walk(t, ".go", func(path string, text []byte) {
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{path, f, fset})
	})
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	return all
}

// walk reads every file of the repository with the given suffix.
func walk(t *testing.T, suffix string, visit func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || path == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, suffix) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(path), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRuleNoInit: what a program does at its start stands in its main.
func TestRuleNoInit(t *testing.T) {
	for _, s := range readSources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init()", s.at(f.Pos()))
			}
		}
	}
}

// TestRuleErrorKey: whoever looks for errors in the logs finds those of all programs by one key.
func TestRuleErrorKey(t *testing.T) {
	for _, s := range readSources(t) {
		if s.isTest() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			for _, arg := range call.Args[:max(0, len(call.Args)-1)] { // a key has a value behind it
				if key, ok := arg.(*ast.BasicLit); ok && key.Value == `"err"` {
					t.Errorf("%s: the log key of an error is \"error\", not \"err\"", s.at(key.Pos()))
				}
			}
			return true
		})
	}
}

// TestRuleInjectedLogger: the programs log to the logger they were given.
func TestRuleInjectedLogger(t *testing.T) {
	global := []string{"Default", "SetDefault", "SetLogLoggerLevel", "With",
		"Debug", "DebugContext", "Info", "InfoContext", "Warn", "WarnContext", "Error", "ErrorContext", "Log", "LogAttrs"}
	for _, s := range readSources(t) {
		if s.isTest() || !slices.Contains([]string{"proxy", "webui", "ctlproto", "sql"}, strings.SplitN(s.path, "/", 2)[0]) {
			continue
		}
		for _, call := range callsOf(s, "log/slog", "slog") {
			if slices.Contains(global, call.Sel.Name) {
				t.Errorf("%s: slog.%s writes to a global logger", s.at(call.Pos()), call.Sel.Name)
			}
		}
		if s.imports("log") {
			t.Errorf("%s imports log: use the injected *slog.Logger", s.path)
		}
	}
}

// TestRuleNoSleepInTests: a unit test that sleeps in real time is slow on a fast machine and
// fails on a slow one. In a synctest bubble time is free.
func TestRuleNoSleepInTests(t *testing.T) {
	for _, s := range readSources(t) {
		if !s.isTest() || strings.HasPrefix(s.path, "e2e/") || s.imports("testing/synctest") {
			continue
		}
		for _, call := range callsOf(s, "time", "time") {
			if call.Sel.Name == "Sleep" {
				t.Errorf("%s: time.Sleep outside a synctest bubble", s.at(call.Pos()))
			}
		}
		for _, wait := range sleeps(s.file) {
			t.Errorf("%s: <-time.After outside a synctest bubble", s.at(wait.Pos()))
		}
	}
}

// sleeps lists the statements that are time.Sleep by another name: <-time.After of a fixed time whose
// result nobody wants. It is none as the case of a select, nor between two looks at a condition, as the post
// statement of a loop. A fake that is told how late to answer waits for a time that is not fixed.
func sleeps(file *ast.File) []ast.Stmt {
	var all []ast.Stmt
	look := func(list []ast.Stmt) {
		for _, stmt := range list {
			if labeled, ok := stmt.(*ast.LabeledStmt); ok {
				stmt = labeled.Stmt
			}
			x, _ := stmt.(*ast.ExprStmt)
			if x == nil {
				continue
			}
			receive, _ := ast.Unparen(x.X).(*ast.UnaryExpr)
			if receive == nil || receive.Op != token.ARROW {
				continue
			}
			call, _ := ast.Unparen(receive.X).(*ast.CallExpr)
			if call == nil {
				continue
			}
			after, _ := call.Fun.(*ast.SelectorExpr)
			if after == nil || after.Sel.Name != "After" || len(call.Args) != 1 {
				continue
			}
			if pkg, ok := after.X.(*ast.Ident); ok && pkg.Name == "time" && hasLiteral(call.Args[0]) {
				all = append(all, x)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch block := n.(type) {
		case *ast.BlockStmt:
			look(block.List)
		case *ast.CaseClause:
			look(block.Body)
		case *ast.CommClause:
			look(block.Body)
		}
		return true
	})
	return all
}

// hasLiteral reports whether a number stands in an expression.
func hasLiteral(x ast.Expr) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		_, ok := n.(*ast.BasicLit)
		found = found || ok
		return !found
	})
	return found
}

// TestSleeps holds the rule to what it is for.
func TestSleeps(t *testing.T) {
	for text, want := range map[string]int{
		"<-time.After(5 * time.Millisecond)":                                        1,
		"for range 2 { <-time.After(5 * time.Millisecond) }":                        1,
		"select { case <-c: <-time.After(5) }":                                      1,
		"switch { default: <-time.After(5) }":                                       1,
		"select { case <-c: case <-time.After(5 * time.Millisecond): }":             0,
		"for end := limit(); !met(); <-time.After(5 * time.Millisecond) { look() }": 0,
		"<-time.After(delay)":                                                       0,
		"then := <-time.After(5)":                                                   0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() { "+text+" }", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(sleeps(f)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// callsOf lists the selections on a package that a file imports under its own name.
func callsOf(s source, path, name string) []*ast.SelectorExpr {
	if !s.imports(path) {
		return nil
	}
	var all []*ast.SelectorExpr
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
				all = append(all, sel)
			}
		}
		return true
	})
	return all
}

// TestRuleNothingUnfinished: what is not done is not in the code, not even as a note.
func TestRuleNothingUnfinished(t *testing.T) {
	note := regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	for _, s := range readSources(t) {
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if word := note.FindString(c.Text); word != "" {
					t.Errorf("%s: %s", s.at(c.Pos()), word)
				}
			}
		}
	}
}

// TestRuleModulesHaveReadme: a module is a folder with a page that says what it does.
func TestRuleModulesHaveReadme(t *testing.T) {
	const modules = "proxy/internal/modules"
	entries, err := os.ReadDir(modules)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(modules, e.Name(), "README.md")); err != nil {
			t.Errorf("module %s: %v", e.Name(), err)
		}
	}
}

// TestRuleLinksResolve: a relative link in a page leads to a file, and to a heading in it.
func TestRuleLinksResolve(t *testing.T) {
	link := regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	fenced := regexp.MustCompile("(?ms)^```.*?^```")
	pages := map[string]string{}
	walk(t, ".md", func(path string, text []byte) { pages[path] = fenced.ReplaceAllString(string(text), "") })
	for page, text := range pages {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue // another site
			}
			to := page
			if target != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link %s: %v", page, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(pages[to]), anchor) {
				t.Errorf("%s: link %s: no such heading", page, m[1])
			}
		}
	}
}

// anchors gives the names that a page's headings are linked by.
func anchors(page string) []string {
	var all []string
	drop := regexp.MustCompile(`[^\pL\pN _-]`)
	for line := range strings.Lines(page) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			name := drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all = append(all, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return all
}

// TestRuleUnracedTests: what the race detector leaves out is named as "make unit" asks for
// it, else it would run nowhere.
func TestRuleUnracedTests(t *testing.T) {
	text, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?m)^UNRACED = (\S+)$`).FindSubmatch(text)
	raced := regexp.MustCompile(`(?ms)^RACE = (.*?[^\\])\n`).FindSubmatch(text)
	if named == nil || raced == nil {
		t.Fatal("the Makefile says neither UNRACED nor RACE")
	}
	var folders []string
	for _, pattern := range strings.Fields(strings.ReplaceAll(string(raced[1]), "\\\n", " ")) {
		folders = append(folders, strings.TrimSuffix(strings.TrimPrefix(pattern, "./"), "..."))
	}
	for problem := range unnamed(readSources(t), folders, regexp.MustCompile(string(named[1]))) {
		t.Error(problem)
	}
	planted, err := parser.ParseFile(token.NewFileSet(), "p_test.go", "//go:build !race\n\npackage p\n\nfunc TestQuick() {}\n", parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for range unnamed([]source{{folders[0] + "p_test.go", planted, token.NewFileSet()}}, folders, regexp.MustCompile(string(named[1]))) {
		found++
	}
	if found != 1 {
		t.Errorf("a planted test was found %d times", found)
	}
}

// unnamed yields the tests in the folders that only build without the race detector and
// are not named so.
func unnamed(sources []source, folders []string, named *regexp.Regexp) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, s := range sources {
			if !s.isTest() || !slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(s.path, f) }) ||
				!slices.ContainsFunc(s.file.Comments, func(c *ast.CommentGroup) bool { return c.List[0].Text == "//go:build !race" }) {
				continue
			}
			for _, d := range s.file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if ok && strings.HasPrefix(f.Name.Name, "Test") && !named.MatchString(f.Name.Name) && !yield(s.path+": "+f.Name.Name+" runs nowhere in make check") {
					return
				}
			}
		}
	}
}
