package user

import (
	"testing"

	"seraph/sql/aor"
)

// TestOneExportAtATime of each user; others' do not wait.
func TestOneExportAtATime(t *testing.T) {
	var e exporting
	alice, bob := aor.AOR{User: "alice", Domain: "example.org"}, aor.AOR{User: "bob", Domain: "example.org"}
	for _, step := range []struct {
		who  aor.AOR
		want bool
	}{{alice, true}, {alice, false}, {bob, true}, {alice, false}} {
		if got := e.begin(step.who); got != step.want {
			t.Errorf("%s may begin: %v, want %v", step.who.String(), got, step.want)
		}
	}
	e.end(alice)
	if !e.begin(alice) || e.begin(bob) {
		t.Error("the end of an export lets the next one begin, and nobody else's")
	}
}
