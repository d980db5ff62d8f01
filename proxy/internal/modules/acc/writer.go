package acc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// maxBatch bounds the rows of one transaction.
	maxBatch = 100
	// writeTimeout bounds one transaction.
	writeTimeout = 10 * time.Second
	// The pauses between attempts while the database is away.
	firstPause = 250 * time.Millisecond
	longPause  = 5 * time.Second
)

// Run writes what is queued, and removes what is old, until ctx ends. Close writes the
// rest.
func (m *Module) Run(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { m.pruneAll(ctx) })
	defer work.Wait()
	m.readKept()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.queue.ready:
		}
		if m.wait(ctx, m.set.writeInterval) {
			return
		}
		m.flush(ctx)
		m.forgetKept(ctx)
	}
}

// Close writes what is still queued, after the last call. What the database does not
// take before ctx ends is kept for the next start. Where that is not possible it is lost,
// and said to be.
func (m *Module) Close(ctx context.Context) error {
	m.flush(ctx)
	m.forgetKept(ctx)
	if n := m.queue.len(); n > 0 {
		kept, err := m.keep()
		if kept && err == nil {
			m.cfg.Log.Warn("acc: rows are kept for the next start, the database does not take them", "rows", n, "folder", m.cfg.Journal)
			return nil
		}
		if err != nil {
			m.cfg.Log.Error("acc: rows cannot be kept", "error", err)
		}
		m.lost.Add(int64(n))
		m.cfg.Log.Error("acc: rows are lost, the database does not take them", "lost", n)
		return fmt.Errorf("acc: %d rows are lost: the database does not take them", n)
	}
	return nil
}

// wait waits; true if ctx ended.
func (m *Module) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-t.C:
		return false
	}
}

// batch is rows that are written together.
type batch struct {
	rows []row
	// What is done already, should the rest have to be tried again.
	tried, accounted bool
}

// flush writes all that is queued. Rows that are not written when ctx ends go back.
func (m *Module) flush(ctx context.Context) {
	m.writing.Lock()
	defer m.writing.Unlock()
	for {
		packed, n := m.queue.take()
		if n == 0 {
			m.queue.give(packed)
			m.again = false
			return
		}
		rest := packed
		for len(rest) > 0 {
			b := batch{tried: m.again}
			next := rest
			for len(next) > 0 && len(b.rows) < maxBatch {
				var r row
				r, next = unpack(next)
				b.rows = append(b.rows, r)
			}
			if !m.persist(ctx, &b) {
				m.again = true
				m.queue.restore(rest, n)
				return
			}
			m.queue.done(len(b.rows))
			n -= len(b.rows)
			rest = next
		}
		m.queue.give(packed)
	}
}

// persist writes a batch, however often it takes; false if ctx ended before.
func (m *Module) persist(ctx context.Context, b *batch) bool {
	away := false
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		err := m.write(ctx, b)
		switch {
		case err == nil:
			if away {
				m.cfg.Log.Info("acc: the database takes rows again")
			}
			return true
		case ctx.Err() != nil:
			return false
		case !store.IsUnavailable(err):
			return m.split(ctx, b, err)
		}
		if !away {
			away = true
			m.cfg.Log.Warn("acc: rows wait for the database", "waiting", m.queue.len(), "error", err)
		}
		if m.wait(ctx, pause) {
			return false
		}
	}
}

// split finds the row that the database refuses, and drops it.
func (m *Module) split(ctx context.Context, b *batch, err error) bool {
	if len(b.rows) == 1 {
		m.lost.Add(1)
		m.cfg.Log.Error("acc: the database refuses a row", "error", err, "call_id", b.rows[0].callID)
		return true
	}
	half := len(b.rows) / 2
	for _, rows := range [][]row{b.rows[:half], b.rows[half:]} {
		if !m.persist(ctx, &batch{rows: rows, tried: b.tried, accounted: b.accounted}) {
			return false
		}
	}
	return true
}

