package transport

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Listen is one address to bind, as an operator wrote it.
type Listen struct {
	Proto Proto
	// Addr is host:port, [IPv6]:port or a host alone (the protocol's default port). The
	// host is an address, the name of a network interface, or a host name. Port 0 lets
	// the kernel choose.
	Addr string
	// Advertise, if set, is the host or host:port that goes into Via and Record-Route in
	// place of the address: what the outside knows us by.
	Advertise string
}

// String is the form that ParseListen reads.
func (l Listen) String() string {
	s := l.Proto.String() + ":" + l.Addr
	if l.Advertise != "" {
		s += " advertise " + l.Advertise
	}
	return s
}

// ParseListen reads a listen address: "udp:127.0.0.1:5060", "tcp:[::1]:5060",
// "udp:eth0", "tls:192.0.2.1", "wss:192.0.2.1:443", "127.0.0.1:5060", each optionally followed by " advertise HOST[:PORT]".
// Without a protocol it means UDP and TCP, as SER's listen does.
func ParseListen(s string) ([]Listen, error) {
	fields := strings.Fields(s)
	advertise := ""
	switch {
	case len(fields) == 1:
	case len(fields) == 3 && fields[1] == "advertise":
		advertise = fields[2]
		if _, _, err := splitHostPort(advertise, 5060); err != nil {
			return nil, fmt.Errorf("listen %q: advertise: %w", s, err)
		}
	default:
		return nil, fmt.Errorf(`listen %q: want [PROTO:]HOST[:PORT] [advertise HOST[:PORT]]`, s)
	}
	addr := fields[0]
	protos := []Proto{UDP, TCP}
	// "udp:host" has a protocol; "host:5060" and an IPv6 address have not.
	if name, rest, ok := strings.Cut(addr, ":"); ok {
		if p, known := ParseProto(name); known {
			protos, addr = []Proto{p}, rest
		}
	}
	if _, _, err := splitHostPort(addr, 5060); err != nil {
		return nil, fmt.Errorf("listen %q: %w", s, err)
	}
	out := make([]Listen, len(protos))
	for i, p := range protos {
		out[i] = Listen{Proto: p, Addr: addr, Advertise: advertise}
	}
	return out, nil
}

// splitHostPort parts "host", "host:port", "v6" and "[v6]:port"; the host comes without
// brackets.
func splitHostPort(s string, def uint16) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.String(), def, nil // a bare IPv6 address is all host
	}
	rest := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, fmt.Errorf("%q has no closing bracket", s)
		}
		host, rest = s[1:end], s[end+1:]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", 0, fmt.Errorf("%q is not an IPv6 address", host)
		}
	} else {
		host = s
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, rest = s[:i], s[i:]
		}
		if !validHost(host) {
			return "", 0, fmt.Errorf("%q is neither an address nor a host name", host)
		}
	}
	if rest == "" {
		return host, def, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(rest, ":"), 10, 16)
	if err != nil || rest[0] != ':' {
		return "", 0, fmt.Errorf("%q is not a port from 0 to 65535", strings.TrimPrefix(rest, ":"))
	}
	return host, uint16(n), nil
}

// validHost takes what may stand as a host or interface name: letters, digits, dot,
// hyphen, underscore; no address that is almost one ("1.2.3").
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	letter := false
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_':
			letter = true
		case '0' <= c && c <= '9' || c == '.':
		default:
			return false
		}
	}
	if letter {
		return true
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}
