package nathelper_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/nathelper"
)

// TestAliasGoesWithItsURI: the place that an alias names counts for its Request-URI alone, even
// where the script had set a next hop before.
func TestAliasGoesWithItsURI(t *testing.T) {
	handle := moduletest.Compile(t, nathelper.New(nathelper.Config{}), "handle_ruri_alias")
	r := moduletest.New(t, &moduletest.Script{})
	ctx := moduletest.Message(t, moduletest.Request("BYE", "sip:a@10.0.0.1;alias=192.0.2.7~40001~1"))
	ctx.Engine, ctx.InDialog = r.Engine, true
	ctx.SetNext([]byte("sip:192.0.2.99"))
	if got := handle(ctx); got < 0 || string(ctx.Main.Next) != "sip:192.0.2.7:40001" {
		t.Fatalf("%d, next %s", got, ctx.Main.Next)
	}
	if ctx.Moved(); ctx.Main.Next != nil {
		t.Errorf("it goes to %s still", ctx.Main.Next)
	}
}
