package nathelper

import (
	"bytes"
	"net/netip"
	"strings"

	"seraph/proxy/internal/sip"
)

// privateNets are the addresses that mean nothing outside: RFC 1918 and the shared
// space of RFC 6598.
var privateNets = [...]netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10"),
}

func private(a netip.Addr) bool {
	for i := range privateNets {
		if privateNets[i].Contains(a) {
			return true
		}
	}
	return false
}

func privateHost(host []byte) bool {
	a, ok := parseIPv4(host)
	return ok && private(a)
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
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
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
func privateSDP(body []byte) bool {
	const connection = "c=IN IP4 "
	for len(body) > 0 {
		line := body
		if end := bytes.IndexByte(body, '\n'); end >= 0 {
			line, body = body[:end], body[end+1:]
		} else {
			body = nil
		}
		if len(line) <= len(connection) || string(line[:len(connection)]) != connection {
			continue
		}
		host := line[len(connection):]
		for i, ch := range host {
			if strings.IndexByte(" \t\r/", ch) >= 0 {
				host = host[:i]
				break
			}
		}
		if privateHost(host) {
			return true
		}
	}
	return false
}
