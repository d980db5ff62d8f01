package daemon

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"seraph/proxy/internal/modules"
	"seraph/proxy/internal/script"
)

// problemsOf are those of an example: statements or routes, or with kind "cfg" a script
// that lacks nothing but routes.
func problemsOf(page, kind, example string) error {
	set := modules.New(modules.Config{}).All()
	text := exampleScript("", example)
	if kind == "cfg" {
		text = example + "route { exit; }\n"
	}
	_, problems := script.Compile(filepath.Base(page), []byte(text), script.Options{Modules: set})
	if len(problems) > 0 {
		return ScriptError(problems)
	}
	return nil
}

// TestExamplesOfGuides: the pieces of script in the guides compile, as those on the pages
// of the modules do. (Those of the language's reference are run by package script.)
func TestExamplesOfGuides(t *testing.T) {
	fenced := regexp.MustCompile("(?ms)^```(cfg|route)\n(.*?)^```$")
	for page, want := range map[string]int{"admin-guide.md": 4, "transports.md": 4} {
		t.Run(page, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("../../../docs", page))
			if err != nil {
				t.Fatal(err)
			}
			var examples [][2]string     // kind and text
			if page == "transports.md" { // its blocks are all script, and indented
				for _, text := range codeBlocks(string(raw)) {
					examples = append(examples, [2]string{"", text})
				}
			}
			for _, m := range fenced.FindAllStringSubmatch(string(raw), -1) {
				examples = append(examples, [2]string{m[1], m[2]})
			}
			if len(examples) < want {
				t.Errorf("%d examples, want %d at least", len(examples), want)
			}
			for _, example := range examples {
				if err := problemsOf(page, example[0], example[1]); err != nil {
					t.Errorf("%s\n%v", example[1], err)
				}
			}
		})
	}
	if problemsOf("bad", "", "modparam(\"tls\", \"certifikate\", \"x\")\n") == nil || problemsOf("bad", "", "t_rely();\n") == nil || problemsOf("bad", "cfg", "fivo=1\n") == nil {
		t.Error("an example with a mistake passes")
	}
}

// TestEveryModuleHasExamples: each registered module has a page among those whose examples
// are compiled, and a page with no module stands nowhere.
func TestEveryModuleHasExamples(t *testing.T) {
	registered := map[string]bool{}
	for _, m := range modules.New(modules.Config{}).All() {
		registered[m.Name()] = true
		text, err := os.ReadFile(filepath.Join("../modules", m.Name(), "README.md"))
		if err != nil {
			t.Errorf("module %s: %v", m.Name(), err)
			continue
		}
		if len(codeBlocks(section(string(text), "EXAMPLES"))) == 0 {
			t.Errorf("the page of module %s has no example", m.Name())
		}
	}
	folders, err := os.ReadDir("../modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() && !registered[f.Name()] && !strings.HasPrefix(f.Name(), "testdata") {
			t.Errorf("the folder %s is no registered module", f.Name())
		}
	}
}
