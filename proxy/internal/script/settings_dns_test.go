package script

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/dns"
	"seraph/proxy/internal/transport"
)

// TestDNSSettings: what Kamailio's settings of the resolver come to.
func TestDNSSettings(t *testing.T) {
	for text, want := range map[string]transport.ResolverConfig{
		"": {},
		"dns_try_ipv6=yes dns_try_naptr=on dns_srv_lb=yes use_dns_failover=on use_dns_cache=yes use_dst_blocklist=yes dns_use_search_list=no": {},
		"dns_try_ipv6=no dns_try_naptr=off dns_srv_loadbalancing=no use_dns_failover=off use_dst_blacklist=0": {
			NoIPv6: true, NoNAPTR: true, NoBalance: true, NoFailover: true, BlockTime: -1},
		"use_dns_cache=no dns_use_search_list=yes dns_retr_time=2 dns_retr_no=0 dns_cache_max_ttl=600 dns_cache_min_ttl=10 dns_cache_negative_ttl=20": {
			DNS: dns.Config{NoCache: true, Search: true, Timeout: 2 * time.Second, Retries: -1,
				MaxTTL: 10 * time.Minute, MinTTL: 10 * time.Second, NegativeTTL: 20 * time.Second}},
		`dns_server=192.0.2.53 "192.0.2.54:5353" dns_retr_no=3 dst_blocklist_expire=30 dns_cache_mem=500`: {
			BlockTime: 30 * time.Second, DNS: dns.Config{Retries: 3, Servers: []string{"192.0.2.53:53", "192.0.2.54:5353"}}},
	} {
		p := compile(t, text+"\nroute { ; }", nil)
		if diff := cmp.Diff(want, p.prog.Globals().Resolver); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestBadDNSSettings are refused.
func TestBadDNSSettings(t *testing.T) {
	for text, want := range map[string]string{
		`dns_server="ns.example.org"`:   `"ns.example.org" is no address of a name server: write 192.0.2.53, or 192.0.2.53:5353`,
		`dns_server="192.0.2.53:99999"`: `"192.0.2.53:99999" is no address of a name server: write 192.0.2.53, or 192.0.2.53:5353`,
		"dns_retr_time=0":               "dns_retr_time is a number from 1 to 30",
		"dns_retr_no=11":                "dns_retr_no is a number from 0 to 10",
		"dns_cache_max_ttl=soon":        "dns_cache_max_ttl is a number",
		"dns_try_ipv6=maybe":            "dns_try_ipv6 is yes or no",
	} {
		_, problems := Compile("x.cfg", []byte(text+"\nroute { ; }"), Options{})
		if len(problems) != 1 || problems[0].Message != want {
			t.Errorf("%s: %v, want %s", text, problems, want)
		}
	}
}
