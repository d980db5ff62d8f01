package store

import (
	"context"
	"database/sql"
	"time"

	"seraph/sql/aor"
)

// maxBack is how many aliases that one account has given back are kept from others:
// who takes and gives back one name after the other keeps no more than that. The one
// that was given back first goes first.
const maxBack = 10

// keepBack keeps an alias that is given back for its last owner. The rows stand in pending,
// with the owner's address and the alias as payload; backHash is in the place of a
// token's hash, and with that kind no token is looked for.
func (t *Aliases) keepBack(ctx context.Context, tx *sql.Tx, alias, owner aor.AOR) error {
	if t.db.keepFreed <= 0 {
		return nil
	}
	if err := t.db.noteFreedName(ctx, tx, alias); err != nil {
		return err
	}
	if err := forgetBack(ctx, tx, alias); err != nil {
		return err
	}
	now := t.db.present()
	if _, err := tx.ExecContext(ctx, "INSERT INTO pending (token_hash, kind, username, domain, payload, created, expires) VALUES ("+placeholders(7)+")",
		backHash(alias), kindAlias, owner.User, owner.Domain, alias.String(), stamp(now), stamp(now.Add(t.db.keepFreed))); err != nil {
		return err
	}
	return trimBack(ctx, tx, owner)
}

// backHash finds the row of an alias, of which there is one.
func backHash(alias aor.AOR) string { return tokenHash("alias " + alias.String()) }

// trimBack sets those free that are too many.
func trimBack(ctx context.Context, tx *sql.Tx, owner aor.AOR) error {
	given, err := all(ctx, tx, scanText, "SELECT payload FROM pending WHERE username = ? AND domain = ? AND kind = ? ORDER BY id DESC", owner.User, owner.Domain, kindAlias)
	if err != nil || len(given) <= maxBack {
		return err
	}
	for _, text := range given[maxBack:] {
		alias, err := aor.Parse(text, "")
		if err != nil {
			return err
		}
		if err := forgetBack(ctx, tx, alias); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE account_name SET freed = ? WHERE username = ? AND domain = ?", stamp(time.Unix(0, 0)), alias.User, alias.Domain); err != nil {
			return err
		}
	}
	return nil
}

// forgetBack forgets who gave an alias back: somebody has it, or nobody waits for it.
func forgetBack(ctx context.Context, tx *sql.Tx, alias aor.AOR) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE token_hash = ? AND kind = ?", backHash(alias), kindAlias)
	return err
}

// isKeptFor is isKept for somebody who may have given it back.
func (t *Aliases) isKeptFor(ctx context.Context, tx *sql.Tx, alias, owner aor.AOR) (bool, error) {
	kept, err := t.db.isKept(ctx, tx, alias)
	if err != nil || !kept {
		return false, err
	}
	own, err := one(ctx, tx, scanInt, "SELECT COUNT(*) FROM pending WHERE token_hash = ? AND kind = ? AND username = ? AND domain = ?",
		backHash(alias), kindAlias, owner.User, owner.Domain)
	return own == 0, err
}
