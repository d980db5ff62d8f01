package server_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"seraph/webui/internal/view"
)

// TestEveryTextExists: keys that Go code names; those of templates are checked
// when the program starts.
func TestEveryTextExists(t *testing.T) {
	texts := newStand(t, nil).pages.Texts(view.English)
	found := 0
	goFiles(t, func(path string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			key, ok := namedKey(n)
			if !ok {
				return true
			}
			found++
			if !texts.Has(key) {
				t.Errorf("%s: there is no text %q", path, key)
			}
			return true
		})
	})
	if found < 30 {
		t.Errorf("only %d texts are named in Go code: is the test blind?", found)
	}
}

// namedKey is the key in view.M("key") and in f.Fail("field", "key").
func namedKey(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return "", false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	at := map[string]int{"M": 0, "Fail": 1}
	i, ok := at[sel.Sel.Name]
	if !ok || len(call.Args) <= i {
		return "", false
	}
	lit, ok := call.Args[i].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	key, err := strconv.Unquote(lit.Value)
	return key, err == nil
}

// TestEveryTextIsUsed: by its whole key, or by the beginning that code completes.
func TestEveryTextIsUsed(t *testing.T) {
	var sources strings.Builder
	for _, folder := range []string{"..", "../../cmd"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{".go", ".html"}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			sources.Write(text)
			return err
		})
		check(t, err)
	}
	begun := regexp.MustCompile(`"([a-z_]+[._-](?:[a-z_]+[._-])*)(?:%s)?"`).FindAllStringSubmatch(sources.String(), -1)
	fields := regexp.MustCompile(`\((?:field|choice|\$?\.[\w.]*Column) [^)"]*"(\w+)"`).FindAllStringSubmatch(sources.String(), -1)
	for _, key := range newStand(t, nil).pages.Texts(view.English).Keys() {
		whole := strings.TrimSuffix(key, ".one")
		used := strings.Contains(sources.String(), `"`+whole+`"`) || strings.Contains(sources.String(), "="+whole+`"`) ||
			strings.HasPrefix(key, "error.") && strings.Contains(sources.String(), `"error.%d"`)
		for _, m := range begun {
			used = used || m[1] != "field." && m[1] != "column." && strings.HasPrefix(key, m[1])
		}
		for _, m := range fields {
			used = used || key == "field."+m[1] || key == "column."+m[1]
		}
		if !used {
			t.Errorf("nothing shows the text %q", key)
		}
	}
}

func goFiles(t *testing.T, visit func(path string, file *ast.File)) {
	t.Helper()
	for _, pattern := range []string{"*.go", "../user/*.go", "../admin/*.go", "../view/*.go", "../../cmd/*/*.go"} {
		paths, err := filepath.Glob(pattern)
		check(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			check(t, err)
			visit(path, file)
		}
	}
}
