package msilo

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

var (
	bobAOR  = aor.AOR{User: "bob", Domain: "example.org"}
	errAway = errors.New("connection refused")
)

// table is the silo of a test.
type table struct {
	mu        sync.Mutex
	rows      []store.SiloMessage
	away      bool  // nothing works
	keeps     bool  // Delete does not work
	hidden    bool  // Find does not work
	uncounted bool  // Count does not work
	pendings  int   // reads
	largest   int   // messages that were asked for at once
	dues      int   // reads of what is to be sent now
	foreign   int   // rows that AddForeign has added
	last      int64 // the id of the row that was added last
}

// Find implements Silo.
func (x *table) Find(_ context.Context, owner aor.AOR, id int64) (found store.SiloMessage, err error) {
	err = x.locked(func() error {
		if x.hidden {
			return errAway
		}
		for _, m := range x.rows {
			if m.Owner == owner && m.ID == id {
				found = m
				return nil
			}
		}
		return store.ErrNotFound
	})
	return found, err
}

func (x *table) locked(f func() error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.away {
		return errAway
	}
	return f()
}

func (x *table) Add(_ context.Context, m store.SiloMessage, most int) (id int64, err error) {
	err = x.locked(func() error {
		if m.Owner != bobAOR {
			return store.ErrNotFound
		}
		if most > 0 && len(x.rows) >= most {
			return store.ErrFull
		}
		x.last++
		m.ID = x.last
		m.Body = slices.Clone(m.Body)
		x.rows = append(x.rows, m)
		id = m.ID
		return nil
	})
	return id, err
}

func (x *table) AddForeign(ctx context.Context, m store.SiloMessage, most, mostForeign int) (int64, error) {
	x.mu.Lock()
	full := x.foreign >= mostForeign
	x.mu.Unlock()
	if full {
		return 0, store.ErrFull
	}
	m.Foreign = true
	id, err := x.Add(ctx, m, most)
	if err == nil {
		x.mu.Lock()
		x.foreign++
		x.mu.Unlock()
	}
	return id, err
}

