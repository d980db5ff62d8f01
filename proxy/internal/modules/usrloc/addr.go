package usrloc

import (
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// addrPort is the address of a URI whose host is a number.
func addrPort(u *sip.URI) (netip.AddrPort, bool) {
	addr, ok := transport.ParseHost(string(u.Host))
	port := u.Port
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(addr, port), ok
}
