package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"seraph/sql/aor"
)

// Dials is the table dial_history: the addresses that a user called last from
// the portal.
type Dials struct{ db *DB }

// MaxDials is how many addresses are remembered for each user.
const MaxDials = 20

// Dial is one address called.
type Dial struct {
	Address string // as aor.CanonicalURI gives it
	Time    time.Time
}

// Add remembers that the owner called address now; an address already there
// moves to the front, the oldest ones beyond MaxDials go. The address is
// whatever aor.CanonicalURI takes, a bad one is a *FieldError on "address".
func (t *Dials) Add(ctx context.Context, owner aor.AOR, address string) error {
	if err := checkAOR("owner", owner); err != nil {
		return err
	}
	uri, err := aor.CanonicalURI(address, owner.Domain)
	if err != nil {
		return badAddress(err)
	}
	columns := []string{"username", "domain", "uri", "time"}
	statement := upsert(t.db.target.dialect, "dial_history", columns, columns[:3], columns[3:], 1)
	now := t.db.now().UTC().Format(microLayout)
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Two additions at once would not count each other.
		if err := t.db.lockSubscriber(ctx, tx, owner); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if _, err := tx.ExecContext(ctx, statement, owner.User, owner.Domain, uri, now); err != nil {
			return err
		}
		return t.trim(ctx, tx, owner)
	})
	return wrap(err, "dial history of "+owner.String())
}

// trim forgets the oldest addresses of the owner's beyond MaxDials.
func (t *Dials) trim(ctx context.Context, tx *sql.Tx, owner aor.AOR) error {
	uris, err := all(ctx, tx, scanText, "SELECT uri FROM dial_history WHERE username = ? AND domain = ? ORDER BY time DESC, uri LIMIT ? OFFSET ?",
		owner.User, owner.Domain, MaxPage, MaxDials)
	if err != nil {
		return err
	}
	for _, uri := range uris {
		_, err := tx.ExecContext(ctx, "DELETE FROM dial_history WHERE username = ? AND domain = ? AND uri = ?", owner.User, owner.Domain, uri)
		if err != nil {
			return err
		}
	}
	return nil
}

// List returns at most n of the owner's addresses, the last called first.
func (t *Dials) List(ctx context.Context, owner aor.AOR, n int) ([]Dial, error) {
	if n <= 0 {
		return nil, nil
	}
	list, err := all(ctx, t.db.read, scanDial, "SELECT uri, time FROM dial_history WHERE username = ? AND domain = ? ORDER BY time DESC, uri LIMIT ?",
		owner.User, owner.Domain, min(n, MaxDials))
	return list, wrap(err, "dial history of "+owner.String())
}

func scanDial(s scanner) (d Dial, err error) {
	err = s.Scan(&d.Address, moment{&d.Time})
	d.Time = d.Time.Truncate(time.Second)
	return d, err
}

// Clear forgets all of the owner's addresses.
func (t *Dials) Clear(ctx context.Context, owner aor.AOR) error {
	_, err := t.db.exec(ctx, "DELETE FROM dial_history WHERE username = ? AND domain = ?", owner.User, owner.Domain)
	return wrap(err, "dial history of "+owner.String())
}
