package usrloc

import (
	"fmt"
	"time"

	"seraph/sql/store"
)

// replayed counts what became of the records of the journal.
type replayed struct{ applied, older, unusable int }

// replay plays the journal over the rows that were loaded. What it changes is
// written to the database as soon as the table runs.
func (t *Table) replay() error {
	w := &t.writer
	if w.keep.log == nil {
		return nil
	}
	w.setReplaying(true)
	var count replayed
	touched := map[string]bool{} // rows that a record counted for: then later ones do
	report, err := w.keep.log.Replay(func(segment uint64, payload []byte) error {
		w.mu.Lock()
		w.keep.records++
		w.mu.Unlock()
		address, op, err := parseRecord(payload)
		if err != nil {
			count.unusable++
			t.cfg.Log.Warn("usrloc: a record of the journal cannot be used", "error", err)
			return nil
		}
		if !t.replayRecord(address, &op, touched[op.Binding.RUID]) {
			count.older++
			return nil
		}
		count.applied++
		touched[op.Binding.RUID] = true
		w.mu.Lock()
		w.keep.last, w.keep.second = segment, max(w.keep.second, op.Binding.LastModified.Unix())
		w.enterRepair(address, op.Binding.RUID, segment, time.Time{})
		w.mu.Unlock()
		return nil
	})
	if err != nil {
		return fmt.Errorf("replaying the journal: %w", err)
	}
	for _, path := range report.Damaged {
		t.cfg.Log.Error("usrloc: the journal is damaged; what could be read was taken", "file", path, "skipped", report.Skipped)
	}
	if report.Records > 0 || report.Cut > 0 {
		t.cfg.Log.Info("usrloc: journal replayed", "records", report.Records, "applied", count.applied,
			"older", count.older, "unusable", count.unusable, "cut", report.Cut)
	}
	w.setReplaying(false)
	return nil
}

// setReplaying notes whether the journal is being read. Afterwards, what nobody
// needs is deleted.
func (w *writer) setReplaying(now bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keep.replaying = now; !now {
		w.dropSegments()
	}
}

// replayRecord carries a change out again; false if the row is newer.
func (t *Table) replayRecord(address string, op *store.LocationOp, touched bool) bool {
	row := &op.Binding
	sh := t.shardOf(address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[address]
	head := e.byRUID(row.RUID)
	if head != nil && !touched && head.modified/1000 > row.LastModified.Unix() {
		return false
	}
	var v *version
	if !op.Delete && (row.Expires.IsZero() || row.Expires.After(time.UnixMilli(t.now()))) {
		if e == nil {
			e = sh.enter(address)
		}
		v = &version{entry: e, slot: -1}
		t.fromRow(v, row)
	}
	if head != nil || v != nil {
		sh.place(e, head, v)
		sh.tidy(e)
	}
	return true
}

// byRUID is the current version of a row; nil if there is none, or no entry.
func (e *entry) byRUID(ruid string) *version {
	if e == nil {
		return nil
	}
	for _, v := range e.heads {
		if v.ruid() == ruid {
			return v
		}
	}
	return nil
}

// enter makes the entry of an address that has none.
func (sh *shard) enter(address string) *entry {
	if sh.entries == nil {
		sh.entries = make(map[string]*entry)
	}
	e := &entry{aor: address}
	sh.entries[address] = e
	return e
}
