//go:build !race

package auth_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestAuthorizeDoesNotAllocate: with cached credentials, message after message.
func TestAuthorizeDoesNotAllocate(t *testing.T) {
	for _, a := range []answer{{user: "alice"}, {user: "alice@example.org"}, {user: "alice", sha256: true}, {user: "alice@example.org", sha256: true}} {
		b := new256(t)
		if r := b.prove(); r != module.True {
			t.Fatalf("the first credentials: %d", r)
		}
		n := b.nonce()
		b.Quiet = true
		messages := make([][]byte, 11000)
		for i := range messages {
			a.nonce, a.nc = n, i+1
			messages[i] = moduletest.Wire(moduletest.Request("OPTIONS", "sip:bob@example.org", a.line()))
		}
		flow := b.Flow(phone)
		right := 0
		b.authorizeOnly = func(got int) {
			if got > 0 {
				right++
			}
		}
		mallocs := func(list [][]byte) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, m := range list {
				b.ReceiveBytes(flow, m)
			}
			runtime.ReadMemStats(&after)
			return after.Mallocs - before.Mallocs
		}
		gc := debug.SetGCPercent(-1)
		mallocs(messages[:1000])
		got := mallocs(messages[1000:])
		debug.SetGCPercent(gc)
		if right != len(messages) {
			t.Fatalf("%d of %d were accepted", right, len(messages))
		}
		if got > 20 {
			t.Errorf("%+v: 10,000 requests took %d allocations", a, got)
		}
	}
}

// TestChallengeAllocatesLittle: what strangers send costs next to nothing either.
func TestChallengeAllocatesLittle(t *testing.T) {
	b := newBench(t)
	b.Quiet = true
	flow, text := b.Flow(phone), moduletest.Wire(moduletest.Request("OPTIONS", "sip:bob@example.org"))
	if got := testing.AllocsPerRun(1000, func() { b.ReceiveBytes(flow, text) }); got > 0 {
		t.Errorf("a challenge takes %v allocations", got)
	}
	b = new256(t)
	b.prove()
	b.Quiet = true
	if got := testing.AllocsPerRun(1000, func() { b.ReceiveBytes(flow, text) }); got > 0 {
		t.Errorf("a challenge with SHA-256 takes %v allocations", got)
	}
}
