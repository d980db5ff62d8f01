package transport

import "net/netip"

// SourceOf is what counts as one source wherever the router bounds what one may do: an IPv4 address, mapped
// into IPv6 or not, or the /64 of an IPv6 address, which is what one subscriber has and within which a host may take
// any address.
func SourceOf(addr netip.Addr) netip.Addr { return networkOf(addr, 64) }

// hostOf is what the limit on our own connections to one host counts: an IPv4 address, or an IPv6
// /48, which anybody gets for the asking, with 65,536 /64s in it.
func hostOf(addr netip.Addr) netip.Addr { return networkOf(addr, 48) }

// networkOf is an IPv4 address, or the network of that many bits of an IPv6 address.
func networkOf(addr netip.Addr, bits int) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return addr // none
	}
	return p.Addr()
}
