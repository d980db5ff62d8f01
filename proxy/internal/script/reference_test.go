package script

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

const referencePage = "../../../docs/routing-language.md"

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReferenceIsComplete: each command, value and setting stands in the reference.
func TestReferenceIsComplete(t *testing.T) {
	page := reference(t)
	var names []string
	for name := range commandTable() {
		names = append(names, name)
	}
	names = append(append(names, subjectNames()...), globalNames()...)
	for _, name := range names {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(name) + "[`( ]").MatchString(page) {
			t.Errorf("%s lacks `%s`", referencePage, name)
		}
	}
}

// TestReferenceNamesVariables: each pseudo-variable stands in the reference as its own
// line has it.
func TestReferenceNamesVariables(t *testing.T) {
	page := reference(t)
	for _, name := range module.VariableNames() {
		doc, form := module.VariableDoc(name)
		row := "| `$" + name + "` | " + doc
		if form != "" {
			row = "` | " + doc
		}
		if !strings.Contains(page, row) {
			t.Errorf("%s lacks %s", referencePage, row)
		}
	}
}

// dynamic makes the functions of the stage that take variables take them.
func dynamic(modules []module.Module) []module.Module {
	for _, m := range modules {
		f, ok := m.(*fake)
		if !ok {
			continue
		}
		funcs := f.funcs
		for i := range funcs {
			switch funcs[i].Name {
			case "append_hf", "t_reply", "sl_send_reply":
				funcs[i].Dynamic = true
			}
		}
	}
	return modules
}

// told is a line of an example that says what a variable becomes.
var toldLine = regexp.MustCompile(`(?m)^(\s*\$var\((\w+)\) = .*;) +# (.*)$`)

// condLine is a line of an example that says whether a condition is true.
var condLine = regexp.MustCompile(`(?m)^\s*(\S.*?) +# (yes|no)$`)

// TestReferenceExamples: the examples of the reference have no problems, and what they
// say of values holds. Each is run on a message.
func TestReferenceExamples(t *testing.T) {
	frames := map[string]string{
		"cfg":        "%",
		"route":      loads + "route {\n%}\nroute[1] { ; }",
		"values":     loads + "loadmodule \"note.so\"\nroute {\n%}",
		"conditions": loads + "loadmodule \"note.so\"\nroute {\n%}",
		"failure":    loads + "route { t_on_failure(\"1\"); }\nfailure_route[1] {\n%}",
	}
	blocks := regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(reference(t), -1)
	if len(blocks) < 9 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		frame, ok := frames[b[1]]
		if !ok {
			t.Errorf("an example of kind %s", b[1])
		}
		var notes, want []string
		body := b[2]
		if b[1] == "values" {
			for _, line := range toldLine.FindAllStringSubmatch(body, -1) {
				want = append(want, line[3])
			}
			body = toldLine.ReplaceAllString(body, "$1 note(\"$$var($2)\");")
		}
		if b[1] == "conditions" {
			for _, line := range condLine.FindAllStringSubmatch(body, -1) {
				want = append(want, line[2])
			}
			body = condLine.ReplaceAllString(body, `if ($1) { note("yes"); } else { note("no"); }`)
		}
		text := strings.Replace(frame, "%", body, 1)
		prog, problems := Compile(referencePage, []byte(text), Options{Modules: append(dynamic(newStage().modules()), noting(&notes))})
		if len(problems) > 0 {
			t.Errorf("%s\n%s", text, texts(problems))
			continue
		}
		p := compile(t, "route { ; }", nil)
		prog.Request(p.message(invite, stranger))
		prog.Failure(p.message(invite, stranger), 1)
		if got, want := strings.Join(notes, "\n"), strings.Join(want, "\n"); got != want {
			t.Errorf("%s\nnotes\n%s\nwant\n%s", text, got, want)
		}
		if b[1] == "values" && len(notes) < 10 || b[1] == "conditions" && len(notes) < 8 {
			t.Errorf("only %d values are told", len(notes))
		}
	}
}
