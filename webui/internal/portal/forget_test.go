package portal

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// lateRouter is a router that a phone or a page of the account reaches until its credentials are
// forgotten: as long as that has not happened, one attempt cannot be cancelled and one is not there.
type lateRouter struct {
	told []string
	fail map[string]error // by method
}

func (r *lateRouter) Call(_ context.Context, method string, params, result any) error {
	if method == ctlproto.MethodCtdList {
		late := slices.Contains(r.told, ctlproto.MethodAuthForget)
		list := []ctlproto.CtdStatus{{ID: "taken", Cancellable: late}, {ID: "over", Ended: true}}
		if late {
			list = append(list, ctlproto.CtdStatus{ID: "clicked", Cancellable: true})
		}
		*result.(*[]ctlproto.CtdStatus) = list
	}
	what := method
	if method == ctlproto.MethodCtdCancel {
		var p struct{ ID string }
		raw, err := json.Marshal(params)
		if err = errors.Join(err, json.Unmarshal(raw, &p)); err != nil {
			return err
		}
		what += " " + p.ID
	}
	r.told = append(r.told, what)
	return r.fail[method]
}

// TestForget: what a phone or a page has begun until the credentials are gone is cancelled, too, and a
// step that fails keeps no other from being tried.
func TestForget(t *testing.T) {
	alice, err := aor.New("alice", "example.org")
	if err != nil {
		t.Fatal(err)
	}
	broken, refused := errors.New("broken"), ctlproto.Errorf(ctlproto.CodeRefused, "over")
	for name, c := range map[string]struct {
		fail map[string]error
		want error
	}{
		"all is well":              {},
		"not loaded":               {map[string]error{ctlproto.MethodUlRm: ctlproto.Errorf(ctlproto.CodeMethodNotFound, "no")}, nil},
		"just over":                {map[string]error{ctlproto.MethodCtdCancel: refused}, nil},
		"credentials stay":         {map[string]error{ctlproto.MethodAuthForget: broken}, broken},
		"the phones stay":          {map[string]error{ctlproto.MethodUlRm: broken}, broken},
		"the first one cannot end": {map[string]error{ctlproto.MethodCtdCancel: broken}, broken},
	} {
		r := &lateRouter{fail: c.fail}
		if err := Forget(t.Context(), ctlproto.NewMethods(r), alice, alice); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if got, want := strings.Join(r.told, ", "), "auth.forget, ul.rm, ctd.list, ctd.cancel taken, ctd.cancel clicked"; got != want {
			t.Errorf("%s: told %s, want %s", name, got, want)
		}
	}
}
