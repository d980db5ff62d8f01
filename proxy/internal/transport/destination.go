package transport

import "net/netip"

// broadcast is the address of all hosts of the link.
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// OneHost reports whether an address may be sent to, whoever names it: one host's,
// neither of a group nor of all hosts, nor of none.
func OneHost(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
}
