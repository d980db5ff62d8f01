package transport

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// interfaceInterval is how often the addresses of the host are read again where we listen
// on a wildcard.
const interfaceInterval = 30 * time.Second

// locals is what counts as ourselves. It is replaced whole.
type locals struct {
	ports map[netip.Addr][]uint16
}

// IsLocal reports whether addr:port is one that we listen on (for a wildcard, each
// address of the host) or advertise. Port 0 stands for any port.
func (l *Layer) IsLocal(addr netip.Addr, port uint16) bool {
	ports := l.locals.Load().ports[addr.Unmap().WithZone("")]
	return len(ports) > 0 && (port == 0 || slices.Contains(ports, port))
}

// ParseHost is the address that the host of a URI or Via is, with or without brackets,
// IPv4 never in its IPv6-mapped form; false for a name. It does not allocate.
func ParseHost(host string) (netip.Addr, bool) {
	n := len(host)
	if n < 2 || n > 64 {
		return netip.Addr{}, false
	}
	if host[0] == '[' {
		if host[n-1] != ']' {
			return netip.Addr{}, false
		}
		host = host[1 : n-1]
	} else if strings.IndexByte(host, ':') < 0 && !likeIPv4(host) {
		return netip.Addr{}, false // netip.ParseAddr would allocate an error
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err == nil
}

func likeIPv4(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// hasWildcard reports whether the addresses of the host decide what is local.
func (l *Layer) hasWildcard() bool {
	return slices.ContainsFunc(l.sockets, func(s Socket) bool { return s.Addr.Addr().IsUnspecified() })
}

// refreshLocals reads the addresses of the host and makes the table anew.
func (l *Layer) refreshLocals() {
	t := &locals{ports: map[netip.Addr][]uint16{}}
	add := func(a netip.Addr, port uint16) {
		a = a.Unmap().WithZone("")
		if !slices.Contains(t.ports[a], port) {
			t.ports[a] = append(t.ports[a], port)
		}
	}
	var host []netip.Addr
	if l.hasWildcard() {
		host = hostAddrs()
	}
	for i := range l.sockets {
		s := &l.sockets[i]
		addr := s.Addr.Addr()
		add(addr, s.Addr.Port())
		if addr.IsUnspecified() {
			for _, a := range host {
				if a.Is4() == addr.Is4() {
					add(a, s.Addr.Port())
				}
			}
		}
		if a, ok := ParseHost(s.AdvertisedHost); ok {
			add(a, s.AdvertisedPort)
		}
	}
	l.locals.Store(t)
}

// watchInterfaces keeps up with addresses that come and go.
func (l *Layer) watchInterfaces() {
	tick := time.NewTicker(interfaceInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.refreshLocals()
		case <-l.ctx.Done():
			return
		}
	}
}

// hostAddrs is every address of every interface, none if the system does not tell.
func hostAddrs() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}
