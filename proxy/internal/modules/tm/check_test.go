package tm_test

import (
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
)

// TestIsSet: each kind of route by itself, before and after it is armed.
func TestIsSet(t *testing.T) {
	m := tm.New(tm.Config{})
	kinds := map[string]string{"failure_route": "t_on_failure", "branch_route": "t_on_branch", "onreply_route": "t_on_reply"}
	for kind, arm := range kinds {
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
		ask := func(kind string) int { return moduletest.Compile(t, m, "t_is_set", kind)(c) }
		if got := ask(kind); got != module.False {
			t.Errorf("t_is_set(%s) is %d before %s", kind, got, arm)
		}
		moduletest.Compile(t, m, arm, "3")(c)
		for other := range kinds {
			if want := map[bool]int{true: module.True, false: module.False}[other == kind]; ask(other) != want {
				t.Errorf("t_is_set(%s) after %s is not %d", other, arm, want)
			}
		}
		moduletest.Compile(t, m, arm, "0")(c)
		if got := ask(kind); got != module.False {
			t.Errorf("t_is_set(%s) is %d after it was disarmed", kind, got)
		}
	}
	if got := moduletest.Refused(t, m, "t_is_set", "reply_route"); got != `"reply_route" is none of failure_route, branch_route and onreply_route` {
		t.Error(got)
	}
}

// TestCheckTrans: the script sees a request once, and never as part of a transaction.
func TestCheckTrans(t *testing.T) {
	m := tm.New(tm.Config{})
	var asked []int
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		asked = append(asked, moduletest.Compile(t, m, "t_check_trans")(c), moduletest.Compile(t, m, "t_precheck_trans")(c))
		moduletest.Compile(t, m, "t_newtran")(c)
		moduletest.Compile(t, m, "t_reply", "180", "Ringing")(c)
		moduletest.Compile(t, m, "t_reply", "486", "Busy Here")(c)
	}})
	request := moduletest.Request("INVITE", "sip:bob@example.org")
	r.Receive(phone, request)
	r.Receive(phone, request)
	if len(asked) != 2 || asked[0] != module.False || asked[1] != module.False {
		t.Errorf("the script was told %v", asked)
	}
}
