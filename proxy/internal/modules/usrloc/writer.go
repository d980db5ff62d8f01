package usrloc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seraph/sql/store"
)

const (
	// maxBatch bounds the changes of one transaction.
	maxBatch = 256
	// attemptTimeout bounds one transaction, so that a frozen database is asked
	// again on another connection.
	attemptTimeout = 5 * time.Second
	// The pause after a failed attempt, doubled from the first to the last.
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// writer brings changes to the database in groups: while one transaction is
// under way, the next group gathers. Only its goroutine talks to the database.
//
// What it writes for a ticket is what the ticket changed. What it writes for a
// repair is what the table says by then; a repair is entered when the table and
// the database may have parted: an expired binding, a change that was undone
// after the database had been asked. A repair is tried until it is done.
type writer struct {
	t       *Table
	timeout time.Duration // until a ticket is late
	most    int           // tickets that may wait

	wake   chan struct{}
	undone atomic.Int64

	mu      sync.Mutex
	queue   []*Ticket // in the order of their deadlines
	flight  []unit    // what the database is being asked to take
	repairs map[string]*repair
	idle    []chan struct{} // closed when nothing is left to write
}

// repair says that a row may differ from what the table says.
type repair struct {
	aor, ruid string
	over      bool // the database has taken or refused it
}

// unit is what the database takes whole or not at all: a ticket or a repair.
type unit struct {
	ticket *Ticket
	repair *repair
}

func (w *writer) init(t *Table) {
	*w = writer{t: t, timeout: 2 * time.Second, most: 32768, wake: make(chan struct{}, 1)}
}

// full reports whether no ticket can be taken.
func (w *writer) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) >= w.most
}

// waiting is how many changes wait.
func (w *writer) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) + len(w.flight) + len(w.repairs)
}

// enqueue takes a ticket. The caller holds the lock of its shard, so that the
// changes of one address are written in the order in which they were made.
func (w *writer) enqueue(k *Ticket) {
	w.mu.Lock()
	k.deadline = w.t.cfg.Now().Add(w.timeout)
	w.queue = append(w.queue, k)
	w.mu.Unlock()
	w.signal()
}

// repair makes a row what the table says.
func (w *writer) repair(aor, ruid string) {
	w.mu.Lock()
	w.enterRepair(aor, ruid)
	w.mu.Unlock()
	w.signal()
}

func (w *writer) enterRepair(aor, ruid string) {
	if w.repairs == nil {
		w.repairs = make(map[string]*repair)
	}
	w.repairs[ruid] = &repair{aor: aor, ruid: ruid}
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends and then what is left, for at most w.timeout.
func (w *writer) run(ctx context.Context) {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(w.timeout, cancel)
	})
	defer stop()
	limit, pause := maxBatch, firstPause
	for {
		units := w.take(limit)
		if len(units) == 0 {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
			}
			if units = w.take(limit); len(units) == 0 {
				return
			}
		}
		err := w.attempt(base, units)
		w.land()
		if err == nil {
			if limit == 1 {
				w.t.cfg.Log.Info("usrloc: the database is back")
			}
			limit, pause = maxBatch, firstPause
			continue
		}
		if limit > 1 {
			w.t.cfg.Log.Warn("usrloc: the database cannot be written; trying again", "error", err)
		}
		// One change is enough to see that the database is back, and of changes
		// that were never tried nothing has to be repaired.
		limit = 1
		select {
		case <-time.After(pause):
		case <-base.Done():
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// take moves up to n tickets and n repairs into flight; with n = 1 only one of
// both.
func (w *writer) take(n int) []unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flight = w.flight[:0]
	tickets := min(n, len(w.queue))
	for ruid, r := range w.repairs {
		if len(w.flight)+min(tickets, 1) >= n {
			break
		}
		w.flight = append(w.flight, unit{repair: r})
		delete(w.repairs, ruid)
	}
	for _, k := range w.queue[:tickets] {
		k.tried = true
		w.flight = append(w.flight, unit{ticket: k})
	}
	clear(w.queue[:tickets])
	w.queue = w.queue[tickets:]
	if len(w.flight) == 0 {
		for _, c := range w.idle {
			close(c)
		}
		w.idle = nil
	}
	return w.flight
}

// land puts what the database has not decided back: tickets in front of those
// that came since, repairs unless entered anew.
func (w *writer) land() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []*Ticket
	for _, u := range w.flight {
		switch {
		case u.ticket != nil && !u.ticket.closed:
			open = append(open, u.ticket)
		case u.repair != nil && !u.repair.over && w.repairs[u.repair.ruid] == nil:
			w.repairs[u.repair.ruid] = u.repair
		}
	}
	clear(w.flight)
	w.flight = w.flight[:0]
	if len(open) > 0 {
		w.queue = slices.Insert(w.queue, 0, open...)
	}
}

