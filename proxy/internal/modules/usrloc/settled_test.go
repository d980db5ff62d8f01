package usrloc

import (
	"testing"
	"time"
)

// TestTakingSince: of the contacts that take a method, only those count that were made or
// refreshed at a time or later; the zero time is before all of them.
func TestTakingSince(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newModule(t, nil, func(c *Config) { c.Now = func() time.Time { return now } })
	calls := registration(bob, "sip:call@h")
	calls.Contacts[0].Methods = 1
	for _, reg := range []*Registration{registration(bob, "sip:a@h"), registration(bob, "sip:b@h"), calls} {
		save(t, m, reg)
	}
	began := now.Add(10 * time.Second)
	want := func(when string, n int) {
		t.Helper()
		if got := m.Table().Taking(bob, 256, began); got != n {
			t.Errorf("%s: %d, want %d", when, got, n)
		}
	}
	want("before anybody comes back", 0)
	now = began
	save(t, m, registration(bob, "sip:a@h"))
	want("one is refreshed at that moment", 1)
	now = now.Add(time.Second)
	save(t, m, registration(bob, "sip:new@h"))
	want("one more comes", 2)
	save(t, m, registration(bob, "sip:new@h 0"))
	want("that goes", 1)
	if n := m.Table().Taking(bob, 256, time.Time{}); n != 2 {
		t.Errorf("%d in all, want 2", n)
	}
	none := registration(bob, "sip:none@h")
	none.Contacts[0].Methods = 0
	save(t, m, none)
	if n := m.Table().Taking(bob, AllMethods, time.Time{}); n != 4 {
		t.Errorf("%d contacts, want 4: one takes calls only, one nothing", n)
	}
	for _, methods := range []uint32{256, AllMethods} {
		if n := m.Table().Taking("nobody@example.org", methods, time.Time{}); n != 0 {
			t.Errorf("%d of nobody", n)
		}
	}
}
