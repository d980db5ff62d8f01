package permissions

import (
	"net/netip"
	"slices"
)

// Listed reports whether an address is in one of the tables, in whatever group and at
// whatever port: whoever is let in by his address may let us in by ours.
func (m *Module) Listed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && (m.networks.Load().lists(a) || m.peers.Load().lists(a))
}

func (n *networks) lists(a netip.Addr) bool {
	for _, bits := range n.lengths[family(a)] {
		if p, err := a.Prefix(bits); err == nil && len(n.by[p]) > 0 {
			return true
		}
	}
	return false
}

func (p *peers) lists(a netip.Addr) bool {
	return slices.ContainsFunc(p.by[a], func(x peer) bool { return x.proto != "none" })
}
