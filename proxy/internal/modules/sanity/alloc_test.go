//go:build !race

package sanity_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sanity"
)

func TestCheckDoesNotAllocate(t *testing.T) {
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org", "Expires: 60", "Contact: <sip:a@b>", "Authorization: "+good))
	check := moduletest.Compile(t, sanity.New(sanity.Config{}), "sanity_check", "32767", "15")
	if n := testing.AllocsPerRun(1000, func() {
		if check(ctx) < 0 {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