// write writes a batch: the rows for other tools, then those for the pages, then the
// news of them.
func (m *Module) write(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	owners, err := m.owners(ctx, b.rows)
	if err != nil {
		return err
	}
	s := m.sort(b.rows, owners)
	if !b.accounted {
		if err := m.writeRows(ctx, b, s.acc, s.missed); err != nil {
			return err
		}
		// Behind the rows of this batch: one of them may be the answered call's.
		if len(s.answered) > 0 {
			b.tried = true
			if err := m.cfg.Accounting.TakeBack(ctx, s.answered); err != nil {
				return err
			}
		}
		b.accounted = true
		m.written.Add(int64(len(s.acc)))
		m.missed.Add(int64(len(s.missed)))
	}
	return m.writeCalls(ctx, &s)
}

// writeCalls writes to call_log.
func (m *Module) writeCalls(ctx context.Context, s *sheets) error {
	if len(s.calls)+len(s.failed) > 0 {
		listed := slices.Concat(s.calls, s.failed)
		if err := m.cfg.Calls.Record(ctx, listed); err != nil {
			return err
		}
		m.announce(ctx, s.calls)
		m.tell(newsOfAll(listed))
	}
	if len(s.claimed) > 0 {
		claimed, err := m.cfg.Calls.Claim(ctx, s.claimed)
		if err != nil {
			return err
		}
		m.tell(newsOfAll(claimed))
	}
	if len(s.ends) == 0 {
		return nil
	}
	if err := m.cfg.Calls.End(ctx, s.ends); err != nil {
		return err
	}
	m.tell(s.over)
	return nil
}

// writeRows writes to acc and missed_calls. After a failure it is not known whether
// the rows are there.
func (m *Module) writeRows(ctx context.Context, b *batch, rows, missed []store.AccRow) error {
	if len(rows)+len(missed) == 0 {
		return nil
	}
	if b.tried {
		return m.cfg.Accounting.WriteAgain(ctx, rows, missed)
	}
	err := m.cfg.Accounting.Write(ctx, rows, missed)
	b.tried = store.IsUnavailable(err)
	return err
}

// owners finds those callees of missed calls that are subscribers, by their text.
func (m *Module) owners(ctx context.Context, rows []row) (map[string]aor.AOR, error) {
	owners := map[string]aor.AOR{}
	var ask []aor.AOR
	for i := range rows {
		if rows[i].kind == kindAcc {
			continue
		}
		callee := rows[i].owned()
		if _, known := owners[callee]; known {
			continue
		}
		if a, err := aor.Parse(callee, ""); err == nil {
			owners[callee] = a
			ask = append(ask, a)
		}
	}
	if len(ask) == 0 {
		return nil, nil
	}
	ours, err := m.cfg.Subscribers(ctx, ask)
	if err != nil {
		return nil, err
	}
	for text, a := range owners {
		if !ours[a] {
			delete(owners, text)
		}
	}
	return owners, nil
}

// announce tells of the missed calls. That it fails costs a page its live update and
// nothing else.
func (m *Module) announce(ctx context.Context, calls []store.Call) {
	if m.cfg.Wanted == nil || !m.cfg.Wanted(ctlproto.TopicMissedCall) {
		return
	}
	var errs []error
	for i := range calls {
		c := &calls[i]
		if !c.Answered.IsZero() {
			continue
		}
		unseen, err := m.cfg.Calls.CountMissedUnseen(ctx, c.Callee)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.cfg.Publish(ctlproto.TopicMissedCall, ctlproto.MissedCallEvent{
			Owner: c.Callee.String(), Caller: c.CallerURI, Name: c.CallerName, At: c.Started, Code: c.Code, Reason: c.Reason, MissedUnseen: unseen,
		})
	}
	if err := errors.Join(errs...); err != nil {
		m.cfg.Log.Warn("acc: missed calls are not announced", "error", err)
	}
}
