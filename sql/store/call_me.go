package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"seraph/sql/aor"
)

// CallMe is who may be asked, on a public page, to call: the tables public_page,
// which says who allows it, and call_me, which remembers who asked.
type CallMe struct{ db *DB }

// MaxCallMe is how many requests are remembered for each user.
const MaxCallMe = 50

// CallRequest is one request of a visitor to be called.
type CallRequest struct {
	ID      int64
	Time    time.Time
	Visitor string // the address to call, as aor.CanonicalURI gives it
	Source  string // where it came from: an address or a network; cut to 64 characters
	Attempt string // the router's id of the attempt, "" if there was none; cut to 128
}

// CallMeLimits bound the requests. A limit of 0 lets none through.
type CallMeLimits struct {
	// PerOwner is how many may ask one user, PerSource how often one source may
	// ask whom ever, within Window. PerOwner is at most MaxCallMe.
	PerOwner, PerSource int
	Window              time.Duration
}

// Allowed reports whether the owner lets visitors ask; no row is no.
func (t *CallMe) Allowed(ctx context.Context, owner aor.AOR) (bool, error) {
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM public_page WHERE username = ? AND domain = ? AND call_me = 1", owner.User, owner.Domain)
	return n > 0, wrap(err, "public page of "+owner.String())
}

// Allow says whether visitors may ask the owner. ErrNotFound if there is no such
// subscriber.
func (t *CallMe) Allow(ctx context.Context, owner aor.AOR, on bool) error {
	columns := []string{"username", "domain", "call_me"}
	statement := upsert(t.db.target.dialect, "public_page", columns, columns[:2], columns[2:], 1)
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, owner); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, statement, owner.User, owner.Domain, on)
		return err
	})
	return wrap(err, "public page of "+owner.String())
}

// Enter writes a request down if the limits let it through, and returns its id;
// ErrFull if they do not. The oldest requests of the owner's beyond MaxCallMe go.
func (t *CallMe) Enter(ctx context.Context, owner aor.AOR, r CallRequest, limits CallMeLimits) (id int64, err error) {
	if _, err := aor.CanonicalURI(r.Visitor, owner.Domain); err != nil {
		return 0, badAddress(err)
	}
	now := t.db.present()
	after := stamp(now.Add(-limits.Window))
	source := cut(r.Source, 64)
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, owner); err != nil {
			return err
		}
		const since = "SELECT COUNT(*) FROM call_me WHERE time > ? AND "
		ofOwner, err := one(ctx, tx, scanInt, since+"username = ? AND domain = ?", after, owner.User, owner.Domain)
		if err != nil {
			return err
		}
		// The account's lock keeps nobody out who asks another one from here.
		ofSource, err := one(ctx, tx, scanInt, since+"source = ?"+forUpdate(t.db.target.dialect), after, source)
		if err != nil {
			return err
		}
		if ofOwner >= min(limits.PerOwner, MaxCallMe) || ofSource >= limits.PerSource {
			return ErrFull
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO call_me (username, domain, time, visitor, source) VALUES ("+placeholders(5)+")",
			owner.User, owner.Domain, stamp(now), r.Visitor, source)
		if err != nil {
			return err
		}
		if id, err = result.LastInsertId(); err != nil {
			return err
		}
		return t.trim(ctx, tx, owner)
	})
	return id, wrap(err, "request to "+owner.String())
}

// trim forgets the oldest requests of the owner's beyond MaxCallMe.
func (t *CallMe) trim(ctx context.Context, tx *sql.Tx, owner aor.AOR) error {
	last, err := one(ctx, tx, scanInt, "SELECT id FROM call_me WHERE username = ? AND domain = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
		owner.User, owner.Domain, MaxCallMe)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM call_me WHERE username = ? AND domain = ? AND id <= ?", owner.User, owner.Domain, last)
	}
	return err
}

// Started notes which attempt came of a request of the owner's.
func (t *CallMe) Started(ctx context.Context, owner aor.AOR, id int64, attempt string) error {
	_, err := t.db.exec(ctx, "UPDATE call_me SET attempt = ? WHERE username = ? AND domain = ? AND id = ?",
		cut(attempt, 128), owner.User, owner.Domain, id)
	return wrap(err, "request to "+owner.String())
}

// Forget drops a request of the owner's that nothing came of, and that is not
// to count.
func (t *CallMe) Forget(ctx context.Context, owner aor.AOR, id int64) error {
	_, err := t.db.exec(ctx, "DELETE FROM call_me WHERE username = ? AND domain = ? AND id = ?", owner.User, owner.Domain, id)
	return wrap(err, "request to "+owner.String())
}

// List returns at most n of the requests to the owner, the last one first.
func (t *CallMe) List(ctx context.Context, owner aor.AOR, n int) ([]CallRequest, error) {
	if n <= 0 {
		return nil, nil
	}
	list, err := all(ctx, t.db.read, scanCallRequest,
		"SELECT id, time, visitor, source, attempt FROM call_me WHERE username = ? AND domain = ? ORDER BY id DESC LIMIT ?",
		owner.User, owner.Domain, min(n, MaxCallMe))
	return list, wrap(err, "requests to "+owner.String())
}

func scanCallRequest(s scanner) (r CallRequest, err error) {
	return r, s.Scan(&r.ID, moment{&r.Time}, &r.Visitor, &r.Source, &r.Attempt)
}
