package script

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// files is a folder of scripts.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	text, ok := f[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if text == "forbidden" {
		return nil, errors.New("permission denied")
	}
	return []byte(text), nil
}

// wholeOf compiles main.cfg of a folder and returns what its main route notes, or the
// problems.
func (f files) notes(t *testing.T) string {
	t.Helper()
	var notes []string
	prog, problems := Compile("/etc/main.cfg", []byte(f["/etc/main.cfg"]), Options{Read: f.read, Modules: append(newStage().modules(), noting(&notes))})
	if len(problems) > 0 {
		return texts(problems)
	}
	p := compile(t, "route { ; }", nil)
	prog.Request(p.message(invite, stranger))
	return strings.Join(notes, " ")
}

// TestPreprocessor: defines, conditions, replacements and includes.
func TestPreprocessor(t *testing.T) {
	const load = "loadmodule \"note.so\"\n"
	for _, x := range []struct {
		name  string
		files files
		want  string
	}{
		{"ifdef", files{"/etc/main.cfg": load + "#!define A\nroute {\n#!ifdef A\nnote(\"a\");\n#!else\nnote(\"not a\");\n#!endif\n}"}, "a"},
		{"ifndef", files{"/etc/main.cfg": load + "#!define A\nroute {\n#!ifndef A\nnote(\"not a\");\n#!else\nnote(\"a\");\n#!endif\n}"}, "a"},
		{"not defined", files{"/etc/main.cfg": load + "route {\n  #!ifdef A\n \"not well formed {\n /* \n  #!ifdef B\n#!else\n#!endif\n#!else\nnote(\"b\");\n#!endif\n}"}, "b"},
		{"nested", files{"/etc/main.cfg": load + "#!define A\n#!define B 1\nroute {\n#!ifdef A\n#!ifdef C\nnote(\"c\");\n#!else\n#!ifdef B\nnote(\"b\");\n#!endif\n#!endif\n#!endif\n}"}, "b"},
		{"a module that is loaded", files{"/etc/main.cfg": load + "route {\n#!ifdef MOD_note\nnote(\"yes\");\n#!endif\n#!ifdef MOD_tm\nnote(\"no\");\n#!endif\n}"}, "yes"},
		{"a number", files{"/etc/main.cfg": load + "#!define PORT 5070\nroute { if ($sp == PORT && src_port == PORT) { note(\"port\"); } }"}, "port"},
		{"an address", files{"/etc/main.cfg": load + "#!define GW 192.0.2.7\n#!define NET GW/24\nroute { if (src_ip == GW && src_ip == NET) { note(\"gw\"); } }"}, "gw"},
		{"a text and a statement", files{"/etc/main.cfg": load + "#!define HELLO \"hello\" # as a text\n#!define SAY note(HELLO);\nroute { SAY SAY }"}, "hello hello"},
		{"over two lines", files{"/etc/main.cfg": load + "#!define SAY note(\"one\"); \\\n note(\"two\");\nroute { SAY }"}, "one two"},
		{"itself", files{"/etc/main.cfg": load + "#!define note note\nroute { note(\"once\"); }"}, "once"},
		{"trydef, redefine and undef", files{"/etc/main.cfg": load + "#!define A 1\n#!trydef A 2\n#!redefine B 3\n#!redefine B 4\n#!define C\n#!undef C\nroute { if (A == 1 && B == 4) { note(\"ok\"); }\n#!ifdef C\nnote(\"c\");\n#!endif\n}"}, "ok"},
		{"substdef", files{"/etc/main.cfg": load + "#!substdef \"!DOMAIN!example.org!g\"\nroute { if (to_uri =~ \"DOMAIN$\" && $td == \"DOMAIN\") { note(\"DOMAIN DOMAIN\"); } }"}, "example.org example.org"},
		{"subst once", files{"/etc/main.cfg": load + "#!subst \"/a(.)/<\\1$1>/\"\nroute { note(\"ab ac\"); }"}, "<b$1> ac"},
		{"subst without regard to case", files{"/etc/main.cfg": load + "#!subst \"/AB/x/gi\"\nroute { note(\"ab aB\"); }"}, "x x"},
		{"first lines of others", files{"/etc/main.cfg": "#!KAMAILIO\n#!SER\n#!/usr/sbin/ser\n" + load + "route { note(\"ok\"); }"}, "ok"},
		{"include", files{"/etc/main.cfg": load + "include_file \"sub/one.cfg\"\nroute { route(ONE); }",
			"/etc/sub/one.cfg": "#!include_file \"two.cfg\"\nroute[ONE] { note(\"one\"); route(TWO); }", "/etc/sub/two.cfg": "route[TWO] { note(\"two\"); }"}, "one two"},
		{"include within a route", files{"/etc/main.cfg": load + "route { include_file \"/x/body.cfg\" note(\"end\"); }", "/x/body.cfg": "note(\"body\");"}, "body end"},
		{"import", files{"/etc/main.cfg": load + "import_file \"none.cfg\"\n#!import_file \"there.cfg\"\nroute { note(WORD); }", "/etc/there.cfg": "#!define WORD \"there\""}, "there"},
		{"empty include", files{"/etc/main.cfg": load + "include_file \"e.cfg\"\nroute { note(\"ok\"); }", "/etc/e.cfg": ""}, "ok"},

		{"a file that is not there", files{"/etc/main.cfg": load + "include_file \"none.cfg\"\nroute { ; }"},
			"/etc/main.cfg:2:14: cannot be read: open /etc/none.cfg: file does not exist\n    include_file \"none.cfg\"\n                 ^\n"},
		{"a file that may not be read", files{"/etc/main.cfg": load + "import_file \"f.cfg\"\nroute { ; }", "/etc/f.cfg": "forbidden"},
			"/etc/main.cfg:2:13: cannot be read: permission denied\n    import_file \"f.cfg\"\n                ^\n"},
		{"problems in an included file", files{"/etc/main.cfg": load + "include_file \"sub.cfg\"\nroute { nothere(); }", "/etc/sub.cfg": "# first\nroute[X] {\n\tnotte(\"x\");\n}"},
			"/etc/main.cfg:3:9: there is no function \"nothere\" (did you mean note?)\n    route { nothere(); }\n            ^\n/etc/sub.cfg:3:2: there is no function \"notte\" (did you mean note?)\n    \tnotte(\"x\");\n    \t^\n"},
		{"a define in a message", files{"/etc/main.cfg": load + "#!define X nothere()\nroute { X; }"},
			"/etc/main.cfg:3:9: there is no function \"nothere\" (did you mean note?)\n    route { X; }\n            ^\n"},
		{"a file within itself", files{"/etc/main.cfg": load + "include_file \"main.cfg\"\nroute { ; }"},
			"/etc/main.cfg:2:14: \"/etc/main.cfg\" includes itself\n    include_file \"main.cfg\"\n                 ^\n"},
		{"ifdef in an included file that does not end there", files{"/etc/main.cfg": load + "include_file \"a.cfg\"\n#!endif\nroute { ; }", "/etc/a.cfg": "#!ifndef X\n"},
			"/etc/main.cfg:3:1: #!endif without an #!ifdef before it\n    #!endif\n    ^\n/etc/a.cfg:1:1: this lacks its #!endif\n    #!ifndef X\n    ^\n"},
		{"two elses", files{"/etc/main.cfg": load + "#!ifdef X\n#!else\n#!else\n#!endif\nroute { ; }"},
			"/etc/main.cfg:4:1: a second #!else of the #!ifdef at line 2\n    #!else\n    ^\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := x.files.notes(t); got != x.want {
				t.Errorf("got\n%s\nwant\n%s", got, x.want)
			}
		})
	}
}

