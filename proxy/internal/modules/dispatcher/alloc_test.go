//go:build !race

package dispatcher_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// TestSelectDoesNotAllocate: the request's own memory for AVPs and URIs, which the next
// request uses again, is all that a choice takes.
func TestSelectDoesNotAllocate(t *testing.T) {
	m := newModule(t, gateways(1, 3), "hash_pvar $rU-$ci")
	for _, algorithm := range []string{"0", "4", "7", "8", "9", "11", "12", "13"} {
		pick := moduletest.Compile(t, m, "ds_select_dst", "1", algorithm)
		ctx := call(t, "x")
		pick(ctx)
		// 100 choices take 100 copies of AVP and URI, a few blocks of 8 KiB.
		if n := testing.AllocsPerRun(10, func() {
			for range 100 {
				pick(ctx)
			}
		}); n > 5 {
			t.Errorf("algorithm %s: %v allocations in 100 choices", algorithm, n)
		}
	}
}
