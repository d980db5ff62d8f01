//go:build !race

package pike_test

import (
	"testing"

	"seraph/proxy/internal/modules/pike"
)

func TestCheckDoesNotAllocate(t *testing.T) {
	for _, ip := range []string{"192.0.2.7", "2001:db8::1"} {
		b := newBench(t, pike.Config{}, "reqs_density_per_unit=10")
		b.from(ip)
		if n := testing.AllocsPerRun(1000, func() { b.check(b.ctx) }); n != 0 {
			t.Errorf("%s: %v allocations", ip, n)
		}
	}
}
