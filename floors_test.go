// Package seraph_test holds the rules of the repository: which package may import which, and how
// the code is written where no linter looks. docs/architecture.md says why.
package seraph_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors lists every package of the module, lowest floor first, as path.Match patterns relative to
// the module. A package imports only from lower floors. A new package must be entered here: that
// is the moment to decide where it stands.
var floors = [][]string{
	{"sql/aor", "deploy", "proxy/internal/seldom"},
	{"sql/schema", "ctlproto", "proxy/internal/sip", "proxy/internal/journal", "proxy/internal/dns", "proxy/internal/dns/dnstest"},
	{"sql/store", "proxy/internal/transport", "webui/internal/assets", "ctlproto/ctltest"},
	{"proxy/internal/txn", "webui/internal/session", "webui/internal/view", "webui/internal/form", "webui/internal/mailer"},
	{"proxy/internal/relay", "proxy/internal/ua", "webui/internal/portal"},
	{"webui/internal/contacts"},
	{"proxy/internal/module", "webui/internal/user", "webui/internal/admin", "webui/internal/public"},
	{"proxy/internal/modules/*", "proxy/internal/script", "proxy/internal/module/moduletest", "webui/internal/server"},
	{"proxy/internal/control"},
	{"proxy/internal/daemon", "proxy/internal/modules"},
	{"proxy/cmd/*", "webui/cmd/*", "ctlproto/cmd/*"},
	{"deploy/demo/*"},
	{"deploy/demo", "."},
}

// sideways are the imports allowed within a floor.
var sideways = map[[2]string]bool{
	{"proxy/internal/modules/registrar", "proxy/internal/modules/usrloc"}: true,
	// modules.All, the one list of modules, stands on daemon's floor.
	{"proxy/internal/daemon", "proxy/internal/modules"}: true,
}

// listed is the part of `go list -json` that the rules read.
type listed struct {
	ImportPath   string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

const module = "seraph"

// within gives an import path relative to the module, "." for the root; false for other modules
// and the standard library.
func within(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// floorOf gives the floor a package stands on, -1 if it is not listed.
func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, err := path.Match(pattern, pkg)
			return err == nil && ok
		})
	})
}

// faults are all breaches of the layout in a package graph, a line each.
func faults(pkgs []listed, std []string) []string {
	var all []string
	for _, p := range pkgs {
		pkg, ok := within(p.ImportPath)
		if !ok {
			continue
		}
		all = append(all, floorFaults(pkg, p.Imports)...)
		all = append(all, borderFaults(pkg, p)...)
		all = append(all, nameFaults(pkg, p.Name, std)...)
	}
	return all
}

// floorFaults checks what a package imports against the floors.
func floorFaults(pkg string, imports []string) []string {
	own := floorOf(pkg)
	if own < 0 {
		return []string{fmt.Sprintf("%s is not listed in floors_test.go: decide on which floor it stands", pkg)}
	}
	var all []string
	for _, i := range imports {
		target, ok := within(i)
		if !ok {
			continue
		}
		switch other := floorOf(target); {
		case other < 0:
			all = append(all, fmt.Sprintf("%s imports %s, which is not listed in floors_test.go", pkg, target))
		case other > own:
			all = append(all, fmt.Sprintf("%s imports %s, which stands on a higher floor", pkg, target))
		case other == own && !sideways[[2]string{pkg, target}]:
			all = append(all, fmt.Sprintf("%s imports %s, a neighbour on the same floor", pkg, target))
		}
	}
	return all
}

// borders name who alone may import something: prefix of the imported path → prefixes of the
// importers, both relative to the module where they are in it. Imports of tests count too.
var borders = map[string][]string{
	"github.com/labstack/echo":   {"webui/internal/server"},
	"github.com/labstack/gommon": {"webui/internal/server"},
	// An independent SIP implementation drives the phones; beside that it is only the parser
	// tests' oracle, never linked into a daemon.
	"github.com/emiago/sipgo":     {"deploy/demo", "proxy/internal/sip_test"},
	"github.com/miekg/dns":        {"proxy/internal/dns", "proxy/internal/transport", "proxy/internal/relay"},
	"github.com/wneessen/go-mail": {"webui/internal/mailer"},
	module + "/proxy":             {"proxy"},
	module + "/webui":             {"webui"},
	module + "/deploy/demo":       {"deploy/demo"},
}

