package dispatcher_test

import (
	"context"
	"net/netip"
	"testing"

	"seraph/proxy/internal/modules/dispatcher"
	"seraph/sql/store"
)

// TestGatewayHosts: every row that is used is a gateway, whatever its set, state and port; a
// name is one where it is known to lead.
func TestGatewayHosts(t *testing.T) {
	rows := &table{rows: []store.Gateway{{Set: 1, URI: "sip:10.0.0.1"}, {Set: 7, URI: "sip:[2001:db8::1]:5070;transport=tcp", Flags: 4}, {Set: 1, URI: "sip:gw.example.net"}, {Set: 1, URI: "tel:10"}}}
	m := dispatcher.New(dispatcher.Config{Load: rows.load})
	leads := func(uri []byte, a netip.Addr) bool {
		return string(uri) == "sip:gw.example.net" && a.String() == "10.0.0.9"
	}
	wants := func(want map[string]bool) {
		t.Helper()
		for text, is := range want {
			if got := m.Gateway(netip.MustParseAddr(text), leads); got != is {
				t.Errorf("%s: %v, want %v", text, got, is)
			}
		}
	}
	wants(map[string]bool{"10.0.0.1": false})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	wants(map[string]bool{"10.0.0.1": true, "::ffff:10.0.0.1": true, "2001:db8::1": true, "10.0.0.9": true, "10.0.0.2": false, "2001:db8::2": false})
	if m.Gateway(netip.Addr{}, leads) {
		t.Error("no address is a gateway")
	}
	rows.set(nil, nil)
	if err := m.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	wants(map[string]bool{"10.0.0.1": false, "10.0.0.9": false})
}
