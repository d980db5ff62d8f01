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

	mu       sync.Mutex
	plans    map[planKey]*plan
	renewals int // under way
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
	client := dns.New(cfg.DNS)
	cfg.DNS = client.Config()
	return &Resolver{
		cfg: cfg, dns: client, plans: make(map[planKey]*plan),
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
	f := r.addresses(ctx, host, !r.cfg.NoIPv6, r.dns.Lookup)
	return f.addrs, f.err
}

// asker is Lookup or LookupAnew of the DNS client.
type asker func(ctx context.Context, name string, t dns.Type) (dns.Answer, error)

// found is what is known of the addresses of a host.
type found struct {
	addrs        []netip.Addr
	until, stale time.Time
	cut          bool // there was no time to ask for all
	err          error
}

// addresses asks for the A and the AAAA records at once. Where there is an A record, who
// does not answer for the other is given a part of the time.
func (r *Resolver) addresses(ctx context.Context, host string, v6 bool, ask asker) found {
	type reply struct {
		dns.Answer
		err error
	}
	six, got := reply{err: dns.ErrNoRecord}, make(chan reply, 1)
	if v6 {
		go func() { a, err := ask(ctx, host, dns.AAAA); got <- reply{a, err} }()
	} else {
		got <- six
	}
	var four reply
	four.Answer, four.err = ask(ctx, host, dns.A)
	var enough <-chan time.Time
	if four.err == nil {
		t := time.NewTimer(r.share(ctx))
		defer t.Stop()
		enough = t.C
	}
	select {
	case six = <-got:
	case <-enough:
		if six = (reply{r.noAnswer(), dns.ErrSilent}); ctx.Err() != nil {
			six.err = ctx.Err()
		}
	}
	var f found
	for _, x := range []reply{four, six} {
		f.cut = f.cut || unasked(x.err)
		if x.err == nil || !dns.Nothing(x.err) {
			f.until = soonest(f.until, x.Until)
		}
		if x.err == nil {
			f.addrs, f.stale = append(f.addrs, x.Addrs...), soonest(f.stale, x.Stale)
		}
	}
	if len(f.addrs) > 0 {
		return f
	}
	err := four.err
	if dns.Nothing(err) && v6 && !dns.Nothing(six.err) {
		err = six.err
	}
	f.until, f.err = soonest(four.Until, six.Until), hostError(host, err)
	return f
}

// share is half of the time that is left: what a step may take that others can do without.
func (r *Resolver) share(ctx context.Context) time.Duration {
	left := r.cfg.DNS.Total
	if end, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(end))
	}
	return left / 2
}

// noAnswer is the answer of a question that is not waited for any more: it holds as long as
// a failure does.
func (r *Resolver) noAnswer() dns.Answer {
	return dns.Answer{Until: time.Now().Add(r.cfg.DNS.NegativeTTL)}
}

// unasked reports whether an error says nothing of a name or its servers: the time was over,
// or there were too many questions.
func unasked(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, dns.ErrBusy)
}

// unanswered reports whether nobody has said anything to a question, not even that he
// cannot answer it.
func unanswered(err error) bool { return unasked(err) || errors.Is(err, dns.ErrSilent) }

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
