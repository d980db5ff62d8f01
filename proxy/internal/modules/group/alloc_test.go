//go:build !race

package group_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestIsUserInDoesNotAllocate(t *testing.T) {
	m := newModule(t, &table{rows: [][2]string{{"alice@example.org", "ld"}}})
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:nobody@example.org"))
	for _, who := range []string{"From", "To", "Request-URI"} {
		in := moduletest.Compile(t, m, "is_user_in", who, "ld")
		if n := testing.AllocsPerRun(1000, func() { in(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations", who, n)
		}
	}
}
