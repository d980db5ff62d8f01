//go:build !race

package speeddial_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestLookupDoesNotAllocate(t *testing.T) {
	lookup := moduletest.Compile(t, newModule(t, row("alice@example.org", "2", "sip:bob@example.org")), "sd_lookup", "speed_dial")
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	if n := testing.AllocsPerRun(1000, func() { lookup(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
