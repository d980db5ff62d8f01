// Package permissions is Kamailio's module permissions, of it the tables address and trusted: who is
// let in by where a request comes from. README.md is its manual page.
package permissions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/store"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Addresses and Trusted read the tables; nil means that there is no database.
	Addresses func(ctx context.Context) ([]store.Address, error)
	Trusted   func(ctx context.Context) ([]store.TrustedPeer, error)
}

// Module is permissions.
type Module struct {
	module.DatabaseURL

	log *slog.Logger
	tag string // the name of the AVP that gets the tag, "" for none
	// groups are those of the table address whose hosts the operator trusts.
	groups []int

	addresses, trusted module.Refresher
	networks           atomic.Pointer[networks]
	peers              atomic.Pointer[peers]
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{log: cfg.Log, groups: []int{1}}
	m.addresses = module.Refresher{Table: "address", Log: cfg.Log, Interval: time.Minute}
	m.trusted = module.Refresher{Table: "trusted", Log: cfg.Log, Interval: time.Minute}
	m.networks.Store(newNetworks(nil))
	m.peers.Store(newPeers(nil))
	if cfg.Addresses != nil {
		m.addresses.Read = func(ctx context.Context) error { return m.readAddresses(ctx, cfg.Addresses) }
	}
	if cfg.Trusted != nil {
		m.trusted.Read = func(ctx context.Context) error { return m.readTrusted(ctx, cfg.Trusted) }
	}
	return m
}

// Name is "permissions".
func (m *Module) Name() string { return "permissions" }

// Init reads the tables for the first time.
func (m *Module) Init() error {
	return errors.Join(m.addresses.Reload(context.Background()), m.trusted.Reload(context.Background()))
}

// Run reads the tables every minute until ctx ends.
func (m *Module) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.trusted.Run(ctx)
	}()
	m.addresses.Run(ctx)
	<-done
}

// ReloadAddresses reads the table address again. If that fails the old content stays.
func (m *Module) ReloadAddresses(ctx context.Context) error { return m.addresses.Reload(ctx) }

// ReloadTrusted reads the table trusted again. If that fails the old content stays.
func (m *Module) ReloadTrusted(ctx context.Context) error { return m.trusted.Reload(ctx) }

// Reload reads both tables again.
func (m *Module) Reload(ctx context.Context) error {
	return errors.Join(m.ReloadAddresses(ctx), m.ReloadTrusted(ctx))
}

func (m *Module) readAddresses(ctx context.Context, load func(context.Context) ([]store.Address, error)) error {
	rows, err := load(ctx)
	if err != nil {
		return err
	}
	n := newNetworks(rows)
	m.complain("address", m.networks.Swap(n).bad, n.bad)
	return nil
}

func (m *Module) readTrusted(ctx context.Context, load func(context.Context) ([]store.TrustedPeer, error)) error {
	rows, err := load(ctx)
	if err != nil {
		return err
	}
	p := newPeers(rows)
	m.complain("trusted", m.peers.Swap(p).bad, p.bad)
	return nil
}

// complain logs how many rows are no good when that changes, not every minute.
func (m *Module) complain(table string, before, now int) {
	if now > 0 && now != before {
		m.log.Warn("permissions: rows that cannot be understood are left out", "table", table, "rows", now)
	}
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	only := func(name, want string) func(string, int) error {
		return func(s string, _ int) error {
			if s != want {
				return fmt.Errorf("%s can only be %q", name, want)
			}
			return nil
		}
	}
	interval := m.addresses.IntervalParam()
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		{Name: "db_mode", Kind: module.Int, Doc: "taken if 0 or 1: the tables are kept in memory in any case",
			Set: func(_ string, n int) error {
				if n < 0 || n > 1 {
					return fmt.Errorf("db_mode %d is neither 0 nor 1", n)
				}
				return nil
			}},
		{Name: "load_backends", Kind: module.Int, Doc: "taken if it names the tables, 1 and 2: both are read in any case",
			Set: func(_ string, n int) error {
				if n < 1 || n > 0xffff || n&3 == 0 {
					return fmt.Errorf("load_backends %d names none of the tables, 1 (address) and 2 (trusted)", n)
				}
				return nil
			}},
		{Name: "address_table", Kind: module.String, Set: only("address_table", "address"), Doc: "taken if address"},
		{Name: "trusted_table", Kind: module.String, Set: only("trusted_table", "trusted"), Doc: "taken if trusted"},
		{Name: "trusted_groups", Kind: module.String, Set: m.setTrustedGroups,
			Doc: "the groups of the table address whose hosts have no limits of connections, \"1\" if not set, \"\" for none"},
		module.AVPParam("peer_tag_avp", &m.tag, "the AVP, as $avp(name), that gets the tag of a row that matches"),
		{Name: "reload_interval", Kind: module.Int, Doc: "seconds between readings of the tables, 60 if not set",
			Set: func(s string, n int) error {
				if err := interval.Set(s, n); err != nil {
					return err
				}
				m.trusted.Interval = m.addresses.Interval
				return nil
			}},
	}
}

// maxGroups bounds the groups of trusted_groups.
const maxGroups = 64

// setTrustedGroups reads numbers with commas or blanks between them.
func (m *Module) setTrustedGroups(s string, _ int) error {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(fields) > maxGroups {
		return fmt.Errorf("trusted_groups names %d groups: %d at most", len(fields), maxGroups)
	}
	groups := make([]int, 0, len(fields))
	for _, f := range fields {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return fmt.Errorf("trusted_groups %q: each is the number of a group, from 1", s)
		}
		groups = append(groups, n)
	}
	m.groups = groups
	return nil
}
