package session

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Client is the other end of a request: where it came from, and how the
// browser reached us.
type Client struct {
	// Addr is the browser's address; the zero Addr if it is unknown.
	Addr netip.Addr
	// Secure says that the browser speaks TLS, with us or with our proxy.
	Secure bool
	// Host is the host, with its port if any, that the browser asked for.
	Host string
}

// Proxies are the addresses of reverse proxies whose X-Forwarded-For,
// X-Forwarded-Proto and X-Forwarded-Host are believed. Nobody else's are.
type Proxies []netip.Prefix

// Client tells who sent r. Of X-Forwarded-For, which every proxy appends to,
// the rightmost address counts that is no trusted proxy: what stands left of it
// the browser may have written itself.
func (p Proxies) Client(r *http.Request) Client {
	c := Client{Addr: peer(r.RemoteAddr), Secure: r.TLS != nil, Host: r.Host}
	if !p.trusts(c.Addr) {
		return c
	}
	switch lastValue(r.Header, "X-Forwarded-Proto") {
	case "https":
		c.Secure = true
	case "http":
		c.Secure = false
	}
	if host := lastValue(r.Header, "X-Forwarded-Host"); host != "" {
		c.Host = host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // not what a proxy of ours writes: the last good one counts
		}
		c.Addr = addr.Unmap().WithZone("")
		if !p.trusts(c.Addr) {
			break
		}
	}
	return c
}

func (p Proxies) trusts(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// peer is the address part of a connection's remote address.
func peer(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// lastValue is the last element of a header that may be a list: the one that
// the proxy nearest to us wrote.
func lastValue(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	if i := strings.LastIndexByte(last, ','); i >= 0 {
		last = last[i+1:]
	}
	return strings.TrimSpace(last)
}

// Group is what one person is likely to have of addresses: the address itself
// for IPv4, its /64 network for IPv6.
func Group(addr netip.Addr) string {
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}
