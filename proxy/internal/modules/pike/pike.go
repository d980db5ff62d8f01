// Package pike is SER's module pike: it notices when one source sends too many
// requests. README.md is its manual page.
package pike

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Module is pike.
type Module struct {
	log *slog.Logger
	now func() time.Time

	// Settings of the script.
	unit    time.Duration
	density atomic.Int32 // may be set while the module works
	latency time.Duration
	level   slog.Level
	sources int

	table   table
	began   time.Time
	reports limiter

	blocked, detected atomic.Int64
}

// New makes the module. It has no memory to speak of before Init.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Module{log: cfg.Log, now: cfg.Now, unit: 2 * time.Second, latency: 2 * time.Minute, level: slog.LevelWarn, sources: 1 << 16}
	m.density.Store(30)
	return m
}

// Name is "pike".
func (m *Module) Name() string { return "pike" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.SecondsParam("sampling_time_unit", &m.unit, 1, 3600, "seconds in which requests are counted, 2 if not set"),
		{Name: "reqs_density_per_unit", Kind: module.Int, Doc: "requests of one source in that time that are not too many, 30 if not set",
			Live: true, Set: number("reqs_density_per_unit", 1, 1<<20, func(n int) { m.density.Store(int32(n)) })},
		module.SecondsParam("remove_latency", &m.latency, 1, 86400, "seconds for which a source that is quiet is remembered, 120 if not set"),
		{Name: "pike_log_level", Kind: module.Int, Doc: "how loud a blocked source is: 1 warning, 2 and 3 info, 4 debug; 1 if not set",
			Set: m.setLevel},
		module.NumberParam("max_sources", &m.sources, 1024, 1<<24, "sources that are counted, 65536 if not set; 40 bytes each"),
	}
}

func number(name string, least, most int, set func(n int)) func(string, int) error {
	return func(_ string, n int) error {
		if n < least || n > most {
			return fmt.Errorf("%s %d is not from %d to %d", name, n, least, most)
		}
		set(n)
		return nil
	}
}

// setLevel takes one of SER's log levels: −3 to 1 are warnings and worse here.
func (m *Module) setLevel(_ string, n int) error {
	switch {
	case n < -5 || n > 4:
		return fmt.Errorf("pike_log_level %d is not from -5 to 4", n)
	case n <= 1:
		m.level = slog.LevelWarn
	case n <= 3:
		m.level = slog.LevelInfo
	default:
		m.level = slog.LevelDebug
	}
	return nil
}

// Init makes the table.
func (m *Module) Init() error {
	m.began = m.now()
	m.table.init(m.sources)
	return nil
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{{Name: "pike_check_req", Routes: module.RequestRoute, Compile: module.NoArgs(m.check),
		Doc: "false if the source of the request has sent too many"}}
}

// noticed is what pike_check_req returns for the request with which a source became one that
// floods; later ones return False, as in SER.
const noticed = -2

// check is pike_check_req. What the router's own user agent sends is never too much.
func (m *Module) check(c *module.Ctx) int {
	if c.Local != nil {
		return module.True
	}
	source := senderOf(c.From)
	verdict := m.table.count(source, m.tick(), m.limit())
	switch verdict {
	case calm:
		return module.True
	case flooding:
		m.blocked.Add(1)
		return module.False
	}
	m.blocked.Add(1)
	m.detected.Add(1)
	m.report(c, source)
	return noticed
}

// limit is how many requests in a unit of time are not too many.
func (m *Module) limit() int { return int(m.density.Load()) }

// tick is the time in the table's terms.
func (m *Module) tick() tick {
	since := m.now().Sub(m.began)
	return tick{unit: uint32(since / m.unit), quiet: uint32(m.latency/m.unit) + 1}
}

// sender is whose requests are counted together: a network's over UDP, where anybody may be the sender of
// a datagram, or over connections, whose handshake has proven the address.
type sender struct {
	addr   netip.Addr
	stream bool
}

func senderOf(f transport.Flow) sender {
	return sender{transport.SourceOf(f.Remote.Addr()), f.Proto.Stream()}
}

// Statistics yields the counters of the group "pike".
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	sources, hot := m.table.sizes(m.tick(), m.limit())
	yield("pike", "blocked", m.blocked.Load())
	yield("pike", "detected", m.detected.Load())
	yield("pike", "sources", int64(sources))
	yield("pike", "hot", int64(hot))
}
