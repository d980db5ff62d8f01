// Package acc is SER's module acc: a row for each call that was answered and for its
// end, and one for each call that somebody missed. README.md is its manual page.
//
// What the relay tells is packed into a buffer under a mutex, without allocation;
// one goroutine unpacks it and writes it to the database in batches.
package acc

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Accounting is the tables acc and missed_calls, a *store.Accounting. TakeBack
// removes calls from missed_calls that were answered after all.
type Accounting interface {
	Write(ctx context.Context, acc []store.AccRow, missed []store.MissedRow) error
	WriteAgain(ctx context.Context, acc []store.AccRow, missed []store.MissedRow) error
	TakeBack(ctx context.Context, answered []store.MissedRow) error
}

// Calls is the table call_log, a *store.Calls.
type Calls interface {
	Record(ctx context.Context, calls []store.Call) error
	Claim(ctx context.Context, calls []store.Call) (claimed []store.Call, err error)
	End(ctx context.Context, ends []store.CallEnd) error
	CountMissedUnseen(ctx context.Context, owner aor.AOR) (int, error)
	Prune(ctx context.Context, before time.Time, after int64) (next int64, deleted int, err error)
}

// Config is what the module needs of the rest of the proxy.
type Config struct {
	// Accounting, Calls and Subscribers are the database's; without one, all are nil
	// and nothing is accounted.
	Accounting Accounting
	Calls      Calls
	// Subscribers says which of the addresses are subscribers.
	Subscribers func(ctx context.Context, list []aor.AOR) (map[aor.AOR]bool, error)
	// Closes reports whether a BYE that was taken ends its call and gets the row of that, by the
	// table of dialogs: the BYE may be forged by the callee, or already be accounted. It is asked once
	// for each BYE; nil for no table.
	Closes func(callID, fromTag, toTag []byte) bool
	// Holds reports whether that table has a call with these tags that was answered. It is asked of refused
	// INVITEs with a To tag that have come without our Route; nil for no table.
	Holds func(callID, fromTag, toTag []byte) bool
	// Local reports whether a host is one of our domains; nil for none.
	Local func(host []byte) bool
	// Publish sends an event to its subscribers, and Wanted says whether anybody does;
	// nil for no events.
	Publish func(topic string, data any)
	Wanted  func(topic string) bool
	// Journal is the folder of the rows that the database has not taken when the program
	// ends; empty: they are lost.
	Journal string
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Module is module acc, and the relay's Accountant.
type Module struct {
	module.DatabaseURL

	cfg Config
	set settings
	on  bool // there is a database, and the script has loaded the module

	spare   spare
	seen    seen
	foreign foreign
	// unrouted are the calls that were answered and have not got our Route.
	unrouted   seen
	ends       ends
	unreadTold seldom.Gate
	queue      queue
	writing    sync.Mutex // held while a batch is written
	again      bool       // what was put back may be written already; guarded by writing
	kept       bool       // the journal has rows that are queued; of the writer's goroutine

	written, missed, lost, foreignDropped, pruned, unread atomic.Int64
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
	m.seen.seed, m.unrouted.seed = maphash.MakeSeed(), maphash.MakeSeed()
	m.queue.ready = make(chan struct{}, 1)
	return m
}

// Name is "acc".
func (m *Module) Name() string { return "acc" }

// Init begins the accounting.
func (m *Module) Init() error {
	m.on = m.cfg.Accounting != nil
	m.queue.most = m.set.maxQueue
	if m.on {
		m.foreign.init(&m.set)
	} else {
		m.cfg.Log.Warn("acc: there is no database; nothing is accounted")
	}
	return nil
}

// Statistics calls yield for each counter of the group "acc": queued rows wait for
// the database now, the others only rise.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("acc", "queued", int64(m.queue.len()))
	yield("acc", "rows", m.written.Load())
	yield("acc", "missed_calls", m.missed.Load())
	yield("acc", "lost", m.lost.Load())
	yield("acc", "foreign_dropped", m.foreignDropped.Load())
	yield("acc", "pruned_calls", m.pruned.Load())
	yield("acc", "unread", m.unread.Load())
}
