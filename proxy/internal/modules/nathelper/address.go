package nathelper

import (
	"bytes"
	"net/netip"
	"strings"

	"seraph/proxy/internal/sip"
)

// privateNets are the addresses that mean nothing outside: RFC 1918, the shared space
// of RFC 6598 and the prefix of RFC 7335.
var privateNets = [...]netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/29"),
}

// reservedNet is taken for private with nat_addr_mode 1 (RFC 6890).
var reservedNet = netip.MustParsePrefix("192.0.0.0/24")

func (m *Module) private(a netip.Addr) bool {
	if m.set.reserved && reservedNet.Contains(a) {
		return true
	}
	for i := range privateNets {
		if privateNets[i].Contains(a) {
			return true
		}
	}
	return false
}

func (m *Module) privateHost(host []byte) bool {
	a, ok := parseIPv4(host)
	return ok && m.private(a)
}

// parseIPv4 reads a dotted address without allocation.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	for i := range a {
		part := b
		if dot := bytes.IndexByte(b, '.'); i < 3 {
			if dot < 0 {
				return netip.Addr{}, false
			}
			part, b = b[:dot], b[dot+1:]
		}
		n, ok := sip.ParseUint(part, 255)
		if !ok || len(part) > 3 {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
	}
	return netip.AddrFrom4(a), true
}

// parseAddr reads the host of a URI as an address; an IPv6 one costs an allocation.
func parseAddr(host []byte) (netip.Addr, bool) {
	if a, ok := parseIPv4(host); ok {
		return a, true
	}
	host = sip.Unbracket(host)
	if bytes.IndexByte(host, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(host))
	return a.Unmap(), err == nil && a.Zone() == ""
}

// hostIs reports whether a host as written is the address a. A name is not.
func hostIs(host []byte, a netip.Addr) bool {
	if a.Is4() {
		b, ok := parseIPv4(host)
		return ok && a == b
	}
	var room [64]byte
	text := append(a.AppendTo(append(room[:0], '[')), ']')
	if bytes.EqualFold(host, text) || bytes.EqualFold(host, text[1:len(text)-1]) {
		return true // the usual spelling
	}
	b, ok := parseAddr(host)
	return ok && a == b
}

// privateSDP reports whether a connection line of a session description has a
// private address (RFC 4566 §5.7).
func (m *Module) privateSDP(body []byte) bool {
	for host, rest := connection(body); host != nil; host, rest = connection(rest) {
		if m.privateHost(host) {
			return true
		}
	}
	return false
}

// otherSDP reports whether a connection line of a session description has an address
// other than a. 0.0.0.0 is a call on hold (RFC 2543) and nobody's address.
func otherSDP(body []byte, a netip.Addr) bool {
	for host, rest := connection(body); host != nil; host, rest = connection(rest) {
		if !hostIs(host, a) && string(host) != "0.0.0.0" {
			return true
		}
	}
	return false
}

// connection is the address of the next connection line, and what follows it; nil if
// there is none.
func connection(body []byte) (host, rest []byte) {
	const start = "c=IN IP4 " // or IP6
	for len(body) > 0 {
		line := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			line, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		if len(line) <= len(start) || string(line[:len(start)-2]) != start[:len(start)-2] ||
			line[len(start)-2] != '4' && line[len(start)-2] != '6' || line[len(start)-1] != ' ' {
			continue
		}
		host := line[len(start):]
		for i, ch := range host {
			if strings.IndexByte(" \t\r/", ch) >= 0 {
				host = host[:i]
				break
			}
		}
		if len(host) > 0 {
			return host, body
		}
	}
	return nil, nil
}
