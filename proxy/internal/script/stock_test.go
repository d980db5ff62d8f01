package script

import (
	"os"
	"testing"
)

// TestScriptsOfSER: scripts in SER's grammar, with each of its forms, have no problems.
func TestScriptsOfSER(t *testing.T) {
	for _, file := range []string{"testdata/scripts/ser08.cfg", "testdata/scripts/ser09.cfg", "testdata/scripts/kamailio5.cfg", "../../../e2e/bench/seraph.cfg"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := Compile(file, text, Options{Modules: newStage().modules(), Read: os.ReadFile}); len(problems) > 0 {
			t.Error(texts(problems))
		}
	}
}
