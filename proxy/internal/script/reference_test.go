package script

import (
	"os"
	"regexp"
	"strings"
	"testing"
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

// TestReferenceExamples: the examples of the reference have no problems.
func TestReferenceExamples(t *testing.T) {
	frames := map[string]string{
		"cfg":     "%",
		"route":   loads + "route {\n%}\nroute[1] { ; }",
		"failure": loads + "route { t_on_failure(\"1\"); }\nfailure_route[1] {\n%}",
	}
	blocks := regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(reference(t), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		frame, ok := frames[b[1]]
		if !ok {
			t.Errorf("an example of kind %s", b[1])
		}
		text := strings.Replace(frame, "%", b[2], 1)
		if _, problems := Compile(referencePage, []byte(text), Options{Modules: newStage().modules()}); len(problems) > 0 {
			t.Errorf("%s\n%s", text, texts(problems))
		}
	}
}
