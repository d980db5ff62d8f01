//go:build !race

package htable_test

import (
	"testing"

	"seraph/proxy/internal/module"
)

func TestReadingDoesNotAllocate(t *testing.T) {
	d := newDesk(t, "ban=>autoexpire=300")
	for _, name := range []string{"$sht(ban=>$si)", "$shtinc(ban=>x$ci)", "$shtex(ban=>$si)"} {
		v := d.variable(name)
		for _, x := range []module.Value{{}, text("a text of some length")} {
			d.set("$sht(ban=>$si)", x)
			v.Value(d.c)
			d.c.Keep(nil)
			if n := testing.AllocsPerRun(100, func() { v.Value(d.c) }); n != 0 {
				t.Errorf("%s with a value of kind %d: %v allocations", name, x.Kind, n)
			}
		}
	}
}
