package usrloc

import (
	"slices"
	"sync"
	"time"
)

// Ticket is a change that waits for the database.
type Ticket struct {
	table    *Table
	aor      string
	versions []*version
	deadline time.Time

	// Guarded by the writer's lock.
	closed  bool // it is known how the change ends
	failed  bool // … which is that it is undone
	tried   bool // the database has been asked, so it may have taken it
	keeping bool // it is being written to the journal

	mu      sync.Mutex
	armed   bool // Deliver was called
	settled bool
	receipt Receipt
	err     error
}

// Deliver names who is told how the change ends, nil for nobody. It is called
// once; if the end is known already, r is told before Deliver returns. Events
// of the change are sent after r has been told.
func (k *Ticket) Deliver(r Receipt) {
	k.mu.Lock()
	k.armed, k.receipt = true, r
	settled := k.settled
	k.mu.Unlock()
	if settled {
		k.release()
	}
}

// settle carries the end of the change to the table and to who waits. Only who
// closed the ticket calls it.
func (k *Ticket) settle(err error) {
	if err == nil {
		k.table.commit(k)
	} else {
		k.table.undo(k)
	}
	k.mu.Lock()
	k.settled, k.err = true, err
	armed := k.armed
	k.mu.Unlock()
	if armed {
		k.release()
	}
}

func (k *Ticket) release() {
	if k.receipt != nil {
		k.receipt.Settled(k.err)
	}
	if k.err == nil {
		k.table.Announce(k.aor)
	}
}

// commit makes the versions of k settled ones.
func (t *Table) commit(k *Ticket) {
	sh := t.shardOf(k.aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, v := range k.versions {
		v.pending, v.before = false, nil
		if v.gone && slices.Contains(v.entry.heads, v) {
			sh.place(v.entry, v, nil)
		}
	}
	sh.tidy(k.versions[0].entry)
}

// undo takes the versions of k out. Those made since stay, and stand in front of
// what was before.
func (t *Table) undo(k *Ticket) {
	sh := t.shardOf(k.aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, v := range slices.Backward(k.versions) {
		sh.undoVersion(v)
	}
	sh.tidy(k.versions[0].entry)
}

func (sh *shard) undoVersion(v *version) {
	for _, head := range v.entry.heads {
		if head == v {
			before := v.before
			if before != nil && before.gone && !before.pending {
				before = nil // that removal has happened meanwhile
			}
			sh.place(v.entry, v, before)
			return
		}
		for w := head; w.before != nil; w = w.before {
			if w.before == v {
				w.before = v.before
				return
			}
		}
	}
}
