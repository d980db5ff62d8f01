package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/seldom"
)

// Errors of Lookup; compare with errors.Is.
var (
	// ErrBusy: more questions wait than Config.MaxPending.
	ErrBusy = errors.New("too many look-ups at once")
	// ErrBadName: the text is no host name.
	ErrBadName = errors.New("not a host name")
	// ErrNoName: the name does not exist.
	ErrNoName = errors.New("no such name")
	// ErrNoRecord: the name exists, and has no record of that type.
	ErrNoRecord = errors.New("no such record")
	// ErrNoServer: no name server gave an answer that can be used.
	ErrNoServer = errors.New("no name server answers")
	// ErrSilent is the kind of ErrNoServer where none said anything at all, not even that
	// it cannot answer.
	ErrSilent = fmt.Errorf("%w in time", ErrNoServer)
	// ErrAliases: the name is an alias of an alias of an alias, or of itself.
	ErrAliases = errors.New("too many aliases")
)

// Nothing reports whether err says that the name or record is known not to exist.
func Nothing(err error) bool { return errors.Is(err, ErrNoName) || errors.Is(err, ErrNoRecord) }

// Config is the setting of a Client. A zero field takes the default named beside it.
type Config struct {
	// Servers are the name servers, host:port each; none are those of ResolvConf, which
	// is read again when it changes.
	Servers []string
	// Dial makes the way to a server, network being udp or tcp. For udp it gives a
	// net.PacketConn, by which datagrams are told from a stream. Default is that of a
	// net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ResolvConf is the path of the resolver's configuration. Default /etc/resolv.conf.
	ResolvConf string
	// Hosts is the path of the host table, which goes before the servers for addresses.
	// Default /etc/hosts.
	Hosts string
	// Timeout bounds one try with one server. Default 1 s.
	Timeout time.Duration
	// Retries is how often all servers are asked again. Default 1; below 0 is never.
	Retries int
	// Total bounds a look-up with all its tries. Default 5 s.
	Total time.Duration
	// MaxTTL and MinTTL bound how long an answer is kept. Default 1 h and 5 s.
	MaxTTL, MinTTL time.Duration
	// NegativeTTL bounds how long it is kept that something does not exist (RFC 2308
	// §5), and is how long a failure is. Default 10 s.
	NegativeTTL time.Duration
	// StaleTTL is how long after its end an answer still serves while no server
	// answers (RFC 8767). Default 1 h.
	StaleTTL time.Duration
	// Patience is how long a new answer is waited for where an old one serves (RFC 8767
	// §5, the client response timer). Default 300 ms.
	Patience time.Duration
	// NoCache keeps nothing; questions under way are shared all the same.
	NoCache bool
	// Search has the search list of ResolvConf tried for names that do not exist.
	Search bool
	// MaxEntries bounds the cache. Default 4096.
	MaxEntries int
	// MaxLookups bounds the look-ups that run at a time, each with a socket. Default 256.
	MaxLookups int
	// MaxPending bounds the look-ups that run or wait to run. Default 2048.
	MaxPending int
	// Log is told, at most once a minute, that no server answers; nil for nobody.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	text := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	text(&c.ResolvConf, "/etc/resolv.conf")
	text(&c.Hosts, "/etc/hosts")
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Timeout, time.Second)
	def(&c.Total, 5*time.Second)
	def(&c.MaxTTL, time.Hour)
	def(&c.MinTTL, 5*time.Second)
	def(&c.NegativeTTL, 10*time.Second)
	def(&c.StaleTTL, time.Hour)
	def(&c.Patience, 300*time.Millisecond)
	c.MaxTTL = max(c.MaxTTL, c.MinTTL)
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	if c.Retries == 0 {
		c.Retries = 1
	}
	num(&c.MaxEntries, 4096)
	num(&c.MaxLookups, 256)
	num(&c.MaxPending, 2048)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client asks name servers. Make it with New.
type Client struct {
	cfg    Config
	slots  chan struct{}
	conf   conf
	hosts  hosts
	best   atomic.Uint32 // index of the server that answered last
	asked  atomic.Uint64
	failed atomic.Uint64
	silent seldom.Gate // the log tells that no server answers

	mu      sync.Mutex
	entries map[question]*entry
	pending map[question]*lookup
}

// question is what is asked, and the key of the cache.
type question struct {
	name string // lower case, no final dot
	typ  Type
}

// oldHolds is how long an old answer holds while the question is under way.
const oldHolds = time.Second

// lookup is a question under way, for everybody who asks it meanwhile.
type lookup struct {
	began  time.Time
	done   chan struct{}
	answer Answer
	err    error
}

// New makes a Client. It reads nothing yet.
func New(cfg Config) *Client {
	cfg = cfg.withDefaults()
	return &Client{
		cfg:     cfg,
		slots:   make(chan struct{}, cfg.MaxLookups),
		entries: make(map[question]*entry),
		pending: make(map[question]*lookup),
	}
}

// Stats are the number of questions put to servers and of those that none answered.
func (c *Client) Stats() (asked, failed uint64) { return c.asked.Load(), c.failed.Load() }

