package transport

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"seraph/proxy/internal/dns"
)

// MaxHops bounds the places that Locate gives for one service.
const MaxHops = 8

// Reach is what the sockets of the proxy can send to: a bit for each protocol.
type Reach struct{ V4, V6 uint8 }

// ReachOf is the reach of sockets.
func ReachOf(sockets []Socket) Reach {
	var r Reach
	for i := range sockets {
		bit := uint8(1) << sockets[i].Proto
		if sockets[i].Addr.Addr().Is4() {
			r.V4 |= bit
		} else {
			r.V6 |= bit
		}
	}
	return r
}

// Has reports whether there is a socket of that protocol.
func (r Reach) Has(p Proto) bool { return (r.V4|r.V6)&(1<<p) != 0 }

// Service is what a URI asks for (RFC 3263 §4).
type Service struct {
	Host   []byte // a name; numbers need no resolver
	Port   uint16 // 0 where the URI has none
	Proto  Proto  // ProtoNone where the URI has no transport parameter
	Secure bool   // sips: TLS and nothing else
	Reach  Reach
}

// planKey is what a plan is kept under.
type planKey struct {
	host   string
	port   uint16
	proto  Proto
	secure bool
	reach  Reach
}

// plan is the way of a service: its places in groups of falling preference, among which
// weights decide.
type plan struct {
	places []place
	err    error // why there is none
	// own: they are the host's own addresses. pointed: NAPTR records led to them.
	own, pointed bool

	// The rest is guarded by Resolver.mu.
	until   time.Time
	stale   time.Time // how long it may serve on after that; zero: it may not
	used    time.Time // when somebody asked last
	renewal *renewal  // under way, or nil
}

// place is the addresses of one SRV target, or of the host itself.
type place struct {
	group  int
	weight uint16
	hops   []Hop
}

// Cached is Locate without asking anybody; not ok: ask Locate, which may take long. A way
// that has just ended, or that name servers are slow to confirm, still is one, while it is
// asked for anew. It appends to dst and allocates nothing where dst has room for MaxHops.
func (r *Resolver) Cached(dst []Hop, s *Service) (hops []Hop, err error, ok bool) {
	now := time.Now()
	r.mu.Lock()
	p := r.plans[planKey{string(s.Host), s.Port, s.Proto, s.Secure, s.Reach}]
	ok = p != nil && r.ready(p, s, now)
	r.mu.Unlock()
	switch {
	case !ok:
		return dst, nil, false
	case p.err != nil:
		return dst, p.err, true
	}
	return r.choose(dst, p), nil, true
}

// Locate finds where a service is served (RFC 3263 §4), at most MaxHops places in the
// order in which they are to be tried: by NAPTR and SRV preference, within one SRV
// priority by chance and weight (RFC 2782), those that failed a short time ago last.
// It waits for name servers, or for ctx, and no longer than dns.Config.Patience where it
// was found not long ago. The result is appended to dst, and is never empty without an
// error.
func (r *Resolver) Locate(ctx context.Context, dst []Hop, s *Service) ([]Hop, error) {
	if hops, err, ok := r.Cached(dst, s); ok {
		return hops, err
	}
	p := r.renewed(ctx, s)
	if p == nil {
		w := r.newWalk(ctx, s, r.dns.Lookup)
		w.plan()
		if p = r.keep(w); w.cut && ctx.Err() != nil && len(p.places) == 0 {
			return dst, ctx.Err() // what is known by now says nothing of the host
		}
	}
	if p.err != nil {
		return dst, p.err
	}
	return r.choose(dst, p), nil
}

// keep is the plan that counts after a walk: what it has found, which is remembered if it
// says for how long, or the old one that serves on.
func (r *Resolver) keep(w *walk) *plan {
	k, p, now := w.key(), &w.p, time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.plans[k]
	switch {
	case old != nil && now.Before(old.stale) && !w.counts(old):
		return old
	case w.cut || p.until.IsZero() || r.cfg.DNS.NoCache:
		return p
	case old == nil && len(r.plans) >= r.cfg.MaxPlans:
		r.evict(now)
	}
	p.used = now
	r.plans[k] = p
	return p
}

// evict makes room for an eighth: what has ended and cannot serve on goes, then what leads
// nowhere, then what nobody has asked for the longest time. So who asks for many names that
// do not exist, or that no name server tells, drives out none that is of use.
func (r *Resolver) evict(now time.Time) {
	keys := make([]planKey, 0, len(r.plans))
	for k, p := range r.plans {
		if now.Before(p.until) || now.Before(p.stale) {
			keys = append(keys, k)
		} else {
			delete(r.plans, k)
		}
	}
	most := r.cfg.MaxPlans - r.cfg.MaxPlans/8 - 1
	if len(keys) <= most {
		return
	}
	slices.SortFunc(keys, func(a, b planKey) int {
		p, q := r.plans[a], r.plans[b]
		switch {
		case (p.err == nil) == (q.err == nil):
			return p.used.Compare(q.used)
		case p.err != nil:
			return -1
		}
		return 1
	})
	for _, k := range keys[:len(keys)-most] {
		delete(r.plans, k)
	}
}

// choose appends the places of a plan in the order of this once.
func (r *Resolver) choose(dst []Hop, p *plan) []Hop {
	start := len(dst)
	var taken [4 * MaxHops]bool // plans have no more places
	for left := len(p.places); left > 0 && len(dst)-start < MaxHops; left-- {
		i := r.next(p.places, &taken)
		taken[i] = true
		for _, h := range p.places[i].hops {
			if len(dst)-start < MaxHops && !slices.Contains(dst[start:], h) {
				dst = append(dst, h)
			}
		}
	}
	r.blockedLast(dst[start:])
	if r.cfg.NoFailover {
		dst = dst[:start+1]
	}
	return dst
}

// next is the place to try next: of the first group that has any left one by chance,
// weight by weight (RFC 2782), an unweighted one only after the weighted.
func (r *Resolver) next(places []place, taken *[4 * MaxHops]bool) int {
	first, sum := -1, 0
	for i := range places {
		switch {
		case taken[i]:
			continue
		case first < 0:
			first = i
		case places[i].group != places[first].group:
			continue
		}
		sum += int(places[i].weight)
	}
	at := -1
	if sum > 0 && !r.cfg.NoBalance {
		at = rand.IntN(sum)
	}
	best := first
	for i := first; i < len(places) && places[i].group == places[first].group; i++ {
		switch {
		case taken[i]:
		case r.cfg.NoBalance:
			if places[i].weight > places[best].weight {
				best = i
			}
		case at >= 0:
			if at -= int(places[i].weight); at < 0 {
				return i
			}
		}
	}
	return best
}

// blockedLast puts those that failed a short time ago behind the others.
func (r *Resolver) blockedLast(hops []Hop) {
	if r.blocked.n.Load() == 0 || len(hops) < 2 {
		return
	}
	var good, bad [MaxHops]Hop
	g, b := 0, 0
	for _, h := range hops {
		if r.Blocked(h) {
			bad[b] = h
			b++
		} else {
			good[g] = h
			g++
		}
	}
	copy(hops, good[:g])
	copy(hops[g:], bad[:b])
}

// dnsFailed is the better of two reasons why nothing was found: that nobody could tell
// says more than that there is nothing.
func dnsFailed(old, now error) error {
	if old == nil || dns.Nothing(old) {
		return now
	}
	return old
}
