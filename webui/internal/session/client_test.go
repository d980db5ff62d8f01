package session

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClient(t *testing.T) {
	proxies := Proxies{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, remote string
		tls          bool
		headers      [][2]string
		want         Client
	}{
		{"direct", "192.0.2.1:1000", false, nil, Client{netip.MustParseAddr("192.0.2.1"), false, "portal.example.org"}},
		{"direct with TLS", "192.0.2.1:1000", true, nil, Client{netip.MustParseAddr("192.0.2.1"), true, "portal.example.org"}},
		{"a stranger's headers count for nothing", "192.0.2.1:1000", false,
			[][2]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "evil.example"}},
			Client{netip.MustParseAddr("192.0.2.1"), false, "portal.example.org"}},
		{"a trusted proxy's do", "127.0.0.1:1000", false,
			[][2]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "phone.example.org"}},
			Client{netip.MustParseAddr("203.0.113.9"), true, "phone.example.org"}},
		{"what the browser wrote itself stands left", "127.0.0.1:1000", false,
			[][2]string{{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", "203.0.113.9, 10.1.2.3"}},
			Client{netip.MustParseAddr("203.0.113.9"), false, "portal.example.org"}},
		{"nonsense between", "127.0.0.1:1000", false,
			[][2]string{{"X-Forwarded-For", "203.0.113.9, nonsense, 10.1.2.3"}},
			Client{netip.MustParseAddr("10.1.2.3"), false, "portal.example.org"}},
		{"the proxy says no TLS", "127.0.0.1:1000", true, [][2]string{{"X-Forwarded-Proto", "https, http"}},
			Client{netip.MustParseAddr("127.0.0.1"), false, "portal.example.org"}},
		{"IPv4 in IPv6", "[::ffff:192.0.2.1]:1000", false, nil, Client{netip.MustParseAddr("192.0.2.1"), false, "portal.example.org"}},
		{"no address", "@", false, nil, Client{netip.Addr{}, false, "portal.example.org"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "http://portal.example.org/user", nil)
			r.RemoteAddr = c.remote
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for _, h := range c.headers {
				r.Header.Add(h[0], h[1])
			}
			if got := proxies.Client(r); got != c.want {
				t.Errorf("have %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
	} {
		if got := Group(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Group(%s) = %s, want %s", addr, got, want)
		}
	}
}

// FuzzClient: what a stranger writes into the headers changes nothing, and what
// comes through a proxy is an address or nothing.
func FuzzClient(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.1", "https", "evil.example")
	f.Add(",,::1%eth0,", "HTTPS,", "")
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, forwarded, proto, host string) {
		r := httptest.NewRequest(http.MethodGet, "http://portal.example.org/user", nil)
		r.Header.Set("X-Forwarded-For", forwarded)
		r.Header.Set("X-Forwarded-Proto", proto)
		r.Header.Set("X-Forwarded-Host", host)
		r.RemoteAddr = "192.0.2.1:1000"
		if got, want := proxies.Client(r), (Client{netip.MustParseAddr("192.0.2.1"), false, "portal.example.org"}); got != want {
			t.Errorf("a stranger is %+v, want %+v", got, want)
		}
		r.RemoteAddr = "10.0.0.1:1000"
		if got := proxies.Client(r); !got.Addr.IsValid() || got.Addr.Zone() != "" || got.Addr.Is4In6() {
			t.Errorf("address %v", got.Addr)
		}
	})
}
