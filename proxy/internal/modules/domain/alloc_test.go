//go:build !race

package domain_test

import (
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/domain"
)

func TestLocalDoesNotAllocate(t *testing.T) {
	m := domain.New(domain.Config{Static: []string{"example.org", "[2001:db8::1]"}})
	for _, host := range []string{"Example.org", "elsewhere.example", "[2001:DB8::1]", "-bad-"} {
		h := []byte(host)
		if n := testing.AllocsPerRun(1000, func() { m.Local(h) }); n != 0 {
			t.Errorf("Local(%s): %v allocations", host, n)
		}
	}
	ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	for _, name := range []string{"is_from_local", "is_uri_host_local"} {
		call := moduletest.Compile(t, m, name)
		if n := testing.AllocsPerRun(1000, func() { call(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
