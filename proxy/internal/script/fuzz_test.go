package script

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzCompile: whatever the bytes, Compile ends with a program or with problems
// that have a place in the text, and a program runs.
func FuzzCompile(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*/*.cfg")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range append(seeds, "../../../deploy/seraph.cfg", "../../../e2e/bench/seraph.cfg") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"#!define A B\n#!define B A\nroute { A; $var(x) = \"a\" + $ru; while ($var(i) < 9) { $var(i) = $var(i) + 1; } }",
		"include_file \"sub.cfg\"\n#!ifdef X\n\"\n#!endif\nroute { route(SUB); }",
		"#!substdef \"!X!$rU!g\"\nroute { switch ($rm) { case \"X\": case -1: exit; default: rewriteuri(\"sip:X@$rd\"); } }",
		"route { t_on_branch(B); $avp(a) = $hdr(To); $avp(a) = $null; } branch_route[B] { if ($rU !~ \"x\") drop; } event_route[tm:local-request] { return($rc); }",
		"route { route(A); route(A); } route[A] { route(B); route(B); } route[B] { while (1) { $rU = $rU + \"x\"; } }",
	} {
		f.Add([]byte(text))
	}
	folder := files{"sub.cfg": "route[SUB] { note(\"$ru\"); }\n#!ifndef Y\n#!endif\n"}
	p := compile(f, "route { ; }", nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newStage()
		var notes []string
		prog, problems := Compile("fuzz.cfg", text, Options{Modules: append(s.modules(), noting(&notes)), Read: folder.read})
		if (prog == nil) != (len(problems) > 0) {
			t.Fatalf("program %v with problems %v", prog != nil, problems)
		}
		for _, x := range problems {
			lines := bytes.Count(text, []byte("\n")) + 1
			if x.File != "fuzz.cfg" {
				lines = strings.Count(folder[x.File], "\n") + 1
			}
			if x.Line < 1 || x.Line > lines || x.Column < 1 || x.Message == "" {
				t.Fatalf("problem without a place in %d lines: %+v", lines, x)
			}
		}
		if prog != nil {
			readBack(t, prog)
		}
		if prog == nil || bytes.Contains(text, []byte("forward")) {
			return // what is forwarded would leave the test
		}
		q := *p
		q.t, q.prog = t, prog
		prog.Request(q.message(invite, stranger))
		for number := range prog.failure {
			prog.Failure(q.message(invite, stranger), number)
		}
		for number := range prog.branch {
			prog.Branch(q.message(invite, stranger), number)
		}
		prog.LocalRequest(q.message(invite, stranger))
		for number := range prog.reply {
			prog.Reply(q.message(ringing, stranger), number)
		}
	})
}

// readBack demands that the dump of a program is a script whose dump is the same. A
// password that is masked may stand where its place is not open to any text.
func readBack(t *testing.T, prog *Program) {
	t.Helper()
	dump := prog.Dump()
	if strings.Contains(dump, masked) {
		return
	}
	var notes []string
	again, problems := Compile("dump.cfg", []byte(dump), Options{Modules: append(newStage().modules(), noting(&notes))})
	if len(problems) > 0 {
		t.Fatalf("the dump is\n%s\n%s", dump, texts(problems))
	}
	if again.Dump() != dump {
		t.Fatalf("the dump of\n%s\nis\n%s", dump, again.Dump())
	}
}
