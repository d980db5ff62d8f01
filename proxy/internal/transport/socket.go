package transport

import (
	"net/netip"
	"strconv"
)

// Socket describes one listening address. Its byte slices are shared and must not be
// changed.
type Socket struct {
	Proto Proto
	// Addr is the address as bound, with the port that the kernel chose for port 0.
	Addr netip.AddrPort
	// AdvertisedHost is the host that others reach us by: the advertised one, else the
	// address; for a wildcard the address from which this host reaches others. IPv6
	// addresses are without brackets.
	AdvertisedHost string
	AdvertisedPort uint16
	// Advertised reports whether the operator named the host (Listen.Advertise).
	Advertised bool

	// Via is "UDP host:port": what follows "SIP/2.0/" in a Via of ours.
	Via []byte
	// HostPort is "host:port" for a URI (Record-Route, Contact); IPv6 in brackets.
	HostPort []byte
	// Name is "udp:addr:port", the bound address as statistics, logs and the location
	// table write it.
	Name string
}

// fill makes the precomputed texts.
func (s *Socket) fill() {
	host := s.AdvertisedHost
	for i := range len(host) {
		if host[i] == ':' {
			host = "[" + host + "]"
			break
		}
	}
	hp := host + ":" + strconv.Itoa(int(s.AdvertisedPort))
	s.HostPort = []byte(hp)
	s.Via = []byte(s.Proto.Via() + " " + hp)
	s.Name = s.Proto.String() + ":" + s.Addr.String()
}
