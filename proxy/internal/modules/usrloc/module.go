package usrloc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seraph/proxy/internal/journal"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// Store is the database's table location, a *store.Locations.
type Store interface {
	LoadAll(ctx context.Context, fn func(store.Binding) error) error
	LoadRows(ctx context.Context, ruids []string) ([]store.Binding, error)
	ApplyBatch(ctx context.Context, ops []store.LocationOp) error
}

// Config is what the module needs of the rest of the proxy.
type Config struct {
	Store Store            // nil: bindings live in memory only
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nothing is logged
	// Publish sends an event to who listens, and Wanted says whether anybody
	// does; nil for no events. Publish returns at once.
	Publish func(topic string, data any)
	Wanted  func(topic string) bool
	// Released is told of an address when a change of its bindings is known to its
	// phone; nil for nobody. It returns at once.
	Released func(aor string)
	// Sockets are the listening sockets, by which the flow of a binding is
	// found again after a restart; nil or empty: bindings of rows are reached
	// by their URIs.
	Sockets  func() []transport.Socket
	ServerID int32 // goes into each binding
	// Journal is the folder that keeps what the database does not take in time; ""
	// for no journal.
	Journal string
}

// Modes of db_mode.
const (
	modeUnset        = -1
	modeMemory       = 0
	modeWriteThrough = 1
	modeWriteBack    = 2
)

// Module is module usrloc.
type Module struct {
	module.DatabaseURL

	cfg   Config
	table *Table

	mode        int
	interval    time.Duration // between two sweeps
	journal     bool
	journalSize int // MiB
}

// New makes the module. It starts nothing.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{cfg: cfg, mode: modeUnset, interval: time.Second, journal: true, journalSize: journal.DefaultSize >> 20}
	m.table = newTable(&m.cfg)
	return m
}

// Name is "usrloc".
func (m *Module) Name() string { return "usrloc" }

// Funcs is empty: module registrar works on the table.
func (m *Module) Funcs() []module.Func { return nil }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		{Name: "db_mode", Kind: module.Int, Set: m.setMode,
			Doc: "0: in memory only; 1: durable before the REGISTER is answered (default with a database); 2: written every timer_interval"},
		module.SecondsParam("timer_interval", &m.interval, 1, 3600,
			"seconds between two searches for expired contacts, and with db_mode 2 between two writings, 1 to 3600 (default 1)"),
		module.SecondsParam("cseq_delay", &m.table.delay, 0, 300,
			"seconds in which the same Call-ID and CSeq is a retransmission, 0 to 300 (default 20)"),
		module.MillisecondsParam("write_timeout", &m.table.writer.timeout, 100, 30000,
			"milliseconds that a REGISTER waits for the database before it gets 500, 100 to 30000 (default 2000)"),
		module.NumberParam("max_pending", &m.table.writer.most, 1, 1000000,
			"REGISTERs that may wait for the database before others get 503, 1 to 1000000 (default 32768)"),
		module.NumberParam("max_added", &m.table.maxAdded, 0, 1000,
			"contacts of one address that ul.add made or that are permanent, 0 for no bound (default 5)"),
		module.SwitchParam("journal", &m.journal,
			"1: what the database does not take in time is kept in the state folder (default); 0: it is undone after write_timeout"),
		module.NumberParam("journal_size", &m.journalSize, 1, 65536,
			"most that the journal may take, in MiB, 1 to 65536 (default 256)"),
		{Name: "timer_procs", Kind: module.Int, Set: within("timer_procs", 64),
			Doc: "taken and not used: one goroutine looks for expired contacts"},
		{Name: "hash_size", Kind: module.Int, Set: within("hash_size", 24), Idle: "the table grows by itself",
			Doc: "taken and not used: the table grows by itself"},
		{Name: "preload", Kind: module.String, Set: func(string, int) error { return nil }, Idle: "all bindings are read at the start",
			Doc: "taken and not used: all bindings are read at the start"},
		{Name: "handle_lost_tcp", Kind: module.Int, Set: within("handle_lost_tcp", 1), Idle: "a phone whose connection is gone counts as away until it comes back",
			Doc: "taken and not used: a phone whose connection is gone counts as away until it comes back"},
		{Name: "close_expired_tcp", Kind: module.Int, Set: within("close_expired_tcp", 1), Idle: "a connection without anything on it is closed in any case",
			Doc: "taken and not used: a connection without anything on it is closed in any case"},
		{Name: "nat_bflag", Kind: module.Int, Set: within("nat_bflag", 31),
			Doc: "taken and not used: all branch flags of a REGISTER stay with its contacts"},
		module.UseDomainParam("a phone is found by user and domain; where callers write another name of the domain, or the router's address, " +
			"the script writes the domain before lookup, $rd = \"example.org\""),
	}
}

func (m *Module) setMode(_ string, n int) error {
	switch n {
	case modeMemory, modeWriteThrough, modeWriteBack:
		m.mode = n
		return nil
	case 3:
		return errors.New("db_mode 3 (database only) is not supported: a call would wait for the database; use 1")
	}
	return fmt.Errorf("db_mode %d is not known; use 1 (database), 2 (written back later) or 0 (memory only)", n)
}

func within(name string, most int) func(string, int) error {
	return func(_ string, n int) error {
		if n < 0 || n > most {
			return fmt.Errorf("%s is a number from 0 to %d, not %d", name, most, n)
		}
		return nil
	}
}

// Init settles how bindings are kept.
func (m *Module) Init() error {
	if m.mode > modeMemory && m.cfg.Store == nil {
		m.cfg.Log.Warn("usrloc: there is no database; bindings are kept in memory only", "db_mode", m.mode)
	}
	stored := m.cfg.Store != nil && m.mode != modeMemory
	m.table.writer.back = stored && m.mode == modeWriteBack
	m.table.durable = stored && !m.table.writer.back
	if !m.table.durable {
		return nil
	}
	return m.openJournal()
}

// Limit bounds the contacts of one address that ul.add may make beside those that are
// there, 0 for no bound: module registrar's max_contacts. Call it before Run.
func (m *Module) Limit(contacts int) { m.table.maxContacts = contacts }

// Bar tells where no contact that ul.add makes may lead: to what is not a phone. barred may
// wait for a name server, or for ctx. Call it before Run.
func (m *Module) Bar(barred func(ctx context.Context, uri []byte) bool) { m.table.barred = barred }

// Table is the location table, ready from New on.
func (m *Module) Table() *Table { return m.table }

// Control is the table as the control socket uses it.
func (m *Module) Control() *Control { return &Control{m.table} }

// Run writes changes to the database and removes what has expired until ctx
// ends. Then what waits is still written, for at most write_timeout.
func (m *Module) Run(ctx context.Context) { m.table.run(ctx, m.interval) }

// Load reads the bindings of the database into the table; call it after Init and
// before the first message. Without a database, or with db_mode 0, it does
// nothing.
func (m *Module) Load(ctx context.Context) error { return m.table.load(ctx) }

// Statistics calls yield for each counter of the module.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	m.table.statistics(yield)
}
