// Package htable is Kamailio's module htable: tables in memory that a script reads and writes as
// $sht(table=>key). README.md is its manual page.
package htable

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"seraph/proxy/internal/module"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Module is htable.
type Module struct {
	log    *slog.Logger
	now    func() time.Time
	sweep  time.Duration // between two removals of what has expired
	tables []*table
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Module{log: cfg.Log, now: cfg.Now, sweep: 20 * time.Second}
}

// Name is "htable".
func (m *Module) Name() string { return "htable" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "htable", Kind: module.String, Set: m.define,
			Doc: "a table, as ipban=>size=8;autoexpire=300;maxsize=10000; may stand several times"},
		module.SecondsParam("timer_interval", &m.sweep, 1, 3600, "seconds between two removals of what has expired, 20 if not set"),
	}
}

// maxTables bounds the tables.
const maxTables = 64

// define reads "name=>attribute=value;…".
func (m *Module) define(s string, _ int) error {
	t, err := parseTable(s)
	switch {
	case t == nil:
		return err
	case m.table(t.name) != nil:
		return fmt.Errorf("there is a table %q already", t.name)
	case len(m.tables) == maxTables:
		return fmt.Errorf("there are %d tables already", maxTables)
	}
	m.tables = append(m.tables, t) // with a bad attribute too: what names it is not wrong
	return err
}

// table returns the table called name, nil if there is none.
func (m *Module) table(name string) *table {
	i := slices.IndexFunc(m.tables, func(t *table) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return m.tables[i]
}

// named is table for what a script or a caller names.
func (m *Module) named(name string) (*table, error) {
	t := m.table(name)
	if t != nil {
		return t, nil
	}
	names := make([]string, len(m.tables))
	for i, t := range m.tables {
		names[i] = t.name
	}
	if near := module.Nearest(name, names); near != "" {
		return nil, fmt.Errorf("there is no table %q; did you mean %q?", name, near)
	}
	return nil, fmt.Errorf("there is no table %q: modparam(\"htable\", \"htable\", \"%s=>size=8\") makes one", name, name)
}

// Run removes what has expired until ctx ends.
func (m *Module) Run(ctx context.Context) {
	tick := time.NewTicker(m.sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := m.now()
			for _, t := range m.tables {
				t.removeIf(func(_ string, i *item) bool { return i.expired(now) })
			}
		}
	}
}

// Statistics yields the number of items of each table in the group "htable".
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	for _, t := range m.tables {
		yield("htable", t.name, int64(t.len()))
	}
}
