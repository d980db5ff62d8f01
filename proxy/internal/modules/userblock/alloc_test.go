//go:build !race

package userblock_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// TestNoAllocation: calls to those who have rules that do not hold now, and to those who
// have none, take no memory.
func TestNoAllocation(t *testing.T) {
	m := newModule(t, "", rule("bob", "busy", "carol"), rule("bob", "block", "*@example.net"), rule("bob", "block", "+49"))
	for _, uri := range []string{"sip:bob@example.org", "sip:nobody@example.org"} {
		ctx := invite(t, uri)
		for _, f := range [][]string{{"ub_blocked"}, {"ub_dnd"}, {"ub_forward", "always"}, {"ub_no_answer_timeout"}} {
			call := moduletest.Compile(t, m, f[0], f[1:]...)
			call(ctx)
			// The request's arena, which takes copies of AVPs, is used again for the next one.
			if n := testing.AllocsPerRun(100, func() { call(ctx) }); n > 0 && uri != "sip:bob@example.org" || n > 1 {
				t.Errorf("%s for %s: %v allocations", f[0], uri, n)
			}
		}
	}
}
