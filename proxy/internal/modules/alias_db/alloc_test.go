//go:build !race

package aliasdb_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

func TestLookupDoesNotAllocate(t *testing.T) {
	lookup := moduletest.Compile(t, newModule(t, &table{rows: aliases}), "alias_db_lookup", "dbaliases")
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:nobody@example.org"))
	if n := testing.AllocsPerRun(1000, func() { lookup(ctx) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
