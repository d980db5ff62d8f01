package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"seraph/sql/aor"
)

// Silo is the tables silo, silo_state and silo_foreign: messages stored for
// users who were away. Every method takes the owner, and another owner's message is as good as
// none. A message whose time is over is neither listed nor counted nor pending;
// DeleteExpired removes it. Rows of another program, which have no row in
// silo_state, count as unread and never tried.
type Silo struct{ db *DB }

// MaxStored bounds the messages of one owner, whatever the caller allows.
const MaxStored = 5000

// SiloQuery selects a page of messages.
type SiloQuery struct {
	// Unread narrows to messages that their owner has not read; one whose time to be
	// sent has not come is not to be read yet.
	Unread bool
	// Refused narrows to messages that a phone has refused for good.
	Refused bool
	// Search is looked for, without regard to case, in what messages say that are texts,
	// and in the sender's address and display name. Empty matches all.
	Search string
	// People are URIs of senders who match Search by what is not in this table; the
	// first MaxPeople count.
	People []string
	// UpTo leaves out messages with a higher id, if it is not 0: what came after a page
	// was made.
	UpTo int64
	// Newest puts the newest first; otherwise the oldest is.
	Newest bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// siloTables joins what we know of a message with the message.
const siloTables = " FROM silo s LEFT JOIN silo_state t ON t.silo_id = s.id LEFT JOIN silo_foreign f ON f.silo_id = s.id"

// of is the condition that every query begins with: the owner's messages
// whose time is not over.
func (t *Silo) of(owner aor.AOR) (f filter) {
	f.and("s.username = ? AND s.domain = ?", owner.User, owner.Domain)
	f.and("s.exp_time > ?", t.db.present().Unix())
	return f
}

// pending is the condition of what is to be delivered.
func (t *Silo) pending(owner aor.AOR) filter {
	f := t.of(owner)
	f.and("COALESCE(t.refused, 0) = 0")
	f.and("s.snd_time <= ?", t.db.present().Unix())
	return f
}

// List returns a page of the owner's messages, by the time they came and then
// by id, and how many match in all.
func (t *Silo) List(ctx context.Context, owner aor.AOR, q SiloQuery) ([]SiloMessage, int, error) {
	f := t.selected(owner, q)
	order := orderBy([]string{"s.inc_time", "s.id"}, q.Newest)
	list, total, err := listPage(ctx, t.db.read, scanSilo, siloColumns, siloTables, f, order, q.Limit, q.Offset)
	return list, total, wrap(err, "messages of "+owner.String())
}

// Pending returns the oldest messages to deliver, at most limit (DefaultPage
// if 0, MaxPage at most), in the order in which they must go out: by the time
// they came, then by id, but behind all others those of which so many attempts failed
// (0: none are). Messages refused for good are left out, and those whose time to be
// sent has not come.
func (t *Silo) Pending(ctx context.Context, owner aor.AOR, limit, attempts int) ([]SiloMessage, error) {
	return t.next(ctx, owner, t.pending(owner), limit, attempts)
}

// PendingKnown is Pending without the messages of senders who have not shown who they are
// (AddForeign).
func (t *Silo) PendingKnown(ctx context.Context, owner aor.AOR, limit, attempts int) ([]SiloMessage, error) {
	f := t.pending(owner)
	f.and("f.silo_id IS NULL")
	return t.next(ctx, owner, f, limit, attempts)
}

// next lists messages in the order in which they must go out.
func (t *Silo) next(ctx context.Context, owner aor.AOR, f filter, limit, attempts int) ([]SiloMessage, error) {
	limit, _ = page(limit, 0)
	if attempts <= 0 {
		attempts = math.MaxInt32
	}
	list, err := all(ctx, t.db.read, scanSilo, "SELECT "+siloColumns+siloTables+f.where()+
		" ORDER BY CASE WHEN COALESCE(t.attempts, 0) >= ? THEN 1 ELSE 0 END, s.inc_time, s.id LIMIT ?", append(f.args, attempts, limit)...)
	return list, wrap(err, "messages of "+owner.String())
}

// CountPending returns how many messages Pending would list without a limit.
func (t *Silo) CountPending(ctx context.Context, owner aor.AOR) (int, error) {
	f := t.pending(owner)
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*)"+siloTables+f.where(), f.args...)
	return n, wrap(err, "messages of "+owner.String())
}

// Find returns one message.
func (t *Silo) Find(ctx context.Context, owner aor.AOR, id int64) (SiloMessage, error) {
	f := t.of(owner)
	f.and("s.id = ?", id)
	m, err := one(ctx, t.db.read, scanSilo, "SELECT "+siloColumns+siloTables+f.where(), f.args...)
	return m, wrap(err, "message of "+owner.String())
}

