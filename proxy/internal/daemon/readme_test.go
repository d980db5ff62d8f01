package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seraph/proxy/internal/modules"
	"seraph/proxy/internal/script"
)

// TestExamplesOfModules: each example on the page of a module compiles, after the lines of the
// page's synopsis. What prose parts are two examples.
func TestExamplesOfModules(t *testing.T) {
	pages, err := filepath.Glob("../modules/*/README.md")
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(filepath.Dir(page)), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			examples := codeBlocks(section(string(text), "EXAMPLES"))
			if len(examples) == 0 {
				t.Fatal("no example")
			}
			synopsis := settings(codeBlocks(section(string(text), "SYNOPSIS")))
			for i, example := range examples {
				set := modules.New(modules.Config{}).All()
				_, problems := script.Compile(fmt.Sprintf("example %d", i+1), []byte(exampleScript(synopsis, example)), script.Options{Modules: set})
				if len(problems) > 0 {
					t.Error(ScriptError(problems))
				}
			}
		})
	}
}

// exampleScript is a script in which an example can stand: with all modules, the settings and routes
// of the example, and its statements in the main route. Routes that it only names are empty.
func exampleScript(synopsis, example string) string {
	var b strings.Builder
	for _, m := range modules.New(modules.Config{}).All() {
		fmt.Fprintf(&b, "loadmodule \"%s.so\"\n", m.Name())
	}
	top, statements := partExample(example)
	b.WriteString(synopsis + "\n" + top)
	if !strings.Contains("\n"+top, "\nroute {") {
		b.WriteString("route {\n" + statements + "}\n")
	}
	for _, kind := range []string{"route", "failure_route", "onreply_route", "branch_route"} {
		for n := range 4 {
			if head := fmt.Sprintf("%s[%d]", kind, n+1); !strings.Contains("\n"+top, "\n"+head) {
				b.WriteString(head + " { log(1, \"\"); }\n")
			}
		}
	}
	return b.String()
}

// topWords begin what stands outside of routes.
var topWords = []string{"route {", "route[", "failure_route", "onreply_route", "branch_route", "event_route", "modparam", "loadmodule", "listen", "#"}

// partExample parts the settings and routes of an example from statements that stand in no route.
func partExample(text string) (top, statements string) {
	depth, outside := 0, false
	for line := range strings.Lines(text) {
		if depth == 0 {
			outside = false
			for _, word := range topWords {
				outside = outside || strings.HasPrefix(line, word)
			}
		}
		depth += strings.Count(line, "{") - strings.Count(line, "}")
		if outside {
			top += line
		} else {
			statements += line
		}
	}
	return top, statements
}

// settings are the lines of a synopsis that load and set modules.
func settings(blocks []string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Join(blocks, "")) {
		if strings.HasPrefix(line, "modparam") || strings.HasPrefix(line, "loadmodule") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// section is the text of a section of a page.
func section(page, title string) string {
	_, rest, _ := strings.Cut(page, "\n## "+title+"\n")
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// codeBlocks are the pieces of code in a text, indented or fenced, which prose parts. Three dots stand for what
// is left out.
func codeBlocks(text string) []string {
	var blocks []string
	fenced, open := false, false
	for line := range strings.Lines(text) {
		code, indented := strings.CutPrefix(line, "    ")
		switch blank := strings.TrimSpace(line) == ""; {
		case strings.HasPrefix(line, "```"):
			fenced, open = !fenced, false
			continue
		case fenced:
			code = line
		case blank:
			continue
		case !indented:
			open = false
			continue
		}
		if !open {
			blocks, open = append(blocks, ""), true
		}
		if strings.TrimSpace(code) != "..." {
			blocks[len(blocks)-1] += code
		}
	}
	return blocks
}
