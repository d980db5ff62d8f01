package dispatcher

import (
	"context"
	"maps"
	"net/netip"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
)

// hosts are where the gateways of all sets are.
type hosts struct {
	addrs map[netip.Addr]bool
	named []*named // those that are named and not numbered
	// inSet are the URIs of each set, the numbered ones with their addresses.
	inSet map[int][]place
}

// place is a gateway of a set: its address, or its name.
type place struct {
	addr netip.Addr
	name *named
}

// inDialog reports whether a request belongs to a dialog with a gateway of the set, -1
// being any. One with a name that nobody knows the address of may be it.
func (h *hosts) inDialog(c *module.Ctx, set int) bool {
	for s, list := range h.inSet {
		if set >= 0 && s != set {
			continue
		}
		for _, p := range list {
			if p.inDialog(c) {
				return true
			}
		}
	}
	return false
}

func (p *place) inDialog(c *module.Ctx) bool {
	if p.name == nil {
		return c.DialogWith(p.addr)
	}
	at := p.name.at.Load()
	if at == nil {
		return true
	}
	for a := range *at {
		if c.DialogWith(a) {
			return true
		}
	}
	return false
}

// named is a gateway with a host name. It outlives a reading of the table.
type named struct {
	uri []byte
	// at is where the name has led, and when it did last; nil as long as nobody knows. What
	// it points to is not changed.
	at     atomic.Pointer[map[netip.Addr]time.Time]
	warned bool // that nobody knows
}

const (
	// resolveInterval is how often names are looked up.
	resolveInterval = 30 * time.Second
	// resolveTimeout bounds the look-up of one name.
	resolveTimeout = 10 * time.Second
	// addrLife is how long an address is a gateway's after its name has led there: names
	// that lead to a few of many addresses each time need some of it.
	addrLife = 24 * time.Hour
	// maxAddrs bounds the addresses of a name; the ones that were seen last stay.
	maxAddrs = 256
)

func hostsOf(sets map[int]*group, before *hosts) *hosts {
	h := &hosts{addrs: map[netip.Addr]bool{}, inSet: map[int][]place{}}
	old, now := map[string]*named{}, map[string]*named{}
	for _, n := range before.named {
		old[string(n.uri)] = n
	}
	for set, g := range sets {
		for _, d := range g.list {
			p := place{addr: d.addr}
			if d.addr.IsValid() {
				h.addrs[d.addr] = true
			} else if p.name = now[string(d.uri)]; p.name == nil {
				if p.name = old[string(d.uri)]; p.name == nil {
					p.name = &named{uri: d.uri}
				}
				now[string(d.uri)] = p.name
				h.named = append(h.named, p.name)
			}
			h.inSet[set] = append(h.inSet[set], p)
		}
	}
	return h
}

// Attach tells how the addresses of a URI with a host name are found: it waits for name
// servers, or for ctx, and gives no address and no error where the name is known to lead
// nowhere. It is called before Run.
func (m *Module) Attach(resolve func(ctx context.Context, uri []byte) ([]netip.Addr, error)) {
	m.resolve = resolve
}

// Gateway reports whether an address is that of a gateway, in whatever state it is and at
// whatever port. leadsTo tells whether a URI with a name is known to lead there; it must
// not wait. As long as nobody knows where a name leads, every address may be that gateway's.
func (m *Module) Gateway(a netip.Addr, leadsTo func(uri []byte, a netip.Addr) bool) bool {
	h := m.hosts.Load()
	return !h.known() || h.holds(a, leadsTo)
}

// KnownGateway is Gateway without those that are gateways' as long as nobody knows where a name
// leads: for whoever gives gateways something that strangers do not get.
func (m *Module) KnownGateway(a netip.Addr, leadsTo func(uri []byte, a netip.Addr) bool) bool {
	return m.hosts.Load().holds(a, leadsTo)
}

// holds reports whether an address is known to be one of them.
func (h *hosts) holds(a netip.Addr, leadsTo func(uri []byte, a netip.Addr) bool) bool {
	a = a.Unmap().WithZone("")
	if h.addrs[a] {
		return true
	}
	for _, n := range h.named {
		if at := n.at.Load(); at != nil {
			if _, ok := (*at)[a]; ok {
				return true
			}
		}
		if leadsTo(n.uri, a) {
			return true
		}
	}
	return false
}

// Known reports whether every name has led somewhere, or nowhere: false while Gateway takes
// any address for a gateway's.
func (m *Module) Known() bool { return m.hosts.Load().known() }

func (h *hosts) known() bool {
	for _, n := range h.named {
		if n.at.Load() == nil {
			return false
		}
	}
	return true
}

// resolving looks the names up until ctx ends: at once, whenever the table was read, and
// every half minute.
func (m *Module) resolving(ctx context.Context) {
	tick := time.NewTicker(resolveInterval)
	defer tick.Stop()
	for {
		for _, n := range m.hosts.Load().named {
			m.lookUp(ctx, n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-m.changed:
		}
	}
}

// lookUp notes where a name leads. While that cannot be found out, what was known stays.
func (m *Module) lookUp(ctx context.Context, n *named) {
	if m.resolve == nil || ctx.Err() != nil {
		return
	}
	one, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := m.resolve(one, n.uri)
	before := n.at.Load()
	if err != nil && before == nil {
		if !n.warned && ctx.Err() == nil {
			n.warned = true
			m.cfg.Log.Warn("dispatcher: the address of a gateway is not known; until it is, calls stay at the hosts where they began", "destination", string(n.uri), "error", err)
		}
		return
	}
	if before != nil && len(addrs) == 0 {
		return // the name is gone; who has had it may still take calls
	}
	n.learn(addrs, m.cfg.Now())
}

// learn adds addresses that the name leads to now, and forgets those of long ago.
func (n *named) learn(addrs []netip.Addr, now time.Time) {
	at := map[netip.Addr]time.Time{}
	if before := n.at.Load(); before != nil {
		at = maps.Clone(*before)
		maps.DeleteFunc(at, func(_ netip.Addr, seen time.Time) bool { return now.Sub(seen) > addrLife })
	}
	for _, a := range addrs {
		at[a.Unmap().WithZone("")] = now
	}
	for len(at) > maxAddrs {
		var oldest netip.Addr
		for a, seen := range at {
			if !oldest.IsValid() || seen.Before(at[oldest]) {
				oldest = a
			}
		}
		delete(at, oldest)
	}
	n.at.Store(&at)
}
