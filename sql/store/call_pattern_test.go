package store_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// plainGlob is the matcher to be held to, and how many steps it took: for each * it tries
// every place of the text.
func plainGlob(pattern, text string) (fits bool, steps int) {
	p, t, star, mark := 0, 0, -1, 0
	for ; t < len(text); steps++ {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false, steps
		}
	}
	return strings.Trim(pattern[p:], "*") == "", steps
}

// TestTryPattern: an address with wildcards is for the callers that it always was for, and looking takes
// no more than one look at each byte of both.
func TestTryPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*é]{0,12}@[ab*.]{0,12}`).Draw(t, "pattern")
		caller := rapid.StringMatching(`[abé]{0,16}@[ab.@]{0,16}`).Draw(t, "caller")
		if rapid.Bool().Draw(t, "of the pattern") { // so that many fit
			caller = strings.ReplaceAll(pattern, "*", rapid.StringMatching(`[ab]{0,3}`).Draw(t, "filling"))
		}
		fits, work := store.TryPattern(pattern, []byte(caller))
		if want, _ := plainGlob(pattern, caller); fits != want || store.PatternFits(pattern, []byte(caller)) != want {
			t.Errorf("%q for %q: %v", pattern, caller, fits)
		}
		if work > len(pattern)+len(caller) {
			t.Errorf("%q for %q: %d bytes were looked at", pattern, caller, work)
		}
	})
}

// TestPatternsMadeToBeSlow: texts that nearly fit wherever one looks take no more than others.
func TestPatternsMadeToBeSlow(t *testing.T) {
	caller := aor.AppendCaller(nil, "sip:"+strings.Repeat("a", 255)+"@"+strings.Repeat("a", 250)+".x")
	for _, pattern := range []string{
		"*" + strings.Repeat("a", 110) + "b001@*", "*" + strings.Repeat("a", 60) + "b*" + strings.Repeat("a", 60) + "b@*", strings.Repeat("*a", 60) + "b@*",
		strings.Repeat("*", 120) + "b@*", "*@" + strings.Repeat("a*", 60) + "b",
	} {
		pattern, err := store.CheckPattern(pattern)
		ok(t, err)
		fits, work := store.TryPattern(pattern, caller)
		if want, steps := plainGlob(pattern, string(caller)); fits != want || work > len(pattern)+len(caller) {
			t.Errorf("%q: %v, %d bytes were looked at (plainly %v, %d)", pattern, fits, work, want, steps)
		}
		if n := testing.AllocsPerRun(100, func() { store.PatternFits(pattern, caller) }); n != 0 {
			t.Errorf("%q: %v allocations", pattern, n)
		}
	}
	for _, pattern := range []string{"anonymous", "+4930", "tel:+4930", "tel:1001"} {
		for _, caller := range []string{"", "anonymous", "+49301234@gw.example", "1001", "@"} {
			if _, work := store.TryPattern(pattern, []byte(caller)); work <= 0 || work > len(pattern)+len(caller) {
				t.Errorf("%q for %q: %d bytes were looked at", pattern, caller, work)
			}
		}
	}
}

// TestWildcards: a new pattern has a few, one that is there already goes on to work and can be switched
// off and on.
func TestWildcards(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		block := func(pattern string) store.CallRule {
			return store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: pattern, Enabled: true}
		}
		most := strings.Repeat("a*", store.MaxWildcards) + "@x"
		ok(t, db.CallRules.Set(ctx, block(most)))
		ok(t, db.CallRules.Set(ctx, block(strings.Repeat("%2a", 20)+"@x"))) // the character
		failsOn(t, "too many", db.CallRules.Set(ctx, block("*"+most)), "pattern")
		failsOn(t, "too many of the host", db.CallRules.Set(ctx, block("@"+strings.Repeat("*.", store.MaxWildcards)+"x")), "pattern")
		old := strings.Repeat("b*", 20) + "@x"
		db.exec(t, fmt.Sprintf("INSERT INTO call_rule (username, domain, kind, pattern) VALUES ('alice', 'example.org', 'block', '%s')", old))
		all, err := db.CallRules.All(ctx)
		ok(t, err)
		if len(all) != 3 || all[2].Pattern != old || !all[2].Refuses([]byte(strings.Repeat("bc", 20)+"@x")) {
			t.Errorf("the rules are %+v", all)
		}
		off := block(old)
		off.Enabled = false
		ok(t, db.CallRules.Set(ctx, off))
		ok(t, db.CallRules.Set(ctx, block(old)))
		ok(t, db.CallRules.Remove(ctx, alice, store.RuleBlock, old))
		failsOn(t, "removed, and set again", db.CallRules.Set(ctx, block(old)), "pattern")
	})
}
