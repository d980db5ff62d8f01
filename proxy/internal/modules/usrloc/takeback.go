package usrloc

import (
	"context"
	"slices"

	"seraph/sql/store"
)

// takeBack reads the rows that the database has kept though the table has forgotten their
// bindings: another proxy has refreshed them meanwhile, as the active one does while this
// one stands by. So a proxy that takes over knows them.
func (w *writer) takeBack(ctx context.Context, units []unit, ops []store.LocationOp) error {
	var ruids []string
	for i := range ops {
		if !ops[i].Known.IsZero() {
			ruids = append(ruids, ops[i].Binding.RUID)
		}
	}
	if len(ruids) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	rows, err := w.t.cfg.Store.LoadRows(bounded, ruids)
	switch {
	case store.IsUnavailable(err):
		w.done(slices.DeleteFunc(slices.Clone(units), func(u unit) bool { return u.ticket == nil }))
		return err
	case err != nil:
		w.t.cfg.Log.Warn("usrloc: what another proxy may have refreshed cannot be read", "error", err)
		return nil
	}
	for i := range rows {
		if address, err := checkRow(&rows[i]); err == nil && w.t.takeRow(address, &rows[i]) {
			w.t.Announce(address)
		}
	}
	return nil
}

// takeRow puts a row into the table, unless the table has the binding or it has expired.
func (t *Table) takeRow(address string, row *store.Binding) bool {
	if !row.Expires.IsZero() && row.Expires.UnixMilli() <= t.now() {
		return false
	}
	sh := t.shardOf(address)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e, v, known := t.readRow(sh, address, row)
	_, ours := parseRUID(row.RUID)
	taken := ours && known == nil && e.byRUID(row.RUID) == nil
	if taken {
		sh.place(e, nil, v)
	}
	sh.tidy(e)
	return taken
}
