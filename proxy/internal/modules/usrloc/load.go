package usrloc

import (
	"context"
	"fmt"

	"seraph/sql/store"
)

// load reads the bindings of the database.
func (t *Table) load(ctx context.Context) error {
	if !t.durable {
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
			t.writer.repair(address, row.RUID)
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
	return nil
}

// enter puts a row into the table. Of two rows of one binding the younger
// counts; a row that bears another ruid than we would give it is replaced.
func (t *Table) enter(address string, row *store.Binding) {
	sh := t.shardOf(address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries[address]
	if e == nil {
		e = &entry{aor: address}
		if sh.entries == nil {
			sh.entries = make(map[string]*entry)
		}
		sh.entries[address] = e
	}
	v := &version{entry: e, slot: -1}
	t.fromRow(v, row)
	if ruid := v.ruid(address); ruid != row.RUID {
		t.writer.repair(address, row.RUID)
		t.writer.repair(address, ruid)
	}
	old := e.find(&Contact{URI: v.Contact(), Instance: v.Instance(), RegID: v.RegID, Expires: Forever})
	if old == nil || old.modified <= v.modified {
		sh.place(e, old, v)
	}
	sh.tidy(e)
}
