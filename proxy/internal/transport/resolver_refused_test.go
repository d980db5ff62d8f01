package transport

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	miekg "github.com/miekg/dns"

	"seraph/proxy/internal/dns/dnstest"
)

// servfail makes a server say that it cannot answer questions of these types.
func servfail(types ...uint16) func(string, *miekg.Msg) []*miekg.Msg {
	return func(_ string, m *miekg.Msg) []*miekg.Msg {
		for _, t := range types {
			if m.Question[0].Qtype == t {
				m.Rcode, m.Answer = miekg.RcodeServerFailure, nil
			}
		}
		return []*miekg.Msg{m}
	}
}

// Where the calls to the gateway of gatewayZone go: by its SRV records, and to its own address.
const bySRV, ownAddress = "udp:192.0.2.77:5080", "udp:192.0.2.9:5060"

// TestFloodTakesNoWay: whoever fills the cache with names, of his own or of none, and has it
// that the name server can no longer say where a gateway's SRV records lead, sends none of
// its calls to the gateway's own address.
func TestFloodTakesNoWay(t *testing.T) {
	zone := gatewayZone(60)
	for i := range 200 {
		zone = append(zone, fmt.Sprintf("h%d.example.net 3600 IN A 198.51.100.66", i))
	}
	for _, c := range []struct {
		name    string
		host    string // %d is one of many
		n, most int    // names, and entries of the cache; 0 is the default
	}{
		{"names that do not exist", "h%d.example.com", 1400, 0},
		{"names of his zone", "h%d.example.net", 200, 64},
		{"none", "", 0, 0},
	} {
		bubble(t, c.name, func(t *testing.T) {
			s := dnstest.InMemory(t, zone...)
			r := outageResolver(t, func(r *ResolverConfig) { r.DNS.MaxEntries = c.most }, s)
			gw := Service{Host: []byte("gw.example.org"), Reach: plain}
			if got, _, err := call(t, r, &gw); got != bySRV {
				t.Fatalf("%q, %v", got, err)
			}
			for i := range c.n {
				_, _, _ = call(t, r, &Service{Host: fmt.Appendf(nil, c.host, i), Reach: plain})
			}
			s.Mangle(servfail(miekg.TypeSRV))
			for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(7 * time.Second) {
				if got, _, err := call(t, r, &gw); got != bySRV {
					t.Fatalf("after %v: %q, %v", time.Since(began), got, err)
				}
			}
			s.Mangle(nil)
			s.Set("gw.example.org 60 IN A 192.0.2.9", "_sip._udp.gw.example.org 60 IN SRV 1 1 5080 new.example.org.", "new.example.org 60 IN A 192.0.2.78")
			time.Sleep(2 * time.Minute)
			if got, _, err := call(t, r, &gw); got != "udp:192.0.2.78:5080" {
				t.Errorf("when it can say it again: %q, %v", got, err)
			}
		})
	}
}

