package usrloc

func (t *Table) statistics(yield func(group, name string, value int64)) {
	var users, contacts int
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		users, contacts = users+sh.users, contacts+sh.contacts
		sh.mu.Unlock()
	}
	yield("usrloc", "registered_users", int64(users))
	yield("usrloc", "location-users", int64(users))
	yield("usrloc", "location-contacts", int64(contacts))
	yield("usrloc", "location-expires", t.ended.Load())
	yield("usrloc", "pending", int64(t.writer.waiting()))
	yield("usrloc", "undone", t.writer.undone.Load())
	if w := &t.writer; w.keep.log != nil {
		w.mu.Lock()
		kept := w.keep.kept
		w.mu.Unlock()
		yield("usrloc", "journaled", kept)
		yield("usrloc", "journal_size", w.keep.log.Size())
	}
}
