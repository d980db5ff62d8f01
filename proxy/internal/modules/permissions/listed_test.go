package permissions_test

import (
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
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

// TestTrustedGroups: the operator trusts the groups that he names, 1 if he names none, and who
// stands in the table trusted; an address that the script refuses by another group is not trusted.
func TestTrustedGroups(t *testing.T) {
	rows := &tables{
		addresses: []store.Address{
			{Group: 1, IP: "192.0.2.1", Mask: 32}, {Group: 2, IP: "10.8.0.0", Mask: 13, Port: 5070}, {Group: 9, IP: "192.0.2.0", Mask: 24},
			{Group: 9, IP: "10.8.0.7", Mask: 32}, {Group: 2, IP: "2001:db8::", Mask: 32}, {Group: 9, IP: "2001:db9::", Mask: 32},
		},
		trusted: []store.TrustedPeer{{IP: "198.51.100.1", Proto: "any"}, {IP: "198.51.100.2", Proto: "none"}},
	}
	for _, c := range []struct {
		set  []string
		want map[string]bool
	}{
		{nil, map[string]bool{"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false, "10.8.0.1": false, "2001:db8::1": false, "198.51.100.1": true, "198.51.100.2": false}},
		{[]string{"trusted_groups=1, 2"}, map[string]bool{"192.0.2.1": true, "192.0.2.2": false, "10.8.0.1": true, "10.8.0.7": true, "2001:db8::1": true, "2001:db9::1": false}},
		{[]string{"trusted_groups=9"}, map[string]bool{"192.0.2.1": true, "192.0.2.2": true, "10.8.0.1": false, "10.8.0.7": true, "198.51.100.1": true}},
		{[]string{"trusted_groups="}, map[string]bool{"192.0.2.1": false, "10.8.0.1": false, "198.51.100.1": true}},
	} {
		m := newModule(t, rows, c.set...)
		for text, want := range c.want {
			if got := m.Trusted(netip.MustParseAddr(text)); got != want {
				t.Errorf("%q: %s is trusted: %v", c.set, text, got)
			}
		}
		if m.Trusted(netip.Addr{}) {
			t.Errorf("%q: no address is trusted", c.set)
		}
	}
}

func TestBadTrustedGroups(t *testing.T) {
	for _, value := range []string{"0", "-1", "1;2", "gateways", "1 99999999999999999999", strings.Repeat("1,", 65)} {
		m := newModule(t, &tables{addresses: []store.Address{{Group: 1, IP: "192.0.2.1"}}})
		if err := moduletest.Set(t, m, "trusted_groups", value); err == nil || !m.Trusted(netip.MustParseAddr("192.0.2.1")) {
			t.Errorf("%q is taken: %v", value, err)
		}
	}
}
