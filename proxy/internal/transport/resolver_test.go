package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	miekg "github.com/miekg/dns"

	"seraph/proxy/internal/dns"
	"seraph/proxy/internal/dns/dnstest"
)

// resolverOf makes a resolver that asks these servers and nobody else.
func resolverOf(t testing.TB, change func(*ResolverConfig), servers ...string) *Resolver {
	t.Helper()
	cfg := ResolverConfig{DNS: dns.Config{Servers: servers, Hosts: filepath.Join(t.TempDir(), "hosts"),
		ResolvConf: filepath.Join(t.TempDir(), "resolv.conf"), Timeout: 300 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	return NewResolver(cfg)
}

// What the proxy of a test listens on.
var (
	onlyUDP = Reach{V4: 1 << UDP}
	plain   = Reach{V4: 1<<UDP | 1<<TCP}
	all     = Reach{V4: 1<<UDP | 1<<TCP | 1<<TLS | 1<<WS | 1<<WSS}
	both    = Reach{V4: 1<<UDP | 1<<TCP | 1<<TLS, V6: 1<<UDP | 1<<TCP | 1<<TLS}
)

func places(list []Hop) string {
	var out []string
	for _, h := range list {
		out = append(out, fmt.Sprintf("%s:%v", h.Proto, h.Addr))
	}
	return strings.Join(out, " ")
}

// zone is that of the tests: example.org has everything, the others lack something.
var zone = []string{
	`example.org 300 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.example.org.`,
	`example.org 300 IN NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.example.org.`,
	`example.org 300 IN NAPTR 30 50 "s" "SIP+D2U" "" _sip._udp.example.org.`,
	`example.org 300 IN NAPTR 5 50 "s" "http+I2C" "" _http._tcp.example.org.`,
	`example.org 300 IN NAPTR 5 50 "u" "E2U+sip" "!^.*$!sip:x@example.net!" .`,
	`_sips._tcp.example.org 300 IN SRV 1 1 5061 tls.example.org.`,
	`_sip._tcp.example.org 300 IN SRV 1 1 5060 tcp.example.org.`,
	`_sip._udp.example.org 300 IN SRV 2 1 5070 second.example.org.`,
	`_sip._udp.example.org 300 IN SRV 1 1 5080 first.example.org.`,
	`example.org 300 IN A 192.0.2.9`,
	`tls.example.org 300 IN A 192.0.2.1`,
	`tcp.example.org 300 IN A 192.0.2.2`,
	`first.example.org 300 IN A 192.0.2.3`, `first.example.org 300 IN AAAA 2001:db8::3`,
	`second.example.org 300 IN A 192.0.2.4`,
	`srv.example.net 300 IN A 192.0.2.19`,
	`_sip._udp.srv.example.net 300 IN SRV 1 1 5090 first.example.org.`,
	`_sip._tcp.srv.example.net 300 IN SRV 1 1 5091 tcp.example.org.`,
	`bare.example.net 300 IN A 192.0.2.29`, `bare.example.net 300 IN A 192.0.2.30`,
	`six.example.net 300 IN AAAA 2001:db8::6`,
	`closed.example.net 300 IN A 192.0.2.39`,
	`_sip._udp.closed.example.net 300 IN SRV 0 0 0 .`, `_sip._tcp.closed.example.net 300 IN SRV 0 0 0 .`,
	`lost.example.net 300 IN NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp.nowhere.example.net.`,
	`lost.example.net 300 IN A 192.0.2.49`,
	`half.example.net 300 IN A 192.0.2.59`,
	`_sip._udp.half.example.net 300 IN SRV 1 1 5060 gone.example.net.`,
	`_sip._udp.half.example.net 300 IN SRV 2 1 5062 second.example.org.`,
}

// TestLocate is RFC 3263 §4, case by case.
func TestLocate(t *testing.T) {
	s := dnstest.New(t, zone...)
	for _, c := range []struct {
		name    string
		service Service
		want    string
		err     error
	}{
		{"NAPTR chooses the transport, best order first",
			Service{Host: []byte("example.org"), Reach: all}, "tls:192.0.2.1:5061 tcp:192.0.2.2:5060 udp:192.0.2.3:5080 udp:192.0.2.4:5070", nil},
		{"of those we have", Service{Host: []byte("example.org"), Reach: plain}, "tcp:192.0.2.2:5060 udp:192.0.2.3:5080 udp:192.0.2.4:5070", nil},
		{"name in capitals with its dot", Service{Host: []byte("Example.ORG"), Reach: onlyUDP}, "udp:192.0.2.3:5080 udp:192.0.2.4:5070", nil},
		{"sips is TLS alone", Service{Host: []byte("example.org"), Secure: true, Reach: all}, "tls:192.0.2.1:5061", nil},
		{"a transport in the URI skips NAPTR", Service{Host: []byte("example.org"), Proto: UDP, Reach: all}, "udp:192.0.2.3:5080 udp:192.0.2.4:5070", nil},
		{"transport=tcp in a sips URI is TLS", Service{Host: []byte("example.org"), Proto: TCP, Secure: true, Reach: all}, "tls:192.0.2.1:5061", nil},
		{"a port skips NAPTR and SRV", Service{Host: []byte("example.org"), Port: 5099, Reach: all}, "udp:192.0.2.9:5099", nil},
		{"a port in a sips URI", Service{Host: []byte("example.org"), Port: 5099, Secure: true, Reach: all}, "tls:192.0.2.9:5099", nil},
		{"a port and a transport", Service{Host: []byte("example.org"), Port: 5099, Proto: TCP, Reach: all}, "tcp:192.0.2.9:5099", nil},
		{"no NAPTR: SRV of each transport", Service{Host: []byte("srv.example.net"), Reach: all}, "udp:192.0.2.3:5090 tcp:192.0.2.2:5091", nil},
		{"no NAPTR: SRV of those we have", Service{Host: []byte("srv.example.net"), Reach: onlyUDP}, "udp:192.0.2.3:5090", nil},
		{"no SRV: the addresses", Service{Host: []byte("bare.example.net"), Reach: all}, "udp:192.0.2.29:5060 udp:192.0.2.30:5060", nil},
		{"no SRV, sips", Service{Host: []byte("bare.example.net"), Secure: true, Reach: all}, "tls:192.0.2.29:5061 tls:192.0.2.30:5061", nil},
		{"no SRV for that transport", Service{Host: []byte("bare.example.net"), Proto: TLS, Reach: all}, "tls:192.0.2.29:5061 tls:192.0.2.30:5061", nil},
		{"WebSockets have no SRV", Service{Host: []byte("bare.example.net"), Proto: WSS, Reach: all}, "wss:192.0.2.29:443 wss:192.0.2.30:443", nil},
		{"IPv6 too, after IPv4", Service{Host: []byte("first.example.org"), Port: 1, Reach: both}, "udp:192.0.2.3:1 udp:[2001:db8::3]:1", nil},
		{"IPv6 alone", Service{Host: []byte("six.example.net"), Reach: both}, "udp:[2001:db8::6]:5060", nil},
		{"IPv6, and we have none", Service{Host: []byte("six.example.net"), Reach: all}, "", ErrNoAddress},
		{"not available", Service{Host: []byte("closed.example.net"), Reach: all}, "", ErrNoAddress},
		{"NAPTR to nowhere: SRV, addresses", Service{Host: []byte("lost.example.net"), Reach: plain}, "udp:192.0.2.49:5060", nil},
		{"one target of two exists", Service{Host: []byte("half.example.net"), Reach: onlyUDP}, "udp:192.0.2.4:5062", nil},
		{"no such name", Service{Host: []byte("nobody.example.net"), Reach: all}, "", ErrNoAddress},
		{"no name at all", Service{Host: []byte("no..such"), Reach: all}, "", ErrBadHost},
		{"sips over UDP does not exist", Service{Host: []byte("bare.example.net"), Proto: UDP, Secure: true, Reach: all}, "", ErrNoAddress},
	} {
		r := resolverOf(t, nil, s.Addr)
		list, err := r.Locate(t.Context(), nil, &c.service)
		if places(list) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, places(list), err, c.want, c.err)
			continue
		}
		if errors.Is(c.err, ErrBadHost) {
			continue // nobody is asked, so nothing is kept
		}
		n := s.Questions()
		kept, err, ok := r.Cached(nil, &c.service)
		if !ok || places(kept) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: kept as %q, %v, %v", c.name, places(kept), err, ok)
		}
		if _, err := r.Locate(t.Context(), nil, &c.service); !errors.Is(err, c.err) || s.Questions() != n {
			t.Errorf("%s: asked again for what is kept", c.name)
		}
	}
}

