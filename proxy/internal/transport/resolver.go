package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"seraph/proxy/internal/dns"
)

// Errors of a Resolver; what the name servers said comes wrapped in them.
var (
	// ErrResolverBusy: more look-ups wait than are allowed.
	ErrResolverBusy = errors.New("too many look-ups at once")
	// ErrBadHost: the text is no host name.
	ErrBadHost = errors.New("not a host name")
	// ErrNoAddress: the name has no address that we could send to, or does not exist.
	ErrNoAddress = errors.New("host has no address")
)

// ResolverConfig is the setting of a Resolver.
type ResolverConfig struct {
	// DNS is how name servers are asked, and how long their answers stay.
	DNS dns.Config
	// NoNAPTR leaves NAPTR records out: transports are tried in our order (Kamailio's
	// dns_try_naptr=no).
	NoNAPTR bool
	// NoIPv6 never asks for AAAA records (dns_try_ipv6=no).
	NoIPv6 bool
	// NoBalance takes SRV records of one priority by falling weight, and not by
	// chance (dns_srv_lb=no).
	NoBalance bool
	// NoFailover gives the first place of a service alone (use_dns_failover=no).
	NoFailover bool
	// BlockTime is how long a place that failed is tried after the others. Default
	// 60 s; below 0 is not at all (dst_blocklist_expire).
	BlockTime time.Duration
	// MaxBlocked bounds the places that are remembered. Default 1024.
	MaxBlocked int
	// MaxPlans bounds the services of which the whole way is kept. Default 4096.
	MaxPlans int
}

// Resolver finds where a host name leads: its addresses (Lookup), or by RFC 3263 the
// places that serve SIP for it (Locate). It keeps answers for a while, and for a short
// time which places failed.
type Resolver struct {
	cfg     ResolverConfig
	dns     *dns.Client
	blocked blockList

	mu    sync.Mutex
	plans map[planKey]*plan
}

// NewResolver makes a Resolver.
func NewResolver(cfg ResolverConfig) *Resolver {
	if cfg.BlockTime == 0 {
		cfg.BlockTime = time.Minute
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	num(&cfg.MaxBlocked, 1024)
	num(&cfg.MaxPlans, 4096)
	return &Resolver{
		cfg: cfg, dns: dns.New(cfg.DNS), plans: make(map[planKey]*plan),
		blocked: blockList{life: cfg.BlockTime, most: cfg.MaxBlocked, until: make(map[Hop]time.Time)},
	}
}

// DNS is the client that asks the name servers.
func (r *Resolver) DNS() *dns.Client { return r.dns }

// Statistics are the numbers of the resolver, Kamailio's failed_dns_request among them.
func (r *Resolver) Statistics(yield func(group, name string, value int64)) {
	asked, failed := r.dns.Stats()
	yield("dns", "dns_requests", int64(asked))
	yield("dns", "failed_dns_request", int64(failed))
	yield("dns", "cached_answers", int64(r.dns.Size()))
	yield("dns", "blocked_places", int64(r.blocked.n.Load()))
}

// Flush forgets every answer of name servers.
func (r *Resolver) Flush() {
	r.dns.Flush()
	r.mu.Lock()
	clear(r.plans)
	r.mu.Unlock()
}

// Lookup is the addresses of host, IPv4 first, kept or asked for; it waits for the
// answer or for ctx. The slice is never empty without an error.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, ok := ParseHost(host); ok {
		return []netip.Addr{a}, nil
	}
	addrs, _, err := r.addresses(ctx, host, !r.cfg.NoIPv6)
	return addrs, err
}

// addresses asks for the A and the AAAA records at once, and says until when they hold.
func (r *Resolver) addresses(ctx context.Context, host string, v6 bool) ([]netip.Addr, time.Time, error) {
	var six dns.Answer
	var sixErr error
	done := make(chan struct{})
	if v6 {
		go func() { defer close(done); six, sixErr = r.dns.Lookup(ctx, host, dns.AAAA) }()
	} else {
		close(done)
		sixErr = dns.ErrNoRecord
	}
	four, fourErr := r.dns.Lookup(ctx, host, dns.A)
	<-done
	var addrs []netip.Addr
	var until time.Time
	if fourErr == nil {
		addrs, until = append(addrs, four.Addrs...), four.Until
	}
	if sixErr == nil {
		addrs, until = append(addrs, six.Addrs...), soonest(until, six.Until)
	}
	if len(addrs) > 0 {
		return addrs, until, nil
	}
	err := fourErr
	if dns.Nothing(fourErr) && v6 && !dns.Nothing(sixErr) {
		err = sixErr
	}
	return nil, soonest(four.Until, six.Until), hostError(host, err)
}

// soonest is the earlier of two times, a zero one being none.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hostError is an error of the DNS client in the words of this package.
func hostError(host string, err error) error {
	switch {
	case errors.Is(err, dns.ErrBusy):
		return ErrResolverBusy
	case errors.Is(err, dns.ErrBadName):
		return fmt.Errorf("%w: %.80q", ErrBadHost, host)
	case dns.Nothing(err):
		return fmt.Errorf("%w: %w", ErrNoAddress, err)
	}
	return err
}
