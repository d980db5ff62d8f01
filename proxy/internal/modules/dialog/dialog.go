// Package dialog is Kamailio's module dialog: the table of the calls that pass here and
// are up, or being set up. README.md is its manual page.
//
// The relay tells of each INVITE that it sends on with our Record-Route, of the
// responses to it and of the requests within its dialog (relay.Dialogs). What is kept of
// them is copied into records that are used again, so that a call costs no allocation.
package dialog

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
)

// Sender sends requests of the router's own within a dialog; *ua.Agent is one.
type Sender interface {
	SendWithin(ctx context.Context, p ua.Within) (ua.Answer, error)
}

// Config is what the module needs of the rest of the proxy.
type Config struct {
	// Sender hangs up and asks whether a phone is still there; nil for neither.
	Sender Sender
	// Credentials gives the header line that answers a challenge to such a request, which was
	// answered tried times before; false for none. nil for no credentials.
	Credentials func(method string, asked *ua.Challenge, tried int) (line string, ok bool)
	// Local reports whether a domain is one of ours; nil for none.
	Local func(domain []byte) bool
	// Sockets are the listening sockets, once there are any.
	Sockets func() []transport.Socket
	// Answered and Ended tell the accounts of a call's two ends. They are called under
	// locks, return at once and keep nothing; nil for no accounts.
	Answered, Ended func(a *Account)
	// Publish sends an event to who listens, and Wanted says whether anybody does;
	// nil for no events.
	Publish func(topic string, data any)
	Wanted  func(topic string) bool
	// Started is when this process began: dialogs that are older are not in the table,
	// and go on all the same where they went before. Zero: now.
	Started time.Time
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Account is what the accounts are told of a call. The texts are good during the call only.
type Account struct {
	CallID, FromTag, ToTag      []byte
	FromURI, Display, TargetURI []byte
	// Caller is the caller's address, empty unless it is a user of ours who has proven
	// to be that. Callee is the address that was called, after aliases.
	Caller, Callee         []byte
	Began, Answered, Ended time.Time
	HungUpBy               string // ctlproto.HungUpCaller and so on; "" until it has ended, or unknown
	ByRouter               bool   // the router has hung up both ends
	InAgent                bool   // an end is the router's own user agent, which has taken or sent the BYE
	Unlisted               bool   // the script does not want it listed: only its end is told
	Flags                  uint32 // the script's, of the INVITE
}

// Who ended a call.
const (
	byCaller = ctlproto.HungUpCaller
	byCallee = ctlproto.HungUpCallee
	byRouter = ctlproto.HungUpRouter
)

// maxEvents bounds the events that wait to be published.
const maxEvents = 4096

// Module is module dialog, the relay's Dialogs and the control socket's.
type Module struct {
	cfg Config
	set settings
	on  atomic.Bool // Init has made the table
	// narrowed says that dlg_manage stands in the script in force.
	narrowed atomic.Bool

	table  table
	busy   busy
	spare  spare
	cancel func(key txn.Key) bool // ends an INVITE that is not answered; nil before Attach
	ours   func(value []byte) bool
	events chan ctlproto.DialogEvent

	work    sync.WaitGroup // requests of our own under way
	over    chan struct{}  // closed when they are to end
	endOnce sync.Once
	places  places // of those that nobody waits for
	turn    int    // the shard that the sweep begins with

	tracked, refused, expired, rejected, lost atomic.Int64
}

// New makes the module. It starts nothing.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Started.IsZero() {
		cfg.Started = cfg.Now()
	}
	m := &Module{cfg: cfg, set: defaults(), events: make(chan ctlproto.DialogEvent, maxEvents), over: make(chan struct{})}
	m.table.seed = maphash.MakeSeed()
	m.busy.seed, m.places.seed = m.table.seed, m.table.seed
	return m
}

// Attach gives the module the relay: how it ends an INVITE that is not answered, and
// whether a Route is one of ours.
func (m *Module) Attach(cancel func(key txn.Key) bool, ours func(value []byte) bool) {
	m.cancel, m.ours = cancel, ours
}

// Name is "dialog".
func (m *Module) Name() string { return "dialog" }

// Init makes the table.
func (m *Module) Init() error {
	m.table.init(m.set.maxDialogs)
	m.on.Store(true)
	return nil
}

// Busy reports whether a call of an address of ours is up. The address is canonical.
func (m *Module) Busy(address string) bool { return m.busy.has(address) }

// Run publishes events, and ends what is over by time, until ctx ends.
func (m *Module) Run(ctx context.Context) {
	var news sync.WaitGroup
	news.Go(func() { m.publish(ctx) }) // they wait for no phone
	defer news.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			m.endOnce.Do(func() { close(m.over) })
			m.work.Wait()
			return
		case <-tick.C:
			now := m.cfg.Now()
			m.sweep(now)
			m.probe(ctx, now)
		}
	}
}

// publish publishes events until ctx ends.
func (m *Module) publish(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-m.events:
			m.cfg.Publish(ctlproto.TopicDialog, e)
		}
	}
}

// tell queues an event for who listens.
func (m *Module) tell(d *dialog, state ctlproto.DialogState, hungUpBy string) {
	if m.cfg.Publish == nil || m.cfg.Wanted == nil || !m.cfg.Wanted(ctlproto.TopicDialog) {
		return
	}
	e := ctlproto.DialogEvent{
		CallID: text(d.callID), FromTag: text(d.caller.tag), ToTag: text(d.callee.tag), State: state, At: m.cfg.Now().UTC(),
		Caller: text(d.caller.aor), Callee: text(d.callee.aor), HungUpBy: hungUpBy,
	}
	select {
	case m.events <- e:
	default:
		m.lost.Add(1)
	}
}

// Statistics calls yield for each counter of the group "dialog". The first three are the
// dialogs now, the others only rise.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	if !m.set.enableStats {
		return
	}
	a := m.Active()
	for _, s := range []struct {
		name  string
		value int64
	}{
		{"active_dialogs", int64(a.Ongoing + a.Answering)},
		{"early_dialogs", int64(a.Starting + a.Connecting)},
		{"records", m.table.used.Load()},
		{"processed_dialogs", m.tracked.Load()},
		{"expired_dialogs", m.expired.Load()},
		{"untracked", m.refused.Load()},
		{"rejected_requests", m.rejected.Load()},
		{"lost_events", m.lost.Load()},
	} {
		yield("dialog", s.name, s.value)
	}
}
