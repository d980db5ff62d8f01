package script

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// TestModuleURI: SER's module uri is what Kamailio calls siputils.
func TestModuleURI(t *testing.T) {
	p := compileWhole(t, `loadmodule "uri.so"
		loadmodule "siputils.so"
		loadmodule "sl.so"
		route { if (has_totag()) { sl_send_reply("404", "Not Here"); }; }`, nil)
	if got := p.request(invite, stranger); got != "has_totag() sl_send_reply(404,Not Here)" {
		t.Errorf("it calls %q", got)
	}
	if n := len(p.prog.Modules()); n != 2 {
		t.Errorf("%d modules are loaded, want 2", n)
	}
	_, problems := Compile("u.cfg", []byte("loadmodule \"uri.so\"\nmodparam(\"uri\", \"none\", 1)\nroute { ; }"), Options{Modules: newStage().modules()})
	if got := texts(problems); !strings.Contains(got, "module siputils has no parameter \"none\"") {
		t.Errorf("problems %s", got)
	}
}

// TestJoinedTexts: texts that follow each other in a modparam are one, also over lines,
// and a line of such a text is shown in no problem.
func TestJoinedTexts(t *testing.T) {
	s := newStage()
	prog, problems := Compile("j.cfg", []byte("loadmodule \"usrloc.so\"\nmodparam(\"usrloc\", \"db_url\", \"mysql://\" 'ser'\n\t\"@h/ser\")\nroute { ; }"), Options{Modules: s.modules()})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	if got := prog.Params()[0].Text; got != "mysql://ser@h/ser" || s.params["db_url"] != got {
		t.Errorf("the parameter is %q, the module has got %q", got, s.params["db_url"])
	}
	for _, bad := range []string{"\"hun\"\n\"ter2\" oops)", "\n\"hunter2\" oops)", "\"hun\"\n\"ter2\" \"hunter2\" 5)"} {
		_, problems = Compile("j.cfg", []byte("loadmodule \"auth.so\"\nmodparam(\"auth\", \"secret\", "+bad+"\nroute { ; }"), Options{Modules: s.modules()})
		if got := texts(problems); got == "" || strings.Contains(got, "ter2\"") || strings.Contains(got, "\"hun") {
			t.Errorf("%q: %s", bad, got)
		}
	}
}

// TestManyFaults: a check of a large script with nothing but faults ends soon: it guesses
// what was meant no more often than it reports.
func TestManyFaults(t *testing.T) {
	word := strings.Repeat("q", 900<<10)
	if got := module.Nearest(word, []string{word}); got != "" {
		t.Errorf("a word of %d bytes was compared", len(word))
	}
	for name, text := range map[string]string{
		"unknown calls":     loads + "route {\n" + strings.Repeat("\tunknown_call(\"x\");\n", 35000) + "}\n",
		"unknown variables": loads + "route {\n" + strings.Repeat("\tif ($nosuch == 1) { break; };\n", 25000) + "}\n",
		"a long word":       loads + "route {\n\t" + word + "();\n}\n",
		"a long subject":    loads + "route {\n\tif (" + word + " == 1) { ; };\n}\n",
		"a long module":     "loadmodule \"" + word + ".so\"\nroute { ; }\n",
	} {
		_, problems := Compile("many.cfg", []byte(text), Options{Modules: newStage().modules()})
		if n := len(problems); n == 0 || n > maxProblems+1 {
			t.Errorf("%s: %d problems", name, n)
		}
	}
}
