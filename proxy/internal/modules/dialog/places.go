package dialog

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/ua"
)

// What the router asks of phones by itself may wait for 64·T1 where a phone says nothing. These
// are the bounds of that; whoever finds no place is looked at again a second later.
const (
	// maxAtOnce is how many calls may be hung up, or asked for, at a time.
	maxAtOnce = 2048
	// maxAtHost is how many of these may wait for one host.
	maxAtHost = 256
	// impatience is how long a host is waited for that, or all of which, half of the places are
	// taken. The BYE is repeated for 64·T1 all the same.
	impatience = 5 * time.Second
)

// places counts the calls that are hung up or asked for: in all, and by host, in slots that
// hosts may share so that the counts need no memory of their own.
type places struct {
	seed  maphash.Seed
	calls atomic.Int32
	hosts [1 << 10]atomic.Int32
}

// slot is that of a host. Who has one address of IPv6 has the whole network.
func (p *places) slot(a netip.Addr) *atomic.Int32 {
	return &p.hosts[maphash.Comparable(p.seed, transport.SourceOf(a))%uint64(len(p.hosts))]
}

// take takes a place for a call, with both its hosts; false if there is none.
func (p *places) take(caller, callee netip.Addr) bool {
	if p.calls.Load() >= maxAtOnce || p.slot(caller).Load() >= maxAtHost || p.slot(callee).Load() >= maxAtHost {
		return false
	}
	p.calls.Add(1)
	p.slot(caller).Add(1)
	p.slot(callee).Add(1)
	return true
}

// heard gives a host's place back: it has answered.
func (p *places) heard(a netip.Addr) { p.slot(a).Add(-1) }

// leave gives the call's back.
func (p *places) leave() { p.calls.Add(-1) }

// patience is how long the answer of a host is waited for.
func (p *places) patience(a netip.Addr) time.Duration {
	if p.calls.Load() > maxAtOnce/2 || p.slot(a).Load() > maxAtHost/2 {
		return impatience
	}
	return byeTime
}

// hostOf is the host that a request of the router's own waits for.
func hostOf(w *ua.Within) netip.Addr { return w.Flow.Remote.Addr() }
