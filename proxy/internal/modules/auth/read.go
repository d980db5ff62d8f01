package auth

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// How the database is spared.
const (
	rereadAge   = time.Second     // a younger record is not read again for a wrong digest
	rereadEvery = 5 * time.Second // and an older one no more often than this
	retryEvery  = time.Second     // how often a database that is away is tried
	refreshers  = 4               // readings in the background at a time
	sourceSlots = 1024
	// maxWaiting and maxRereads are one source's share: requests that wait, and
	// wrong digests a minute that have a user read again.
	maxWaiting = 256
	maxRereads = 20
)

var (
	errBusy = errors.New("too many requests of this source wait")
	errAway = errors.New("the database is away")
)

// reader reads the table subscriber.
type reader struct {
	mu      sync.Mutex
	flights map[string]*flight

	away  atomic.Bool
	tryAt atomic.Int64 // when the next request may try a database that is away, Unix ns

	sources [sourceSlots]source
}

// flight is a reading under way, for everybody who wants the same user.
type flight struct {
	done chan struct{}
	rec  record
	err  error
}

// source is what the senders of a few addresses may do. Addresses share slots, so
// there is no more memory than this.
type source struct {
	waiting atomic.Int32
	minute  atomic.Int64
	rereads atomic.Int32
	told    seldom.Gate
}

func (r *reader) init() { r.flights = map[string]*flight{} }

// source returns the slot of an address.
func (m *Module) source(a netip.Addr) *source { return &m.reader.sources[m.place(a)%sourceSlots] }

// place is a hash of what counts as one source. It is never 0.
func (m *Module) place(a netip.Addr) uint64 {
	b := transport.SourceOf(a).As16()
	return m.hash(b[:]) | 1<<63
}

// mayReread counts a re-reading for a source.
func (s *source) mayReread(now time.Time) bool {
	minute := now.Unix() / 60
	if s.minute.Swap(minute) != minute {
		s.rereads.Store(0)
	}
	return s.rereads.Add(1) <= maxRereads
}

// find returns what is known of a user: from the cache, or from the table, for
// which the request waits. cached tells which.
func (m *Module) find(c *module.Ctx, key []byte, now time.Time) (rec record, cached bool, err error) {
	if m.table == nil {
		return record{}, true, nil
	}
	away := m.reader.away.Load()
	rec, state := m.cache.get(key, now, away)
	if state == current || state == expired && away {
		m.stats.cacheHits.Add(1)
		return rec, true, nil
	}
	read, err := m.wait(c, key, now)
	if err == nil {
		return read, false, nil
	}
	if state == expired && !errors.Is(err, errBusy) {
		return rec, true, nil // better than nothing while the database is away
	}
	return record{}, false, err
}

// wait parks the request and reads the table. A database that is away is tried by
// one request a second.
func (m *Module) wait(c *module.Ctx, key []byte, now time.Time) (record, error) {
	if r := &m.reader; r.away.Load() {
		next := r.tryAt.Load()
		if now.UnixNano() < next || !r.tryAt.CompareAndSwap(next, now.Add(retryEvery).UnixNano()) {
			return record{}, errAway
		}
	}
	s := m.source(c.From.Remote.Addr())
	if s.waiting.Add(1) > maxWaiting {
		s.waiting.Add(-1)
		return record{}, errBusy
	}
	defer s.waiting.Add(-1)
	if !c.Park() {
		return record{}, errBusy
	}
	return m.read(string(key))
}

// read reads a user from the table and keeps the answer. Who wants a user that is
// being read waits for that.
func (m *Module) read(key string) (record, error) {
	r := &m.reader
	ctx, cancel := context.WithTimeout(context.Background(), m.readTimeout)
	defer cancel()
	r.mu.Lock()
	f := r.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		r.flights[key] = f
		r.mu.Unlock()
		m.fly(ctx, key, f)
		return f.rec, f.err
	}
	r.mu.Unlock()
	select {
	case <-f.done:
		return f.rec, f.err
	case <-ctx.Done():
		return record{}, errAway
	}
}

// fly does the reading of a flight.
func (m *Module) fly(ctx context.Context, key string, f *flight) {
	r := &m.reader
	defer func() {
		r.mu.Lock()
		delete(r.flights, key)
		r.mu.Unlock()
		close(f.done)
	}()
	generation := m.cache.generation([]byte(key))
	m.stats.reads.Add(1)
	user, err := aor.Parse(key, "")
	if err != nil {
		f.err = err
		return
	}
	row, err := m.table.Credentials(ctx, user)
	switch {
	case err == nil:
		f.rec = recordOf(row)
	case !errors.Is(err, store.ErrNotFound):
		m.stats.readErrors.Add(1)
		r.tryAt.Store(time.Now().Add(retryEvery).UnixNano())
		if !r.away.Swap(true) {
			m.log.Warn("credentials cannot be read; those that are cached stay good", "error", err)
		}
		f.err = errAway
		m.cache.failed(key)
		return
	}
	if r.away.Swap(false) {
		m.log.Info("credentials can be read again")
	}
	m.cache.put(key, f.rec, generation, time.Now())
}

// recordOf makes the record of a row. A closed account, or a row without a hash, is
// nobody.
func recordOf(row store.Credential) record {
	rec := record{found: true}
	if !parseHash(rec.ha1[:], row.HA1) || row.Disabled {
		return record{}
	}
	if !parseHash(rec.ha1b[:], row.HA1B) {
		rec.ha1b = rec.ha1 // nothing anybody knows: with zero bytes a stranger could compute the response
	}
	rec.sha256 = hashes256Of(row)
	return rec
}

// refresh reads in the background what get asked for, until ctx ends.
func (m *Module) refresh(ctx context.Context) {
	var wg sync.WaitGroup
	for range refreshers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case key := <-m.cache.refresh:
					if _, err := m.read(key); err != nil {
						m.pause(ctx)
					}
				}
			}
		})
	}
	wg.Wait()
}

// pause waits a moment, so that a database that refuses at once is not asked without
// end.
func (m *Module) pause(ctx context.Context) {
	t := time.NewTimer(retryEvery)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
