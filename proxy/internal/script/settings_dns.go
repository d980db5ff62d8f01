package script

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	"seraph/proxy/internal/transport"
)

// dnsSettings are Kamailio's settings of the resolver, and dns_server, which is ours.
var dnsSettings = map[string]setting{
	"dns_server":          {kind: aList, set: (*compiler).setDNSServer},
	"dns_try_ipv6":        unless(func(r *transport.ResolverConfig) *bool { return &r.NoIPv6 }),
	"dns_try_naptr":       unless(func(r *transport.ResolverConfig) *bool { return &r.NoNAPTR }),
	"dns_srv_lb":          unless(func(r *transport.ResolverConfig) *bool { return &r.NoBalance }),
	"use_dns_failover":    unless(func(r *transport.ResolverConfig) *bool { return &r.NoFailover }),
	"use_dns_cache":       unless(func(r *transport.ResolverConfig) *bool { return &r.DNS.NoCache }),
	"dns_use_search_list": {kind: aSwitch, set: func(k *compiler, v value) { k.prog.globals.Resolver.DNS.Search = v.num != 0 }},
	"dns_retr_time":       dnsSeconds("dns_retr_time", 1, 30, func(r *transport.ResolverConfig) *time.Duration { return &r.DNS.Timeout }),
	"dns_retr_no":         {kind: aNumber, set: (*compiler).setDNSRetries},
	"dns_cache_max_ttl":   dnsSeconds("dns_cache_max_ttl", 1, 604800, func(r *transport.ResolverConfig) *time.Duration { return &r.DNS.MaxTTL }),
	"dns_cache_min_ttl":   dnsSeconds("dns_cache_min_ttl", 1, 86400, func(r *transport.ResolverConfig) *time.Duration { return &r.DNS.MinTTL }),
	"dns_cache_negative_ttl": dnsSeconds("dns_cache_negative_ttl", 1, 3600,
		func(r *transport.ResolverConfig) *time.Duration { return &r.DNS.NegativeTTL }),
	"dst_blocklist_expire": dnsSeconds("dst_blocklist_expire", 1, 3600,
		func(r *transport.ResolverConfig) *time.Duration { return &r.BlockTime }),
	"use_dst_blocklist": {kind: aSwitch, set: func(k *compiler, v value) {
		if v.num == 0 {
			k.prog.globals.Resolver.BlockTime = -1
		}
	}},
}

// dnsNames are other names of the same settings, of earlier releases.
var dnsNames = map[string]string{
	"dns_srv_loadbalancing": "dns_srv_lb", "use_dst_blacklist": "use_dst_blocklist", "dst_blacklist_expire": "dst_blocklist_expire",
}

// addDNS puts the settings of the resolver among the others.
func addDNS(t map[string]setting) {
	for name, s := range dnsSettings {
		t[name] = s
	}
	for other, name := range dnsNames {
		t[other] = dnsSettings[name]
	}
	for _, name := range []string{"dns_servers_no", "dns_cache_mem", "dns_cache_gc_interval", "dst_blocklist_mem", "dst_blacklist_mem"} {
		t[name] = setting{kind: aNumber}
	}
}

// unless is a switch that turns something off.
func unless(of func(r *transport.ResolverConfig) *bool) setting {
	return setting{kind: aSwitch, set: func(k *compiler, v value) { *of(&k.prog.globals.Resolver) = v.num == 0 }}
}

func dnsSeconds(name string, least, most int, of func(r *transport.ResolverConfig) *time.Duration) setting {
	return setting{kind: aNumber, set: func(k *compiler, v value) {
		if k.inRange(v, name, least, most) {
			*of(&k.prog.globals.Resolver) = time.Duration(v.num) * time.Second
		}
	}}
}

// setDNSRetries takes how often all servers are asked again; 0 is never.
func (k *compiler) setDNSRetries(v value) {
	if !k.inRange(v, "dns_retr_no", 0, 10) {
		return
	}
	if k.prog.globals.Resolver.DNS.Retries = v.num; v.num == 0 {
		k.prog.globals.Resolver.DNS.Retries = -1
	}
}

// setDNSServer takes an address, with a port or without.
func (k *compiler) setDNSServer(v value) {
	host, port, err := net.SplitHostPort(v.text)
	if err != nil {
		host, port = v.text, "53"
	}
	addr, err := netip.ParseAddr(host)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || n == 0 {
		k.wrong(v.pos, "%s is no address of a name server: write 192.0.2.53, or 192.0.2.53:5353", quoted(v.text))
		return
	}
	r := &k.prog.globals.Resolver.DNS
	r.Servers = append(r.Servers, net.JoinHostPort(addr.String(), port))
}