// TestLocateSettings: without NAPTR, without IPv6, without balance.
func TestLocateSettings(t *testing.T) {
	s := dnstest.New(t, append([]string{
		`_sip._udp.three.example.net 300 IN SRV 1 10 5060 first.example.org.`,
		`_sip._udp.three.example.net 300 IN SRV 1 90 5061 second.example.org.`}, zone...)...)
	for _, c := range []struct {
		name    string
		change  func(*ResolverConfig)
		service Service
		want    string
	}{
		{"no NAPTR", func(c *ResolverConfig) { c.NoNAPTR = true }, Service{Host: []byte("example.org"), Reach: plain},
			"udp:192.0.2.3:5080 udp:192.0.2.4:5070 tcp:192.0.2.2:5060"},
		{"no IPv6", func(c *ResolverConfig) { c.NoIPv6 = true }, Service{Host: []byte("first.example.org"), Port: 1, Reach: both}, "udp:192.0.2.3:1"},
		{"no balance", func(c *ResolverConfig) { c.NoBalance = true }, Service{Host: []byte("three.example.net"), Proto: UDP, Reach: plain},
			"udp:192.0.2.4:5061 udp:192.0.2.3:5060"},
	} {
		list, err := resolverOf(t, c.change, s.Addr).Locate(t.Context(), nil, &c.service)
		if err != nil || places(list) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, places(list), err, c.want)
		}
	}
}

