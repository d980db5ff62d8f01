// Package dispatcher is the module dispatcher: gateways by set, chosen by an algorithm,
// probed, and left out while they do not answer. README.md is its manual page.
package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/store"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	Now func() time.Time
	// Load reads the table dispatcher; nil means that there is no database.
	Load func(ctx context.Context) ([]store.Gateway, error)
	// Ping asks a gateway by OPTIONS and waits for its final status; from is the URI of
	// the sender, empty for the router's own. nil if there is no user agent.
	Ping func(ctx context.Context, uri, from string) (status int, err error)
}

// Module is dispatcher.
type Module struct {
	module.Refresher
	module.DatabaseURL

	cfg   Config
	set   settings
	sets  atomic.Pointer[map[int]*group]
	hosts atomic.Pointer[hosts]

	resolve func(ctx context.Context, uri []byte) ([]netip.Addr, error) // see Attach
	changed chan struct{}                                               // the table was read

	wantsVariable bool         // the script picks by algorithm 7
	wantsLatency  bool         // … by 13
	byLoad        map[int]bool // … by 10, from these sets

	changing sync.Mutex // of the sets
	nextID   uint32     // of the next destination
	loads    loads

	picked, exhausted, pings, pingsFailed, downs atomic.Int64
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Module{cfg: cfg, set: defaults(), changed: make(chan struct{}, 1), byLoad: map[int]bool{}}
	m.Refresher = module.Refresher{Table: tableName, Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = m.read
	}
	m.sets.Store(&map[int]*group{})
	m.hosts.Store(&hosts{})
	return m
}

const tableName = "dispatcher"

// Name is "dispatcher".
func (m *Module) Name() string { return "dispatcher" }

// Check refuses algorithms without what they go by.
func (m *Module) Check() error {
	if m.wantsVariable && m.set.hash == nil {
		return errors.New("algorithm 7 wants the parameter hash_pvar")
	}
	if m.wantsLatency && (!m.set.latency || m.set.interval == 0) {
		return errors.New("algorithm 13 wants the parameters ds_ping_latency_stats and ds_ping_interval: without pings no latency is known")
	}
	return nil
}

// Run reads the table every minute, pings the gateways and looks their names up until ctx
// ends.
func (m *Module) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { m.Refresher.Run(ctx) })
	all.Go(func() { m.probe(ctx) })
	all.Go(func() { m.resolving(ctx) })
	all.Wait()
}

// read reads the table. A gateway that stays in its set keeps its state.
func (m *Module) read(ctx context.Context) error {
	rows, err := m.cfg.Load(ctx)
	if err != nil {
		return err
	}
	m.changing.Lock()
	defer m.changing.Unlock()
	sets := m.build(rows)
	m.sets.Store(&sets)
	m.hosts.Store(hostsOf(sets, m.hosts.Load()))
	select {
	case m.changed <- struct{}{}:
	default: // it was told already
	}
	return nil
}

// Statistics yields the module's counters.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	var active, inactive int64
	for _, g := range *m.sets.Load() {
		for _, d := range g.list {
			if d.usable() {
				active++
			} else {
				inactive++
			}
		}
	}
	yield("dispatcher", "active", active)
	yield("dispatcher", "inactive", inactive)
	yield("dispatcher", "picked", m.picked.Load())
	yield("dispatcher", "exhausted", m.exhausted.Load())
	yield("dispatcher", "pings", m.pings.Load())
	yield("dispatcher", "pings_failed", m.pingsFailed.Load())
	yield("dispatcher", "went_down", m.downs.Load())
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute
	return []module.Func{
		{Name: "ds_select_dst", Min: 2, Max: 3, Routes: routes, Compile: m.compileSelect(toNextHop),
			Doc: "picks a gateway of a set and sends there, whatever the Request-URI says"},
		{Name: "ds_select_domain", Min: 2, Max: 3, Routes: routes, Compile: m.compileSelect(toDomain),
			Doc: "picks a gateway of a set and puts it in the place of host and port of the Request-URI"},
		{Name: "ds_next_dst", Routes: routes, Compile: m.compileNext(toNextHop),
			Doc: "takes the next gateway of those that ds_select_dst has lined up"},
		{Name: "ds_next_domain", Routes: routes, Compile: m.compileNext(toDomain),
			Doc: "the same into the Request-URI"},
		{Name: "ds_mark_dst", Max: 1, Routes: routes, Compile: m.compileMark,
			Doc: "notes that the gateway tried last does not work, or works"},
		{Name: "ds_load_unset", Routes: routes, Compile: module.NoArgs(unload),
			Doc: "no longer counts the request as a call of the gateway that algorithm 10 has picked"},
		{Name: "ds_load_update", Routes: module.AnyRoute, Compile: module.NoArgs(func(*module.Ctx) int { return module.True }),
			Doc: "taken for Kamailio's sake: the table of module dialog knows when a call ends"},
		{Name: "ds_is_from_list", Max: 2, Routes: module.AnyRoute, Compile: m.compileIsFrom,
			Doc: "true if the message comes from a gateway of a set, or of any"},
		{Name: "ds_has_dialog", Max: 1, Routes: routes, Compile: m.compileHasDialog,
			Doc: "true for a request within a dialog with a gateway of a set, or of any"},
		{Name: "ds_list_exists", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: m.compileExists,
			Doc: "true if there is a set with that number"},
	}
}
