package transport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	miekg "github.com/miekg/dns"

	"seraph/proxy/internal/dns"
	"seraph/proxy/internal/dns/dnstest"
)

// waits is what a request waits for the resolver (relay.resolveTimeout).
const waits = 4 * time.Second

// outageResolver is one with the default times that asks these servers, in a bubble.
func outageResolver(t testing.TB, change func(*ResolverConfig), servers ...*dnstest.Server) *Resolver {
	t.Helper()
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr)
	}
	return resolverOf(t, func(c *ResolverConfig) {
		c.DNS.Timeout, c.DNS.Dial = 0, dnstest.Dial(servers...)
		if change != nil {
			change(c)
		}
	}, addrs...)
}

// bubble is a test in which time is free, and passes as it would for an operator.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// call finds a service as a request does, and says how long that took.
func call(t testing.TB, r *Resolver, s *Service) (string, time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waits)
	defer cancel()
	began := time.Now()
	list, err := r.Locate(ctx, nil, s)
	return places(list), time.Since(began), err
}

// drop makes a server say nothing to questions of these types.
func drop(types ...uint16) func(string, *miekg.Msg) []*miekg.Msg {
	return func(_ string, m *miekg.Msg) []*miekg.Msg {
		for _, t := range types {
			if m.Question[0].Qtype == t {
				return nil
			}
		}
		return []*miekg.Msg{m}
	}
}

// gatewayZone is a gateway whose SRV records lead elsewhere than its own address, and one
// with an address alone; all stay for ttl seconds.
func gatewayZone(ttl int) []string {
	return []string{
		fmt.Sprintf("gw.example.org %d IN A 192.0.2.9", ttl), fmt.Sprintf("_sip._udp.gw.example.org %d IN SRV 1 1 5080 real.example.org.", ttl),
		fmt.Sprintf("real.example.org %d IN A 192.0.2.77", ttl), fmt.Sprintf("plain.example.org %d IN A 192.0.2.5", ttl),
	}
}

// TestOldAnswersServeOn: while the name servers are dead no call to a gateway waits for
// them in vain, whatever kinds of records it has, and whether or not its whole way is known.
func TestOldAnswersServeOn(t *testing.T) {
	for host, want := range map[string]string{"gw.example.org": "udp:192.0.2.77:5080", "plain.example.org": "udp:192.0.2.5:5060"} {
		for forget, most := range map[bool]time.Duration{false: 300 * time.Millisecond, true: 900 * time.Millisecond} { // for NAPTR, SRV and A
			for _, ttl := range []int{5, 3600} {
				bubble(t, fmt.Sprint(host, forget, ttl), func(t *testing.T) {
					s := dnstest.InMemory(t, gatewayZone(ttl)...)
					r := outageResolver(t, nil, s)
					service := Service{Host: []byte(host), Reach: plain}
					if got, _, err := call(t, r, &service); got != want {
						t.Fatalf("%q, %v", got, err)
					}
					time.Sleep(10500 * time.Millisecond) // that there is no record stays for ten
					s.Silence()
					if forget {
						clear(r.plans) // before there is anybody else
					}
					var wg sync.WaitGroup
					for i := range 60 { // one a second, and what has failed is kept for ten
						wg.Go(func() {
							if got, took, err := call(t, r, &service); got != want || took > most {
								t.Errorf("second %d: %q after %v, %v", i, got, took, err)
							}
						})
						time.Sleep(time.Second)
					}
					wg.Wait()
				})
			}
		}
	}
}

// TestBusyGatewayWaitsForNobody: of calls without a pause none waits, even when the way of
// their gateway ends.
func TestBusyGatewayWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, gatewayZone(5)...)
		r := outageResolver(t, nil, s)
		service := Service{Host: []byte("gw.example.org"), Reach: plain}
		if got, _, err := call(t, r, &service); err != nil {
			t.Fatal(got, err)
		}
		s.Silence()
		var room [MaxHops]Hop
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
			if list, err, ok := r.Cached(room[:0], &service); places(list) != "udp:192.0.2.77:5080" || !ok {
				t.Fatalf("a call has to wait after %v: %q, %v", time.Since(began), places(list), err)
			}
		}
		if n := s.Asked("SRV _sip._udp.gw.example.org"); n > 11 { // once when well, and twice each ten seconds
			t.Errorf("the dead server was asked %d times", n)
		}
	})
}

