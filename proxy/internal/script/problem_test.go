package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
)

var update = flag.Bool("update", false, "write the golden files anew")

// texts is a list of problems as an operator reads it.
func texts(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p.Error())
	}
	return b.String()
}

// TestProblems compares every problem of the scripts in testdata/problems with
// the text beside them: message, line, column, caret.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.cfg")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts with problems", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			prog, problems := Compile(filepath.Base(file), text, Options{Modules: newStage().modules()})
			if prog != nil || len(problems) == 0 {
				t.Fatal("the script was taken")
			}
			golden := strings.TrimSuffix(file, ".cfg") + ".txt"
			got := texts(problems)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPasswordsAreMasked: whatever is wrong with the line, no problem shows a
// password.
func TestPasswordsAreMasked(t *testing.T) {
	text, err := os.ReadFile("testdata/problems/passwords.cfg")
	if err != nil {
		t.Fatal(err)
	}
	_, problems := Compile("passwords.cfg", text, Options{Modules: newStage().modules()})
	if got := texts(problems); len(problems) < 5 || strings.Contains(got, "hunter2") || strings.Contains(got, "weak") {
		t.Errorf("a password is shown, or too little is reported:\n%s", got)
	}
}

// TestBounds: what is too large, too deep or too much is one clear problem, and
// nothing breaks.
func TestBounds(t *testing.T) {
	many := strings.Repeat
	chain := &strings.Builder{}
	for i := range 300 {
		fmt.Fprintf(chain, "route[%d] { route(%d); }\n", i, i+1)
	}
	chain.WriteString("route[300] { break; }\n")
	for _, x := range []struct{ name, text, want string }{
		{"size", many("#", MaxSize+1), "the script is larger than 1048576 bytes"},
		{"blocks", "route {" + many("if (1) {", 200) + many("}", 200) + "}", "nested deeper than 100 levels"},
		{"blocks without end", "route {" + many("if (1) {", 100000), "nested deeper than 100 levels"},
		{"ifs without braces", "route {" + many("if (1) ", 50000) + "break; }", "nested deeper than 100 levels"},
		{"parentheses", "route { if " + many("(", 200000) + "1", "nested deeper than 100 levels"},
		{"negations", "route { if " + many("!", 200000) + "1 break; }", "nested deeper than 100 levels"},
		{"problems", "route {" + many("x();\n", 30000) + "}", "over 20000 problems; the others are not shown"},
		{"problems in a line", "route { " + many("x(); ", 2000) + "}", "over 100 problems in this line; the others are not shown"},
		{"routes that call each other", chain.String(), "routes call each other more than 100 deep"},
		{"regular expressions", "route {" + many("if (uri =~ \"a\") break;\n", 1001) + "}", "at most 1000 regular expressions"},
		{"a regular expression that explodes", `route { if (uri =~ "((((a{100}){100}){100}){100})") break; }`, "not well formed"},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, problems := Compile("big.cfg", []byte(x.text), Options{})
			if got := texts(problems); !strings.Contains(got, x.want) {
				t.Errorf("problems are\n%.2000s\nwant %q among them", got, x.want)
			}
			if len(problems) > maxProblems+1 {
				t.Errorf("%d problems", len(problems))
			}
		})
	}
}

// TestLongButGood: long lists are no deep ones.
func TestLongButGood(t *testing.T) {
	for name, text := range map[string]string{
		"else if":    "route { if (0) break;" + strings.Repeat(" else if (0) break;\n", 2000) + "}",
		"and":        "route { if (1" + strings.Repeat("&&1", 20000) + ") break; }",
		"or":         "route { if (1" + strings.Repeat("||1", 20000) + ") break; }",
		"statements": "route {" + strings.Repeat("setflag(1);", 20000) + "}",
	} {
		p := compile(t, text, nil)
		p.request(invite, stranger)
		if p.prog == nil {
			t.Error(name)
		}
	}
}

// TestLongLineIsCut: a problem shows the part of a long line that matters.
func TestLongLineIsCut(t *testing.T) {
	_, problems := Compile("long.cfg", []byte("route { "+strings.Repeat("setflag(1); ", 5000)+"x(); "+strings.Repeat("setflag(1); ", 5000)+"}"), Options{})
	line, mark, _ := strings.Cut(problems[0].Caret, "\n")
	if len(line) != maxShown || !strings.HasPrefix(line[len(mark)-1:], "x();") {
		t.Errorf("the caret is\n%s", problems[0].Caret)
	}
}

// TestLongTextsAreCut: a problem does not repeat a long text of the script, and says what is
// wrong with it all the same.
func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("[", 200000)
	for text, want := range map[string]string{
		`listen="udp:` + long + `"`:                                          "has no closing bracket",
		`listen="udp:` + strings.Repeat("é", 100000) + `"`:                   "is neither an address nor a host name",
		`route { if (uri =~ "` + strings.Repeat("(", 100000) + `") break; }`: "is not well formed",
		`route { if (src_ip == "` + long + `") break; }`:                     "",
		`route { t_on_reply("` + long + `"); }`:                              "",
		`loadmodule "` + long + `"`:                                          "there is no module",
		`alias="` + long + `"`:                                               "alias takes a host",
		`route { sl_send_reply("` + long + `", "x"); }`:                      "",
		`modparam("` + long + `", "x", 1)`:                                   "there is no module",
		"include_file \"" + long + "\"":                                      "",
	} {
		_, problems := Compile("long.cfg", []byte(text), Options{Modules: newStage().modules()})
		if got := texts(problems); len(problems) == 0 || !strings.Contains(got, want) || len(got) > 1500*len(problems) {
			t.Errorf("of %.30s: %d problems in %d bytes\n%.500s", text, len(problems), len(got), got)
		}
	}
}

// TestEveryProblemIsShown: all that is wrong with a long script is said in one run.
func TestEveryProblemIsShown(t *testing.T) {
	_, problems := Compile("long.cfg", []byte("route {\n"+strings.Repeat("foo_bar();\n", 10000)+"}"), Options{Modules: newStage().modules()})
	if last := problems[len(problems)-1]; len(problems) != 10000 || last.Line != 10001 {
		t.Errorf("%d problems, the last one is %s", len(problems), last.Error())
	}
}

// counted is a module that counts how often it is asked for its functions.
type counted struct {
	module.Module
	asked *int
}

func (c counted) Funcs() []module.Func { *c.asked++; return c.Module.Funcs() }

// TestUnknownWordsAreLookedUpOnce: a kilobyte that expands to a million unknown words does
// not have each looked for in every module.
func TestUnknownWordsAreLookedUpOnce(t *testing.T) {
	var text strings.Builder
	for i := range 3 {
		fmt.Fprintf(&text, "#!substdef \"!X%d!%s!g\"\n", i, strings.Repeat(fmt.Sprintf("X%d(); ", i+1), 30))
	}
	asked := 0
	modules := newStage().modules()
	for i := range modules {
		modules[i] = counted{modules[i], &asked}
	}
	_, problems := Compile("x.cfg", []byte(strings.ReplaceAll(text.String(), "();", "")+"route { X0 }"), Options{Modules: modules})
	if got := texts(problems); !strings.Contains(got, `there is no function "X3"`) {
		t.Errorf("problems are\n%.2000s", got)
	}
	if most := 10 * len(modules); asked > most {
		t.Errorf("modules were asked %d times, want %d at most", asked, most)
	}
}