// TestWeights: within a priority chance decides, by weight (RFC 2782).
func TestWeights(t *testing.T) {
	s := dnstest.New(t,
		"_sip._udp.example.org 300 IN SRV 1 0 1 a.example.org.", "_sip._udp.example.org 300 IN SRV 1 25 2 a.example.org.",
		"_sip._udp.example.org 300 IN SRV 1 75 3 a.example.org.", "_sip._udp.example.org 300 IN SRV 2 999 4 a.example.org.",
		"a.example.org 300 IN A 192.0.2.1")
	r := resolverOf(t, nil, s.Addr)
	service := Service{Host: []byte("example.org"), Proto: UDP, Reach: plain}
	first := map[uint16]int{}
	const runs = 4000
	for range runs {
		list, err := r.Locate(t.Context(), nil, &service)
		if err != nil || len(list) != 4 || list[3].Addr.Port() != 4 || list[2].Addr.Port() != 1 {
			t.Fatalf("%q, %v: want all four, the second priority last and no weight before it", places(list), err)
		}
		first[list[0].Addr.Port()]++
	}
	if share := float64(first[3]) / runs; share < 0.70 || share > 0.80 {
		t.Errorf("first were %v of %d, want three quarters for weight 75", first, runs)
	}
}

// TestManyPlaces: of a zone without end no more than MaxHops places are given.
func TestManyPlaces(t *testing.T) {
	var zone []string
	for i := range 60 {
		zone = append(zone, fmt.Sprintf("_sip._udp.example.org 300 IN SRV %d 1 5060 h%d.example.org.", i, i),
			fmt.Sprintf("h%d.example.org 300 IN A 192.0.2.%d", i, i+1), fmt.Sprintf("h%d.example.org 300 IN A 192.0.3.%d", i, i+1))
	}
	s := dnstest.New(t, zone...)
	list, err := resolverOf(t, nil, s.Addr).Locate(t.Context(), nil, &Service{Host: []byte("example.org"), Reach: onlyUDP})
	if err != nil || len(list) != MaxHops || len(list) > 0 && list[0].Proto != UDP {
		t.Errorf("%d places, %v", len(list), err)
	}
}

