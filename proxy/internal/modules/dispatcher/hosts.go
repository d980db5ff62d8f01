package dispatcher

import "net/netip"

// hosts are where the gateways of all sets are.
type hosts struct {
	addrs map[netip.Addr]bool
	named [][]byte // URIs of those that are named and not numbered
}

func hostsOf(sets map[int]*group) *hosts {
	h := &hosts{addrs: map[netip.Addr]bool{}}
	for _, g := range sets {
		for _, d := range g.list {
			if d.addr.IsValid() {
				h.addrs[d.addr] = true
			} else {
				h.named = append(h.named, d.uri)
			}
		}
	}
	return h
}

// Gateway reports whether an address is that of a gateway, in whatever state it is and at
// whatever port. leadsTo tells whether a URI with a name leads there; it must not wait.
func (m *Module) Gateway(a netip.Addr, leadsTo func(uri []byte, a netip.Addr) bool) bool {
	h := m.hosts.Load()
	if h.addrs[a.Unmap()] {
		return true
	}
	for _, uri := range h.named {
		if leadsTo(uri, a) {
			return true
		}
	}
	return false
}