// TestWhatEndsAWayBySRV: that there are no SRV records any more, its hour, the host table;
// not that nobody can say where the records are by which it was found.
func TestWhatEndsAWayBySRV(t *testing.T) {
	pointed := append(gatewayZone(60), `ptr.example.org 60 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.gw.example.org.`, "ptr.example.org 60 IN A 192.0.2.9")
	for _, c := range []struct {
		name, host string
		change     func(s *dnstest.Server, hosts string)
		wait       time.Duration
		want       string
	}{
		{"SRV is refused", "gw", func(s *dnstest.Server, _ string) { s.Mangle(servfail(miekg.TypeSRV)) }, time.Minute, bySRV},
		{"and NAPTR", "gw", func(s *dnstest.Server, _ string) { s.Mangle(servfail(miekg.TypeSRV, miekg.TypeNAPTR)) }, time.Minute, bySRV},
		{"for too long", "gw", func(s *dnstest.Server, _ string) { s.Mangle(servfail(miekg.TypeSRV)) }, 2 * time.Hour, ownAddress},
		{"NAPTR led there and is refused", "ptr", func(s *dnstest.Server, _ string) { s.Mangle(servfail(miekg.TypeNAPTR)) }, time.Minute, bySRV},
		{"NAPTR led there and is dropped", "ptr", func(s *dnstest.Server, _ string) { s.Mangle(drop(miekg.TypeNAPTR)) }, 5 * time.Minute, bySRV},
		{"NAPTR led there and SRV is refused", "ptr", func(s *dnstest.Server, _ string) { s.Mangle(servfail(miekg.TypeSRV)) }, time.Minute, bySRV},
		{"NAPTR led there and is gone", "ptr", func(s *dnstest.Server, _ string) { s.Set("ptr.example.org 60 IN A 192.0.2.9") }, time.Minute, ownAddress},
		{"SRV is gone", "gw", func(s *dnstest.Server, _ string) { s.Set("gw.example.org 60 IN A 192.0.2.9") }, time.Minute, ownAddress},
		{"SRV is gone, NAPTR refused", "gw", func(s *dnstest.Server, _ string) {
			s.Set("gw.example.org 60 IN A 192.0.2.9")
			s.Mangle(servfail(miekg.TypeNAPTR))
		}, time.Minute, ownAddress},
		{"the operator writes it into the host table", "gw", func(s *dnstest.Server, hosts string) {
			s.Mangle(servfail(miekg.TypeSRV))
			_ = os.WriteFile(hosts, []byte("192.0.2.8 gw.example.org\n"), 0o600)
		}, time.Minute, "udp:192.0.2.8:5060"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			hosts := filepath.Join(t.TempDir(), "hosts")
			s := dnstest.InMemory(t, pointed...)
			r := outageResolver(t, func(c *ResolverConfig) { c.DNS.Hosts = hosts }, s)
			service := Service{Host: []byte(c.host + ".example.org"), Reach: plain}
			if got, _, err := call(t, r, &service); got != bySRV {
				t.Fatalf("%q, %v", got, err)
			}
			c.change(s, hosts)
			r.dns.Flush() // as somebody's names without end do it
			for end := time.Now().Add(c.wait); time.Now().Before(end); time.Sleep(30 * time.Second) {
				_, _, _ = call(t, r, &service)
			}
			time.Sleep(10 * time.Second)
			if got, _, err := call(t, r, &service); got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestZoneThatAlwaysRefuses: a host that never had a way by SRV gets its new address at once.
func TestZoneThatAlwaysRefuses(t *testing.T) {
	for name, refuse := range map[string]func(string, *miekg.Msg) []*miekg.Msg{
		"always": servfail(miekg.TypeSRV, miekg.TypeNAPTR), "later": nil,
	} {
		bubble(t, name, func(t *testing.T) {
			s := dnstest.InMemory(t, gatewayZone(5)...)
			s.Mangle(refuse)
			r := outageResolver(t, nil, s)
			service := Service{Host: []byte("plain.example.org"), Reach: plain}
			if got, _, err := call(t, r, &service); got != "udp:192.0.2.5:5060" {
				t.Fatalf("%q, %v", got, err)
			}
			s.Set("plain.example.org 5 IN A 192.0.2.6")
			s.Mangle(servfail(miekg.TypeSRV, miekg.TypeNAPTR))
			r.dns.Flush()
			time.Sleep(11 * time.Second) // that there was no record held for ten
			_, _, _ = call(t, r, &service)
			time.Sleep(time.Second)
			if got, _, err := call(t, r, &service); got != "udp:192.0.2.6:5060" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestRefusedWhileManyAreRenewed: a call that has to find the way itself does not end the old
// one either, when it cannot be told whether there are SRV records or nobody says anything.
func TestRefusedWhileManyAreRenewed(t *testing.T) {
	for name, send := range map[string]func(string, *miekg.Msg) []*miekg.Msg{
		"SRV refused": servfail(miekg.TypeSRV), "all refused": servfail(miekg.TypeNAPTR, miekg.TypeSRV, miekg.TypeA),
		"silence": drop(miekg.TypeNAPTR, miekg.TypeSRV, miekg.TypeA),
	} {
		bubble(t, name, func(t *testing.T) {
			s := dnstest.InMemory(t, gatewayZone(60)...)
			r := outageResolver(t, nil, s)
			gw := Service{Host: []byte("gw.example.org"), Reach: plain}
			if got, _, err := call(t, r, &gw); got != bySRV {
				t.Fatalf("%q, %v", got, err)
			}
			s.Mangle(send)
			r.dns.Flush()
			time.Sleep(2 * time.Minute)
			r.mu.Lock()
			r.renewals = maxRenewals
			r.mu.Unlock()
			for range 3 {
				if got, took, err := call(t, r, &gw); got != bySRV || took > waits {
					t.Errorf("%q after %v, %v", got, took, err)
				}
			}
		})
	}
}

// TestCachedReadsNoFile: the host table is read, however long that takes, by nobody who holds
// up other calls.
func TestCachedReadsNoFile(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := syscall.Mkfifo(hosts, 0o600); err != nil { // who reads it waits for a writer
		t.Fatal(err)
	}
	r := resolverOf(t, func(c *ResolverConfig) { c.DNS.Hosts = hosts })
	service := Service{Host: []byte("gw.example.org"), Port: 5060, Reach: onlyUDP}
	now := time.Now()
	old := &plan{places: []place{{hops: []Hop{{UDP, netip.MustParseAddrPort("192.0.2.1:5060")}}}}, until: now, stale: now.Add(time.Hour)}
	r.plans[planKey{"gw.example.org", 5060, ProtoNone, false, onlyUDP}] = old
	back := make(chan string, 1)
	go func() {
		list, _, _ := r.Cached(nil, &service)
		back <- places(list)
	}()
	select {
	case got := <-back:
		if got != "udp:192.0.2.1:5060" {
			t.Errorf("%q", got)
		}
	case <-time.After(2 * time.Second):
		t.Error("a call waits for a file")
	}
	if err := os.WriteFile(hosts, []byte("192.0.2.8 gw.example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	n := old.renewal
	r.mu.Unlock()
	if n != nil {
		<-n.done
	}
	if got, _, err := call(t, r, &service); got != "udp:192.0.2.8:5060" {
		t.Errorf("when it is read: %q, %v", got, err)
	}
}

// TestFaultInARenewal ends neither the process nor the way, and is told.
func TestFaultInARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := dnstest.InMemory(t, gatewayZone(5)...)
		r := outageResolver(t, func(c *ResolverConfig) { c.DNS.Log = slog.New(slog.NewTextHandler(&log, nil)) }, s)
		gw := Service{Host: []byte("gw.example.org"), Reach: plain}
		if got, _, err := call(t, r, &gw); got != bySRV {
			t.Fatalf("%q, %v", got, err)
		}
		client := r.dns
		r.dns = nil // which no walk survives
		for range 2 {
			time.Sleep(time.Minute)
			if got, _, err := call(t, r, &gw); got != bySRV {
				t.Errorf("%q, %v", got, err)
			}
		}
		synctest.Wait()
		if text := log.String(); strings.Count(text, "level=ERROR") != 2 || !strings.Contains(text, "gw.example.org") || !strings.Contains(text, "resolver_walk.go") {
			t.Errorf("log: %s", text)
		}
		r.dns = client
		s.Set("gw.example.org 5 IN A 192.0.2.9")
		time.Sleep(time.Minute)
		if got, _, err := call(t, r, &gw); got != ownAddress || r.renewals != 0 {
			t.Errorf("without the fault: %q, %v, %d under way", got, err, r.renewals)
		}
	})
}

// TestOneSourceLeavesRoom: as many requests as one source may have wait for a zone whose name
// server is silent; a new host is found all the same.
func TestOneSourceLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, gatewayZone(60)...)
		s.Mangle(func(_ string, m *miekg.Msg) []*miekg.Msg {
			if strings.HasSuffix(m.Question[0].Name, ".example.net.") {
				return nil
			}
			return []*miekg.Msg{m}
		})
		r := outageResolver(t, nil, s)
		ctx, cancel := context.WithTimeout(t.Context(), waits)
		defer cancel()
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				_, _ = r.Locate(ctx, nil, &Service{Host: fmt.Appendf(nil, "h%d.example.net", i), Reach: all})
			})
		}
		time.Sleep(time.Second)
		if got, took, err := call(t, r, &Service{Host: []byte("gw.example.org"), Reach: all}); got != bySRV || took != 0 {
			t.Errorf("%q after %v, %v", got, took, err)
		}
		wg.Wait()
	})
}
