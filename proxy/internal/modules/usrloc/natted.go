package usrloc

import "seraph/proxy/internal/transport"

// Parts is the number of parts of the table that Reached walks over.
func (t *Table) Parts() int { return numShards }

// Reached calls yield for the promised bindings of a part of the table (0 to Parts()-1)
// whose phone is reached on a flow: those behind a NAT, which are known by Received, or
// all. The part is locked meanwhile: yield returns at once, calls nothing of the
// table, and copies the contact's URI. id and modified, in Unix milliseconds, are for
// Drop.
func (t *Table) Reached(part int, all bool, yield func(aor string, id [16]byte, modified int64, contact []byte, flow transport.Flow)) {
	now := t.now()
	sh := &t.shards[part]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, e := range sh.entries {
		for _, head := range e.heads {
			v := head.settled()
			if v == nil || !v.counts(now) || v.Flow.IsZero() || !all && len(v.Received()) == 0 {
				continue
			}
			yield(e.aor, v.id, v.modified, v.Contact(), v.Flow)
		}
	}
}

// Flows yields the flows by which the phones of all bindings are reached, of every part as Reached does.
func (t *Table) Flows(yield func(transport.Flow)) {
	for part := range t.Parts() {
		t.Reached(part, true, func(_ string, _ [16]byte, _ int64, _ []byte, flow transport.Flow) { yield(flow) })
	}
}

// Drop removes a binding of a canonical address as if it had expired: from the table,
// from the database, and for those who listen. False if it is not there, or has been
// changed since modified, or a change of it waits for the database.
func (t *Table) Drop(aor string, id [16]byte, modified int64) bool {
	if !t.drop(aor, id, modified) {
		return false
	}
	t.Announce(aor)
	return true
}

// DropBinding is Drop of what Lookup has found.
func (t *Table) DropBinding(aor string, b *Binding) bool { return t.Drop(aor, b.id, b.modified) }

func (t *Table) drop(aor string, id rowID, modified int64) bool {
	sh := t.shardOf(aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[aor]
	if e == nil {
		return false
	}
	for _, v := range e.heads {
		if v.id != id || v.modified != modified || v.pending || !v.counts(t.now()) {
			continue
		}
		ruid, known := v.ruid(), v.Modified()
		sh.place(e, v, nil)
		sh.tidy(e)
		if t.stored() {
			t.writer.forget(aor, ruid, known)
		}
		return true
	}
	return false
}
