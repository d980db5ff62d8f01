package control

import (
	"context"
	"errors"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/modules/speeddial"
	"seraph/proxy/internal/modules/userblock"
	"seraph/sql/store"
)

// callConfig has the modules themselves behind it, with two gateways.
func callConfig(t *testing.T) Config {
	t.Helper()
	gateways := dispatcher.New(dispatcher.Config{Load: func(context.Context) ([]store.Gateway, error) {
		return []store.Gateway{{Set: 2, URI: "sip:192.0.2.2"}, {Set: 1, URI: "sip:192.0.2.1:5070", Flags: 8, Priority: 3, Attrs: "weight=50;duid=b1"}}, nil
	}})
	if err := gateways.Init(); err != nil {
		t.Fatal(err)
	}
	cfg := newFakeProxy().config()
	cfg.CallModules = CallModules{Dispatcher: gateways, Speeddial: speeddial.New(speeddial.Config{}), Userblock: userblock.New(userblock.Config{})}
	return cfg
}

func TestCallModules(t *testing.T) {
	const first = `{"DEST":{"URI":"sip:192.0.2.1:5070","FLAGS":"AP","PRIORITY":3,"ATTRS":{"BODY":"weight=50;duid=b1","DUID":"b1","MAXLOAD":0,"WEIGHT":50,"RWEIGHT":0},"RUNTIME":{"DLGLOAD":0}}}`
	const second = `{"DEST":{"URI":"sip:192.0.2.2","FLAGS":"AX","PRIORITY":0,"ATTRS":{"BODY":"","DUID":"","MAXLOAD":0,"WEIGHT":0,"RWEIGHT":0}}}`
	for _, c := range []struct{ method, params, want string }{
		{"dispatcher.list", ``, `"result":{"NRSETS":2,"RECORDS":[{"SET":{"ID":1,"TARGETS":[` + first + `]}},{"SET":{"ID":2,"TARGETS":[` + second + `]}}]}`},
		{"dispatcher.list", `[1]`, invalid("", tooMany)},
		{"dispatcher.reload", ``, `"result":{}`},
		{"dispatcher.set_state", `["ip",2,"sip:192.0.2.2"]`, `"result":{}`},
		{"dispatcher.set_state", `{"state":"d","group":"1","address":"all"}`, `"result":{}`},
		{"dispatcher.set_state", `["x",2,"sip:192.0.2.2"]`, refusal(ctlproto.CodeNotFound, `state "x": 'x' is none of a, i, d, t and p`)},
		{"dispatcher.set_state", `["a",3,"all"]`, refusal(ctlproto.CodeNotFound, "there is no set 3")},
		{"dispatcher.set_state", `["a",1,"sip:192.0.2.9"]`, refusal(ctlproto.CodeNotFound, "set 1 has no destination sip:192.0.2.9")},
		{"dispatcher.set_state", `["a",-1,"all"]`, invalid("group", "-1 is not from 0 to 2147483647")},
		{"dispatcher.set_state", `["a",1]`, invalid("address", "missing")},
		{"speeddial.reload", ``, `"result":{}`},
		{"speeddial.reload", `[1]`, invalid("", tooMany)},
		{"userblock.reload", ``, `"result":{}`},
	} {
		if got := plug(t, start(t, callConfig(t))).call(c.method, c.params); got != c.want {
			t.Errorf("%s %s: got\n%s\nwant\n%s", c.method, c.params, got, c.want)
		}
	}
	w := plug(t, start(t, newFakeProxy().config()))
	for _, method := range []string{"dispatcher.list", "dispatcher.set_state", "dispatcher.reload", "speeddial.reload", "userblock.reload"} {
		if got := w.call(method, ""); !strings.Contains(got, "-32601") {
			t.Errorf("%s where its module is not loaded: %s", method, got)
		}
	}
}

// TestRuleReloadFails: the caller learns that it failed, and no inner text.
func TestRuleReloadFails(t *testing.T) {
	cfg := newFakeProxy().config()
	cfg.CallModules.Userblock = userblock.New(userblock.Config{Load: func(context.Context) ([]store.CallRule, error) { return nil, errors.New("password=hunter2") }})
	want := refusal(ctlproto.CodeUnavailable, "the call rules could not be read again and stay as they were; the proxy's log has the reason")
	if got := plug(t, start(t, cfg)).call("userblock.reload", ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
