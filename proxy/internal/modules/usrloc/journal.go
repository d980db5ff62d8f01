package usrloc

import (
	"context"
	"errors"
	"time"

	"seraph/proxy/internal/journal"
	"seraph/proxy/internal/seldom"
)

const (
	// maxGroup bounds the tickets of one append, and so what it holds in memory.
	maxGroup = 4096
	// journalPause is how long an append that failed is not tried again.
	journalPause = 250 * time.Millisecond
)

// keeper is the writer's journal: what the database does not take in time is kept
// there, and counts as durable from then on. Each change in it is also a repair, so
// that the database becomes what the table says; a segment goes when no repair that
// its records asked for is open. Its fields are guarded by the writer's lock.
type keeper struct {
	log  *journal.Journal // nil: there is none
	wake chan struct{}

	away      bool           // the database could not be written when it was asked last
	writing   bool           // an append is under way
	replaying bool           // the journal is being read, and nothing of it is deleted
	failed    time.Time      // when the last append failed; zero if it did not
	held      map[uint64]int // open repairs by the segment that asked for them
	last      uint64         // the segment written last
	second    int64          // of the youngest change in the journal, Unix seconds
	kept      int64          // changes that were kept
	records   int            // in the journal, since nothing or a compaction
	compactAt int64          // the size from which it is compacted; 0 for half of the most
	full      bool           // an append has found no room since it was compacted
	told      seldom.Gate    // that it cannot be compacted; of the goroutine that appends
}

// holds reports whether the journal has something that the database has not.
func (k *keeper) holds() bool { return k.log != nil && (k.writing || len(k.held) > 0) }

// working reports whether an append may be tried.
func (k *keeper) working(now time.Time) bool {
	return k.log != nil && (k.failed.IsZero() || now.Sub(k.failed) >= journalPause)
}

// must reports whether a change has to go into the journal though the database could
// take it: after a crash the journal is played over the rows, where a removal leaves
// nothing that would be newer, and rows know the second of their change only.
func (w *writer) must(k *Ticket, now time.Time) bool {
	if !w.keep.holds() || !w.keep.working(now) {
		return false
	}
	for _, v := range k.versions {
		if v.gone || v.modified/1000 <= w.keep.second {
			return true
		}
	}
	return false
}

// patience is how long a change waits for the database before it is kept.
func (w *writer) patience() time.Duration { return w.timeout / 4 }

// keepAll brings changes into the journal whenever that is due, until ctx ends.
func (w *writer) keepAll(ctx context.Context) {
	if w.keep.log == nil {
		return
	}
	ticker := time.NewTicker(w.timeout / 20)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.keep.wake:
		case <-ticker.C:
		}
		for w.keepGroup(false) {
			w.compact()
		}
		if w.isFull() {
			w.compact()
		}
	}
}

// keepGroup brings what waits into the journal, up to maxGroup changes, if that is
// due or final is set. True if there was something and it worked.
func (w *writer) keepGroup(final bool) bool {
	tickets := w.chooseGroup(final)
	if len(tickets) == 0 {
		return false
	}
	var payloads [][]byte
	for _, k := range tickets {
		for _, v := range k.versions {
			payloads = append(payloads, v.record())
		}
	}
	segment, err := w.keep.log.Append(payloads)
	if err != nil {
		w.keepFailed(tickets, err)
		return false
	}
	settled, undone := w.kept(tickets, segment)
	for _, k := range settled {
		k.settle(nil)
	}
	w.correct(undone)
	w.mu.Lock()
	for _, k := range tickets {
		for _, v := range k.versions {
			w.enterRepair(k.aor, v.ruid(), segment, time.Time{})
		}
	}
	w.unhold(segment)
	w.mu.Unlock()
	w.signal()
	return true
}

// chooseGroup takes the changes that wait, in order. All of them go as soon as one
// has to, so that the order of the journal is theirs.
func (w *writer) chooseGroup(final bool) []*Ticket {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.t.cfg.Now()
	if w.keep.log == nil || !final && !w.keep.working(now) {
		return nil
	}
	var list []*Ticket
	due := final || w.keep.away
	add := func(k *Ticket) {
		if k == nil || k.closed || len(list) == maxGroup {
			return
		}
		list = append(list, k)
		due = due || k.deadline.Sub(now) <= w.timeout-w.patience() || w.must(k, now)
	}
	for _, u := range w.flight {
		add(u.ticket)
	}
	for _, k := range w.queue {
		add(k)
	}
	if !due || len(list) == 0 {
		return nil
	}
	for _, k := range list {
		k.keeping = true
	}
	w.keep.writing = true
	return list
}

