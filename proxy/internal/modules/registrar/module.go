package registrar

import (
	"crypto/cipher"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
)

// Config is what the module needs of the rest of the proxy.
type Config struct {
	Usrloc *usrloc.Module
	// Key encrypts temporary GRUUs; without one they end with the process.
	Key []byte
	// Aliases is lookup("aliases"), which SER's module registrar has; nil refuses it.
	Aliases module.Call
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// Module is module registrar.
type Module struct {
	cfg   Config
	table *usrloc.Table
	pool  sync.Pool // *scratch

	defaultExpires, minExpires, maxExpires int // seconds
	defaultQ                               int // thousandths, or usrloc.NoQ
	maxContacts, retryAfter                int
	appendBranches, methodFiltering        bool
	usePath, pathUseReceived, gruuEnabled  bool
	pathMode, outboundMode, flowTimer      int
	expiresRange, defaultExpiresRange      int // percent
	receivedParam, serviceRoute            string
	seal                                   cipher.AEAD  // of temporary GRUUs
	seed                                   maphash.Seed // of groupOf

	ownMax bool // the operator has set max_contacts

	accepted, rejected, failedFlows, displaced atomic.Int64
}

// New makes the module. It starts nothing.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Module{
		cfg: cfg, table: cfg.Usrloc.Table(),
		pool:           sync.Pool{New: func() any { return new(scratch) }},
		defaultExpires: 3600, minExpires: 60, maxExpires: 3600, defaultQ: int(usrloc.NoQ),
		maxContacts: 10, retryAfter: 30, appendBranches: true, receivedParam: "received",
		pathMode: pathStrict, outboundMode: outboundOffered, gruuEnabled: true, seal: newSeal(cfg.Key), seed: maphash.MakeSeed(),
	}
}

// Name is "registrar".
func (m *Module) Name() string { return "registrar" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.NumberParam("default_expires", &m.defaultExpires, 1, maxSeconds, "seconds that a contact gets that asks for none (default 3600)"),
		module.NumberParam("min_expires", &m.minExpires, 1, maxSeconds, "shortest life of a contact in seconds; less is answered 423 (default 60)"),
		module.NumberParam("max_expires", &m.maxExpires, 0, maxSeconds, "longest life of a contact in seconds, 0 for no bound (default 3600)"),
		module.NumberParam("default_q", &m.defaultQ, -1, 1000, "q of a contact without one, in thousandths; -1 leaves it without (default)"),
		m.maxContactsParam(),
		module.NumberParam("retry_after", &m.retryAfter, 0, 86400, "seconds in the Retry-After of a 503, 0 for no such header (default 30)"),
		module.SwitchParam("append_branches", &m.appendBranches, "lookup takes all contacts (1, default) or only the first"),
		module.SwitchParam("method_filtering", &m.methodFiltering, "lookup leaves out phones that do not take the request's method (default 0)"),
		module.SwitchParam("use_path", &m.usePath, "keep the Path (RFC 3327) of a REGISTER that comes from the proxy which the Path names first (1), or ignore it (0, default)"),
		module.NumberParam("path_mode", &m.pathMode, pathOff, pathStrict,
			"0: Path is kept and not told; 1: told to phones that know it; 2: phones that do not know it get 420 (default)"),
		module.SwitchParam("path_use_received", &m.pathUseReceived, "the parameter received of the first Path is the phone's source (default 0)"),
		{Name: "service_route", Kind: module.String, Set: m.setServiceRoute,
			Doc: `Service-Route of each 200 (RFC 3608), such as "<sip:proxy.example.org;lr>"; "" for none (default)`},
		module.NumberParam("outbound_mode", &m.outboundMode, outboundOff, outboundRequired,
			"RFC 5626. 0: reg-id is ignored; 1: for phones that know outbound (default); 2: others get 421"),
		module.NumberParam("flow_timer", &m.flowTimer, 0, 86400, "seconds in the Flow-Timer of a 200 to an outbound phone, 0 for none (default)"),
		module.SwitchParam("gruu_enabled", &m.gruuEnabled, "give and understand GRUUs (RFC 5627) (1, default), or not"),
		module.NumberParam("expires_range", &m.expiresRange, 0, 100, "percent that the life a phone asks for is shortened by at most, at random (default 0)"),
		module.NumberParam("default_expires_range", &m.defaultExpiresRange, 0, 100, "percent that default_expires is varied by, at random (default 0)"),
		{Name: "received_param", Kind: module.String, Set: m.setReceivedParam,
			Doc: `Contact parameter that tells a phone its own source; "" for none (default "received")`},
		module.AVPParam("received_avp", new(string), "taken and not used: save keeps the source of each contact by itself"),
		{Name: "case_sensitive", Kind: module.Int, Set: setCaseSensitive,
			Doc: "only 0: addresses of record are compared without regard to case"},
	}
}

