package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/control"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules"
	"seraph/proxy/internal/modules/ctd"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/script"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
	"seraph/sql/store"
)

const (
	// drainTime bounds each step of the end: hanging up the user agent's dialogs,
	// writing what connections still hold, answering the control socket's callers.
	drainTime = 3 * time.Second
	// closeTime bounds all of them together: what starts and stops services kills after ten
	// seconds.
	closeTime = 8 * time.Second
	// lastTime is what the phones leave of it for what must be written, and keepTime what the
	// connections leave for the database and the control socket.
	lastTime = 4 * time.Second
	keepTime = 2 * time.Second
)

// maxWaiters bounds the requests that wait for a database or a resolver, in all. One
// source may have a quarter of them (module auth): an office behind one NAT comes
// back after a power cut.
const maxWaiters = 1024

// Daemon is a running proxy. Make it with Start.
type Daemon struct {
	cfg     Config
	log     *slog.Logger
	lock    *os.File // on the state folder
	db      *store.DB
	modules *modules.Set
	program *script.Program
	// reloading is held while program and inForce change.
	reloading sync.Mutex
	inForce   inForce
	agent     *ua.Agent
	engine    *relay.Engine
	level     slog.Level // of the log, where the script sets none
	layer     *transport.Layer
	resolver  *transport.Resolver
	server    atomic.Pointer[control.Server]
	socket    *control.Socket
	fifo      *control.FIFO // nil = the script names none

	timers    sync.WaitGroup // the transactions'
	endTimers context.CancelFunc
	work      sync.WaitGroup // the modules'
	endWork   context.CancelFunc
	served    chan error // what Serve of the control socket returned
}

// Start puts a proxy together and lets it serve. On an error everything that was
// opened is closed again. ctx bounds the start only.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &Daemon{cfg: cfg, log: cfg.Log, served: make(chan error, 1)}
	if cfg.Level != nil {
		d.level = cfg.Level.Level()
	}
	err := d.start(ctx)
	if err != nil {
		d.undo()
		return nil, err
	}
	return d, nil
}

// start does the steps of Start.
func (d *Daemon) start(ctx context.Context) error {
	if err := makeState(d.cfg.State); err != nil {
		return err
	}
	var err error
	if d.lock, err = lockState(d.cfg.State); err != nil {
		return err
	}
	secret, err := loadSecret(d.cfg.State)
	if err != nil {
		return err
	}
	if err := d.chooseDatabase(); err != nil {
		return err
	}
	if d.db, err = openDatabase(ctx, &d.cfg); err != nil {
		return err
	}
	d.agent = ua.New(ua.Config{Name: "Seraph " + d.cfg.Version, Log: d.log})
	d.modules = modules.New(modules.Config{
		Log: d.log, DB: d.db, NonceKey: secret.key("nonce"), GRUUKey: secret.key("gruu"), Journal: filepath.Join(d.cfg.State, "journal"), Accounts: filepath.Join(d.cfg.State, "accounts"), Agent: d.agent,
		Sockets: d.sockets, Publish: d.publish, Wanted: d.wanted,
	})
	if d.program, err = d.compile(); err != nil {
		return err
	}
	d.inForce.start = d.program
	d.adopt(d.program)
	if err := d.adoptTLS(d.program.Globals()); err != nil {
		return err
	}
	if err := d.bind(secret); err != nil {
		return err
	}
	if err := d.initModules(ctx); err != nil {
		return err
	}
	return d.serve()
}

// adopt applies what a script that comes into force sets for the whole program.
func (d *Daemon) adopt(p *script.Program) {
	g := p.Globals()
	if d.cfg.Level != nil {
		d.cfg.Level.Set(*cmp.Or(g.LogLevel, &d.level))
	}
	d.modules.Dialog.Narrow(p.Calls("dlg_manage"))
	hosts := make([]string, len(g.Alias))
	for i, name := range g.Alias {
		host, _, err := net.SplitHostPort(name)
		if err != nil {
			host = name
		}
		hosts[i] = host
	}
	d.modules.Domain.SetStatic(hosts)
}

