//go:build !race

package nathelper_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// TestNothingAllocates: nat_uac_test, the alias and its end are on the way of every call.
func TestNothingAllocates(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	ctx := request(t, r, "udp:192.0.2.7:40001", "10.0.0.1", "Contact: <sip:a@10.0.0.1>")
	bye := moduletest.Message(t, moduletest.Request("BYE", "sip:a@10.0.0.1;alias=192.0.2.7~9~1"))
	bye.Engine, bye.InDialog = r.Engine, true
	uri := bye.Main.URI
	test, add := moduletest.Compile(t, m, "nat_uac_test", "31"), moduletest.Compile(t, m, "add_contact_alias")
	fix, handle := moduletest.Compile(t, m, "fix_nated_contact"), moduletest.Compile(t, m, "handle_ruri_alias")
	mark := ctx.Msg.Mark()
	if n := testing.AllocsPerRun(1000, func() {
		test(ctx)
		add(ctx)
		fix(ctx)
		ctx.Msg.Rollback(mark)
		bye.Main.URI = uri
		if handle(bye) != 1 {
			t.Fatal("the alias is not followed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
