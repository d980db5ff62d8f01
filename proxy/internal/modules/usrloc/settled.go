package usrloc

import "time"

// Settled reports whether no change of the bindings of a canonical address waits for
// the database.
func (t *Table) Settled(aor string) bool {
	sh := t.shardOf(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[aor]
	if e == nil {
		return true
	}
	for _, head := range e.heads {
		if head.pending {
			return false
		}
	}
	return true
}

// Taking counts the bindings of a canonical address that were promised and take one
// of the methods in the set (see Binding.Methods), and were made or last refreshed at
// since or later; the zero time counts all. AllMethods is no set to choose by: it counts
// every contact, whatever it takes.
func (t *Table) Taking(aor string, methods uint32, since time.Time) int {
	now := t.now()
	from := since.UnixMilli() // of the zero time, long before any binding
	sh := t.shardOf(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[aor]
	if e == nil {
		return 0
	}
	n := 0
	for _, head := range e.heads {
		if v := head.settled(); v != nil && v.counts(now) && (v.Methods&methods != 0 || methods == AllMethods) && v.modified >= from {
			n++
		}
	}
	return n
}