// TestPreprocessorBounds: whatever grows without bound is one clear problem.
func TestPreprocessorBounds(t *testing.T) {
	deep := files{}
	for i := range 20 {
		deep[fmt.Sprintf("/etc/%d.cfg", i)] = fmt.Sprintf("include_file \"%d.cfg\"\n", i+1)
	}
	deep["/etc/main.cfg"] = "include_file \"0.cfg\"\nroute { ; }"
	var bomb, wide strings.Builder
	for i := range 40 {
		fmt.Fprintf(&bomb, "#!define A%d A%d A%d\n", i, i+1, i+1)
	}
	bomb.WriteString("#!define A40 ;\nroute { A0 }\n")
	for range 200 {
		wide.WriteString("include_file \"e.cfg\"\n")
	}
	var defines strings.Builder
	for i := range maxDefines + 1 {
		fmt.Fprintf(&defines, "#!define D%d\n", i)
	}
	var grow strings.Builder
	for range maxSubsts {
		grow.WriteString("#!subst \"/x/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/g\"\n")
	}
	for _, x := range []struct {
		name  string
		files files
		want  string
	}{
		{"includes", deep, "files include each other more than 10 deep"},
		{"files", files{"/etc/main.cfg": wide.String(), "/etc/e.cfg": ""}, "a script has at most 100 files"},
		{"defines that double", files{"/etc/main.cfg": bomb.String()}, "the script comes to more than 1048576 words"},
		{"defines", files{"/etc/main.cfg": defines.String()}, "a script has at most 1000 defines"},
		{"a large file", files{"/etc/main.cfg": "include_file \"l.cfg\"", "/etc/l.cfg": strings.Repeat("#", MaxSize+1)}, "is too large: a file has at most 1048576 bytes"},
		{"replacements that grow", files{"/etc/main.cfg": grow.String() + "alias=\"x\"\nroute { nothere(); }"}, "there is no function"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := x.files.notes(t); !strings.Contains(got, x.want) {
				t.Errorf("got %.500s, want %s", got, x.want)
			}
		})
	}
}

// TestGuarded: where a script is checked for somebody else, nothing of a file that is
// no script is shown; of a script, the lines with problems are.
func TestGuarded(t *testing.T) {
	f := files{
		"/etc/main.cfg": "include_file \"/etc/shadow\"\ninclude_file \"sub.cfg\"\nroute { ; }",
		"/etc/shadow":   "root:$6$hunter2$abc:19000:0:99999:7:::\nalice:hunter2:1:2\n",
		"/etc/sub.cfg":  "debug=3\nroute[1] { nothere(); }",
	}
	_, problems := Compile("/etc/main.cfg", []byte(f["/etc/main.cfg"]), Options{Read: f.read, Guarded: true})
	got := texts(problems)
	if strings.Contains(got, "hunter2") || strings.Contains(got, "root") || !strings.Contains(got, "/etc/shadow:1:1: this is no routing script") || !strings.Contains(got, "route[1] { nothere(); }") {
		t.Errorf("problems are\n%s", got)
	}
	if _, problems = Compile("/etc/env", []byte("debug=3\nDB_PASSWORD=hunter2\n"), Options{Guarded: true}); len(problems) != 1 || strings.Contains(texts(problems), "PASSWORD") {
		t.Errorf("problems of a file of settings are\n%s", texts(problems))
	}
	if _, problems = Compile("/etc/shadow", []byte(f["/etc/shadow"]), Options{Guarded: true}); len(problems) != 1 || strings.Contains(texts(problems), "root") {
		t.Errorf("problems of a file that is no script are\n%s", texts(problems))
	}
}