func (x *table) CountPending(_ context.Context, owner aor.AOR) (n int, err error) {
	err = x.locked(func() error {
		for _, m := range x.rows {
			if m.Owner == owner && !m.Refused && !m.SendAt.After(time.Now()) {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (x *table) List(_ context.Context, owner aor.AOR, _ store.SiloQuery) (list []store.SiloMessage, n int, err error) {
	err = x.locked(func() error { list, n = slices.Clone(x.rows), len(x.rows); return nil })
	return list, n, err
}

func (x *table) Pending(_ context.Context, owner aor.AOR, limit, attempts int) ([]store.SiloMessage, error) {
	return x.next(owner, limit, attempts, false)
}

func (x *table) PendingKnown(_ context.Context, owner aor.AOR, limit, attempts int) ([]store.SiloMessage, error) {
	return x.next(owner, limit, attempts, true)
}

func (x *table) next(owner aor.AOR, limit, attempts int, known bool) (list []store.SiloMessage, err error) {
	err = x.locked(func() error {
		x.pendings++
		x.largest = max(x.largest, limit)
		for _, late := range []bool{false, true} {
			for _, m := range x.rows {
				if m.Owner == owner && !m.Refused && len(list) < limit && !m.SendAt.After(time.Now()) && late == (m.Attempts >= attempts) && !(known && m.Foreign) {
					list = append(list, m)
				}
			}
		}
		return nil
	})
	return list, err
}

func (x *table) Delete(_ context.Context, owner aor.AOR, ids ...int64) (n int, err error) {
	err = x.locked(func() error {
		if x.keeps {
			return errAway
		}
		had := len(x.rows)
		x.rows = slices.DeleteFunc(x.rows, func(m store.SiloMessage) bool { return m.Owner == owner && slices.Contains(ids, m.ID) })
		n = had - len(x.rows)
		return nil
	})
	return n, err
}

func (x *table) MarkRead(_ context.Context, owner aor.AOR, ids ...int64) (n int, err error) {
	err = x.locked(func() error {
		for i := range x.rows {
			if m := &x.rows[i]; m.Owner == owner && slices.Contains(ids, m.ID) && m.Read.IsZero() {
				m.Read = time.Unix(1, 0)
				n++
			}
		}
		return nil
	})
	return n, err
}

func (x *table) Attempt(_ context.Context, _ aor.AOR, id int64, code int, refused bool) error {
	return x.locked(func() error {
		for i := range x.rows {
			if m := &x.rows[i]; m.ID == id {
				m.Attempts++
				m.LastCode, m.Refused = code, refused
				return nil
			}
		}
		return store.ErrNotFound
	})
}

func (x *table) Untakable(_ context.Context, _ aor.AOR, id int64, code int) error {
	return x.locked(func() error {
		for i := range x.rows {
			if m := &x.rows[i]; m.ID == id {
				m.Attempts, m.LastCode = max(m.Attempts, 1), code
				return nil
			}
		}
		return store.ErrNotFound
	})
}

func (x *table) Count(context.Context, aor.AOR) (total, unread int, err error) {
	err = x.locked(func() error {
		if x.uncounted {
			return errAway
		}
		total, unread = len(x.rows), len(x.rows)
		return nil
	})
	return total, unread, err
}

func (x *table) DeleteExpired(_ context.Context, now time.Time) (gone map[aor.AOR]int, err error) {
	gone = map[aor.AOR]int{}
	err = x.locked(func() error {
		x.rows = slices.DeleteFunc(x.rows, func(m store.SiloMessage) bool {
			over := !m.Expires.After(now)
			if over {
				gone[m.Owner]++
			}
			return over
		})
		return nil
	})
	return gone, err
}

// Due implements Silo.
func (x *table) Due(_ context.Context, after, now time.Time) (owners []aor.AOR, next time.Time, err error) {
	err = x.locked(func() error {
		x.dues++
		for _, m := range x.rows {
			switch at := m.SendAt; {
			case at.IsZero():
			case at.After(now):
				if next.IsZero() || at.Before(next) {
					next = at
				}
			case at.After(after):
				owners = append(owners, m.Owner)
			}
		}
		return nil
	})
	return owners, next, err
}

func (x *table) Owners(context.Context) (list []aor.AOR, err error) {
	err = x.locked(func() error {
		for _, m := range x.rows {
			list = append(list, m.Owner)
		}
		return nil
	})
	return list, err
}

// locations has phones of bob.
type locations struct {
	mu      sync.Mutex
	phones  int
	deaf    int       // phones that take no messages
	came    time.Time // when they registered; the zero time: before all else
	pending bool
}

func (l *locations) Settled(string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.pending
}

func (l *locations) Taking(_ string, methods uint32, since time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if methods == allMethods {
		return l.phones + l.deaf
	}
	if l.came.Before(since) {
		return 0
	}
	return l.phones
}

// come makes bob register now.
func (l *locations) come() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came = time.Now()
}

// always makes bob register in every moment to come.
func (l *locations) always() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came = time.Now().Add(1000 * time.Hour)
}

func (l *locations) set(phones int, pending bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phones, l.pending = phones, pending
}

// wire is what the module sends, and what is answered.
type wire struct {
	mu      sync.Mutex
	sent    []ua.Message
	answers []ua.Answer              // in turn; the last one stays
	fails   map[string]ua.Answer     // by the body, before answers
	slow    map[string]time.Duration // by To, in place of delay
	err     error
	delay   time.Duration
}

func (w *wire) Message(ctx context.Context, p ua.Message) (ua.Answer, error) {
	w.mu.Lock()
	w.sent = append(w.sent, p)
	answer, err, delay := w.answers[0], w.err, w.delay
	if d, ok := w.slow[p.To]; ok {
		delay = d
	}
	if a, ok := w.fails[string(p.Body)]; ok {
		answer = a
	} else if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	w.mu.Unlock()
	if delay > 0 {
		select {
		case <-ctx.Done():
			return ua.Answer{}, ctx.Err()
		case <-time.After(delay):
		}
	}
	return answer, err
}

func (w *wire) bodies() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, m := range w.sent {
		list = append(list, string(m.Body))
	}
	return list
}

// last is the Call-ID of what was sent last.
func (w *wire) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[len(w.sent)-1].CallID
}

// bench is the module between a table, a location table and a wire, in a bubble.
type bench struct {
	t      *testing.T
	m      *Module
	silo   *table
	phones *locations
	wire   *wire
	events []ctlproto.MessageEvent
	known  bool // who sends has shown who he is
	log    *logText
	end    func()
}

// logText is what is logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// logged checks how often something is in the log.
func (b *bench) logged(text string, want int) {
	b.t.Helper()
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	if n := strings.Count(b.log.text.String(), text); n != want {
		b.t.Errorf("%q is logged %d times, want %d:\n%s", text, n, want, b.log.text.String())
	}
}

func taken() ua.Answer { return ua.Answer{Status: 200, Bound: true, Relayed: true} }

func bubble(t *testing.T, test func(b *bench), params ...[2]string) {
	t.Helper()
	bubbleAt(t, nil, test, params...)
}

// bubbleAt is bubble with a clock of the module's own.
func bubbleAt(t *testing.T, now func() time.Time, test func(b *bench), params ...[2]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, silo: &table{}, phones: &locations{phones: 1}, wire: &wire{answers: []ua.Answer{taken()}}, log: &logText{}}
		var mu sync.Mutex
		b.m = New(Config{
			Now: now, Log: slog.New(slog.NewTextHandler(b.log, nil)), Silo: b.silo, Sender: b.wire, Locations: b.phones, Wanted: func(string) bool { return true },
			Publish: func(_ string, data any) {
				mu.Lock()
				defer mu.Unlock()
				b.events = append(b.events, data.(ctlproto.MessageEvent))
			},
		})
		for _, p := range params {
			if err := moduletest.Set(t, b.m, p[0], p[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); b.m.Run(ctx) }()
		b.end = func() { cancel(); <-done }
		defer func() { b.end() }()
		synctest.Wait()
		test(b)
	})
}

