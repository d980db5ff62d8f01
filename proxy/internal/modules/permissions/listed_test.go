package permissions_test

import (
	"net/netip"
	"testing"

	"seraph/sql/store"
)

// TestListed: an address is listed in whatever group and with whatever port; a row that lets
// nobody in lists nothing.
func TestListed(t *testing.T) {
	rows := &tables{
		addresses: []store.Address{{Group: 1, IP: "192.0.2.1", Mask: 32}, {Group: 9, IP: "10.8.0.0", Mask: 13, Port: 5070}, {Group: 1, IP: "2001:db8::", Mask: 32}},
		trusted:   []store.TrustedPeer{{IP: "198.51.100.1", Proto: "any"}, {IP: "198.51.100.2", Proto: "none"}},
	}
	m := newModule(t, rows)
	for text, want := range map[string]bool{
		"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false, "10.15.255.255": true, "10.16.0.0": false,
		"2001:db8::7": true, "2001:db9::7": false, "198.51.100.1": true, "198.51.100.2": false,
	} {
		if got := m.Listed(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if m.Listed(netip.Addr{}) {
		t.Error("no address is listed")
	}
}
