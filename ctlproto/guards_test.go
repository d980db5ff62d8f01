package ctlproto_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// TestGuardCalls: the typed calls of the guarding modules send what their methods take.
func TestGuardCalls(t *testing.T) {
	done := ctltest.Result(ctlproto.Done{})
	top := ctlproto.PikeTop{MaxHits: 16, Total: 1, List: []ctlproto.PikeSource{{IP: "192.0.2.7", HitsCurr: 20, Status: "HOT"}}}
	slots := []ctlproto.HtableSlot{{Entry: 1, Size: 1, Slot: []ctlproto.HtableItem{{Name: "x", Value: "flood"}}}}
	server := ctltest.Serve(t, map[string]ctltest.Handler{
		"pike.top": ctltest.Result(top), "pike.rm": done, "htable.dump": ctltest.Result(slots), "htable.delete": done,
		"permissions.addressReload": done, "permissions.trustedReload": done,
	})
	c, ctx := dial(t, server.Path), within(t)
	for _, tc := range []struct {
		method, params string
		call           func() (any, error)
		want           any
	}{
		{"pike.top", `{"filter":"HOT"}`, func() (any, error) { return c.PikeTop(ctx, "HOT") }, top},
		{"pike.rm", `{"ip":"192.0.2.7"}`, func() (any, error) { return nil, c.PikeRm(ctx, "192.0.2.7") }, nil},
		{"htable.dump", `{"htable":"ipban"}`, func() (any, error) { return c.HtableDump(ctx, "ipban") }, slots},
		{"htable.delete", `{"htable":"ipban","key":"192.0.2.7"}`, func() (any, error) { return nil, c.HtableDelete(ctx, "ipban", "192.0.2.7") }, nil},
		{"permissions.addressReload", "", func() (any, error) { return nil, c.PermAddressReload(ctx) }, nil},
		{"permissions.trustedReload", "", func() (any, error) { return nil, c.PermTrustedReload(ctx) }, nil},
	} {
		got, err := tc.call()
		if err != nil {
			t.Errorf("%s: %v", tc.method, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.method, diff)
		}
		calls := server.Calls()
		if last := calls[len(calls)-1]; last.Method != tc.method || string(last.Params) != tc.params {
			t.Errorf("sent %s %s, want %s %s", last.Method, last.Params, tc.method, tc.params)
		}
	}
}
