package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"seraph/sql/aor"
)

// maxOfMail bounds the accounts that one mail address finds.
const maxOfMail = 5

// OfMail returns the profiles of those whose confirmed mail address this is, closed
// accounts left out; at most five. ASCII capitals make no difference, other
// letters that look alike do.
func (t *Profiles) OfMail(ctx context.Context, email string) ([]Profile, error) {
	if email == "" {
		return nil, nil
	}
	found, err := all(ctx, t.db.read, scanAOR, "SELECT s.username, s.domain"+subscriberTables+
		" WHERE "+confirmedMail+" AND LOWER(p.email) = LOWER(?) AND p.disabled = 0 ORDER BY s.username, s.domain LIMIT ?", email, maxOfMail)
	if err != nil {
		return nil, wrap(err, "accounts of a mail address")
	}
	var list []Profile
	for _, a := range found {
		p, err := t.Load(ctx, a)
		if errors.Is(err, ErrNotFound) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		if lowerASCII(p.Email) == lowerASCII(email) { // MySQL's collation takes é for e
			list = append(list, p)
		}
	}
	return list, nil
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// AddReset returns a token with which one may set a new password for an account,
// once, within lifetime and as long as the password stays what it is. Tokens
// made before are void. ErrNotFound if there is no such account or it is closed.
func (t *Pending) AddReset(ctx context.Context, a aor.AOR, lifetime time.Duration) (token string, err error) {
	token, hash := newToken()
	now := t.db.present()
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		mark, err := t.fingerprint(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := dropResets(ctx, tx, a); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO pending (token_hash, kind, username, domain, payload, created, expires) VALUES ("+placeholders(7)+")",
			hash, kindReset, a.User, a.Domain, mark, stamp(now), stamp(now.Add(lifetime)))
		return err
	})
	if err != nil {
		return "", wrap(err, "new password")
	}
	return token, nil
}

func dropResets(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE username = ? AND domain = ? AND kind = ?", a.User, a.Domain, kindReset)
	return err
}

// fingerprint tells one password of an account from the next, whoever changes
// it (kamctl knows nothing of us). It is a hash of the hash: a token's row is no
// better a thing to guess at than the account's own. ErrNotFound if the account
// is none or closed.
func (t *Pending) fingerprint(ctx context.Context, q querier, a aor.AOR) (string, error) {
	ha1, err := one(ctx, q, scanText, "SELECT s.ha1"+subscriberTables+" WHERE s.username = ? AND s.domain = ? AND COALESCE(p.disabled, 0) = 0",
		a.User, a.Domain)
	return tokenHash(ha1), err
}

// reset is the account of a token that is good.
func (t *Pending) reset(ctx context.Context, q querier, token string) (aor.AOR, error) {
	row, err := one(ctx, q, scanReset, "SELECT username, domain, payload FROM pending WHERE token_hash = ? AND kind = ? AND expires > ?",
		tokenHash(token), kindReset, stamp(t.db.present()))
	if err != nil {
		return aor.AOR{}, err
	}
	mark, err := t.fingerprint(ctx, q, row.a)
	if err == nil && mark != row.mark {
		err = ErrNotFound
	}
	return row.a, err
}

type resetRow struct {
	a    aor.AOR
	mark string
}

func scanReset(s scanner) (r resetRow, err error) { return r, s.Scan(&r.a.User, &r.a.Domain, &r.mark) }

// FindReset returns the account that a token is for. A token that is unknown,
// used, expired or overtaken is ErrNotFound.
func (t *Pending) FindReset(ctx context.Context, token string) (aor.AOR, error) {
	a, err := t.reset(ctx, t.db.read, token)
	return a, wrap(err, "new password")
}

// Reset uses up a token: it sets the password as Subscribers.SetPassword does
// and ends all sessions. ErrNotFound as FindReset.
func (t *Pending) Reset(ctx context.Context, token, password string) (a aor.AOR, err error) {
	if err := checkPassword(password); err != nil {
		return a, err
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if a, err = t.reset(ctx, tx, token); err != nil {
			return err
		}
		// Of two that use the token at once, one deletes its row.
		if err := matched(tx.ExecContext(ctx, "DELETE FROM pending WHERE token_hash = ? AND kind = ?", tokenHash(token), kindReset)); err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, a); err != nil {
			return err
		}
		if err := t.db.Subscribers.update(ctx, tx, a, HashesOf(a, password)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM session WHERE username = ? AND domain = ?", a.User, a.Domain)
		return err
	})
	return a, wrap(err, "new password")
}
