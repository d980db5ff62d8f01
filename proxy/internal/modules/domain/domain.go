// Package domain is the module domain: which SIP domains are ours. README.md is its
// manual page.
package domain

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Load reads the table domain; nil means that there is no database.
	Load func(ctx context.Context) ([]string, error)
	// Static are domains that are ours whatever the table says: the script's
	// alias= globals, without a port. SetStatic replaces them.
	Static []string
}

// Module is domain. Local may be called before Init, and by who has not loaded the
// module in a script.
type Module struct {
	module.Refresher
	module.DatabaseURL

	log *slog.Logger

	list atomic.Pointer[map[string]struct{}] // canonical names

	mu     sync.Mutex // guards what list is made of
	static []string
	loaded []string
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{log: cfg.Log}
	m.Refresher = module.Refresher{Table: "domain", Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = func(ctx context.Context) error { return m.read(ctx, cfg.Load) }
	}
	m.SetStatic(cfg.Static)
	return m
}

// Name is "domain".
func (m *Module) Name() string { return "domain" }

// SetStatic replaces Config.Static.
func (m *Module) SetStatic(hosts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.static = hosts
	m.publish()
}

func (m *Module) read(ctx context.Context, load func(context.Context) ([]string, error)) error {
	names, err := load(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded = names
	m.publish()
	return nil
}

// publish makes the list anew; mu is held. A name that is no domain could match
// nothing and is left out.
func (m *Module) publish() {
	list := make(map[string]struct{}, len(m.static)+len(m.loaded))
	for _, names := range [...][]string{m.static, m.loaded} {
		for _, name := range names {
			canonical, err := aor.ParseDomain(name)
			if err != nil {
				m.log.Warn("domain: a domain of ours is none", "error", err)
				continue
			}
			list[canonical] = struct{}{}
		}
	}
	m.list.Store(&list)
}

// Domains returns our domains, sorted.
func (m *Module) Domains() []string { return slices.Sorted(maps.Keys(*m.list.Load())) }

var anybody = []byte("x")

// Local reports whether a host is one of our domains, without regard to case. It
// does not allocate.
func (m *Module) Local(host []byte) bool {
	list := *m.list.Load()
	if len(list) == 0 {
		return false
	}
	var room [2 + aor.MaxDomain]byte
	b, err := aor.AppendCanonical(room[:0], anybody, host)
	if err != nil {
		return false
	}
	_, ok := list[string(b[2:])] // after "x@"
	return ok
}