// Count returns how many messages the owner has, and how many of them unread; those
// whose time to be sent has not come are not to be read yet.
func (t *Silo) Count(ctx context.Context, owner aor.AOR) (total, unread int, err error) {
	f := t.of(owner)
	n, err := one(ctx, t.db.read, scanPair, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN t.read_time IS NULL AND s.snd_time <= ? THEN 1 ELSE 0 END), 0)"+
		siloTables+f.where(), append([]any{t.db.present().Unix()}, f.args...)...)
	return n[0], n[1], wrap(err, "messages of "+owner.String())
}

func scanPair(s scanner) (n [2]int, err error) { return n, s.Scan(&n[0], &n[1]) }

// Add stores a message and returns its id when it is committed: only then may
// the sender be told so. Of m the id and the state do not count; a zero
// Received is now. It fails with ErrFull if the owner has most messages
// already, expired ones not counted (0: MaxStored, which is also the highest),
// with ErrNotFound if there is no such subscriber or the account is disabled,
// and with a *FieldError for what the table cannot hold; nothing is cut that
// the delivery needs.
func (t *Silo) Add(ctx context.Context, m SiloMessage, most int) (int64, error) {
	return t.add(ctx, m, most, nil)
}

// AddForeign is Add for a message whose sender has not shown who they are. Such
// ones take at most mostForeign of the owner's places, ErrFull beyond it, so
// that strangers leave room for people who are known.
func (t *Silo) AddForeign(ctx context.Context, m SiloMessage, most, mostForeign int) (int64, error) {
	return t.add(ctx, m, most, &mostForeign)
}

func (t *Silo) add(ctx context.Context, m SiloMessage, most int, mostForeign *int) (int64, error) {
	if m.Received.IsZero() {
		m.Received = t.db.present()
	}
	if err := m.Check(); err != nil {
		return 0, err
	}
	if most <= 0 || most > MaxStored {
		most = MaxStored
	}
	var id int64
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Two additions at once would not count each other.
		err := t.db.lockSubscriber(ctx, tx, m.Owner)
		if err == nil {
			err = enabled(ctx, tx, m.Owner)
		}
		if err == nil {
			err = t.room(ctx, tx, m.Owner, "", most)
		}
		if err == nil && mostForeign != nil {
			err = t.room(ctx, tx, m.Owner, foreignOnly, *mostForeign)
		}
		if err == nil {
			id, err = insertMessage(ctx, tx, &m)
		}
		if err == nil && mostForeign != nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO silo_foreign (silo_id) VALUES (?)", id)
		}
		return err
	})
	if err != nil {
		return 0, wrap(err, "store a message for "+m.Owner.String())
	}
	return id, nil
}

// foreignOnly joins the messages of strangers.
const foreignOnly = " JOIN silo_foreign f ON f.silo_id = s.id"

// room is ErrFull if the owner has most messages that are not expired; join
// narrows which ones count.
func (t *Silo) room(ctx context.Context, tx *sql.Tx, owner aor.AOR, join string, most int) error {
	f := t.of(owner)
	n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM silo s"+join+f.where(), f.args...)
	if err == nil && n >= most {
		err = ErrFull
	}
	return err
}

// enabled is ErrNotFound if the operator has closed the account: who cannot
// sign in gets nothing that waits for them.
func enabled(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	n, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM profile WHERE username = ? AND domain = ? AND disabled <> 0", a.User, a.Domain)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: the account is disabled", ErrNotFound)
	}
	return err
}

// Delete removes messages and returns how many of them were the owner's and
// still there: of two that delete one message at once, one gets 1. At most
// MaxStored ids.
func (t *Silo) Delete(ctx context.Context, owner aor.AOR, ids ...int64) (deleted int, err error) {
	err = t.change(ctx, owner, ids, func(ctx context.Context, tx *sql.Tx, found []any) (err error) {
		deleted, err = deleteMessages(ctx, tx, found)
		return err
	})
	if err != nil {
		return 0, wrap(err, "delete messages of "+owner.String())
	}
	return deleted, nil
}

// MarkRead notes that the owner has read the messages now, and returns how
// many of them were unread. At most MaxStored ids.
func (t *Silo) MarkRead(ctx context.Context, owner aor.AOR, ids ...int64) (marked int, err error) {
	err = t.change(ctx, owner, ids, func(ctx context.Context, tx *sql.Tx, found []any) error {
		if err := t.ensureState(ctx, tx, found); err != nil {
			return err
		}
		n, err := affected(tx.ExecContext(ctx, "UPDATE silo_state SET read_time = ? WHERE read_time IS NULL AND silo_id IN ("+
			placeholders(len(found))+")", append([]any{stamp(t.db.present())}, found...)...))
		marked = n
		return err
	})
	if err != nil {
		return 0, wrap(err, "mark messages of "+owner.String())
	}
	return marked, nil
}

