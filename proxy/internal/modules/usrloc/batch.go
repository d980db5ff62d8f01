package usrloc

import (
	"context"

	"seraph/sql/store"
)

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
			if err := w.takeBack(ctx, units, ops); err != nil {
				return err
			}
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
			if v := head.settled(); v != nil && v.counts(now) && v.ruid() == r.ruid {
				return v.op()
			}
		}
	}
	op := remove(r.ruid)
	op.Known = r.known
	return op
}

func (w *writer) isClosed(k *Ticket) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return k.closed
}

// close marks a ticket as ended; false if it was already.
func (w *writer) close(k *Ticket, failed bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.closed {
		return false
	}
	k.closed, k.failed = true, failed
	return true
}

// done settles what the database has taken.
func (w *writer) done(units []unit) {
	for _, u := range units {
		switch {
		case u.repair != nil:
			u.repair.over = true
		case w.close(u.ticket, false):
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
	if w.close(u.ticket, true) {
		w.t.cfg.Log.Error("usrloc: the database refuses a binding", "aor", u.ticket.aor,
			"call_id", string(u.ticket.versions[0].CallID()), "error", err)
		w.undo(u.ticket, ErrRefused)
	}
}
