//go:build !race

package usrloc

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestLookupAllocates: looking up is part of every call, so it makes no garbage.
func TestLookupAllocates(t *testing.T) {
	m := newModule(t, nil)
	reg := registration(bob, "sip:bob@192.0.2.1:5060;transport=udp", "sip:bob@192.0.2.2", "sip:bob@192.0.2.3")
	reg.UserAgent, reg.Socket = []byte("a phone"), "udp:192.0.2.9:5060"
	save(t, m, reg)
	address, nobody := []byte(bob), []byte("nobody@example.org")
	var dst []Binding
	run := func() {
		for range 10000 {
			if dst = m.Table().Lookup(address, dst[:0]); len(dst) != 3 {
				t.Fatalf("%d bindings, want 3", len(dst))
			}
			if len(m.Table().Lookup(nobody, dst[:0])) != 0 || m.Table().Registered(nobody) {
				t.Fatal("nobody is registered")
			}
		}
	}
	run()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > 20 {
		t.Errorf("30000 look-ups made %d objects, want none", n)
	}
}
