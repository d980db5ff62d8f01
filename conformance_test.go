package seraph_test

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestRuleConformanceNamesTests: each test that docs/conformance.md names stands in the
// package that it names, and so does the part of it after a slash.
func TestRuleConformanceNamesTests(t *testing.T) {
	checkNames(t, "docs/conformance.md", 100)
	tests := testFiles(t)
	named := 0
	if faults := unknownTests("| x | y | sip: `TestNames`, `TestNever`; nowhere: `TestNames`; e2e: `TestHostile/never` |", tests, &named); len(faults) != 3 {
		t.Errorf("three wrong names give %q", faults)
	}
}

// TestRuleStatusNamesTests: so does each test that docs/status.md names, in every package
// where a row names several; where it names none, in any.
func TestRuleStatusNamesTests(t *testing.T) {
	checkNames(t, "docs/status.md", 500)
	tests := testFiles(t)
	for line, faults := range map[string]int{
		"| x | works | sip: `TestTortures`, `FuzzMessage`; relay, daemon: `TestPhoneWithoutConnection` | e2e: `TestExample…` |": 0,
		"| x | works | store: `Test…WrongInput` | root: `TestRuleStatusNamesTests`; deploy/demo: `TestPortalSettings` |":        0,
		"| x | works | sip: `FuzzNothing` | the same |":                                                                         1,
		"| x | works | sip and daemon: `FuzzMessage` | the same |":                                                              1,
		"| x | works | sip: `TestTortures` (all of it), `TestNever…` | – |":                                                     1,
		"| x | works | sip: `TestTortures`; their `TestNever` | – |":                                                            1,
		"| x | works | sip, nowhere: `TestTortures` | – |":                                                                      1,
		"| memory | `TestNoSuchMemory` | `TestMemoryIsFlat` |":                                                                  1,
		"| x | works | sip: `TestTortures` | relay: `TestTortures`, e2e: `Test…` |":                                             1,
	} {
		named := 0
		if got := unknownTests(line, tests, &named); len(got) != faults {
			t.Errorf("%s: %q, want %d faults", line, got, faults)
		}
	}
}

// checkNames checks a page that names at least so many tests.
func checkNames(t *testing.T, name string, least int) {
	t.Helper()
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tests := testFiles(t)
	named := 0
	for line := range strings.Lines(string(page)) {
		for _, fault := range unknownTests(line, tests, &named) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	if named < least {
		t.Errorf("%s names only %d tests: it is not read", name, named)
	}
}

// testFiles gives the text of all test files of a folder, by its last element; "root" is the
// repository's own, and "" has all.
func testFiles(t *testing.T) map[string]string {
	t.Helper()
	tests, all := map[string]string{}, strings.Builder{}
	walk(t, "_test.go", func(file string, text []byte) {
		folder := path.Base(path.Dir(file))
		if folder == "." {
			folder = "root"
		}
		tests[folder] += string(text)
		all.Write(text)
	})
	tests[""] = all.String()
	return tests
}

var (
	// namedOne is a list of packages before what it has, or one test; of its name, … stands
	// for any part.
	namedOne = regexp.MustCompile("([a-z0-9_/-]+(?:(?:, | and )[a-z0-9_/-]+)*): |`((?:Test|Fuzz)[^`/]*)(?:/([^`]*))?`")
	between  = regexp.MustCompile(", | and ")
)

// unknownTests are the faults of one line of a page.
func unknownTests(line string, tests map[string]string, named *int) (faults []string) {
	in := []string{""} // any
	for _, m := range namedOne.FindAllStringSubmatch(line, -1) {
		if m[1] != "" {
			in = between.Split(m[1], -1)
			continue
		}
		*named++
		for _, folder := range in {
			if fault := unknownTest(tests, folder[strings.LastIndexByte(folder, '/')+1:], m[2], m[3]); fault != "" {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

// unknownTest says what is wrong with a test's name, nothing if it stands in a folder.
func unknownTest(tests map[string]string, folder, name, part string) (fault string) {
	text, ok := tests[folder]
	if !ok {
		return "there is no package " + folder
	}
	head := "\nfunc " + name + "(t *testing.T)"
	if strings.HasPrefix(name, "Fuzz") {
		head = "\nfunc " + name + "(f *testing.F)"
	}
	found := strings.Contains(text, head)
	if strings.Contains(name, "…") {
		found = regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(head), "…", `\w+`)).MatchString(text)
	}
	if !found {
		return fmt.Sprintf("%q has no %s", folder, name)
	}
	if strings.HasPrefix(part, "RFC ") { // section and file of a torture message
		part = part[strings.LastIndexByte(part, ' ')+1:]
	}
	if part != "" && !strings.Contains(text, `"`+part+`"`) {
		return name + " has no part " + part
	}
	return ""
}
