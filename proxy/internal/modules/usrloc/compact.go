package usrloc

import (
	"cmp"
	"slices"
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
// database is away. Where an append has found no room, a ninth of such records is enough. The list is as
// long as that is away, and this is asked after each append, so the size is asked first.
func (w *writer) dueForCompaction() (open []*repair, due bool) {
	if !w.keep.halfFull() {
		return nil, false
	}
	open = w.openRepairs()
	return open, w.keep.records >= 2*len(open) || w.keep.full && w.keep.records >= len(open)+len(open)/8+1
}

// isFull reports whether an append has found no room since the journal was compacted.
func (w *writer) isFull() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keep.full
}

// compact writes what the table says of each row that the journal has and the database has
// not behind the rest of the journal, which then goes. It runs on the goroutine that alone
// appends, so that the order of records stays that of the changes. What stands in the oldest
// segments goes first, so that they make room for the rest.
func (w *writer) compact() {
	k := &w.keep
	w.mu.Lock()
	open, due := w.dueForCompaction()
	k.full = false
	if !due {
		w.mu.Unlock()
		return
	}
	k.writing = true
	before := k.records
	k.records = 0
	slices.SortFunc(open, func(a, b *repair) int { return cmp.Compare(a.segment, b.segment) })
	w.mu.Unlock()
	for len(open) > 0 {
		n := w.compactGroup(open[:min(len(open), compactGroup)])
		if n == 0 {
			w.mu.Lock()
			k.records += before // of them it has many still
			w.mu.Unlock()
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

// compactGroup appends the records of the first of some repairs and lets their old segments go. It returns
// how many, 0 if that failed.
func (w *writer) compactGroup(list []*repair) int {
	k := &w.keep
	w.mu.Lock()
	second := k.second
	w.mu.Unlock()
	var payloads [][]byte
	room := k.log.Most() / 32 // less than what AppendAgain may take more, and than a segment has
	for _, r := range list {
		if room <= 0 {
			break
		}
		payloads = append(payloads, w.t.presentRecord(r, second))
		room -= int64(len(payloads[len(payloads)-1]))
	}
	list = list[:len(payloads)]
	segment, err := k.log.AppendAgain(payloads)
	if err != nil {
		if k.told.Pass(w.t.cfg.Now(), time.Minute, 1) {
			w.t.cfg.Log.Error("usrloc: the journal cannot be made smaller", "error", err)
		}
		return 0
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
	return len(list)
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
