package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Errors of Resolver.Lookup; what the look-up function returned comes as it is.
var (
	// ErrResolverBusy: more look-ups wait than ResolverConfig.MaxPending.
	ErrResolverBusy = errors.New("too many look-ups at once")
	// ErrBadHost: the text is no host name.
	ErrBadHost = errors.New("not a host name")
	// ErrNoAddress: the name exists, but has no address, or is known not to exist.
	ErrNoAddress = errors.New("host has no address")
)

// ResolverConfig is the setting of a Resolver. A zero field takes the default named
// beside it.
type ResolverConfig struct {
	// TTL is how long an answer is kept. Default 60 s.
	TTL time.Duration
	// NegativeTTL is how long a failure is kept, so that a dead resolver is not asked
	// again for each message. Default 10 s.
	NegativeTTL time.Duration
	// StaleTTL is how long after its end an answer still serves while look-ups fail for
	// want of a working resolver (RFC 8767). Default 1 h.
	StaleTTL time.Duration
	// Timeout bounds a look-up. Default 5 s.
	Timeout time.Duration
	// MaxEntries bounds the cache. Default 4096.
	MaxEntries int
	// MaxLookups bounds the look-ups that run at a time. Default 32.
	MaxLookups int
	// MaxPending bounds the look-ups that run or wait to run. Default 256.
	MaxPending int
	// Lookup asks for the addresses of a name; the default asks the system's resolver. A
	// *net.DNSError with IsNotFound says that the name has none.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Resolver finds the A and AAAA records of host names and keeps them for a while.
type Resolver struct {
	cfg   ResolverConfig
	slots chan struct{}

	mu      sync.Mutex
	entries map[string]entry
	pending map[string]*lookup
}

// entry is what is known of a name: its addresses, or err.
type entry struct {
	addrs []netip.Addr
	err   error
	until time.Time // good until then
	stale time.Time // better than nothing until then
}

// lookup is a question under way, for everybody who asks it meanwhile.
type lookup struct {
	done  chan struct{}
	addrs []netip.Addr
	err   error
}

// NewResolver makes a Resolver.
func NewResolver(cfg ResolverConfig) *Resolver {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.TTL, time.Minute)
	def(&cfg.NegativeTTL, 10*time.Second)
	def(&cfg.StaleTTL, time.Hour)
	def(&cfg.Timeout, 5*time.Second)
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	num(&cfg.MaxEntries, 4096)
	num(&cfg.MaxLookups, 32)
	num(&cfg.MaxPending, 256)
	if cfg.Lookup == nil {
		cfg.Lookup = systemLookup
	}
	return &Resolver{
		cfg:     cfg,
		slots:   make(chan struct{}, cfg.MaxLookups),
		entries: make(map[string]entry),
		pending: make(map[string]*lookup),
	}
}

// Cached is what is known of host without asking anybody: the address that it is, or an
// answer kept. With ok and no address, the name is known to have none, or nobody could
// tell a moment ago. Not ok: ask Lookup, which may take long. The slice is shared and must
// not be changed. For an address it does not allocate.
func (r *Resolver) Cached(host string) (addrs []netip.Addr, ok bool) {
	// Small enough to be inlined, so that the one address lies on the caller's stack.
	if a, isAddr := ParseHost(host); isAddr {
		return []netip.Addr{a}, true
	}
	return r.cached(host)
}

func (r *Resolver) cached(host string) ([]netip.Addr, bool) {
	r.mu.Lock()
	e, ok := r.entries[canonical(host)]
	r.mu.Unlock()
	if !ok || !time.Now().Before(e.until) {
		return nil, false
	}
	return e.addrs, true
}

// Lookup is the addresses of host, kept or asked for; it waits for the answer, for
// ResolverConfig.Timeout or for ctx. Several who ask the same wait for one look-up. The
// slice is shared, must not be changed, and is never empty without an error.
func (r *Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, ok := ParseHost(host); ok {
		return []netip.Addr{a}, nil
	}
	if !validName(host) {
		return nil, fmt.Errorf("%w: %.80q", ErrBadHost, host)
	}
	host = canonical(host)
	r.mu.Lock()
	if e, ok := r.entries[host]; ok && time.Now().Before(e.until) {
		r.mu.Unlock()
		return e.addrs, e.err
	}
	q := r.pending[host]
	if q == nil {
		if len(r.pending) >= r.cfg.MaxPending {
			r.mu.Unlock()
			return nil, ErrResolverBusy
		}
		q = &lookup{done: make(chan struct{})}
		r.pending[host] = q
		go r.ask(host, q)
	}
	r.mu.Unlock()
	select {
	case <-q.done:
		return q.addrs, q.err
	case <-ctx.Done():
		return nil, fmt.Errorf("looking up %s: %w", host, ctx.Err())
	}
}

// ask answers q. It does not end with the one who asked first, because others may wait too.
func (r *Resolver) ask(host string, q *lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Timeout)
	defer cancel()
	var addrs []netip.Addr
	var err error
	select {
	case r.slots <- struct{}{}:
		addrs, err = r.cfg.Lookup(ctx, host)
		<-r.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	addrs = unmapAll(addrs)
	if err != nil {
		addrs, err = nil, fmt.Errorf("looking up %s: %w", host, err)
	} else if len(addrs) == 0 {
		err = fmt.Errorf("looking up %s: %w", host, ErrNoAddress)
	}
	r.mu.Lock()
	e := r.store(host, addrs, err)
	q.addrs, q.err = e.addrs, e.err
	delete(r.pending, host)
	r.mu.Unlock()
	close(q.done)
}

// store keeps an answer; mu is held. It returns what is to be answered, which is the old
// addresses while the resolver itself fails.
func (r *Resolver) store(host string, addrs []netip.Addr, err error) entry {
	now := time.Now()
	old, had := r.entries[host]
	e := entry{addrs: addrs, until: now.Add(r.cfg.TTL)}
	e.stale = e.until.Add(r.cfg.StaleTTL)
	if err != nil {
		e = entry{err: err, until: now.Add(r.cfg.NegativeTTL)}
		if len(old.addrs) > 0 && !notFound(err) && now.Before(old.stale) {
			e = entry{addrs: old.addrs, until: e.until, stale: old.stale}
		}
	}
	if !had && len(r.entries) >= r.cfg.MaxEntries {
		r.evict(now)
	}
	r.entries[host] = e
	return e
}

// evict makes room: what has ended goes, and if nothing has, whatever the map shows first.
func (r *Resolver) evict(now time.Time) {
	for host, e := range r.entries {
		if now.After(e.until) {
			delete(r.entries, host)
		}
	}
	for host := range r.entries {
		if len(r.entries) < r.cfg.MaxEntries {
			return
		}
		delete(r.entries, host)
	}
}

func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound || errors.Is(err, ErrNoAddress)
}

// systemLookup asks the system's resolver. A name with a dot is absolute: the search
// list of this host has no say in where a SIP URI leads.
func systemLookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if strings.IndexByte(host, '.') >= 0 {
		host += "."
	}
	res := net.Resolver{PreferGo: true}
	return res.LookupNetIP(ctx, "ip", host)
}

func unmapAll(addrs []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a.Unmap())
	}
	return out
}

// canonical is a host name as the cache knows it; it allocates only for upper case.
func canonical(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// validName takes what may stand as a host name in DNS: labels of 1 to 63 letters,
// digits, hyphens or underscores, 253 bytes at most; a final dot is allowed.
func validName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	label := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			label++
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0
}
