package userblock_test

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// FuzzPattern: whatever pattern the store takes blocks nobody but whom it names, and a
// pattern that is the caller's own address blocks him.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"*@example.net", "a*b*c@*", "+49 30", "anonymous", "@x", "*****@*****"} {
		f.Add(p, "alice")
	}
	f.Fuzz(func(t *testing.T, pattern, user string) {
		p, err := store.CheckPattern(pattern)
		if err != nil {
			return
		}
		if again, err := store.CheckPattern(p); err != nil || again != p {
			t.Errorf("%q is made %q, and that %q, %v", pattern, p, again, err)
		}
		caller, err := aor.New(user, "example.net")
		if err != nil {
			return
		}
		bob, _ := aor.New("bob", "example.org")
		own := store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: store.PatternOf(caller.URI()), Enabled: true}
		other := store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: p, Enabled: true}
		ctx := moduletest.Message(t, from(moduletest.Request("INVITE", "sip:bob@example.org"), caller.URI()))
		moduletest.Compile(t, newModule(t, "", other), "ub_blocked")(ctx)
		if own, err = own.Canonical(); err == nil &&
			moduletest.Compile(t, newModule(t, "", own), "ub_blocked")(ctx) != module.True {
			t.Errorf("%s is not blocked by %q", caller, own.Pattern)
		}
	})
}
