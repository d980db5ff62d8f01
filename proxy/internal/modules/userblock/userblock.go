// Package userblock is the module userblock: the call rules of subscribers. README.md
// is its manual page.
package userblock

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
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
	// Load reads the table call_rule; nil means that there is no database.
	Load func(ctx context.Context) ([]store.CallRule, error)
	// Alias appends the address that an alias stands for; nil for none.
	Alias func(dst, alias []byte) ([]byte, bool)
	// Device appends the canonical address of whose phone a GRUU (RFC 5627) leads to; false for
	// another URI. nil for none.
	Device func(dst []byte, uri *sip.URI) ([]byte, bool)
	// Joined reports whether a phone of an owner's, at a place, is in the dialog that a Replaces
	// names (RFC 3891), toTag being its own; nil for no.
	Joined func(callID, fromTag, toTag []byte, owner string, place netip.AddrPort) bool
	// Local reports whether a domain is ours; nil for all.
	Local func(domain []byte) bool
	// Registered reports whether an address has a contact; nil for yes.
	Registered func(address []byte) bool
	// At calls yield for the canonical addresses whose phones are at a place, until it
	// returns true, and reports whether it did; sends says that the phone sends from there,
	// and does not only say that it listens there. nil for none.
	At func(place netip.AddrPort, yield func(address string, sends bool) bool) bool
	// Users tells which of the addresses are those of subscribers; nil for none.
	Users func(ctx context.Context, list []aor.AOR) (map[aor.AOR]bool, error)
	// Member reports whether a canonical address has a permission (table grp); nil for no.
	Member func(address []byte, group string) bool
}

// Module is userblock.
type Module struct {
	module.Refresher
	module.DatabaseURL

	cfg          Config
	maxForwards  int
	foreignGroup string
	diversion    bool
	owners       atomic.Pointer[map[string]*rules] // by canonical address
	pool         sync.Pool                         // of *scratch

	blocked, disturbed, forwarded, looped atomic.Int64
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{cfg: cfg, maxForwards: 5, diversion: true}
	m.pool.New = func() any { return &scratch{} }
	m.Refresher = module.Refresher{Table: tableName, Log: cfg.Log, Interval: time.Minute}
	if cfg.Load != nil {
		m.Read = m.read
	}
	m.owners.Store(&map[string]*rules{})
	return m
}

const tableName = "call_rule"

// Name is "userblock".
func (m *Module) Name() string { return "userblock" }

func (m *Module) read(ctx context.Context) error {
	rows, err := m.cfg.Load(ctx)
	if err != nil {
		return err
	}
	var users map[aor.AOR]bool
	if list := numbers(rows); len(list) > 0 && m.cfg.Users != nil {
		if users, err = m.cfg.Users(ctx, list); err != nil {
			return err
		}
	}
	owners := rulesOf(rows, users)
	m.owners.Store(&owners)
	return nil
}

// Statistics yields the module's counters.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("userblock", "owners", int64(len(*m.owners.Load())))
	yield("userblock", "blocked", m.blocked.Load())
	yield("userblock", "disturbed", m.disturbed.Load())
	yield("userblock", "forwarded", m.forwarded.Load())
	yield("userblock", "forwards_ended", m.looped.Load())
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		module.NumberParam("max_forwards", &m.maxForwards, 1, mostForwards, "how often one call is forwarded at most, 5 if not set"),
		{Name: "foreign_group", Kind: module.String, Doc: "the permission (module group) that forwarding out of our domains takes, none if not set",
			Set: func(s string, _ int) error {
				if s == "" || len(s) > 64 {
					return errors.New("the name of a group has 1 to 64 characters")
				}
				m.foreignGroup = s
				return nil
			}},
		module.SwitchParam("diversion", &m.diversion, "1 (default) writes a Diversion header (RFC 5806) when a call is forwarded, 0 does not"),
		m.IntervalParam(),
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute | module.LocalRoute
	return []module.Func{
		{Name: "ub_blocked", Routes: routes, Compile: module.NoArgs(m.isBlocked),
			Doc: "true if who is called in the Request-URI blocks the caller"},
		{Name: "ub_dnd", Routes: routes, Compile: module.NoArgs(m.isDisturbed),
			Doc: "true if who is called does not want to be disturbed"},
		{Name: "ub_forward", Min: 1, Max: 1, Routes: module.RequestRoute | module.FailureRoute, Compile: m.compileForward,
			Doc: "makes the Request-URI where who is called has his calls forwarded to: always, busy, noanswer or offline"},
		{Name: "ub_no_answer_timeout", Routes: module.RequestRoute | module.FailureRoute, Compile: module.NoArgs(m.noAnswerTimeout),
			Doc: "lets the call ring as long as the rule noanswer of who is called says"},
		{Name: "ub_heed_phones", Routes: routes, Compile: module.NoArgs(heedPhones),
			Doc: "has the rules of those hold whose phones the request would reach without their address being called"},
	}
}