// TestBlockedComeLast: a place that failed is tried after the others for BlockTime, and
// the list of them is bounded.
func TestBlockedComeLast(t *testing.T) {
	s := dnstest.New(t, "a.example.org 300 IN A 192.0.2.1", "a.example.org 300 IN A 192.0.2.2", "a.example.org 300 IN A 192.0.2.3")
	r := resolverOf(t, func(c *ResolverConfig) { c.MaxBlocked = 2 }, s.Addr)
	service := Service{Host: []byte("a.example.org"), Port: 5060, Reach: onlyUDP}
	list, err := r.Locate(t.Context(), nil, &service)
	if err != nil {
		t.Fatal(err)
	}
	r.Block(list[0])
	if got, _ := r.Locate(t.Context(), nil, &service); places(got) != "udp:192.0.2.2:5060 udp:192.0.2.3:5060 udp:192.0.2.1:5060" {
		t.Errorf("with the first one blocked: %q", places(got))
	}
	for i := range 100 {
		r.Block(Hop{UDP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 1)})
	}
	if n := len(r.blocked.until); n > 2 {
		t.Errorf("%d places are remembered", n)
	}
}

// TestBlockEnds: the list forgets.
func TestBlockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, never := NewResolver(ResolverConfig{}), NewResolver(ResolverConfig{BlockTime: -1})
		h := Hop{UDP, netip.MustParseAddrPort("192.0.2.1:5060")}
		r.Block(h)
		never.Block(h)
		if !r.Blocked(h) || never.Blocked(h) {
			t.Errorf("blocked %v, switched off %v", r.Blocked(h), never.Blocked(h))
		}
		time.Sleep(time.Minute + time.Millisecond)
		if r.Blocked(h) {
			t.Error("blocked after its time")
		}
	})
}

