// Package ctd is click-to-dial: it calls somebody's own phone, and when that is
// answered has it call somebody else by REFER (RFC 3515), and follows how that
// goes. README.md describes the module to its users.
//
// An attempt is decided under its mutex, by events of the user agent, timers and
// callers of the control methods. What the relay tells comes under the relay's
// locks and is queued.
package ctd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
)

// Engine is what the module needs of the relay; *relay.Engine is one.
type Engine interface {
	// Cancel cancels the INVITE of this transaction, with further header lines
	// for the CANCELs; false if there is none.
	Cancel(key txn.Key, extra []byte) bool
}

// Config is what the module works with. All of it may be missing in an instance
// that only checks a script.
type Config struct {
	Agent  *ua.Agent
	Engine Engine // or given later by Attach
	// Local says whether a canonical domain is one of ours; nil for none.
	Local func(domain string) bool
	// AutoAnswer says whether a user, canonical, wishes the phone to answer
	// click-to-dial by itself; nil for nobody. It may wait, but not beyond ctx.
	AutoAnswer func(ctx context.Context, user, domain string) bool
	// Over tells that a call which the router made for a caller (third-party call
	// control) is over, hung up by "caller", "callee" or "router"; nil for nobody.
	Over func(callID, fromTag, toTag, by string)
	// Publish tells a change of an attempt; nil if nobody listens. It must not block.
	Publish func(topic string, data any)
	// Now is the clock of the steps, default time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Module is click-to-dial.
type Module struct {
	cfg   Config
	set   settings
	reach Reach
	seen

	mu       sync.Mutex
	attempts map[string]*attempt // by id, ended ones too while they are kept
	order    []*attempt          // those over and done with, oldest first
	active   int                 // attempts with anything left of them
	closed   bool
	idle     chan struct{} // closed when active is 0, for Close
	counts   counts
}

// counts are the outcomes so far.
type counts struct{ dials, connected, failed, cancelled int64 }

// New makes the module. It has no side effect.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Module{cfg: cfg, set: defaults(), attempts: map[string]*attempt{}}
}

// Attach gives the module its engine, before the first Dial.
func (m *Module) Attach(e Engine) { m.cfg.Engine = e }

// Guard tells the module where strangers may be called, before the first Dial. Without it
// they are called in our own domains alone.
func (m *Module) Guard(r Reach) { m.reach = r }

// Name is "ctd".
func (m *Module) Name() string { return "ctd" }

// Funcs is empty: a script calls nothing of click-to-dial.
func (m *Module) Funcs() []module.Func { return nil }

// Status tells how an attempt stands; false when there is none with this id, or
// it ended longer ago than the parameter keep.
func (m *Module) Status(id string) (ctlproto.CtdStatus, bool) {
	a := m.find(id)
	if a == nil {
		return ctlproto.CtdStatus{}, false
	}
	return a.snapshot(), true
}

// List returns the attempts that are remembered, at most limit: those of caller, canonical, or
// all if that is empty. Those that have not ended come first, so that no number of others, which a
// caller can make as fast as he cancels, hides one that is to be ended; of each the newest first.
func (m *Module) List(caller string, limit int) []ctlproto.CtdStatus {
	m.mu.Lock()
	m.prune()
	var running, ended []*attempt
	for _, a := range m.attempts {
		switch {
		case caller != "" && a.callerText != caller:
		case a.decided.Load():
			ended = append(ended, a)
		default:
			running = append(running, a)
		}
	}
	m.mu.Unlock()
	for _, part := range [][]*attempt{running, ended} {
		slices.SortFunc(part, func(a, b *attempt) int { return b.started.Compare(a.started) })
	}
	all := append(running, ended...)
	list := make([]ctlproto.CtdStatus, 0, min(len(all), limit))
	for _, a := range all[:min(len(all), limit)] {
		list = append(list, a.snapshot())
	}
	return list
}

// Cancel ends an attempt. While the caller's phone rings or has not taken the
// REFER, it is cancelled at once. Later the relay cancels the caller's INVITE to
// the callee, if that passes us, and the attempt ends when it does: connected, if
// the callee was faster. CodeNotFound and CodeRefused say why nothing was done.
func (m *Module) Cancel(_ context.Context, id, actor string) error {
	a := m.find(id)
	if a == nil {
		return ctlproto.Errorf(ctlproto.CodeNotFound, "no click-to-dial attempt %.40q", id)
	}
	return a.cancel(actor)
}

func (m *Module) find(id string) *attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prune()
	return m.attempts[id]
}

// prune forgets the attempts that have been over for long, and the oldest beyond
// the number that is kept.
func (m *Module) prune() {
	limit := m.cfg.Now().Add(-m.set.keep)
	for len(m.order) > 0 && (m.order[0].over.Before(limit) || len(m.order) > m.set.maxRecords) {
		delete(m.attempts, m.order[0].id)
		m.order[0] = nil
		m.order = m.order[1:]
	}
}

// done takes an attempt of which nothing is left.
func (m *Module) done(a *attempt, s *ctlproto.CtdStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active--
	switch s.State {
	case ctlproto.CtdConnected:
		m.counts.connected++
	case ctlproto.CtdCancelled:
		m.counts.cancelled++
	default:
		m.counts.failed++
	}
	a.over = m.cfg.Now()
	m.order = append(m.order, a)
	m.prune()
	if m.active == 0 && m.idle != nil {
		close(m.idle)
		m.idle = nil
	}
}

// Close refuses new attempts, hangs up the legs of those that run and waits until
// nothing is left of them or ctx ends.
func (m *Module) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	var running []*attempt
	for _, a := range m.attempts {
		if a.over.IsZero() {
			running = append(running, a)
		}
	}
	if m.active > 0 && m.idle == nil {
		m.idle = make(chan struct{})
	}
	idle := m.idle
	m.mu.Unlock()
	for _, a := range running {
		a.abandon()
	}
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing click-to-dial: %w", ctx.Err())
	}
}

// Statistics calls yield for each counter of the group "ctd": active counts the
// attempts with anything left of them, their first dialog included; the others
// only rise.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	m.mu.Lock()
	active, n := int64(m.active), m.counts
	m.mu.Unlock()
	yield("ctd", "active", active)
	yield("ctd", "dials", n.dials)
	yield("ctd", "connected", n.connected)
	yield("ctd", "failed", n.failed)
	yield("ctd", "cancelled", n.cancelled)
}
