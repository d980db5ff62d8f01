package seraph_test

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestRuleConformanceNamesTests: each test that docs/conformance.md names stands in the
// package that it names, and so does the part of it after a slash.
func TestRuleConformanceNamesTests(t *testing.T) {
	page, err := os.ReadFile("docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{} // the text of all test files of a folder, by its last element
	walk(t, "_test.go", func(file string, text []byte) { tests[path.Base(path.Dir(file))] += string(text) })
	named := 0
	for line := range strings.Lines(string(page)) {
		for _, fault := range unknownTests(line, tests, &named) {
			t.Error(fault)
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named: the page is not read", named)
	}
	if faults := unknownTests("| x | y | sip: `TestNames`, `TestNever`; nowhere: `TestNames`; e2e: `TestHostile/never` |", tests, &named); len(faults) != 3 {
		t.Errorf("three wrong names give %q", faults)
	}
}

var (
	namedPackage = regexp.MustCompile("([a-z0-9_]+): (`Test[^`]*`(?:, `Test[^`]*`)*)")
	namedTest    = regexp.MustCompile("`(Test[^`/]*)(?:/([^`]*))?`")
)

// unknownTests are the faults of one line of the page.
func unknownTests(line string, tests map[string]string, named *int) (faults []string) {
	for _, group := range namedPackage.FindAllStringSubmatch(line, -1) {
		text, ok := tests[group[1]]
		if !ok {
			faults = append(faults, "there is no package "+group[1])
			continue
		}
		for _, m := range namedTest.FindAllStringSubmatch(group[2], -1) {
			*named++
			part := m[2]
			if strings.HasPrefix(part, "RFC ") { // section and file of a torture message
				part = part[strings.LastIndexByte(part, ' ')+1:]
			}
			if !strings.Contains(text, "func "+m[1]+"(t *testing.T)") {
				faults = append(faults, group[1]+" has no "+m[1])
			} else if part != "" && !strings.Contains(text, `"`+part+`"`) {
				faults = append(faults, m[1]+" has no part "+part)
			}
		}
	}
	return faults
}
