package usrloc

import "seraph/ctlproto"

// Announce tells those who listen which contacts an address has: those that were
// promised.
func (t *Table) Announce(aor string) {
	if t.cfg.Released != nil {
		t.cfg.Released(aor)
	}
	if t.cfg.Publish == nil || t.cfg.Wanted == nil || !t.cfg.Wanted(ctlproto.TopicRegistration) {
		return
	}
	sh := t.shardOf(aor)
	sh.feed.Lock()
	defer sh.feed.Unlock()
	contacts := t.promised(sh, aor)
	status := ctlproto.StatusOffline
	if len(contacts) > 0 {
		status = ctlproto.StatusOnLine
	}
	t.cfg.Publish(ctlproto.TopicRegistration, ctlproto.RegistrationEvent{AoR: aor, Status: status, Contacts: contacts})
}

// promised are the contacts of an address that the database has, never nil.
func (t *Table) promised(sh *shard, aor string) []ctlproto.Contact {
	contacts := []ctlproto.Contact{}
	now := t.cfg.Now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[aor]
	if e == nil {
		return contacts
	}
	for _, head := range e.heads {
		if v := head.settled(); v != nil && v.counts(now.UnixMilli()) {
			contacts = append(contacts, t.contact(v, now))
		}
	}
	return contacts
}