// Attempt notes that a delivery of the message was tried now and failed with
// the final status code (0: none came); refused says whether it was for good,
// so that Pending leaves the message out. ErrNotFound if the message has gone.
func (t *Silo) Attempt(ctx context.Context, owner aor.AOR, id int64, code int, refused bool) error {
	return t.tried(ctx, owner, id, "attempts = attempts + 1, last_time = ?, last_code = ?, refused = ?", stamp(t.db.present()), codeText(code), refused)
}

// Untakable notes that a delivery of the message was tried now and ended with the final
// status code, which says that a phone takes no messages at all, and so nothing of this one.
// It counts as an attempt only if there was none, so that the owner sees that it was tried
// while it keeps its place (see Pending, with attempts from 2). ErrNotFound if the message has gone.
func (t *Silo) Untakable(ctx context.Context, owner aor.AOR, id int64, code int) error {
	return t.tried(ctx, owner, id, "attempts = CASE WHEN attempts = 0 THEN 1 ELSE attempts END, last_time = ?, last_code = ?",
		stamp(t.db.present()), codeText(code))
}

// tried changes the state of a message by the assignments in set.
func (t *Silo) tried(ctx context.Context, owner aor.AOR, id int64, set string, args ...any) error {
	gone := true
	err := t.change(ctx, owner, []int64{id}, func(ctx context.Context, tx *sql.Tx, found []any) error {
		gone = false
		if err := t.ensureState(ctx, tx, found); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE silo_state SET "+set+" WHERE silo_id = ?", append(slices.Clip(args), id)...)
		return err
	})
	if err == nil && gone {
		err = ErrNotFound
	}
	return wrap(err, "message of "+owner.String())
}

// change runs f in a transaction with those of the ids that are the owner's,
// which nobody else changes meanwhile; if there are none it does not run f.
func (t *Silo) change(ctx context.Context, owner aor.AOR, ids []int64, f func(ctx context.Context, tx *sql.Tx, found []any) error) error {
	args, err := idArgs(ids, MaxStored)
	if err != nil || len(args) == 0 {
		return err
	}
	query := "SELECT id FROM silo WHERE id IN (" + placeholders(len(args)) + ") AND username = ? AND domain = ? ORDER BY id" +
		forUpdate(t.db.target.dialect)
	args = append(args, owner.User, owner.Domain)
	return t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err := all(ctx, tx, scanID, query, args...)
		if err != nil || len(found) == 0 {
			return err
		}
		return f(ctx, tx, found)
	})
}

// ensureState makes the rows of silo_state that messages do not have yet.
func (t *Silo) ensureState(ctx context.Context, tx *sql.Tx, ids []any) error {
	key := []string{"silo_id"}
	_, err := tx.ExecContext(ctx, upsert(t.db.target.dialect, "silo_state", key, key, nil, len(ids)), ids...)
	return err
}

// deleteMessages removes messages and their state, and returns how many there
// were. The caller has seen whose they are.
func deleteMessages(ctx context.Context, tx *sql.Tx, ids []any) (int, error) {
	in := " IN (" + placeholders(len(ids)) + ")"
	for _, table := range siloNotes {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE silo_id"+in, ids...); err != nil {
			return 0, err
		}
	}
	return affected(tx.ExecContext(ctx, "DELETE FROM silo WHERE id"+in, ids...))
}

// Rows that one DeleteExpired removes: at most expiredChunks transactions of
// expiredChunk.
const (
	expiredChunk  = 500
	expiredChunks = 20
)

// DeleteExpired removes messages whose time was over at now, lowest id first,
// and returns how many of each owner; beside an error those that are gone. It
// removes 10000 at most: the rest is for the next call.
func (t *Silo) DeleteExpired(ctx context.Context, now time.Time) (map[aor.AOR]int, error) {
	gone := map[aor.AOR]int{}
	last := int64(-1)
	for range expiredChunks {
		var chunk []expiredRow
		err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
			chunk, err = t.expire(ctx, tx, now.Unix(), last)
			return err
		})
		if err != nil {
			return gone, wrap(err, "delete expired messages")
		}
		for _, row := range chunk {
			gone[row.owner]++
			last = row.id
		}
		if len(chunk) < expiredChunk {
			break
		}
	}
	return gone, nil
}

// expire removes the next expired messages with an id above last.
func (t *Silo) expire(ctx context.Context, tx *sql.Tx, now, last int64) ([]expiredRow, error) {
	rows, err := all(ctx, tx, scanExpired, "SELECT id, username, domain FROM silo WHERE id > ? AND exp_time <= ? ORDER BY id LIMIT ?"+
		forUpdate(t.db.target.dialect), last, now, expiredChunk)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]any, len(rows))
	for i, row := range rows {
		ids[i] = row.id
	}
	_, err = deleteMessages(ctx, tx, ids)
	return rows, err
}

type expiredRow struct {
	id    int64
	owner aor.AOR
}

func scanExpired(s scanner) (r expiredRow, err error) {
	return r, s.Scan(&r.id, &r.owner.User, &r.owner.Domain)
}
