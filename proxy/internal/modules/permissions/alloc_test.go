//go:build !race

package permissions_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/sql/store"
)

func TestSourceDoesNotAllocate(t *testing.T) {
	m := newModule(t, &tables{addresses: someAddresses, trusted: []store.TrustedPeer{{IP: "192.0.2.7", Proto: "udp", FromPattern: "^sip:alice@"}}})
	for _, name := range []string{"allow_source_address", "allow_source_address_group", "allow_trusted"} {
		call := moduletest.Compile(t, m, name)
		for _, remote := range []string{"udp:192.0.2.7:5060", "udp:[2001:db8::1]:5060"} {
			ctx := from(t, remote)
			if n := testing.AllocsPerRun(1000, func() { call(ctx) }); n != 0 {
				t.Errorf("%s of %s: %v allocations", name, remote, n)
			}
		}
	}
}