const (
	maxSeconds      = 10 * 365 * 24 * 3600
	maxContactsMost = 1000
)

func (m *Module) setReceivedParam(s string, _ int) error {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("received_param is a parameter's name: letters, digits, - and _")
		}
	}
	m.receivedParam = s
	return nil
}

// MaxContacts is how many contacts an address may have, 0 for no bound.
func (m *Module) MaxContacts() int { return m.maxContacts }

// maxContactsParam notes that the operator has set the bound.
func (m *Module) maxContactsParam() module.Param {
	p := module.NumberParam("max_contacts", &m.maxContacts, 0, maxContactsMost,
		"contacts that one address may have, 0 for no bound (default 10, at which a new one takes the place of the one that expires first)")
	set := p.Set
	p.Set = func(s string, n int) error {
		err := set(s, n)
		m.ownMax = m.ownMax || err == nil
		return err
	}
	return p
}

func setCaseSensitive(_ string, n int) error {
	if n != 0 {
		return fmt.Errorf("case_sensitive must be 0: addresses of record are compared without regard to case")
	}
	return nil
}

// Check refuses times of which none is allowed.
func (m *Module) Check() error {
	if m.maxExpires > 0 && m.maxExpires < m.minExpires {
		return fmt.Errorf("max_expires (%d) is below min_expires (%d)", m.maxExpires, m.minExpires)
	}
	return nil
}

// Init tells the table how many contacts an address may have.
func (m *Module) Init() error {
	m.cfg.Usrloc.Limit(m.maxContacts)
	return nil
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "save", Min: 1, Max: 2, Routes: module.RequestRoute, Compile: m.compileSave,
			Doc: `save("location"[, flags]): change the bindings as the REGISTER asks, and answer it`},
		{Name: "lookup", Min: 1, Max: 1, Routes: module.RequestRoute | module.FailureRoute, Compile: m.compileLookup,
			Doc: `lookup("location"): make the contacts of the R-URI's address the targets of the request; lookup("aliases"): alias_db_lookup`},
		{Name: "registered", Min: 1, Max: 1, Routes: module.RequestRoute | module.FailureRoute, Compile: m.compileTable(m.registered),
			Doc: `registered("location"): whether the R-URI's address has a contact`},
	}
}

// compileLookup compiles lookup(table). SER 0.9 keeps aliases as contacts of a table of their own;
// here they are alias_db's.
func (m *Module) compileLookup(args []module.Arg) (module.Call, error) {
	if args[0].Str == "aliases" && m.cfg.Aliases != nil {
		return m.cfg.Aliases, nil
	}
	return m.lookup, checkTable(args[0])
}

// compileTable binds a function whose one argument is the table's name.
func (m *Module) compileTable(call module.Call) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) { return call, checkTable(args[0]) }
}

func checkTable(a module.Arg) error {
	if a.Str != "location" {
		return fmt.Errorf(`there is no table %q; the only one is "location"`, a.Str)
	}
	return nil
}

// Statistics calls yield for each counter of the module.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("registrar", "accepted_regs", m.accepted.Load())
	yield("registrar", "rejected_regs", m.rejected.Load())
	yield("registrar", "failed_flows", m.failedFlows.Load())
	yield("registrar", "displaced_contacts", m.displaced.Load())
}
