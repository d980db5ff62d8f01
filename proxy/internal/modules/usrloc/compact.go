package usrloc

import (
	"time"

	"seraph/sql/aor"
)

// compactGroup bounds the records of one append.
const compactGroup = 1024

// halfFull reports whether the journal is.
func (k *keeper) halfFull() bool {
	at := k.compactAt
	if at == 0 {
		at = k.log.Most() / 2
	}
	return k.log.Size() > at
}

// dueForCompaction lists what compaction has to write again: nothing unless the journal is half
// full, mostly of records that later ones have made void, of phones that refresh while the
// database is away. The list is as long as that is away, and this is asked after each append,
// so the size is asked first.
func (w *writer) dueForCompaction() (open []*repair, due bool) {
	if !w.keep.halfFull() {
		return nil, false
	}
	open = w.openRepairs()
	return open, w.keep.records >= 2*len(open)
}

// compact writes what the table says of each row that the journal has and the database has
// not behind the rest of the journal, which then goes. It runs on the goroutine that alone
// appends, so that the order of records stays that of the changes.
func (w *writer) compact() {
	k := &w.keep
	w.mu.Lock()
	open, due := w.dueForCompaction()
	if !due {
		w.mu.Unlock()
		return
	}
	k.writing = true
	k.records = 0
	w.mu.Unlock()
	for len(open) > 0 {
		n := min(len(open), compactGroup)
		if !w.compactGroup(open[:n]) {
			break
		}
		open = open[n:]
	}
	w.mu.Lock()
	k.writing = false
	w.dropSegments()
	w.mu.Unlock()
}

// openRepairs are the repairs that a segment of the journal asks for.
func (w *writer) openRepairs() []*repair {
	var list []*repair
	for _, r := range w.repairs {
		if r.segment != 0 {
			list = append(list, r)
		}
	}
	for _, u := range w.flight {
		if u.repair != nil && u.repair.segment != 0 {
			list = append(list, u.repair)
		}
	}
	return list
}

// compactGroup appends the records of some repairs and lets their old segments go; false if
// that failed.
func (w *writer) compactGroup(list []*repair) bool {
	k := &w.keep
	w.mu.Lock()
	second := k.second
	w.mu.Unlock()
	payloads := make([][]byte, len(list))
	for i, r := range list {
		payloads[i] = w.t.presentRecord(r, second)
	}
	segment, err := k.log.Append(payloads)
	if err != nil {
		w.t.cfg.Log.Error("usrloc: the journal cannot be made smaller", "error", err)
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k.last = segment
	k.records += len(list)
	for _, r := range list {
		if r.segment != 0 && r.segment != segment { // nobody has dealt with it meanwhile
			k.hold(segment)
			old := r.segment
			r.segment = segment
			w.unhold(old)
		}
	}
	return true
}

// presentRecord is what the table says of a row, as the journal keeps it. A removal is as
// young as the youngest change in the journal: whatever is younger in the database came later.
func (t *Table) presentRecord(r *repair, second int64) []byte {
	op := t.present(r)
	if op.Delete {
		op.Binding.AOR, _ = aor.Parse(r.aor, "") // it is canonical
		op.Binding.LastModified = time.Unix(second, 0).UTC()
	}
	return record(op)
}
