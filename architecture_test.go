package seraph_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitectureNamesPackages: the table of docs/architecture.md has a row for each package,
// and no row for one that is gone.
func TestArchitectureNamesPackages(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		folders, _, _ := strings.Cut(line[1:], "|")
		for _, quoted := range regexp.MustCompile("`[^`]+`").FindAllString(folders, -1) {
			if name := strings.Trim(quoted, "`"); name != "e2e" { // a module of its own
				named = append(named, name)
			}
		}
	}
	used := make(map[string]bool)
	for _, p := range list(t, "./...") {
		pkg, ok := within(p.ImportPath)
		if !ok || pkg == "." {
			continue
		}
		i := slices.IndexFunc(named, func(pattern string) bool {
			ok, err := path.Match(pattern, pkg)
			return err == nil && ok
		})
		if i < 0 {
			t.Errorf("the package %s is in no row of the table", pkg)
			continue
		}
		used[named[i]] = true
	}
	for _, name := range named {
		if !used[name] {
			t.Errorf("the table has %s, which is no package", name)
		}
	}
}
