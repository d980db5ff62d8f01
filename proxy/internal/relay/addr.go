package relay

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/sip"
)

// parseAddr reads a numeric host without allocation for IPv4, which it never gives in its
// IPv6-mapped form: that is another spelling of the same host (RFC 4291 §2.5.5.2).
func parseAddr(host []byte) (netip.Addr, bool) {
	host = sip.Unbracket(host)
	if len(host) == 0 || len(host) > 45 {
		return netip.Addr{}, false
	}
	if c := host[len(host)-1]; (c < '0' || c > '9') && !hasColon(host) {
		return netip.Addr{}, false
	}
	if a, ok := parseIPv4(host); ok {
		return a, true
	}
	if !hasColon(host) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(host))
	return a.Unmap(), err == nil && a.Zone() == ""
}

func hasColon(b []byte) bool { return bytes.IndexByte(b, ':') >= 0 }

// parseIPv4 reads a dotted address.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	n, part, digits := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i == len(b) || b[i] == '.' {
			if digits == 0 || part == 4 {
				return netip.Addr{}, false
			}
			a[part], part, n, digits = byte(n), part+1, 0, 0
			continue
		}
		if b[i] < '0' || b[i] > '9' || digits == 3 {
			return netip.Addr{}, false
		}
		if n = n*10 + int(b[i]-'0'); n > 255 {
			return netip.Addr{}, false
		}
		digits++
	}
	return netip.AddrFrom4(a), part == 4
}
