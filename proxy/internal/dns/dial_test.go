package dns

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"seraph/proxy/internal/dns/dnstest"
)

// late makes a server take d for each answer.
func late(d time.Duration) reply {
	return func(_ string, m *wire.Msg) []*wire.Msg { time.Sleep(d); return []*wire.Msg{m} }
}

// never makes a server silent.
func never(string, *wire.Msg) []*wire.Msg { return nil }

// TestDefaultTimes are what a look-up takes with the default settings, to the moment: a
// second for each try, two for each server, five in all.
func TestDefaultTimes(t *testing.T) {
	for name, c := range map[string]struct {
		servers []reply // nil is a good one
		took    time.Duration
		err     error
	}{
		"good":                 {[]reply{nil}, 0, nil},
		"slow":                 {[]reply{late(999 * time.Millisecond)}, 999 * time.Millisecond, nil},
		"too slow":             {[]reply{late(1001 * time.Millisecond)}, 2 * time.Second, ErrSilent},
		"silent":               {[]reply{never}, 2 * time.Second, ErrSilent},
		"silent, both":         {[]reply{never, never}, 4 * time.Second, ErrSilent},
		"silent, all three":    {[]reply{never, never, never}, 5 * time.Second, ErrSilent},
		"the first one silent": {[]reply{never, nil}, time.Second, nil},
		"nobody to ask":        {nil, 0, ErrNoServer},
		"the third one slow":   {[]reply{never, never, late(800 * time.Millisecond)}, 2800 * time.Millisecond, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var servers []*dnstest.Server
				var addrs []string
				for _, send := range c.servers {
					s := dnstest.InMemory(t, "gw.example.org 300 IN A 192.0.2.1")
					s.Mangle(send)
					servers, addrs = append(servers, s), append(addrs, s.Addr)
				}
				client := asking(t, func(cfg *Config) { cfg.Timeout, cfg.Dial = 0, dnstest.Dial(servers...) }, addrs...)
				began := time.Now()
				a, err := client.Lookup(t.Context(), "gw.example.org", A)
				if took := time.Since(began); took != c.took || !errors.Is(err, c.err) || err == nil && text(a) != "192.0.2.1" {
					t.Errorf("%q, %v after %v; want %v after %v", text(a), err, took, c.err, c.took)
				}
			})
		})
	}
}

// TestDial: whatever way leads to a server, datagrams keep their borders on it, an answer
// that is cut short is asked for over TCP, and a way that is none is a silent server.
func TestDial(t *testing.T) {
	zone := []string{"gw.example.org 300 IN A 192.0.2.1"}
	for range 60 {
		zone = append(zone, "long.example.org 300 IN A 192.0.2.2", "long.example.org 300 IN NAPTR 1 1 \"s\" \""+strings.Repeat("x", 40)+"\" \"\" .")
	}
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.InMemory(t, zone...)
		var ways []string
		dial := func(ctx context.Context, network, address string) (net.Conn, error) {
			ways = append(ways, network)
			return dnstest.Dial(s)(ctx, network, address)
		}
		c := asking(t, func(cfg *Config) { cfg.Timeout, cfg.Dial = 0, dial }, "nobody.invalid:53", s.Addr)
		if a, err := c.Lookup(t.Context(), "long.example.org", NAPTR); err != nil || len(a.Pointers) != MaxRecords || strings.Join(ways, " ") != "udp udp tcp" {
			t.Errorf("a long answer: %d records by %q, %v", len(a.Pointers), ways, err)
		}
		s.Mangle(func(_ string, m *wire.Msg) []*wire.Msg {
			huge := m.Copy()
			huge.Answer = []wire.RR{rr("long.example.org 300 IN A 192.0.2.2")} // so that no record ends where the room does
			for range 1500 {                                                   // in pieces it would be more strays than are passed over
				huge.Answer = append(huge.Answer, rr("gw.example.org 300 IN A 198.51.100.66"))
			}
			return []*wire.Msg{huge, m}
		})
		began := time.Now()
		if a, err := c.Lookup(t.Context(), "gw.example.org", A); err != nil || text(a) != "192.0.2.1" || time.Since(began) != 0 {
			t.Errorf("behind a datagram that is too long: %q, %v after %v", text(a), err, time.Since(began))
		}
		c = asking(t, func(cfg *Config) { cfg.Timeout, cfg.Dial = 0, dial }, "nobody.invalid:53", "nobody.invalid:54")
		if _, err := c.Lookup(t.Context(), "gw.example.org", A); !errors.Is(err, ErrSilent) || time.Since(began) != 0 {
			t.Errorf("with no way: %v after %v", err, time.Since(began))
		}
	})
}
