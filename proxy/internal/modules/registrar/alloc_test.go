//go:build !race

package registrar

import (
	"runtime"
	"runtime/debug"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// TestLookupAllocates: lookup is part of every call, so it makes no garbage,
// whether it finds somebody or not.
func TestLookupAllocates(t *testing.T) {
	b := newRouter(t, nil)
	p, q := b.phone(), b.tcpPhone()
	p.registered("<sip:bob@10.0.0.1:5060>;q=0.5")
	q.registered("<sip:bob@10.0.0.2:5060;transport=tcp>")
	msg := []byte(p.request("INFO", "sip:Bob@example.org", "alloc", 1))
	nobody := []byte(p.request("INFO", "sip:nobody@example.org", "alloc", 1))
	lookup := call(t, b.registrar, "lookup", "location")
	found, branches := 0, 0
	b.hooks.on(module.RequestRoute, func(c *module.Ctx) {
		if lookup(c) > 0 {
			found++
			branches += len(c.More)
		}
	})
	w := transport.NewDetached(b.engine.NewScratch(), func(transport.Flow, []byte) error { return nil })
	from := transport.Flow{Proto: transport.UDP, Local: b.udp, Remote: b.udp}
	run := func() {
		found, branches = 0, 0
		for range 10000 {
			b.engine.Receive(w, msg, from)
			b.engine.Receive(w, nobody, from)
		}
		if found != 10000 || branches != 10000 {
			t.Fatalf("%d look-ups found %d further branches, want 10000 of each", found, branches)
		}
	}
	run()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > 20 {
		t.Errorf("20000 look-ups made %d objects, want none", n)
	}
}
