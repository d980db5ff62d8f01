package store

import (
	"context"
	"database/sql"
	"time"

	"seraph/sql/aor"
)

// Due returns who has a message whose time to be sent came after after (zero: ever)
// and not after now, and the next such time after now, zero if there is none. It
// reads the whole table; expired messages do not count.
func (t *Silo) Due(ctx context.Context, after, now time.Time) (owners []aor.AOR, next time.Time, err error) {
	from := int64(0)
	if !after.IsZero() {
		from = after.Unix()
	}
	owners, err = all(ctx, t.db.read, scanOwner, "SELECT DISTINCT username, domain FROM silo WHERE snd_time > ? AND snd_time <= ? AND exp_time > ?"+
		" ORDER BY username, domain", from, now.Unix(), now.Unix())
	if err != nil {
		return nil, time.Time{}, wrap(err, "messages to be sent now")
	}
	first, err := one(ctx, t.db.read, scanFirst, "SELECT MIN(snd_time) FROM silo WHERE snd_time > ?", now.Unix())
	if err == nil && first.Valid {
		next = time.Unix(first.Int64, 0).UTC()
	}
	return owners, next, wrap(err, "messages to be sent later")
}

func scanFirst(s scanner) (n sql.NullInt64, err error) { return n, s.Scan(&n) }
