package control

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/htable"
	"seraph/proxy/internal/modules/permissions"
	"seraph/proxy/internal/modules/pike"
	"seraph/proxy/internal/modules/ratelimit"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// guardedConfig has the guarding modules themselves behind it: 192.0.2.7 floods, and the table
// ban holds two items.
func guardedConfig(t *testing.T) Config {
	t.Helper()
	p, h, r := pike.New(pike.Config{}), htable.New(htable.Config{}), ratelimit.New(ratelimit.Config{})
	addresses := permissions.New(permissions.Config{
		Addresses: func(context.Context) ([]store.Address, error) {
			return []store.Address{{Group: 1, IP: "192.0.2.1"}, {Group: 2, IP: "10.0.0.0", Mask: 8}}, nil
		},
		Trusted: func(context.Context) ([]store.TrustedPeer, error) { return nil, nil },
	})
	for _, err := range []error{
		moduletest.Set(t, p, "reqs_density_per_unit", "2"), moduletest.Set(t, p, "sampling_time_unit", "3600"), p.Init(),
		moduletest.Set(t, h, "htable", "ban=>size=3;autoexpire=300"), h.SetNumber("ban", "192.0.2.7", 1), h.SetText("ban", "why", "flood"),
		moduletest.Set(t, r, "pipe", "0:TAILDROP:5"), r.Init(), addresses.Init(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := moduletest.Message(t, moduletest.Request("OPTIONS", "sip:x@y"))
	check := moduletest.Compile(t, p, "pike_check_req")
	for ip, n := range map[string]int{"192.0.2.7": 3, "192.0.2.8": 1, "2001:db8::1": 2} {
		c.From = transport.Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)}
		for range n {
			check(c)
		}
	}
	cfg := newFakeProxy().config()
	cfg.Guards = Guards{Pike: p, Htable: h, Ratelimit: r, Permissions: addresses}
	return cfg
}