// keepFailed leaves tickets to the database and their deadlines.
func (w *writer) keepFailed(tickets []*Ticket, err error) {
	w.mu.Lock()
	first := w.keep.failed.IsZero()
	w.keep.failed, w.keep.writing = w.t.cfg.Now(), false
	w.keep.full = w.keep.full || errors.Is(err, journal.ErrFull)
	for _, k := range tickets {
		k.keeping = false
	}
	w.mu.Unlock()
	if first {
		w.t.cfg.Log.Error("usrloc: the journal cannot be written; changes wait for the database only", "error", err)
	}
	w.signal()
}

// kept closes the tickets that are in the journal now, and returns those that are to
// be settled and those that have been undone meanwhile. It holds the segment.
func (w *writer) kept(tickets []*Ticket, segment uint64) (settled, undone []*Ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	back := !w.keep.failed.IsZero()
	w.keep.failed, w.keep.writing, w.keep.last = time.Time{}, false, segment
	for _, k := range tickets {
		w.keep.records += len(k.versions)
	}
	w.keep.hold(segment)
	for _, k := range tickets {
		k.keeping = false
		for _, v := range k.versions {
			w.keep.second = max(w.keep.second, v.modified/1000)
		}
		switch {
		case !k.closed:
			k.closed = true
			w.keep.kept++
			settled = append(settled, k)
		case k.failed:
			undone = append(undone, k)
		}
	}
	open := w.queue[:0]
	for _, k := range w.queue {
		if !k.closed {
			open = append(open, k)
		}
	}
	clear(w.queue[len(open):])
	w.queue = open
	if back {
		w.t.cfg.Log.Info("usrloc: the journal can be written again")
	}
	return settled, undone
}

// correct writes after the changes of tickets that were undone what counts instead.
func (w *writer) correct(undone []*Ticket) {
	var payloads [][]byte
	for _, k := range undone {
		for _, v := range k.versions {
			op := w.t.present(&repair{aor: k.aor, ruid: v.ruid()})
			if op.Delete {
				op = v.removal()
			}
			payloads = append(payloads, record(op))
		}
	}
	if len(payloads) == 0 {
		return
	}
	if _, err := w.keep.log.Append(payloads); err != nil {
		w.t.cfg.Log.Error("usrloc: a change that was undone stays in the journal", "count", len(undone), "error", err)
	}
}

func (k *keeper) hold(segment uint64) {
	if segment == 0 {
		return
	}
	if k.held == nil {
		k.held = make(map[uint64]int)
	}
	k.held[segment]++
}

// unhold ends what hold began. With the last one, the segments that nobody needs are
// deleted; an append cannot begin meanwhile, as the lock is held.
func (w *writer) unhold(segment uint64) {
	k := &w.keep
	if segment == 0 {
		return
	}
	if k.held[segment]--; k.held[segment] > 0 {
		return
	}
	delete(k.held, segment)
	w.dropSegments()
}

// dropSegments deletes the segments before the first that is needed.
func (w *writer) dropSegments() {
	k := &w.keep
	lowest := ^uint64(0)
	for s := range k.held {
		lowest = min(lowest, s)
	}
	if len(k.held) == 0 && !k.writing {
		k.records = 0
	}
	if k.writing {
		lowest = min(lowest, k.last) // what is being written goes there, or behind it
	}
	if k.replaying {
		return
	}
	if err := k.log.Drop(lowest); err != nil {
		w.t.cfg.Log.Error("usrloc: a part of the journal that is done with stays", "error", err)
	}
}

// openJournal opens the journal, if there is to be one.
func (m *Module) openJournal() error {
	w := &m.table.writer
	if m.cfg.Journal == "" || !m.journal || w.keep.log != nil {
		return nil
	}
	j, err := journal.Open(m.cfg.Journal, int64(m.journalSize)<<20)
	if err != nil {
		return errors.Join(errors.New("usrloc"), err)
	}
	w.keep.log = j
	return nil
}
