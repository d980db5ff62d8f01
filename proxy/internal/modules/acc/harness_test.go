package acc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// tables are the database of a test.
type tables struct {
	mu     sync.Mutex
	away   bool
	refuse string // a Call-ID that is refused
	acc    []store.AccRow
	missed []store.MissedRow
	calls  []store.Call
	ends   []store.CallEnd
	again  int         // uses of WriteAgain
	stuck  bool        // TakeBack does not work
	age    []time.Time // when the calls of call_log began that Prune sees, by id from 1 on
	events []ctlproto.MissedCallEvent
	news   []ctlproto.CallEvent
}

var errAway = errors.New("connection refused") // any error but a few is one of a database that is away

func (x *tables) set(f func(x *tables)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(x)
}

// seen is what is in the tables now.
func (b *bench) seen() *tables {
	b.tables.mu.Lock()
	defer b.tables.mu.Unlock()
	return &tables{acc: slices.Clone(b.tables.acc), missed: slices.Clone(b.tables.missed), calls: slices.Clone(b.tables.calls), ends: slices.Clone(b.tables.ends),
		events: slices.Clone(b.tables.events), news: slices.Clone(b.tables.news), again: b.tables.again}
}

func (x *tables) write(rows, missed []store.AccRow) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return errAway
	}
	for _, r := range append(append([]store.AccRow(nil), rows...), missed...) {
		if r.CallID == x.refuse {
			return &store.FieldError{Field: "callid", Msg: "is refused"}
		}
	}
	x.acc = append(x.acc, rows...)
	x.missed = append(x.missed, missed...)
	return nil
}

func (x *tables) Write(_ context.Context, rows, missed []store.AccRow) error {
	return x.write(rows, missed)
}

func (x *tables) WriteAgain(_ context.Context, rows, missed []store.AccRow) error {
	var fresh []store.AccRow
	x.set(func(x *tables) {
		x.again++
		for _, r := range missed {
			if !slices.Contains(x.missed, r) {
				fresh = append(fresh, r)
			}
		}
	})
	return x.write(rows, fresh)
}

func (x *tables) TakeBack(_ context.Context, answered []store.MissedRow) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away || x.stuck {
		return errAway
	}
	for _, a := range answered {
		x.missed = slices.DeleteFunc(x.missed, func(r store.MissedRow) bool {
			return r.CallID == a.CallID && r.FromTag == a.FromTag && r.DstUser == a.DstUser && r.DstDomain == a.DstDomain
		})
	}
	return nil
}

// Prune has two calls a piece.
func (x *tables) Prune(_ context.Context, before time.Time, after int64) (next int64, deleted int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return after, 0, errAway
	}
	end := min(int(after)+2, len(x.age))
	for i := int(after); i < end; i++ {
		if !x.age[i].IsZero() && x.age[i].Before(before) {
			x.age[i] = time.Time{}
			deleted++
		}
	}
	if end < len(x.age) {
		next = int64(end)
	}
	return next, deleted, nil
}

func (x *tables) Record(_ context.Context, calls []store.Call) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return errAway
	}
	x.calls = append(x.calls, calls...)
	return nil
}

// Claim finds the calls that are there as nobody's.
func (x *tables) Claim(_ context.Context, calls []store.Call) (claimed []store.Call, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return nil, errAway
	}
	for _, c := range calls {
		i := slices.IndexFunc(x.calls, func(o store.Call) bool { return o.CallID == c.CallID && o.FromTag == c.FromTag && o.Callee == c.Callee })
		if i >= 0 && x.calls[i].Unproven {
			x.calls[i] = c
			claimed = append(claimed, c)
		}
	}
	return claimed, nil
}

func (x *tables) End(_ context.Context, ends []store.CallEnd) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return errAway
	}
	x.ends = append(x.ends, ends...)
	return nil
}

func (x *tables) CountMissedUnseen(context.Context, aor.AOR) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.calls), nil
}

func (x *tables) subscribers(_ context.Context, list []aor.AOR) (map[aor.AOR]bool, error) {
	ours := map[aor.AOR]bool{}
	for _, a := range list {
		ours[a] = a.User == "bob"
	}
	return ours, nil
}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is the module in a router whose script refuses with a status after a lookup.
type bench struct {
	t      *testing.T
	m      *acc.Module
	tables *tables
	router *moduletest.Router
	log    logText
	n      int // calls
	sent   int // requests
}

// newBench makes the module with parameters "name value".
func newBench(t *testing.T, script func(c *module.Ctx), params ...string) *bench {
	t.Helper()
	b := &bench{t: t, tables: &tables{}}
	b.m = acc.New(acc.Config{
		Log:        slog.New(slog.NewTextHandler(&b.log, nil)),
		Accounting: b.tables, Calls: b.tables, Subscribers: b.tables.subscribers,
		Local:  func(host []byte) bool { return string(host) == "example.org" },
		Wanted: func(topic string) bool { return topic == ctlproto.TopicMissedCall || topic == ctlproto.TopicCall },
		Publish: func(topic string, data any) {
			b.tables.set(func(x *tables) {
				if topic == ctlproto.TopicCall {
					x.news = append(x.news, data.(ctlproto.CallEvent))
					return
				}
				x.events = append(x.events, data.(ctlproto.MissedCallEvent))
			})
		},
	})
	b.start(script, params...)
	return b
}

// start gives the module its parameters and its router.
func (b *bench) start(script func(c *module.Ctx), params ...string) {
	b.t.Helper()
	for _, p := range params {
		name, value, _ := strings.Cut(p, " ")
		if err := moduletest.Set(b.t, b.m, name, value); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := b.m.Init(); err != nil {
		b.t.Fatal(err)
	}
	b.router = moduletest.New(b.t, &moduletest.Script{Request: script}, func(c *relay.Config) { c.Accountant = b.m })
}

// refusing is a script that refuses with a status once it has looked the callee up.
func refusing(status int) func(c *module.Ctx) {
	return func(c *module.Ctx) {
		if u, err := c.URI(); err == nil {
			c.Callee, _ = aor.AppendCanonical(nil, u.User, u.Host)
		}
		_ = c.ReplyStateless(&sip.Reply{Status: status})
	}
}

// call makes a call with a Call-ID of its own and returns that.
func (b *bench) call(uri string, lines ...string) string {
	b.t.Helper()
	b.n++
	id := fmt.Sprintf("call-%d", b.n)
	b.again(id, uri, lines...)
	return id
}

func (b *bench) again(id, uri string, lines ...string) {
	b.t.Helper()
	b.from("192.0.2.7:5060", id, uri, lines...)
}

// from is again from another address, as a transaction of its own; a line replaces the
// usual one of its field.
func (b *bench) from(source, id, uri string, lines ...string) {
	b.t.Helper()
	b.sent++
	text := strings.Replace(moduletest.Request("INVITE", uri), "call-1\n", id+"\n", 1)
	text = strings.Replace(text, "z9hG4bK-INVITE", fmt.Sprintf("z9hG4bK-%d", b.sent), 1)
	for _, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		for old := range strings.Lines(text) {
			if strings.HasPrefix(old, name+":") {
				text = strings.Replace(text, old, l+"\n", 1)
			}
		}
	}
	b.router.Receive("udp:"+source, text)
}

// run runs the writer until the returned function is called.
func (b *bench) run() func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); b.m.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (b *bench) statistic(name string) int64 {
	var n int64
	b.m.Statistics(func(_, key string, v int64) {
		if key == name {
			n = v
		}
	})
	return n
}

// soon is longer than a batch waits.
const soon = time.Second