func TestGuards(t *testing.T) {
	hot := `{"ip_addr":"192.0.2.7","leaf_hits_prev":0,"leaf_hits_curr":3,"expires":120,"status":"HOT"}`
	warm := `{"ip_addr":"2001:db8::/64","leaf_hits_prev":0,"leaf_hits_curr":2,"expires":120,"status":"WARM"}`
	cold := `{"ip_addr":"192.0.2.8","leaf_hits_prev":0,"leaf_hits_curr":1,"expires":120,"status":"ALL"}`
	noTable := refusal(ctlproto.CodeNotFound, `there is no table "bann"; did you mean "ban"?`)
	noKey := refusal(ctlproto.CodeNotFound, "there is no such key in the table")
	for _, c := range []struct{ method, params, want string }{
		{"pike.top", ``, `"result":{"max_hits":2,"total":1,"list":[` + hot + `]}`},
		{"pike.top", `["HOT"]`, `"result":{"max_hits":2,"total":1,"list":[` + hot + `]}`},
		{"pike.top", `["warm"]`, `"result":{"max_hits":2,"total":2,"list":[` + hot + `,` + warm + `]}`},
		{"pike.top", `{"filter":"ALL"}`, `"result":{"max_hits":2,"total":3,"list":[` + hot + `,` + warm + `,` + cold + `]}`},
		{"pike.top", `["COLD"]`, invalid("filter", "want ALL, HOT or WARM")},
		{"pike.rm", `["192.0.2.7"]`, `"result":{}`},
		{"pike.rm", `["2001:db8::/64"]`, `"result":{}`},
		{"pike.rm", `["192.0.2.9"]`, refusal(ctlproto.CodeNotFound, "nothing is known of 192.0.2.9")},
		{"pike.rm", `["somebody"]`, invalid("ip", "want an address")},
		{"pike.rm", ``, invalid("ip", "missing")},

		{"htable.get", `["ban","192.0.2.7"]`, `"result":{"item":{"name":"192.0.2.7","value":1}}`},
		{"htable.get", `["ban","why"]`, `"result":{"item":{"name":"why","value":"flood"}}`},
		{"htable.get", `["ban","x"]`, noKey},
		{"htable.get", `["bann","x"]`, noTable},
		{"htable.get", `["ban"]`, invalid("key", "missing")},
		{"htable.delete", `["ban","why"]`, `"result":{}`},
		{"htable.delete", `["ban","x"]`, noKey},
		{"htable.sets", `["ban","x","text"]`, `"result":{}`},
		{"htable.sets", `["bann","x","text"]`, noTable},
		{"htable.sets", `["ban","` + strings.Repeat("k", 256) + `","x"]`, invalid("key", "256 bytes long, at most 255 are possible")},
		{"htable.sets", `["ban","x","` + strings.Repeat("v", 1025) + `"]`, invalid("value", "1025 bytes long, at most 1024 are possible")},
		{"htable.seti", `["ban","x","7"]`, `"result":{}`},
		{"htable.seti", `["ban","x","seven"]`, invalid("value", "want a number")},
		{"htable.seti", `["ban","x"]`, invalid("value", "missing")},
		{"htable.flush", `["ban"]`, `"result":{}`},
		{"htable.flush", `["bann"]`, noTable},
		{"htable.dump", `["bann"]`, noTable},
		{"htable.dump", ``, invalid("htable", "missing")},
		{"htable.listTables", ``, `"result":[{"name":"ban","expire":300,"updateexpire":1,"size":8,"maxsize":65536}]`},
		{"htable.listTables", `[1]`, invalid("", tooMany)},

		{"rl.get_pipes", ``, `"result":[{"id":0,"algorithm":"TAILDROP","limit":5,"counter":0}]`},
		{"rl.set_pipe", `[1,"RED",100]`, `"result":{}`},
		{"rl.set_pipe", `["0","TAILDROP","7"]`, `"result":{}`},
		{"rl.set_pipe", `[16,"RED",100]`, invalid("pipe_id", "16 is not from 0 to 15")},
		{"rl.set_pipe", `[1,"FEEDBACK",100]`, invalid("pipe_algorithm", `algorithm "FEEDBACK" is neither TAILDROP nor RED`)},
		{"rl.set_pipe", `[1,"RED"]`, invalid("pipe_limit", "missing")},

		{"permissions.addressReload", ``, `"result":{}`},
		{"permissions.trustedReload", ``, `"result":{}`},
		{"permissions.addressDump", ``, `"result":[{"grp":1,"ip_addr":"192.0.2.1","mask":32,"port":0,"tag":""}]`},
		{"permissions.subnetDump", ``, `"result":[{"grp":2,"ip_addr":"10.0.0.0","mask":8,"port":0,"tag":""}]`},
		{"permissions.trustedDump", ``, `"result":[]`},
	} {
		if got := plug(t, start(t, guardedConfig(t))).call(c.method, c.params); got != c.want {
			t.Errorf("%s %s: got\n%s\nwant\n%s", c.method, c.params[:min(len(c.params), 60)], got, c.want)
		}
	}
}

// TestHtableDump: the items come in slots, whose numbers differ from start to start.
func TestHtableDump(t *testing.T) {
	w := plug(t, start(t, guardedConfig(t)))
	got := w.call("htable.dump", `["ban"]`)
	for _, want := range []string{`{"name":"192.0.2.7","value":1}`, `{"name":"why","value":"flood"}`, `"entry":`, `"size":`} {
		if !strings.Contains(got, want) {
			t.Errorf("the dump has no %s:\n%s", want, got)
		}
	}
	if got := w.call("htable.stats", ""); !strings.Contains(got, `{"name":"ban","slots":8,"all":2,"min":0,`) {
		t.Errorf("htable.stats: %s", got)
	}
}

// TestGuardsNotLoaded: a module that the script does not load has no methods.
func TestGuardsNotLoaded(t *testing.T) {
	w := plug(t, start(t, newFakeProxy().config()))
	for _, method := range []string{"pike.top", "htable.dump", "rl.get_pipes", "permissions.addressReload"} {
		if got := w.call(method, ""); !strings.Contains(got, "-32601") {
			t.Errorf("%s: %s", method, got)
		}
	}
}

// TestAddressReloadFails: the caller learns that it failed, and no inner text.
func TestAddressReloadFails(t *testing.T) {
	cfg := newFakeProxy().config()
	cfg.Guards.Permissions = permissions.New(permissions.Config{
		Addresses: func(context.Context) ([]store.Address, error) { return nil, errors.New("password=hunter2") }})
	want := refusal(ctlproto.CodeUnavailable, "the addresses could not be read again and stay as they were; the proxy's log has the reason")
	if got := plug(t, start(t, cfg)).call("permissions.addressReload", ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
