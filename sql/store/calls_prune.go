package store

import (
	"context"
	"database/sql"
	"time"
)

// pruneChunk is how many rows one Prune looks at.
const pruneChunk = 500

// Prune looks at the next rows of call_log above the id after, 500 at most, and
// removes those whose call began before a time. It returns the id to go on after,
// 0 at the end of the table. The whole table is walked, piece by piece in the order
// of its primary key: ids need not follow time, and there is no index for time alone.
func (t *Calls) Prune(ctx context.Context, before time.Time, after int64) (next int64, deleted int, err error) {
	ids, err := all(ctx, t.db.read, scanAged, "SELECT id, CASE WHEN started < ? THEN 1 ELSE 0 END FROM call_log WHERE id > ? ORDER BY id LIMIT ?",
		stamp(before), after, pruneChunk)
	if err != nil {
		return after, 0, wrap(err, "prune calls")
	}
	var old []any
	for _, row := range ids {
		if row.old {
			old = append(old, row.id)
		}
	}
	if len(ids) == pruneChunk {
		next = ids[len(ids)-1].id
	}
	if len(old) == 0 {
		return next, 0, nil
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		deleted, err = affected(tx.ExecContext(ctx, "DELETE FROM call_log WHERE id IN ("+placeholders(len(old))+")", old...))
		return err
	})
	if err != nil {
		return after, 0, wrap(err, "prune calls")
	}
	return next, deleted, nil
}

type agedRow struct {
	id  int64
	old bool
}

func scanAged(s scanner) (r agedRow, err error) { return r, s.Scan(&r.id, &r.old) }
