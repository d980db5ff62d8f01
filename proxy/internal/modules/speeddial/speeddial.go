// Package speeddial is the module speeddial: short numbers of subscribers. README.md is
// its manual page.
package speeddial

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Load reads the table speed_dial; nil means that there is no database.
	Load func(ctx context.Context) ([]store.SpeedDial, error)
}

// Module is speeddial.
type Module struct {
	module.Refresher
	module.DatabaseURL

	prefix string
	list   atomic.Pointer[map[string][]byte] // URIs by key
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{}
	m.Refresher = module.Refresher{Table: tableName, Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = func(ctx context.Context) error { return m.read(ctx, cfg) }
	}
	m.list.Store(&map[string][]byte{})
	return m
}

const tableName = "speed_dial"

// Name is "speeddial".
func (m *Module) Name() string { return "speeddial" }

// read keys the rows by the canonical address of the owner, a blank, which no address
// has, and that of the number.
func (m *Module) read(ctx context.Context, cfg Config) error {
	rows, err := cfg.Load(ctx)
	if err != nil {
		return err
	}
	list := make(map[string][]byte, len(rows))
	for _, row := range rows {
		var u sip.URI
		if sip.ParseURI([]byte(row.URI), &u) != nil {
			cfg.Log.Warn("speeddial: a row of table speed_dial is not used: new_uri is no URI", "user", row.Owner.String(), "sd_username", row.Dialed.User)
			continue
		}
		list[row.Owner.String()+" "+row.Dialed.String()] = []byte(row.URI)
	}
	m.list.Store(&list)
	return nil
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		module.UseDomainParam("a number is that of a user name in a domain"),
		{Name: "domain_prefix", Kind: module.String, Doc: "what is taken off the front of a domain before it is looked up, nothing if not set",
			Set: func(s string, _ int) error {
				if s == "" || len(s) > 64 {
					return errors.New("domain_prefix has 1 to 64 characters")
				}
				m.prefix = s
				return nil
			}},
		m.IntervalParam(),
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{{Name: "sd_lookup", Min: 1, Max: 2, Routes: module.RequestRoute | module.LocalRoute, Dynamic: true,
		Compile: m.compileLookup, Doc: "puts the address in the place of the Request-URI that its number stands for with who dials"}}
}

// compileLookup compiles sd_lookup(table[, owner]).
func (m *Module) compileLookup(args []module.Arg) (module.Call, error) {
	if table := args[0].Str; table != tableName {
		return nil, fmt.Errorf("%q is no table of speed dials; it is called %q", table, tableName)
	}
	if len(args) == 1 {
		return func(c *module.Ctx) int {
			a, err := c.Msg.From()
			if err != nil {
				return module.False
			}
			return m.lookup(c, a.URI)
		}, nil
	}
	f, literal, err := args[1].Format()
	if err != nil {
		return nil, err
	}
	if f != nil {
		return func(c *module.Ctx) int { return m.lookup(c, f.Text(c, "")) }, nil
	}
	if _, err := aor.Parse(literal, ""); err != nil {
		return nil, fmt.Errorf("owner %w", err)
	}
	owner := []byte(literal)
	return func(c *module.Ctx) int { return m.lookup(c, owner) }, nil
}

// lookup is sd_lookup for the owner with a URI.
func (m *Module) lookup(c *module.Ctx, owner []byte) int {
	list := *m.list.Load()
	if len(list) == 0 {
		return module.False
	}
	var o sip.URI
	u, err := c.URI()
	if err != nil || sip.ParseURI(owner, &o) != nil {
		return module.False
	}
	var room [1024]byte
	key, ok := m.address(room[:0], &o)
	if !ok {
		return module.False
	}
	if key, ok = m.address(append(key, ' '), u); !ok {
		return module.False
	}
	to, ok := list[string(key)]
	if !ok || c.SetURI(to) != nil {
		return module.False
	}
	c.Secure()
	c.Moved()
	return module.True
}

// address appends the canonical address of a URI, its domain without the prefix.
func (m *Module) address(dst []byte, u *sip.URI) ([]byte, bool) {
	if !u.HasUser || u.Host == nil {
		return dst, false
	}
	host := u.Host
	if n := len(m.prefix); n > 0 && len(host) > n && sip.EqualFold(host[:n], m.prefix) {
		host = host[n:]
	}
	b, err := aor.AppendCanonical(dst, u.User, host)
	return b, err == nil
}