// working are the modules that do something: those that the script loads, and the
// five that the relay, the sockets, presence and the control socket ask whether it
// does or not. Without the table of dialogs the relay could not tell where a call leads.
func (d *Daemon) working() []module.Module {
	list := slices.Clone(d.program.Modules())
	for _, m := range []module.Module{d.modules.Domain, d.modules.Alias, d.modules.Usrloc, d.modules.TLS, d.modules.Dialog} {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// bind makes the relay and its sockets, and the user agent's way to them.
func (d *Daemon) bind(secret secret) error {
	listen, err := d.cfg.listen(d.program.Globals())
	if err != nil {
		return err
	}
	timers := d.modules.Tm.Settings()
	d.engine = relay.New(relay.Config{
		Txn:    txn.Config{T1: timers.T1, T2: timers.T2, FrTimer: timers.FrTimer, Memory: d.memory()},
		TimerC: timers.FrInvTimer, Key: secret.key("record-route"),
		LocalDomain: d.modules.Domain.Local, UserAgent: ctd.UserAgent(d.agent),
		Observer: d.modules.Ctd, Accountant: d.modules.Acc, Dialogs: d.modules.Dialog, Hooks: d.program, Log: d.log,
		AcceptAliases: d.program.Globals().Streams.AcceptAliases, Gateway: d.gateways(), GatewaysKnown: d.modules.Calls.Dispatcher.Known, FlowFailed: d.modules.Registrar.FlowFailed,
		Refused: d.modules.Calls.Userblock.Refuses, Names: d.modules.Calls.Uac.Names(),
	})
	d.layer, err = transport.New(d.transportConfig(listen), guard{d.engine, d.modules.Nathelper.Answered, d.log}, d.log)
	if err != nil {
		return err
	}
	resolving := d.program.Globals().Resolver
	resolving.DNS.Log = d.log
	d.resolver = transport.NewResolver(resolving)
	d.engine.Attach(d.layer, d.resolver)
	d.agent.Attach(ctd.Router{Engine: d.engine}, d.layer, d.engine.Table(), d.resolver.Lookup)
	d.modules.Ctd.Attach(d.engine)
	d.modules.Ctd.Guard(ctd.Reach{HostsOf: d.engine.HostsOf, Gateway: d.gateways(), Own: func(a netip.Addr) bool { return d.layer.IsLocal(a, 0) }})
	d.modules.Nathelper.Attach(d.layer)
	d.modules.Usrloc.Bar(d.engine.BarredFor)
	d.modules.Calls.Dispatcher.Attach(d.engine.HostsOf)
	d.modules.Dialog.Attach(func(key txn.Key) bool { return d.engine.Cancel(key, nil) }, d.engine.OurRoute)
	return nil
}

// initModules prepares every working module and reads the bindings of the database.
func (d *Daemon) initModules(ctx context.Context) error {
	for _, m := range d.working() {
		i, ok := m.(module.Initializer)
		if !ok {
			continue
		}
		if err := i.Init(); err != nil {
			return fmt.Errorf("module %s: %w", m.Name(), err)
		}
	}
	_, err := await(ctx, d.log, "bindings", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, d.modules.Usrloc.Load(ctx)
	})
	if err != nil {
		return fmt.Errorf("reading the bindings: %w", err)
	}
	return nil
}

// serve opens the control socket and begins to read from the network.
func (d *Daemon) serve() error {
	path := d.cfg.control(d.program.Globals())
	err := makeControlFolder(path)
	if err != nil {
		return err
	}
	if d.socket, err = control.Listen(path, ""); err != nil {
		return err
	}
	server := control.New(d.controlConfig())
	d.server.Store(server)
	if err := d.openFIFO(server); err != nil {
		return err
	}
	ticking, endTimers := context.WithCancel(context.Background())
	d.endTimers = endTimers
	d.timers.Go(func() { d.engine.Run(ticking) })
	ctx, end := context.WithCancel(context.Background())
	d.endWork = end
	for _, m := range d.working() {
		if r, ok := m.(module.Runner); ok {
			d.work.Go(func() { r.Run(ctx) })
		}
	}
	d.layer.Start()
	go func() { d.served <- server.Serve(d.socket) }()
	d.log.Info("serving", "version", d.cfg.Version, "control", path, "database", d.databaseName(), "script", d.scriptName())
	for _, s := range d.layer.Sockets() {
		d.log.Info("listening", "socket", s.Name, "advertised", string(s.HostPort))
	}
	return nil
}

func (d *Daemon) databaseName() string {
	if d.db == nil {
		return NoDatabase
	}
	return d.db.String()
}

// Wait returns when the control socket fails, or when ctx ends with nil.
func (d *Daemon) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.served:
		if err == nil {
			err = errors.New("it was closed")
		}
		return fmt.Errorf("control socket: %w", err)
	}
}

// Close ends the proxy in order: no new dials, dialogs of its own hung up, what rings
// cancelled and its callers told, what must
// last written and its 200s sent, sockets closed, the control socket last.
func (d *Daemon) Close() error {
	d.log.Info("ending")
	end := time.Now().Add(closeTime)
	err := errors.Join(d.closeFIFO(), d.steps(end.Add(-lastTime), d.modules.Ctd.Close, d.agent.Close, d.engine.Drain))
	d.endWork()
	d.work.Wait()
	err = errors.Join(err, d.steps(end.Add(-keepTime), d.layer.Close))
	d.endTimers()
	d.timers.Wait()
	err = errors.Join(err, d.steps(end, d.modules.Acc.Close, d.server.Load().Shutdown))
	if d.db != nil {
		err = errors.Join(err, d.db.Close())
	}
	d.lock.Close()
	return err
}

// steps gives parts of the end their time, one after the other: drainTime each, and none
// beyond by.
func (d *Daemon) steps(by time.Time, list ...func(ctx context.Context) error) error {
	var err error
	for _, f := range list {
		err = errors.Join(err, d.step(by, f))
	}
	return err
}

// step gives one part of the end its time.
func (d *Daemon) step(by time.Time, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithDeadline(context.Background(), by)
	defer cancel()
	ctx, cancelStep := context.WithTimeout(ctx, drainTime)
	defer cancelStep()
	err := f(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		d.log.Warn("ended hard", "error", err) // a peer that does not answer is no failure of ours
		return nil
	}
	return err
}

// undo closes what a start that failed had opened.
func (d *Daemon) undo() {
	if d.socket != nil {
		_ = d.socket.Close() // the start's own error tells more
	}
	_ = d.closeFIFO()
	if d.layer != nil {
		_ = d.steps(time.Now().Add(drainTime), d.layer.Close)
	}
	if d.endWork != nil {
		d.endWork()
		d.endTimers()
		d.work.Wait()
		d.timers.Wait()
	}
	if d.db != nil {
		_ = d.db.Close()
	}
	if d.lock != nil {
		d.lock.Close()
	}
}

// sockets are the listening sockets, none before there are any.
func (d *Daemon) sockets() []transport.Socket {
	if d.layer == nil {
		return nil
	}
	return d.layer.Sockets()
}

func (d *Daemon) publish(topic string, data any) {
	if s := d.server.Load(); s != nil {
		s.Publish(topic, data)
	}
}

func (d *Daemon) wanted(topic string) bool {
	s := d.server.Load()
	return s != nil && s.Wanted(topic)
}
