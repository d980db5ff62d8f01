// Package group is the module group: the permissions of subscribers. README.md is
// its manual page.
package group

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Load calls yield for each row of the table grp; nil means that there is no
	// database.
	Load func(ctx context.Context, yield func(user aor.AOR, group string)) error
}

// Module is group.
type Module struct {
	module.Refresher
	module.DatabaseURL

	list atomic.Pointer[map[string]struct{}] // by key
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{}
	m.Refresher = module.Refresher{Table: "grp", Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = func(ctx context.Context) error { return m.read(ctx, cfg.Load) }
	}
	m.list.Store(&map[string]struct{}{})
	return m
}

// Name is "group".
func (m *Module) Name() string { return "group" }

// key is the canonical address, a blank, which no address has, and the group.
func key(address, group string) string { return address + " " + group }

// Has reports whether a canonical address has a permission.
func (m *Module) Has(address []byte, group string) bool {
	_, ok := (*m.list.Load())[key(string(address), group)]
	return ok
}

func (m *Module) read(ctx context.Context, load func(context.Context, func(user aor.AOR, group string)) error) error {
	list := map[string]struct{}{}
	err := load(ctx, func(user aor.AOR, group string) { list[key(user.String(), group)] = struct{}{} })
	if err == nil {
		m.list.Store(&list)
	}
	return err
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		module.UseDomainParam("a permission is that of a user name in a domain"),
		m.IntervalParam(),
	}
}
