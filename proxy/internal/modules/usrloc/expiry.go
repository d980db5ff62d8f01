package usrloc

import "time"

// pendingDelay is when to look again at an expired binding that still waits for
// the database.
const pendingDelay = int64(time.Second / time.Millisecond)

// sweep removes what has expired: from the table, for those who listen, and from the
// database unless another proxy has refreshed it there.
func (t *Table) sweep() {
	var gone []string
	for i := range t.shards {
		gone = t.sweepShard(&t.shards[i], gone[:0])
		for _, aor := range gone {
			t.Announce(aor)
		}
	}
}

// sweepShard appends the addresses that lost a binding to gone.
func (t *Table) sweepShard(sh *shard, gone []string) []string {
	now := t.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for len(sh.due) > 0 && sh.due[0].due <= now {
		v := sh.due[0]
		if v.pending {
			sh.due.postpone(v, now+pendingDelay)
			continue
		}
		e := v.entry
		sh.place(e, v, nil)
		sh.tidy(e)
		t.ended.Add(1)
		if t.stored() {
			t.writer.forget(e.aor, v.ruid(), v.Modified())
		}
		gone = append(gone, e.aor)
	}
	return gone
}