// TestOldAnswersEnd: what a name server says counts as soon as it says it, that there is
// nothing too; and nothing serves for longer than StaleTTL.
func TestOldAnswersEnd(t *testing.T) {
	const late = 200 * time.Millisecond // less than patience
	const old = "udp:192.0.2.5:5060"
	for _, c := range []struct {
		name string
		zone []string
		wait time.Duration // from the end of the old one, at which a call has got it
		want string
		err  error
	}{
		{"another address, too soon", []string{"plain.example.org 3600 IN A 192.0.2.6"}, late - time.Millisecond, old, nil},
		{"another address", []string{"plain.example.org 3600 IN A 192.0.2.6"}, late + time.Millisecond, "udp:192.0.2.6:5060", nil},
		{"the name is gone", []string{"other.example.org 3600 IN A 192.0.2.6"}, late + time.Millisecond, "", ErrNoAddress},
		{"dead for an hour", nil, time.Hour - time.Second, old, nil},
		{"dead for too long", nil, time.Hour, "", dns.ErrNoServer},
	} {
		bubble(t, c.name, func(t *testing.T) {
			s := dnstest.InMemory(t, gatewayZone(5)...)
			r := outageResolver(t, nil, s)
			service := Service{Host: []byte("plain.example.org"), Port: 5060, Reach: plain}
			if got, _, err := call(t, r, &service); err != nil {
				t.Fatal(got, err)
			}
			if c.zone == nil {
				s.Silence()
			} else {
				s.Set(c.zone...)
				s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg { time.Sleep(late); return []*miekg.Msg{m} })
			}
			time.Sleep(5 * time.Second) // its end
			if got, took, err := call(t, r, &service); got != old || took != 0 {
				t.Errorf("at the end: %q after %v, %v", got, took, err)
			}
			time.Sleep(c.wait)
			if got, _, err := call(t, r, &service); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// movedHost is a host without SRV whose way is known, and which has another address since.
func movedHost(t *testing.T) (*dnstest.Server, *Resolver, Service) {
	s := dnstest.InMemory(t, gatewayZone(5)...)
	r := outageResolver(t, nil, s)
	service := Service{Host: []byte("plain.example.org"), Port: 5060, Reach: plain}
	if got, _, err := call(t, r, &service); err != nil {
		t.Fatal(got, err)
	}
	s.Set("plain.example.org 3600 IN A 192.0.2.6")
	return s, r, service
}

// TestNewAnswerIsWaitedFor: where the old one has ended long ago, and the server is well.
func TestNewAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, service := movedHost(t)
		s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg { time.Sleep(250 * time.Millisecond); return []*miekg.Msg{m} })
		time.Sleep(time.Minute)
		if got, took, err := call(t, r, &service); got != "udp:192.0.2.6:5060" || took != 250*time.Millisecond {
			t.Errorf("%q after %v, %v", got, took, err)
		}
	})
}

// TestNAPTRDropped: a fire wall that drops NAPTR, or AAAA, costs time and no calls, and
// sends none to another place.
func TestNAPTRDropped(t *testing.T) {
	for _, c := range []struct {
		name  string
		types []uint16
		dead  bool // one of two servers is, and costs no time of its own
		took  time.Duration
	}{
		{"NAPTR", []uint16{miekg.TypeNAPTR}, false, 2 * time.Second},
		{"NAPTR, and one is dead", []uint16{miekg.TypeNAPTR}, true, 2 * time.Second},
		{"AAAA", []uint16{miekg.TypeAAAA}, false, 2 * time.Second},
		{"both", []uint16{miekg.TypeNAPTR, miekg.TypeAAAA}, false, 3 * time.Second},
	} {
		for _, known := range []bool{false, true} {
			bubble(t, fmt.Sprint(c.name, known), func(t *testing.T) {
				a, b := dnstest.InMemory(t, gatewayZone(3600)...), dnstest.InMemory(t, gatewayZone(3600)...)
				a.Mangle(drop(c.types...))
				b.Mangle(drop(c.types...))
				r := outageResolver(t, nil, a, b)
				if known { // somebody's Via or a URI with a port has named it
					if _, err := r.Lookup(t.Context(), "gw.example.org"); err != nil {
						t.Fatal(err)
					}
				}
				if c.dead {
					a.Silence()
				}
				for _, took := range []time.Duration{c.took, 0} {
					for host, want := range map[string]string{"gw.example.org": "udp:192.0.2.77:5080", "plain.example.org": "udp:192.0.2.5:5060"} {
						got, after, err := call(t, r, &Service{Host: []byte(host), Reach: both})
						if got != want || after != took {
							t.Errorf("%s: %q after %v, %v", host, got, after, err)
						}
					}
				}
			})
		}
	}
}