// TestDeadServers: with nobody to ask the answer is an error within the time of the
// context, which is kept for a moment.
func TestDeadServers(t *testing.T) {
	s := dnstest.New(t)
	s.Silence()
	r := resolverOf(t, func(c *ResolverConfig) { c.DNS.Timeout, c.DNS.Total = 20*time.Millisecond, 100*time.Millisecond }, s.Addr)
	service := Service{Host: []byte("example.org"), Reach: all}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if list, err := r.Locate(ctx, nil, &service); !errors.Is(err, dns.ErrNoServer) {
		t.Errorf("%q, %v", places(list), err)
	}
	if _, err, ok := r.Cached(nil, &service); !ok || !errors.Is(err, dns.ErrNoServer) {
		t.Errorf("not kept: %v, %v", err, ok)
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	other := Service{Host: []byte("other.example.org"), Reach: all}
	if _, err := r.Locate(short, nil, &other); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if _, _, ok := r.Cached(nil, &other); ok {
		t.Error("what nobody waited for is kept as if it were an answer")
	}
}

// TestLookup is for those who want addresses alone.
func TestLookup(t *testing.T) {
	s := dnstest.New(t, zone...)
	r := resolverOf(t, nil, s.Addr)
	for host, want := range map[string]string{
		"first.example.org": "[192.0.2.3 2001:db8::3]", "192.0.2.1": "[192.0.2.1]", "[2001:db8::1]": "[2001:db8::1]", "nobody.example.org": "[]", "": "[]",
	} {
		addrs, err := r.Lookup(t.Context(), host)
		if fmt.Sprint(addrs) != want || (err == nil) != (want != "[]") {
			t.Errorf("%s: %v, %v; want %s", host, addrs, err, want)
		}
	}
}

// TestResolverStatistics count what was asked, and what nobody answered.
func TestResolverStatistics(t *testing.T) {
	r := resolverOf(t, nil)
	_, _ = r.Locate(t.Context(), nil, &Service{Host: []byte("gw.example.org"), Port: 5060, Reach: onlyUDP})
	r.Block(Hop{UDP, netip.MustParseAddrPort("192.0.2.1:5060")})
	got := map[string]int64{}
	r.Statistics(func(group, name string, value int64) { got[group+":"+name] = value })
	want := map[string]int64{"dns:dns_requests": 1, "dns:failed_dns_request": 1, "dns:cached_answers": 1, "dns:blocked_places": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPlansAreBounded: names without end do not fill the memory.
func TestPlansAreBounded(t *testing.T) {
	s := dnstest.New(t)
	r := resolverOf(t, func(c *ResolverConfig) { c.MaxPlans = 5 }, s.Addr)
	for i := range 20 {
		_, _ = r.Locate(t.Context(), nil, &Service{Host: fmt.Appendf(nil, "h%d.example.org", i), Port: 1, Reach: onlyUDP})
	}
	if n := len(r.plans); n != 5 {
		t.Errorf("%d plans", n)
	}
	r.Flush()
	if n := len(r.plans) + r.DNS().Size(); n != 0 {
		t.Errorf("%d answers after Flush", n)
	}
}

// TestCachedAllocatesNothing: a name that is known costs no memory.
func TestCachedAllocatesNothing(t *testing.T) {
	s := dnstest.New(t, zone...)
	r := resolverOf(t, nil, s.Addr)
	service := Service{Host: []byte("example.org"), Reach: all}
	var room [MaxHops]Hop
	if _, err := r.Locate(t.Context(), room[:0], &service); err != nil {
		t.Fatal(err)
	}
	r.Block(Hop{TLS, netip.MustParseAddrPort("192.0.2.1:5061")})
	if n := testing.AllocsPerRun(100, func() {
		if list, _, ok := r.Cached(room[:0], &service); !ok || len(list) != 4 {
			t.Error("not kept")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestHostileZone: an answer with nonsense in it is an answer with less in it.
func TestHostileZone(t *testing.T) {
	s := dnstest.New(t, "a.example.org 300 IN A 192.0.2.1")
	s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg {
		name := m.Question[0].Name
		switch m.Question[0].Qtype {
		case miekg.TypeNAPTR:
			m.Answer = nil
			for i := range 200 {
				m.Answer = append(m.Answer, &miekg.NAPTR{Hdr: miekg.RR_Header{Name: name, Rrtype: miekg.TypeNAPTR, Class: miekg.ClassINET, Ttl: 1 << 31},
					Order: uint16(i), Flags: "s", Service: "SIP+D2U", Replacement: []string{".", `a\ b.example.org.`, "_sip._udp.example.org."}[i%3]})
			}
			m.Rcode = miekg.RcodeSuccess
		case miekg.TypeSRV:
			m.Rcode = miekg.RcodeSuccess
			m.Answer = []miekg.RR{
				&miekg.SRV{Hdr: miekg.RR_Header{Name: name, Rrtype: miekg.TypeSRV, Class: miekg.ClassINET}, Port: 0, Target: "a.example.org."},
				&miekg.SRV{Hdr: miekg.RR_Header{Name: name, Rrtype: miekg.TypeSRV, Class: miekg.ClassINET}, Port: 5060, Target: `x\ y.`},
				&miekg.SRV{Hdr: miekg.RR_Header{Name: name, Rrtype: miekg.TypeSRV, Class: miekg.ClassINET}, Weight: 65535, Port: 5060, Target: "a.example.org."},
			}
		case miekg.TypeA:
			m.Answer = append(m.Answer, &miekg.A{Hdr: miekg.RR_Header{Name: name, Rrtype: miekg.TypeA, Class: miekg.ClassINET}, A: []byte{0, 0, 0, 0}})
		}
		return []*miekg.Msg{m}
	})
	list, err := resolverOf(t, nil, s.Addr).Locate(t.Context(), nil, &Service{Host: []byte("example.org"), Reach: onlyUDP})
	if err != nil || len(list) == 0 {
		t.Fatalf("%q, %v", places(list), err)
	}
	for _, h := range list {
		if h.Addr.String() != "192.0.2.1:5060" {
			t.Errorf("led to %v", h)
		}
	}
}