// attempt asks the database to take units. An error says that it could not be
// asked; those that it took or refused before are settled then.
func (w *writer) attempt(ctx context.Context, units []unit) error {
	ops := w.ops(units)
	if len(ops) > 0 {
		bounded, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := w.t.cfg.Store.ApplyBatch(bounded, ops)
		cancel()
		switch {
		case err == nil:
		case store.IsUnavailable(err):
			return err
		case len(units) == 1:
			w.refused(units[0], err)
			return nil
		default:
			half := len(units) / 2
			if err := w.attempt(ctx, units[:half]); err != nil {
				return err
			}
			return w.attempt(ctx, units[half:])
		}
	}
	w.done(units)
	return nil
}

// ops are the changes of units, without those of tickets that are late by now.
func (w *writer) ops(units []unit) []store.LocationOp {
	ops := make([]store.LocationOp, 0, len(units))
	for _, u := range units {
		switch {
		case u.repair != nil:
			ops = append(ops, w.t.present(u.repair))
		case !w.isClosed(u.ticket):
			for _, v := range u.ticket.versions {
				ops = append(ops, v.op())
			}
		}
	}
	return ops
}

// present is what the table says of a row.
func (t *Table) present(r *repair) store.LocationOp {
	sh := t.shardOf(r.aor)
	now := t.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.entries[r.aor]; e != nil {
		for _, head := range e.heads {
			if v := head.settled(); v != nil && v.counts(now) && v.ruid(r.aor) == r.ruid {
				return v.op()
			}
		}
	}
	return remove(r.ruid)
}

func (w *writer) isClosed(k *Ticket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return k.closed
}

// close marks a ticket as ended; false if it was already.
func (w *writer) close(k *Ticket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := k.closed
	k.closed = true
	return !was
}

// done settles what the database has taken.
func (w *writer) done(units []unit) {
	for _, u := range units {
		switch {
		case u.repair != nil:
			u.repair.over = true
		case w.close(u.ticket):
			u.ticket.settle(nil)
		}
	}
}

// refused undoes a change that the database does not want.
func (w *writer) refused(u unit, err error) {
	if r := u.repair; r != nil {
		r.over = true
		w.t.cfg.Log.Error("usrloc: the database refuses a row; it differs from what counts", "aor", r.aor, "ruid", r.ruid, "error", err)
		return
	}
	if w.close(u.ticket) {
		w.t.cfg.Log.Error("usrloc: the database refuses a binding", "aor", u.ticket.aor,
			"call_id", string(u.ticket.versions[0].CallID()), "error", err)
		w.undo(u.ticket, ErrRefused)
	}
}

// undo ends a ticket that the caller has closed without success.
func (w *writer) undo(k *Ticket, err error) {
	w.undone.Add(1)
	k.settle(err)
	w.mu.Lock()
	tried := k.tried
	w.mu.Unlock()
	if tried {
		for _, v := range k.versions {
			w.repair(k.aor, v.ruid(k.aor))
		}
	}
}

// expire undoes every ticket whose deadline has passed; all: every ticket.
func (w *writer) expire(all bool) {
	now := w.t.cfg.Now()
	var late []*Ticket
	w.mu.Lock()
	for _, u := range w.flight {
		if k := u.ticket; k != nil && !k.closed && (all || !now.Before(k.deadline)) {
			k.closed = true
			late = append(late, k)
		}
	}
	n := 0
	for n < len(w.queue) && (all || !now.Before(w.queue[n].deadline)) {
		if k := w.queue[n]; !k.closed {
			k.closed = true
			late = append(late, k)
		}
		n++
	}
	clear(w.queue[:n])
	w.queue = w.queue[n:]
	w.mu.Unlock()
	if len(late) > 0 {
		w.t.cfg.Log.Warn("usrloc: changes were not taken in time and are undone", "count", len(late))
	}
	for _, k := range late {
		w.undo(k, ErrLate)
	}
}

// flush waits until everything that was entered before is written.
func (w *writer) flush(ctx context.Context) error {
	w.mu.Lock()
	if len(w.queue)+len(w.flight)+len(w.repairs) == 0 {
		w.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	w.idle = append(w.idle, done)
	w.mu.Unlock()
	w.signal()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("not everything could be written in time")
	}
}
