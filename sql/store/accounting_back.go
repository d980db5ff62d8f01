package store

import (
	"context"
	"database/sql"
)

// TakeBack removes from missed_calls the rows of calls that were answered after all:
// those with the Call-ID, From tag and callee (DstUser, DstDomain) of a row given.
// Doing it again changes nothing.
func (t *Accounting) TakeBack(ctx context.Context, answered []MissedRow) error {
	if len(answered) == 0 {
		return nil
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range answered {
			r := &answered[i]
			_, err := tx.ExecContext(ctx, "DELETE FROM missed_calls WHERE callid = ? AND from_tag = ? AND dst_user = ? AND dst_domain = ?",
				identity(r.CallID, 255), identity(r.FromTag, 128), line(r.DstUser, 64), line(r.DstDomain, 128))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "take missed calls back")
}
