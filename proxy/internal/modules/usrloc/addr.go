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

// nowhere reports whether a URI names an address, by its host or maddr, to which nothing is sent:
// of no host, or of many.
func nowhere(uri []byte) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return false
	}
	maddr, _ := u.Param("maddr")
	for _, host := range [...][]byte{u.Host, maddr} {
		if addr, ok := transport.ParseHost(string(host)); ok && !transport.OneHost(addr) {
			return true
		}
	}
	return false
}
