package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"seraph/sql/aor"
)

// DefaultKeepFreed is for how long the name of a deleted account is no newcomer's
// unless Options say otherwise.
const DefaultKeepFreed = 30 * 24 * time.Hour

// noteGiven notes that an account begins now: what stands under its name from
// before was somebody else's. Of the second in which the name was freed, nothing
// is the new owner's.
func (db *DB) noteGiven(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	since, err := one(ctx, tx, scanMoment, "SELECT since FROM account_name WHERE username = ? AND domain = ?"+forUpdate(db.target.dialect), a.User, a.Domain)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if now := db.present(); now.After(since) {
		since = now
	}
	columns := []string{"username", "domain", "since"}
	_, err = tx.ExecContext(ctx, upsert(db.target.dialect, "account_name", columns, columns[:2], columns[2:], 1), a.User, a.Domain, stamp(since))
	return err
}

// noteFreed notes that the account goes, and with it its aliases.
func (db *DB) noteFreed(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	names, err := all(ctx, tx, scanAOR, "SELECT alias_username, alias_domain FROM dbaliases WHERE username = ? AND domain = ?", a.User, a.Domain)
	if err != nil {
		return err
	}
	for _, name := range append(names, a) {
		if err := db.noteFreedName(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// noteFreedName notes that a name is nobody's from now on.
func (db *DB) noteFreedName(ctx context.Context, tx *sql.Tx, name aor.AOR) error {
	columns := []string{"username", "domain", "since", "freed"}
	statement := upsert(db.target.dialect, "account_name", columns, columns[:2], columns[2:], 1)
	now := db.present()
	_, err := tx.ExecContext(ctx, statement, name.User, name.Domain, stamp(now.Add(time.Second)), stamp(now))
	return err
}

// KeepsFreed is for how long a name that was given back is nobody else's to take; 0 or less
// for not at all.
func (db *DB) KeepsFreed() time.Duration { return db.keepFreed }

// isKept reports whether a name was an account's not long ago, so that only an
// operator gives it to somebody: calls and mails for its former owner still come.
func (db *DB) isKept(ctx context.Context, q querier, a aor.AOR) (bool, error) {
	if db.keepFreed <= 0 {
		return false, nil
	}
	n, err := one(ctx, q, scanInt, "SELECT COUNT(*) FROM account_name WHERE username = ? AND domain = ? AND freed > ?",
		a.User, a.Domain, stamp(db.present().Add(-db.keepFreed)))
	return n > 0, err
}

// Since returns since when an account is its owner's: the name's last giving, or
// the last deletion of another account of that name, as far as either is known;
// else the zero time (an account that kamctl made).
func (t *Subscribers) Since(ctx context.Context, a aor.AOR) (time.Time, error) {
	since, err := one(ctx, t.db.read, scanMoment, "SELECT since FROM account_name WHERE username = ? AND domain = ?", a.User, a.Domain)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return time.Time{}, wrap(err, "age of "+a.String())
	}
	// Deletions of before the table was there, and the audit's line of one, which
	// is written a moment after it.
	deleted, err := one(ctx, t.db.read, scanMoment,
		"SELECT time FROM audit WHERE object = ? AND action = 'subscriber.delete' ORDER BY id DESC LIMIT 1", a.String())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return time.Time{}, wrap(err, "age of "+a.String())
	}
	if err == nil && !deleted.Before(since) {
		since = deleted.Add(time.Second)
	}
	return since, nil
}

// scanMoment reads a time.
func scanMoment(s scanner) (at time.Time, err error) { return at, s.Scan(moment{&at}) }
