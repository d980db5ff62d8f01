package transport

import "net/netip"

// broadcast is the address of all hosts of the link.
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// oneHost reports whether an address and port may be sent to, whoever names them: one
// host's, neither of a group nor of all hosts, nor of none.
func oneHost(to netip.AddrPort) bool {
	a := to.Addr().Unmap()
	return a.IsValid() && to.Port() != 0 && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
}
