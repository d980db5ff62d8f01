package usrloc

import (
	"context"
	"fmt"

	"seraph/sql/store"
)

// load reads the bindings of the database and plays the journal over them.
func (t *Table) load(ctx context.Context) error {
	if !t.stored() {
		return nil
	}
	now := t.now()
	loaded, expired, bad := 0, 0, 0
	err := t.cfg.Store.LoadAll(ctx, func(row store.Binding) error {
		address, err := checkRow(&row)
		if err != nil {
			bad++
			t.cfg.Log.Warn("usrloc: a row of table location cannot be used", "ruid", row.RUID, "error", err)
			return nil
		}
		if !row.Expires.IsZero() && row.Expires.UnixMilli() <= now {
			expired++
			t.writer.forget(address, row.RUID, row.LastModified)
			return nil
		}
		loaded++
		t.enter(address, &row)
		return nil
	})
	if err != nil {
		return fmt.Errorf("loading the table location: %w", err)
	}
	t.cfg.Log.Info("usrloc: bindings loaded", "loaded", loaded, "expired", expired, "unusable", bad)
	return t.replay()
}

// enter puts a row into the table. Of two rows of one binding the younger
// counts; a row whose ruid is none of ours is replaced.
func (t *Table) enter(address string, row *store.Binding) {
	sh := t.shardOf(address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, v, old := t.readRow(sh, address, row)
	if old != nil && old.modified > v.modified {
		t.writer.repair(address, row.RUID)
		sh.tidy(e)
		return
	}
	if old != nil {
		t.writer.repair(address, old.ruid())
	}
	sh.place(e, old, v)
	if _, ours := parseRUID(row.RUID); !ours {
		v.id = rowID{}
		v.id = e.newID(&v.Binding)
		t.writer.repair(address, row.RUID)
		t.writer.repair(address, v.ruid())
	}
	sh.tidy(e)
}

// readRow makes a version of a row, which is not in the table yet, and finds its entry and the
// version of the same binding that the table has, nil for none. The caller places and tidies.
func (t *Table) readRow(sh *shard, address string, row *store.Binding) (e *entry, v, old *version) {
	e = sh.entries[address]
	if e == nil {
		e = sh.enter(address)
	}
	v = &version{entry: e, slot: -1}
	t.fromRow(v, row)
	c, who := &Contact{URI: v.Contact(), Instance: v.Instance(), RegID: v.RegID, Expires: Forever}, v.phone()
	old = e.find(c, &who)
	if old != nil && old.match(c, &who) < sameWay {
		old = nil // whoever wrote the rows knew more: that they are two phones
	}
	return e, v, old
}
