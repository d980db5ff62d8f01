package usrloc

import "time"

// pendingDelay is when to look again at an expired binding that still waits for
// the database.
const pendingDelay = int64(time.Second / time.Millisecond)

// sweep removes what has expired: from the table, from the database, and for
// those who listen.
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
			t.writer.repair(e.aor, v.ruid())
		}
		gone = append(gone, e.aor)
	}
	return gone
}
