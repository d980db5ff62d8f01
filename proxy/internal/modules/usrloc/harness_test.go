package usrloc

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// database is a table location in memory with the faults that a real one has.
type database struct {
	mu      sync.Mutex
	rows    map[string]store.Binding
	batches []int
	away    bool          // every call fails at once
	lost    bool          // every call is carried out and then fails
	frozen  chan struct{} // calls wait until it is closed
	refuse  string        // rows whose contact has this are refused
	delay   time.Duration
}

func (d *database) ApplyBatch(ctx context.Context, ops []store.LocationOp) error {
	d.mu.Lock()
	frozen, delay := d.frozen, d.delay
	d.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	<-time.After(delay)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errors.New("connection refused")
	}
	for _, op := range ops {
		if d.refuse != "" && strings.Contains(op.Binding.Contact, d.refuse) {
			return &store.FieldError{Field: "contact", Msg: "is planted"}
		}
		if !op.Delete {
			if err := op.Binding.Check(); err != nil {
				return err
			}
		}
	}
	for _, op := range ops {
		if op.Delete {
			if b := d.rows[op.Binding.RUID]; op.Known.IsZero() || b.LastModified.Unix() <= op.Known.Unix() {
				delete(d.rows, op.Binding.RUID)
			}
			continue
		}
		d.rows[op.Binding.RUID] = op.Binding
	}
	d.batches = append(d.batches, len(ops))
	if d.lost {
		return errors.New("connection lost")
	}
	return nil
}

func (d *database) LoadAll(_ context.Context, fn func(store.Binding) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errors.New("connection refused")
	}
	for _, b := range d.rows {
		if err := fn(b); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) LoadRows(_ context.Context, ruids []string) (list []store.Binding, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return nil, errors.New("connection refused")
	}
	for _, ruid := range ruids {
		if b, ok := d.rows[ruid]; ok {
			list = append(list, b)
		}
	}
	return list, nil
}

func (d *database) set(change func(*database)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// contacts are the contacts of all rows as "aor contact", sorted.
func (d *database) contacts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []string{}
	for _, b := range d.rows {
		list = append(list, b.AOR.String()+" "+b.Contact)
	}
	sort.Strings(list)
	return list
}

// newModule makes a module on a database; nil: in memory.
func newModule(t testing.TB, d *database, change ...func(*Config)) *Module {
	t.Helper()
	cfg := Config{}
	if d != nil {
		if d.rows == nil {
			d.rows = map[string]store.Binding{}
		}
		cfg.Store = d
	}
	for _, c := range change {
		c(&cfg)
	}
	m := New(cfg)
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

// running runs the module in a bubble; stop ends it.
func running(t *testing.T, m *Module) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	return func() { cancel(); <-done }
}

var calls int

// registration is a REGISTER with a Call-ID of its own for the given contacts:
// "sip:a@h" or "sip:a@h 0" with its seconds, 3600 if none are given.
func registration(address string, contacts ...string) *Registration {
	calls++
	reg := &Registration{AoR: []byte(address), CallID: fmt.Appendf(nil, "call-%d", calls), CSeq: 1}
	for _, text := range contacts {
		c := Contact{Expires: 3600, Q: NoQ, Methods: AllMethods}
		uri, seconds, ok := strings.Cut(text, " ")
		if ok {
			if _, err := fmt.Sscan(seconds, &c.Expires); err != nil {
				panic(err)
			}
		}
		c.URI = []byte(uri)
		reg.Contacts = append(reg.Contacts, c)
	}
	return reg
}

// outcome is the end of a change.
type outcome struct {
	mu   sync.Mutex
	ends []error
}

func (o *outcome) Settled(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends = append(o.ends, err)
}

// end is how the change ended, "" while it has not.
func (o *outcome) end() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.ends) == 0:
		return ""
	case len(o.ends) > 1:
		return fmt.Sprint("told twice: ", o.ends)
	case o.ends[0] == nil:
		return "durable"
	}
	return o.ends[0].Error()
}

// save registers and returns what will tell the end.
func save(t testing.TB, m *Module, reg *Registration) *outcome {
	t.Helper()
	res, err := m.Table().Save(reg, nil)
	if err != nil {
		t.Fatalf("Save(%s): %v", reg.AoR, err)
	}
	o := &outcome{}
	if res.Ticket == nil {
		o.Settled(nil)
	} else {
		res.Ticket.Deliver(o)
	}
	return o
}

// present lists the contacts that Lookup finds.
func present(m *Module, address string) string {
	var list []string
	for _, b := range m.Table().Lookup([]byte(address), nil) {
		list = append(list, string(b.Contact()))
	}
	return strings.Join(list, " ")
}

func wantPresent(t testing.TB, m *Module, address, want string) {
	t.Helper()
	if got := present(m, address); got != want {
		t.Errorf("contacts of %s: %q, want %q", address, got, want)
	}
}

func wantEnd(t testing.TB, o *outcome, want string) {
	t.Helper()
	if got := o.end(); got != want {
		t.Errorf("the change ended %q, want %q", got, want)
	}
}

// loopback are the sockets of a proxy on 127.0.0.1.
func loopback() []transport.Socket {
	return []transport.Socket{
		{Proto: transport.TCP, Addr: addrPortOf("127.0.0.1:5060"), Name: "tcp:127.0.0.1:5060"},
		{Proto: transport.UDP, Addr: addrPortOf("127.0.0.1:5060"), Name: "udp:127.0.0.1:5060"},
	}
}

func aorOf(t testing.TB, s string) aor.AOR {
	t.Helper()
	a, err := aor.Parse(s, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}