// TestOutageLeadsNowhereElse: a host's own address is no place for its calls while nobody
// says whether it has SRV records, and once somebody does they count at once.
func TestOutageLeadsNowhereElse(t *testing.T) {
	for _, n := range []int{1, 3} {
		bubble(t, fmt.Sprint(n), func(t *testing.T) {
			var servers []*dnstest.Server
			for range n {
				servers = append(servers, dnstest.InMemory(t, gatewayZone(3600)...))
			}
			r := outageResolver(t, nil, servers...)
			gw := Service{Host: []byte("gw.example.org"), Reach: plain}
			if _, err := r.Lookup(t.Context(), "gw.example.org"); err != nil {
				t.Fatal(err)
			}
			for _, s := range servers {
				s.Silence()
			}
			if got, _, err := call(t, r, &gw); got != "" || err == nil {
				t.Errorf("in the outage: %q, %v", got, err)
			}
			for _, s := range servers {
				s.Mangle(nil)
			}
			time.Sleep(11 * time.Second) // a failure is kept for ten
			if got, _, err := call(t, r, &gw); got != "udp:192.0.2.77:5080" {
				t.Errorf("after it: %q, %v", got, err)
			}
		})
	}
}

// TestRefusedQuestionsLeadOn: a name server that says that it cannot answer for SRV has
// answered, and who stands in the host table is found without any.
func TestRefusedQuestionsLeadOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, gatewayZone(5)...)
		s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg {
			if m.Question[0].Qtype == miekg.TypeSRV {
				m.Rcode, m.Answer = miekg.RcodeServerFailure, nil
			}
			return []*miekg.Msg{m}
		})
		if got, _, err := call(t, outageResolver(t, nil, s), &Service{Host: []byte("plain.example.org"), Reach: plain}); got != "udp:192.0.2.5:5060" {
			t.Errorf("%q, %v", got, err)
		}
		s.Mangle(nil)
		r := outageResolver(t, nil, s)
		if _, err := r.Lookup(t.Context(), "gw.example.org"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg {
			m.Rcode, m.Answer = miekg.RcodeServerFailure, nil
			return []*miekg.Msg{m}
		})
		if got, _, err := call(t, r, &Service{Host: []byte("gw.example.org"), Reach: plain}); got != "" || err == nil {
			t.Errorf("with an old address, and refused all: %q, %v", got, err)
		}
		hosts := filepath.Join(t.TempDir(), "hosts")
		if err := os.WriteFile(hosts, []byte("192.0.2.8 lan.example.org\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		dead, other := dnstest.InMemory(t), dnstest.InMemory(t)
		dead.Silence()
		other.Silence()
		r = outageResolver(t, func(c *ResolverConfig) { c.DNS.Hosts = hosts }, dead, other)
		if got, _, err := call(t, r, &Service{Host: []byte("lan.example.org"), Reach: plain}); got != "udp:192.0.2.8:5060" {
			t.Errorf("in the host table: %q, %v", got, err)
		}
	})
}

// TestFailedPlacesOfAnOldWay: the list of failed places counts for it too.
func TestFailedPlacesOfAnOldWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, "a.example.org 5 IN A 192.0.2.1", "a.example.org 5 IN A 192.0.2.2")
		r := outageResolver(t, nil, s)
		service := Service{Host: []byte("a.example.org"), Port: 5060, Reach: onlyUDP}
		list, err := r.Locate(t.Context(), nil, &service)
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		s.Silence()
		time.Sleep(6 * time.Second)
		r.Block(list[0])
		want := places([]Hop{list[1], list[0]})
		if got, _, err := call(t, r, &service); got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	})
}

// TestManyNamesInAnOutage: who asks for names without end drives out no way that serves on.
func TestManyNamesInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, gatewayZone(5)...)
		r := outageResolver(t, func(c *ResolverConfig) { c.MaxPlans, c.DNS.MaxEntries = 16, 16 }, s)
		service := Service{Host: []byte("gw.example.org"), Reach: plain}
		if got, _, err := call(t, r, &service); err != nil {
			t.Fatal(got, err)
		}
		if _, err := r.Lookup(t.Context(), "gw.example.org"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		s.Silence()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				_, _, _ = call(t, r, &Service{Host: fmt.Appendf(nil, "h%d.example.org", i), Port: 5060, Reach: plain})
			})
		}
		wg.Wait()
		if got, took, err := call(t, r, &service); got != "udp:192.0.2.77:5080" || took > 300*time.Millisecond {
			t.Errorf("%q after %v, %v", got, took, err)
		}
		if a, err := r.Lookup(t.Context(), "gw.example.org"); len(a) != 1 {
			t.Errorf("%v, %v", a, err)
		}
	})
}

// TestManyRenewals: where too many ways are found anew, a call waits for itself, and gets
// what is new.
func TestManyRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, service := movedHost(t)
		time.Sleep(5 * time.Second) // its end
		r.mu.Lock()
		r.renewals = maxRenewals
		r.mu.Unlock()
		if _, _, ok := r.Cached(nil, &service); ok {
			t.Error("an old way serves at once, and nobody finds the new one")
		}
		if got, _, err := call(t, r, &service); got != "udp:192.0.2.6:5060" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
