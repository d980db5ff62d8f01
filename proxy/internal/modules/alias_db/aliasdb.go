// Package aliasdb is the module alias_db: other addresses of our subscribers.
// README.md is its manual page.
package aliasdb

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Load calls yield for each row of the table dbaliases; nil means that there
	// is no database.
	Load func(ctx context.Context, yield func(alias, target aor.AOR)) error
}

// target is what an alias stands for: its canonical text and its URI.
type target struct{ text, uri []byte }

// Module is alias_db. Resolve may be called before Init.
type Module struct {
	module.Refresher
	module.DatabaseURL

	list atomic.Pointer[map[string]target] // by the alias's canonical text
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{}
	m.Refresher = module.Refresher{Table: "dbaliases", Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = func(ctx context.Context) error { return m.read(ctx, cfg.Load) }
	}
	m.list.Store(&map[string]target{})
	return m
}

// Name is "alias_db".
func (m *Module) Name() string { return "alias_db" }

func (m *Module) read(ctx context.Context, load func(context.Context, func(alias, to aor.AOR)) error) error {
	list := map[string]target{}
	err := load(ctx, func(alias, to aor.AOR) {
		list[alias.String()] = target{text: []byte(to.String()), uri: []byte(to.URI())}
	})
	if err == nil {
		m.list.Store(&list)
	}
	return err
}

// Resolve appends the canonical address for which the canonical address alias
// stands to dst; false, and dst as it was, if it is no alias. One step only: an
// alias of an alias is none. It does not allocate if dst has room.
func (m *Module) Resolve(dst, alias []byte) ([]byte, bool) {
	to, ok := (*m.list.Load())[string(alias)]
	if !ok {
		return dst, false
	}
	return append(dst, to.text...), true
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		module.UseDomainParam("an alias is a user name in a domain"),
		m.IntervalParam(),
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{{Name: "alias_db_lookup", Min: 1, Max: 1,
		Routes:  module.RequestRoute | module.FailureRoute | module.BranchRoute | module.LocalRoute,
		Compile: m.compileLookup, Doc: "puts a subscriber's address in the place of a Request-URI that is an alias of it"}}
}

// compileLookup compiles alias_db_lookup(table).
func (m *Module) compileLookup(args []module.Arg) (module.Call, error) {
	if table := args[0].Str; table != m.Table {
		return nil, fmt.Errorf("%q is no table of aliases; it is called %q", table, m.Table)
	}
	return m.lookup, nil
}

// Lookup is alias_db_lookup, for lookup("aliases") of SER's module registrar.
func (m *Module) Lookup(c *module.Ctx) int { return m.lookup(c) }

// lookup is alias_db_lookup: true if the Request-URI was an alias.
func (m *Module) lookup(c *module.Ctx) int {
	list := *m.list.Load()
	if len(list) == 0 {
		return module.False
	}
	u, err := c.URI()
	if err != nil || !u.HasUser || u.Host == nil {
		return module.False
	}
	var room [256]byte
	alias, err := aor.AppendCanonical(room[:0], u.User, u.Host)
	if err != nil {
		return module.False
	}
	to, ok := list[string(alias)]
	if !ok {
		return module.False
	}
	c.Secure()
	if c.SetURI(to.uri) != nil {
		return module.False
	}
	c.Moved()
	return module.True
}
