package userblock_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/sql/store"
)

// chain is u1 to u6, each of whom forwards to the next one and has 99 rules that block, made of a pattern
// with a number in it.
func chain(pattern string) (rules []store.CallRule) {
	for k := 1; k <= 6; k++ {
		owner := fmt.Sprintf("u%d", k)
		for i := range store.MaxCallRules - 1 {
			rules = append(rules, rule(owner, "block", fmt.Sprintf(pattern, i)))
		}
		if k < 6 {
			rules = append(rules, rule(owner, "always", fmt.Sprintf("u%d", k+1)))
		}
	}
	return rules
}

// TestChainOfManyRules: people with as many rules as there can be forward to each other, and who is blocked
// at the end of it is; patterns and a caller that are made to take long end the chain, and what is blocked is.
func TestChainOfManyRules(t *testing.T) {
	const ordinary, slow = "somebody%03d*@telemarketing.example", "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab%03d@*"
	long := strings.Repeat("a", 255) + "@" + strings.Repeat("a", 250) + ".x"
	for _, c := range []struct {
		name, pattern, caller, want string
		ended                       int64
	}{
		{"people", ordinary, "a.somewhat.longer.name@subsidiary.company.example", "sip:u6@example.org", 0},
		{"numbers", "+49301234%03d", "+493012341@gw.example", "sip:u6@example.org", 0},
		{"made to be slow", slow, long, "sip:u3@example.org", 1},
		{"of few characters", slow, "a@b.example", "sip:u6@example.org", 0},
		{"separators", ordinary, "+49" + strings.Repeat("-", 60000) + "1@gw.example", "sip:u3@example.org", 1},
		{"who is blocked", ordinary, "somebody042x@telemarketing.example", "", 0},
		{"who is blocked with a long name", strings.Replace(slow, "*", "a*", 1), "a" + strings.Repeat("a", 150) + "b098@" + strings.Repeat("a", 250) + ".x", "", 0},
	} {
		m := newModule(t, "", chain(c.pattern)...)
		if err := moduletest.Set(t, m, "max_forwards", "10"); err != nil {
			t.Fatal(err)
		}
		ctx := moduletest.Message(t, from(moduletest.Request("INVITE", "sip:u1@example.org"), "sip:"+c.caller))
		got := ""
		if moduletest.Compile(t, m, "ub_forward", "always")(ctx) == module.True {
			got = string(ctx.Main.URI)
		}
		if got != c.want {
			t.Errorf("%s: forwarded to %q, want %q", c.name, got, c.want)
		}
		if blocked := moduletest.Compile(t, m, "ub_blocked")(ctx) == module.True; blocked != (c.want == "") {
			t.Errorf("%s: blocked where the call has come to: %v", c.name, blocked)
		}
		m.Statistics(func(_, name string, n int64) {
			if name == "forwards_ended" && n != c.ended {
				t.Errorf("%s: %d forwards ended", c.name, n)
			}
		})
	}
}

// TestMoreRulesThanOneCanHave: whoever has more rules by another program refuses those whom they are for, and nobody else.
func TestMoreRulesThanOneCanHave(t *testing.T) {
	var rules []store.CallRule
	for i := range 5000 {
		rules = append(rules, rule("bob", "block", fmt.Sprintf("tel:+49301%05d", i)))
	}
	ask := moduletest.Compile(t, newModule(t, "", rules...), "ub_blocked")
	for caller, want := range map[string]bool{"sip:+4930104999@gw.example": true, "sip:+4930105000@gw.example": false} {
		ctx := moduletest.Message(t, from(moduletest.Request("INVITE", "sip:bob@example.org"), caller))
		if got := ask(ctx) == module.True; got != want {
			t.Errorf("%s is blocked: %v", caller, got)
		}
	}
}