// keep puts messages for bob into the table, as another run of the router has.
func (b *bench) keep(texts ...string) {
	b.t.Helper()
	b.keepBy(b.silo.Add, texts...)
}

// keepForeign is keep for messages of a stranger.
func (b *bench) keepForeign(texts ...string) {
	b.t.Helper()
	b.keepBy(func(ctx context.Context, m store.SiloMessage, most int) (int64, error) {
		return b.silo.AddForeign(ctx, m, most, 1000)
	}, texts...)
}

func (b *bench) keepBy(add func(ctx context.Context, m store.SiloMessage, most int) (int64, error), texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		_, err := add(b.t.Context(), store.SiloMessage{
			Owner: bobAOR, From: "sip:alice@example.org", Body: []byte(text), ContentType: "text/html",
			Received: time.Now(), Expires: time.Now().Add(time.Hour),
		}, 0)
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.m.owners.add(bobAOR.String())
}

// registers runs m_dump on a REGISTER of bob's that save has taken.
func (b *bench) registers(lines ...string) int {
	b.t.Helper()
	c := moduletest.Message(b.t, moduletest.Request("REGISTER", "sip:example.org", append(lines, "Contact: <sip:bob@192.0.2.7>")...))
	c.Saved = true
	return moduletest.Compile(b.t, b.m, "m_dump")(c)
}

func (b *bench) rows() []store.SiloMessage {
	b.silo.mu.Lock()
	defer b.silo.mu.Unlock()
	return slices.Clone(b.silo.rows)
}

var _ module.Runner = (*Module)(nil)
