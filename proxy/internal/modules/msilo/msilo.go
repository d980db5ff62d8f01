// Package msilo is SER's module msilo: it keeps messages for users who are away and
// delivers them when they are back. README.md is its manual page.
//
// A message is stored on the worker that received it, which waits for the commit.
// Deliveries run on goroutines of their own, one at a time for each user, and each
// delivered message goes through the routing script like one from the network.
package msilo

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Silo is the tables silo, silo_state and silo_foreign, a *store.Silo.
type Silo interface {
	Add(ctx context.Context, m store.SiloMessage, most int) (int64, error)
	AddForeign(ctx context.Context, m store.SiloMessage, most, mostForeign int) (int64, error)
	List(ctx context.Context, owner aor.AOR, q store.SiloQuery) ([]store.SiloMessage, int, error)
	Pending(ctx context.Context, owner aor.AOR, limit, attempts int) ([]store.SiloMessage, error)
	PendingKnown(ctx context.Context, owner aor.AOR, limit, attempts int) ([]store.SiloMessage, error)
	CountPending(ctx context.Context, owner aor.AOR) (int, error)
	Find(ctx context.Context, owner aor.AOR, id int64) (store.SiloMessage, error)
	Delete(ctx context.Context, owner aor.AOR, ids ...int64) (int, error)
	MarkRead(ctx context.Context, owner aor.AOR, ids ...int64) (int, error)
	Attempt(ctx context.Context, owner aor.AOR, id int64, code int, refused bool) error
	Untakable(ctx context.Context, owner aor.AOR, id int64, code int) error
	Count(ctx context.Context, owner aor.AOR) (total, unread int, err error)
	DeleteExpired(ctx context.Context, now time.Time) (map[aor.AOR]int, error)
	Owners(ctx context.Context) ([]aor.AOR, error)
	Due(ctx context.Context, after, now time.Time) (owners []aor.AOR, next time.Time, err error)
}

// Sender sends MESSAGEs through the routing script, a *ua.Agent.
type Sender interface {
	Message(ctx context.Context, p ua.Message) (ua.Answer, error)
}

// Locations is the location table, a *usrloc.Table.
type Locations interface {
	// Settled reports whether no change of an address's contacts waits.
	Settled(aor string) bool
	// Taking counts the contacts that take one of these methods and were registered, or
	// refreshed, at that time or later; the zero time is before all of them. With
	// allMethods it counts every contact.
	Taking(aor string, methods uint32, since time.Time) int
}

// Sets of methods as Locations knows them.
const (
	methodMessage = 256
	allMethods    = ^uint32(0)
)

// Config is what the module needs of the rest of the proxy.
type Config struct {
	// Silo is nil where there is no database: nothing is stored then.
	Silo      Silo
	Sender    Sender
	Locations Locations
	// Alias appends the canonical address that an alias stands for; nil for no aliases.
	Alias func(dst, alias []byte) ([]byte, bool)
	// Publish sends an event to who listens, and Wanted says whether anybody does;
	// nil for no events.
	Publish func(topic string, data any)
	Wanted  func(topic string) bool
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Module is module msilo.
type Module struct {
	module.DatabaseURL

	cfg Config
	set settings
	on  bool // there is a database, and the script has loaded the module

	owners    owners
	own       calls
	done      ids
	quota     *module.Quota // of strangers, by source
	told      seldom.Gate   // that strangers' messages are not stored
	toldAway  seldom.Gate   // … because the database is away
	dumps     dumps
	news      news
	notices   notices       // to senders, about what was stored
	noticed   *module.Quota // of these, by sender
	reminders reminders

	stored, refusedToStore, delivered, failed, refused, expired, reminded, notReminded, foreignRefused atomic.Int64
}

// New makes the module. It starts nothing.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{cfg: cfg, set: defaults()}
	m.dumps.init()
	m.notices.init()
	m.news.ready = make(chan struct{}, 1)
	return m
}

// Name is "msilo".
func (m *Module) Name() string { return "msilo" }

// Init makes the functions work, where there is a database.
func (m *Module) Init() error {
	m.on = m.cfg.Silo != nil
	m.noticed = module.NewQuota(noticesInTime, noticePeriod)
	m.quota = module.NewQuota(m.set.foreignQuota, m.set.foreignPeriod)
	if !m.on {
		m.cfg.Log.Warn("msilo: there is no database; no message can be stored")
	}
	return nil
}

// Check refuses reminders without what they need.
func (m *Module) Check() error { return m.set.checkReminders() }

// Run delivers, tells the news and removes what has expired until ctx ends. A
// delivery that is under way then is given up: its message stays.
func (m *Module) Run(ctx context.Context) {
	if !m.on {
		<-ctx.Done()
		return
	}
	var work sync.WaitGroup
	work.Go(func() { m.loadOwners(ctx) })
	work.Go(func() { m.tellNews(ctx) })
	work.Go(func() { m.sendNotices(ctx) })
	work.Go(func() { m.clean(ctx) })
	work.Go(func() { m.remind(ctx) })
	work.Go(func() { m.deliverAll(ctx) })
	work.Wait()
}

// clean removes expired messages.
func (m *Module) clean(ctx context.Context) {
	tick := time.NewTicker(m.set.checkTime * time.Duration(m.set.cleanPeriod))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		gone, err := m.cfg.Silo.DeleteExpired(ctx, m.cfg.Now())
		if err != nil {
			if ctx.Err() == nil {
				m.cfg.Log.Warn("msilo: expired messages could not be removed", "error", err)
			}
			continue
		}
		for owner, n := range gone {
			m.expired.Add(int64(n))
			m.news.add(owner)
		}
	}
}

// Statistics calls yield for each counter of the group "msilo", which only rise.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("msilo", "stored_messages", m.stored.Load())
	yield("msilo", "failed_messages", m.refusedToStore.Load())
	yield("msilo", "foreign_refused", m.foreignRefused.Load())
	yield("msilo", "dumped_messages", m.delivered.Load())
	yield("msilo", "failed_deliveries", m.failed.Load())
	yield("msilo", "refused_messages", m.refused.Load())
	yield("msilo", "expired_messages", m.expired.Load())
	yield("msilo", "dumped_reminders", m.reminded.Load())
	yield("msilo", "failed_reminders", m.notReminded.Load())
}
