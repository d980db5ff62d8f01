//go:build !race

package ratelimit_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestCheckDoesNotAllocate(t *testing.T) {
	m := newModule(t, "pipe=0:RED:10", "queue=0:*")
	c := request(t, "INVITE", "2001:db8::1")
	for name, args := range map[string][]string{"rl_check": nil, "rl_check_source": {"0"}} {
		call := moduletest.Compile(t, m, name, args...)
		if n := testing.AllocsPerRun(1000, func() { call(c) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