// Config is the setting, with the defaults in it.
func (c *Client) Config() Config { return c.cfg }

// Cached is what is known of name without asking anybody; not ok: ask Lookup, which may
// take long. The answer is shared and must not be changed.
func (c *Client) Cached(name string, t Type) (a Answer, err error, ok bool) {
	c.mu.Lock()
	e := c.entries[question{Canonical(name), t}]
	c.mu.Unlock()
	if e == nil || !time.Now().Before(e.answer.Until) {
		return Answer{}, nil, false
	}
	return e.answer, e.err, true
}

// Listed reports whether the host table has an address of name.
func (c *Client) Listed(name string) bool {
	name = Canonical(name)
	return len(c.hosts.lookup(c.cfg.Hosts, question{name, A}))+len(c.hosts.lookup(c.cfg.Hosts, question{name, AAAA})) > 0
}

// Lookup is the records of a name, kept or asked for; it waits for the answer, for
// Config.Total or for ctx, and no longer than Config.Patience where an old answer can
// serve on. Several who ask the same wait for one look-up. With an error Answer.Until is
// how long it holds; without one there is at least one record. The answer is shared and
// must not be changed.
func (c *Client) Lookup(ctx context.Context, name string, t Type) (Answer, error) {
	return c.lookup(ctx, name, t, c.cfg.Patience)
}

// LookupAnew is Lookup for somebody who has time: an old answer serves only when the name
// servers have failed.
func (c *Client) LookupAnew(ctx context.Context, name string, t Type) (Answer, error) {
	return c.lookup(ctx, name, t, 2*c.cfg.Total)
}

// Ahead has a question asked that Lookup will ask soon, unless more than half of Config.MaxLookups
// are under way: those that somebody waits for come first.
func (c *Client) Ahead(name string, t Type) {
	if !ValidName(name) {
		return
	}
	q := question{Canonical(name), t}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > c.cfg.MaxLookups/2 {
		return
	}
	if e := c.entries[q]; e == nil || !time.Now().Before(e.answer.Until) {
		c.begin(q)
	}
}

func (c *Client) lookup(ctx context.Context, name string, t Type, patience time.Duration) (Answer, error) {
	if !ValidName(name) {
		return Answer{}, fmt.Errorf("%w: %.80q", ErrBadName, name)
	}
	q, now := question{Canonical(name), t}, time.Now()
	c.mu.Lock()
	e := c.entries[q]
	if e != nil {
		e.used = now
		if now.Before(e.answer.Until) {
			c.mu.Unlock()
			return e.answer, e.err
		}
	}
	l := c.begin(q)
	c.mu.Unlock()
	switch {
	case l == nil && e.serves(now):
		return e.old(now)
	case l == nil:
		return Answer{}, ErrBusy
	}
	var enough <-chan time.Time
	if e.serves(now) {
		t := time.NewTimer(patience - now.Sub(l.began))
		defer t.Stop()
		enough = t.C
	}
	select {
	case <-l.done:
		return l.answer, l.err
	case <-enough:
		return e.old(time.Now())
	case <-ctx.Done():
		if now = time.Now(); e.serves(now) {
			return e.old(now)
		}
		return Answer{}, fmt.Errorf("looking up %s %s: %w", t, name, ctx.Err())
	}
}

// begin puts a question under way unless it is, mu being held; nil if there are too many.
func (c *Client) begin(q question) *lookup {
	l := c.pending[q]
	if l == nil && len(c.pending) < c.cfg.MaxPending {
		l = &lookup{began: time.Now(), done: make(chan struct{})}
		c.pending[q] = l
		go c.run(q, l)
	}
	return l
}

// survive is resolve, with a net below it: what a stranger's name server sends may meet a
// fault in a library, and must not end the process.
func (c *Client) survive(ctx context.Context, q question) (a Answer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			c.cfg.Log.Error("panic in a look-up", "name", q.name, "type", q.typ.String(), "fault", fault, "stack", string(debug.Stack()))
			a, err = Answer{}, ErrNoServer
		}
	}()
	return c.resolve(ctx, q)
}

// warn tells the log that no server has answered a question.
func (c *Client) warn(q question, servers []string) {
	if c.silent.Pass(time.Now(), time.Minute, 1) {
		c.cfg.Log.Warn("no name server answers", "servers", servers, "name", q.name, "type", q.typ.String())
	}
}

// run answers l. It does not end with the one who asked first, because others may wait too.
func (c *Client) run(q question, l *lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Total)
	defer cancel()
	var a Answer
	var err error
	select {
	case c.slots <- struct{}{}:
		a, err = c.survive(ctx, q)
		<-c.slots
	case <-ctx.Done():
		err = ErrSilent // nobody was asked
	}
	if err != nil {
		err = fmt.Errorf("looking up %s %s: %w", q.typ, q.name, err)
	}
	c.mu.Lock()
	l.answer, l.err = c.store(q, a, err)
	delete(c.pending, q)
	c.mu.Unlock()
	close(l.done)
}
