package script

import (
	"net/netip"
	"strconv"
	"strings"

	"seraph/proxy/internal/transport"
)

// splitProto parts "udp:host" into "udp:" and "host".
func splitProto(s string) (proto, host string) {
	if name, rest, ok := strings.Cut(s, ":"); ok {
		if _, known := transport.ParseProto(name); known {
			return s[:len(name)+1], rest
		}
	}
	return "", s
}

// hasPort reports whether a listening address names its port.
func hasPort(s string) bool {
	_, host := splitProto(s)
	if _, err := netip.ParseAddr(host); err == nil {
		return false // an IPv6 address has colons but no port
	}
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}

// ownPort reports whether an address is of a protocol with a default port of its own,
// which port= does not change: TLS and WebSockets.
func ownPort(s string) bool {
	name, _, _ := strings.Cut(s, ":")
	p, known := transport.ParseProto(name)
	return known && (p.Secure() || p.WebSocket())
}

// withPort writes a port after an address that has none.
func withPort(s string, port int) string {
	proto, host := splitProto(s)
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	return proto + host + ":" + strconv.Itoa(port)
}
