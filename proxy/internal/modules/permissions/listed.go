package permissions

import (
	"net/netip"
	"slices"
)

// Listed reports whether an address is in one of the tables, in whatever group and at
// whatever port: whoever is let in by his address may let us in by ours.
func (m *Module) Listed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && (m.networks.Load().lists(a, nil) || m.peers.Load().lists(a))
}

// Trusted reports whether the operator trusts an address, at whatever port: it is in one of the
// groups of trusted_groups, or in the table trusted. The script may refuse those of other groups.
func (m *Module) Trusted(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && (len(m.groups) > 0 && m.networks.Load().lists(a, m.groups) || m.peers.Load().lists(a))
}

// lists reports whether an address is in one of the groups, with nil in any.
func (n *networks) lists(a netip.Addr, groups []int) bool {
	for _, bits := range n.lengths[family(a)] {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		for i := range n.by[p] {
			if groups == nil || slices.Contains(groups, n.by[p][i].group) {
				return true
			}
		}
	}
	return false
}

func (p *peers) lists(a netip.Addr) bool {
	return slices.ContainsFunc(p.by[a], func(x peer) bool { return x.proto != "none" })
}
