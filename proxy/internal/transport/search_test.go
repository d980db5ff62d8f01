package transport

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestTableIsFreeWhileOthersAreAsked: whether a peer is a gateway by now is asked while others may use the
// table: by whoever answers, for one. One that is keeps its connection.
func TestTableIsFreeWhileOthersAreAsked(t *testing.T) {
	gateway := netip.MustParseAddr("127.0.0.2")
	var o *owner
	var late atomic.Bool
	var asked atomic.Int32
	ask := func(a netip.Addr) bool {
		if !late.Load() {
			return false
		}
		free := false
		for end := time.Now().Add(2 * time.Second); !free && time.Now().Before(end); runtime.Gosched() {
			if free = o.conns.mu.TryLock(); free {
				o.conns.mu.Unlock()
			}
		}
		if !free {
			t.Errorf("the table is locked while %v is asked for", a)
		}
		asked.Add(1)
		return a == gateway
	}
	o = newOwner(t, Config{MaxConns: 6, Gateway: ask})
	toGateway, end := o.reach(t, gateway.String())
	flow, other := o.reach(t, "127.0.0.1")
	o.reach(t, "127.0.0.3")
	o.rest()
	late.Store(true)
	o.reach(t, "127.0.0.4") // our own are half of the table
	o.gone(t, flow, other)
	o.rest()
	if !o.Yield() {
		t.Error("none may go")
	}
	if err := o.Send(toGateway, []byte("still there")); err != nil {
		t.Error(err)
	}
	expect(t, end, "still there")
	if asked.Load() < 4 {
		t.Errorf("%d were asked for", asked.Load())
	}
}

// TestSearchIsBounded: a search asks for so many and no more, and finds none where all are gateways by now.
func TestSearchIsBounded(t *testing.T) {
	var late atomic.Bool
	var asked atomic.Int32
	o := newOwner(t, Config{MaxConns: 2000, MaxOwnPerHost: 500, Gateway: func(netip.Addr) bool { asked.Add(1); return late.Load() }})
	for range maxLook + 8 {
		o.reach(t, "127.0.0.1")
	}
	o.rest()
	late.Store(true)
	asked.Store(0)
	if o.Yield() || asked.Load() != maxLook {
		t.Errorf("%d were asked for, want %d; or one had to go", asked.Load(), maxLook)
	}
}
