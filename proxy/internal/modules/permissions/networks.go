package permissions

import (
	"net/netip"
	"slices"
	"strings"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// networks is the table address, ready to be asked.
type networks struct {
	rows []store.Address // those that are good, in their order
	// by holds the entries of each network; lengths are the prefix lengths in use, the
	// longest first, so that an address is looked up a few times and not in all rows.
	by      map[netip.Prefix][]entry
	lengths [2][]int // of IPv4 and IPv6
	names   map[string][]entry
	bad     int // rows that are not
}

// entry is what a row says of its address.
type entry struct {
	group int
	port  int // 0 for any
	tag   []byte
}

// newNetworks makes the table of rows, those left out that are no good.
func newNetworks(rows []store.Address) *networks {
	n := &networks{by: map[netip.Prefix][]entry{}, names: map[string][]entry{}}
	for _, row := range rows {
		a, err := row.Canonical()
		if err != nil {
			n.bad++
			continue
		}
		n.rows = append(n.rows, a)
		n.add(a)
	}
	for i := range n.lengths {
		slices.Sort(n.lengths[i])
		n.lengths[i] = slices.Compact(n.lengths[i])
		slices.Reverse(n.lengths[i])
	}
	return n
}

func (n *networks) add(a store.Address) {
	e := entry{group: a.Group, port: a.Port, tag: []byte(a.Tag)}
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		n.names[a.IP] = append(n.names[a.IP], e)
		return
	}
	p := netip.PrefixFrom(ip, a.Mask)
	n.by[p] = append(n.by[p], e)
	f := family(ip)
	n.lengths[f] = append(n.lengths[f], a.Mask)
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// find returns the entry that an address and a port fall under: of a group, or with 0 of any. The
// longest prefix goes first, then the first row.
func (n *networks) find(a netip.Addr, port, group int) *entry {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return nil
	}
	for _, bits := range n.lengths[family(a)] {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if e := match(n.by[p], port, group); e != nil {
			return e
		}
	}
	return nil
}

// findName is find of a domain name; nothing is looked up for it.
func (n *networks) findName(name string, port, group int) *entry {
	return match(n.names[strings.ToLower(name)], port, group)
}

func match(list []entry, port, group int) *entry {
	for i := range list {
		e := &list[i]
		if (group == 0 || e.group == group) && (e.port == 0 || e.port == port) {
			return e
		}
	}
	return nil
}

// DumpAddresses is permissions.addressDump: the hosts and names.
func (m *Module) DumpAddresses() []ctlproto.PermAddress { return m.networks.Load().dump(false) }

// DumpSubnets is permissions.subnetDump: the networks.
func (m *Module) DumpSubnets() []ctlproto.PermAddress { return m.networks.Load().dump(true) }

func (n *networks) dump(subnets bool) []ctlproto.PermAddress {
	list := []ctlproto.PermAddress{}
	for _, r := range n.rows {
		ip, err := netip.ParseAddr(r.IP)
		if subnet := err == nil && r.Mask < ip.BitLen(); subnet == subnets {
			list = append(list, ctlproto.PermAddress{Group: r.Group, IP: r.IP, Mask: r.Mask, Port: r.Port, Tag: r.Tag})
		}
	}
	return list
}
