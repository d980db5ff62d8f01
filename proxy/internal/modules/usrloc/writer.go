package usrloc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	// backFactor times max_pending rows may wait with write-back, where a row waits
	// as a matter of course.
	backFactor = 32
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
	back    bool          // write-back: what is to be written waits for the next sweep
	timeout time.Duration // until a ticket is late
	most    int           // tickets that may wait

	wake   chan struct{}
	undone atomic.Int64
	keep   keeper

	mu      sync.Mutex
	queue   []*Ticket // in the order of their deadlines
	flight  []unit    // what the database is being asked to take
	repairs map[string]*repair
	idle    []chan struct{} // closed when nothing is left to write
}

// repair says that a row may differ from what the table says.
type repair struct {
	aor, ruid string
	// known is when the row was modified last, by what the table knew when it forgot the
	// binding: a row that is younger is another proxy's word. Zero: it goes in any case.
	known   time.Time
	over    bool   // the database has taken or refused it
	segment uint64 // of the journal, whose record asks for it; 0 for none
}

// unit is what the database takes whole or not at all: a ticket or a repair.
type unit struct {
	ticket *Ticket
	repair *repair
}

func (w *writer) init(t *Table) {
	*w = writer{t: t, timeout: 2 * time.Second, most: 32768, wake: make(chan struct{}, 1)}
	w.keep.wake = make(chan struct{}, 1)
}

// full reports whether no ticket can be taken.
func (w *writer) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) >= w.most
}

// behind reports whether so many rows wait to be written back that no more may: a
// database that is away must not cost memory without bound.
func (w *writer) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.repairs) >= backFactor*w.most
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
	keep := w.keep.away || w.keep.holds()
	w.mu.Unlock()
	w.signal()
	if keep {
		w.signalKeeper()
	}
}

// repair makes a row what the table says.
func (w *writer) repair(aor, ruid string) { w.forget(aor, ruid, time.Time{}) }

// forget is repair of the row of a binding that the table has dropped by itself, since it
// has expired or its phone is silent. It stays if another proxy has refreshed it since.
func (w *writer) forget(aor, ruid string, known time.Time) {
	w.mu.Lock()
	w.enterRepair(aor, ruid, 0, known)
	w.mu.Unlock()
	if !w.back {
		w.signal()
	}
}

// enterRepair enters a repair that a segment of the journal asks for, or none. One
// that waits for the same row already is part of it then.
func (w *writer) enterRepair(aor, ruid string, segment uint64, known time.Time) {
	if w.repairs == nil {
		w.repairs = make(map[string]*repair)
	}
	r := &repair{aor: aor, ruid: ruid, segment: segment, known: known}
	w.keep.hold(segment)
	if old := w.repairs[ruid]; old != nil {
		w.inherit(r, old)
	}
	w.repairs[ruid] = r
}

// inherit makes r stand for an older repair of the same row too. What the older one was
// to put right is younger than what the table knew then.
func (w *writer) inherit(r, old *repair) {
	if old.known.IsZero() {
		r.known = time.Time{}
	}
	segment := old.segment
	old.segment = 0
	if r.segment == 0 {
		r.segment = segment
		return
	}
	w.unhold(segment)
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) signalKeeper() {
	select {
	case w.keep.wake <- struct{}{}:
	default:
	}
}

// setAway notes whether the database takes changes.
func (w *writer) setAway(away bool) {
	w.mu.Lock()
	w.keep.away = away
	w.mu.Unlock()
	if away {
		w.signalKeeper()
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
		w.setAway(err != nil)
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
// both. Tickets that belong into the journal are left to it.
func (w *writer) take(n int) []unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flight = w.flight[:0]
	tickets, now := 0, w.t.cfg.Now()
	for tickets < min(n, len(w.queue)) && !w.must(w.queue[tickets], now) {
		tickets++
	}
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
	if len(w.flight) == 0 && len(w.queue) == 0 {
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
		case u.repair == nil:
		case u.repair.over:
			segment := u.repair.segment
			u.repair.segment = 0
			w.unhold(segment)
		case w.repairs[u.repair.ruid] == nil:
			w.repairs[u.repair.ruid] = u.repair
		default:
			w.inherit(w.repairs[u.repair.ruid], u.repair)
		}
	}
	clear(w.flight)
	w.flight = w.flight[:0]
	if len(open) > 0 {
		w.queue = slices.Insert(w.queue, 0, open...)
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
			w.repair(k.aor, v.ruid())
		}
	}
}

// expire undoes every ticket whose deadline has passed; all: every ticket.
func (w *writer) expire(all bool) {
	now := w.t.cfg.Now()
	var late []*Ticket
	w.mu.Lock()
	for _, u := range w.flight {
		if k := u.ticket; k != nil && !k.closed && !k.keeping && (all || !now.Before(k.deadline)) {
			k.closed = true
			late = append(late, k)
		}
	}
	n := 0
	for n < len(w.queue) && !w.queue[n].keeping && (all || !now.Before(w.queue[n].deadline)) {
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
