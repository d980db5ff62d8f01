package script

import (
	"bytes"
	"os"
	"path/filepath"
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
	p := compile(f, "route { ; }", nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newStage()
		prog, problems := Compile("fuzz.cfg", text, Options{Modules: s.modules()})
		if (prog == nil) != (len(problems) > 0) {
			t.Fatalf("program %v with problems %v", prog != nil, problems)
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, x := range problems {
			if x.Line < 1 || x.Line > lines || x.Column < 1 || x.Message == "" {
				t.Fatalf("problem without a place in %d lines: %+v", lines, x)
			}
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
		for number := range prog.reply {
			prog.Reply(q.message(ringing, stranger), number)
		}
	})
}