// borderFaults checks what a package and its tests import against the borders.
func borderFaults(pkg string, p listed) []string {
	var all []string
	check := func(importer string, imports []string) {
		for _, i := range imports {
			for target, allowed := range borders {
				if under(i, target) && !slices.ContainsFunc(allowed, func(a string) bool { return under(importer, a) }) {
					all = append(all, fmt.Sprintf("%s imports %s, which only %s may", importer, i, strings.Join(allowed, ", ")))
				}
			}
		}
	}
	check(pkg, p.Imports)
	test := pkg
	if pkg == "proxy/internal/sip" {
		test = pkg + "_test"
	}
	check(test, append(slices.Clone(p.TestImports), p.XTestImports...))
	if under(pkg, "deploy/demo") {
		for _, i := range p.Imports {
			if strings.HasPrefix(i, module+"/") && strings.Contains(i+"/", "/internal/") {
				all = append(all, fmt.Sprintf("%s imports %s: the demo uses the programs, not their insides", pkg, i))
			}
		}
	}
	return all
}

// under is true for the path itself and everything below it.
func under(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

// shadowing are names of the design that the standard library uses too, for packages that no code
// of ours imports beside them.
var shadowing = map[string]bool{"webui/internal/user": true}

// nameFaults checks a package's name.
func nameFaults(pkg, name string, std []string) []string {
	var all []string
	for _, word := range []string{"util", "utils", "common", "models", "helper", "helpers", "misc"} {
		if name == word {
			all = append(all, fmt.Sprintf("%s: package %s says nothing of what is in it", pkg, name))
		}
	}
	if name != "main" && slices.Contains(std, name) && !shadowing[pkg] {
		all = append(all, fmt.Sprintf("%s: package %s has a name of the standard library's", pkg, name))
	}
	return all
}

// TestFloors holds the layout of the module as it is, with and without the poison tag.
func TestFloors(t *testing.T) {
	readSources(t) // so that a cached result does not outlive a change
	std := standardNames(t)
	for _, tags := range []string{"", "poison"} {
		pkgs := list(t, "-tags="+tags, "./...")
		if len(pkgs) < 2 {
			t.Fatalf("go list found %d packages", len(pkgs))
		}
		for _, fault := range faults(pkgs, std) {
			t.Error(fault)
		}
	}
}

// TestFloorsFindPlanted: the check is worth something only if it fails on what it forbids.
func TestFloorsFindPlanted(t *testing.T) {
	std := standardNames(t)
	for _, c := range []struct{ file, want string }{
		{"upward", "proxy/internal/sip imports proxy/internal/txn, which stands on a higher floor"},
		{"sideways", "proxy/internal/modules/auth imports proxy/internal/modules/usrloc, a neighbour on the same floor"},
		{"unlisted", "proxy/internal/newthing is not listed in floors_test.go: decide on which floor it stands"},
		{"unlisted_import", "proxy/internal/daemon imports proxy/internal/newthing, which is not listed in floors_test.go"},
		{"crossing", "webui/internal/server imports seraph/proxy/internal/sip, which only proxy may"},
		{"crossing_test", "webui/internal/server imports seraph/proxy/internal/sip, which only proxy may"},
		{"echo", "webui/internal/user imports github.com/labstack/echo/v4, which only webui/internal/server may"},
		{"sipgo", "proxy/internal/ua imports github.com/emiago/sipgo/sip, which only deploy/demo, proxy/internal/sip_test may"},
		{"demo", "deploy/demo imports seraph/sql/internal/rows: the demo uses the programs, not their insides"},
		{"util", "proxy/internal/modules/util: package util says nothing of what is in it"},
		{"shadow", "webui/internal/form: package sql has a name of the standard library's"},
		{"allowed", ""},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", "floors", c.file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got := strings.Join(faults(decode(t, f), std), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("faults:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// list runs `go list -json` in the module's root.
func list(t *testing.T, args ...string) []listed {
	t.Helper()
	return decode(t, bytes.NewReader(goList(t, append([]string{"-json=ImportPath,Name,Imports,TestImports,XTestImports"}, args...)...)))
}

// standardNames lists the names of the standard library's packages.
func standardNames(t *testing.T) []string {
	t.Helper()
	return strings.Fields(string(goList(t, "-f={{.Name}}", "std")))
}

func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Stderr = new(bytes.Buffer)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, cmd.Stderr)
	}
	return out
}

// decode reads the sequence of JSON objects that `go list -json` writes.
func decode(t *testing.T, r io.Reader) []listed {
	t.Helper()
	var all []listed
	for dec := json.NewDecoder(r); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
