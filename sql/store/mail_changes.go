package store

import (
	"context"
	"database/sql"
	"time"

	"seraph/sql/aor"
)

// unconfirmedMail is the condition on a profile that its mail address is only
// what its owner typed, confirmedMail that mail may go there.
const (
	unconfirmedMail = "EXISTS (SELECT 1 FROM unconfirmed_mail u WHERE u.username = p.username AND u.domain = p.domain)"
	confirmedMail   = "p.email <> '' AND NOT " + unconfirmedMail
)

// Mail is the address to which mail may go; "" if there is none that is confirmed.
func (p Profile) Mail() string {
	if p.Unconfirmed {
		return ""
	}
	return p.Email
}

// markMail notes whether an account's mail address waits for a confirmation.
func (db *DB) markMail(ctx context.Context, tx *sql.Tx, a aor.AOR, unconfirmed bool) error {
	if !unconfirmed {
		_, err := tx.ExecContext(ctx, "DELETE FROM unconfirmed_mail WHERE username = ? AND domain = ?", a.User, a.Domain)
		return err
	}
	columns := []string{"username", "domain", "since"}
	_, err := tx.ExecContext(ctx, upsert(db.target.dialect, "unconfirmed_mail", columns, columns[:2], nil, 1), a.User, a.Domain, stamp(db.present()))
	return err
}

// dropLinks voids the links that were mailed for an account: those for a new
// password, and those that confirm a mail address.
func dropLinks(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM pending WHERE username = ? AND domain = ? AND kind IN (?, ?)", a.User, a.Domain, kindReset, kindMail)
	return err
}

// MailChange is a mail address that somebody wants for an account.
type MailChange struct {
	AOR   aor.AOR
	Email string
	// Expires is UTC.
	Expires time.Time
	mark    string // of the password
}

func scanMailChange(s scanner) (c MailChange, err error) {
	return c, s.Scan(&c.AOR.User, &c.AOR.Domain, &c.Email, &c.mark, moment{&c.Expires})
}

const mailChangeColumns = "username, domain, email, payload, expires"

// AddMail returns a token with which whoever gets it confirms that an address is
// the account's: once, within lifetime, and as long as the password stays what it
// is. All links that were mailed for the account before are void. ErrNotFound if
// there is no such account or it is closed, a *FieldError for a bad address.
func (t *Pending) AddMail(ctx context.Context, a aor.AOR, email string, lifetime time.Duration) (token string, err error) {
	if email == "" {
		return "", &FieldError{"email", "is empty"}
	}
	if err := (Profile{AOR: a, Email: email}).Check(); err != nil {
		return "", err
	}
	token, hash := newToken()
	now := t.db.present()
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		mark, err := t.fingerprint(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, a); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO pending (token_hash, kind, username, domain, email, payload, created, expires) VALUES ("+placeholders(8)+")",
			hash, kindMail, a.User, a.Domain, email, mark, stamp(now), stamp(now.Add(lifetime)))
		return err
	})
	if err != nil {
		return "", wrap(err, "mail address of "+a.String())
	}
	return token, nil
}

// DropLinks voids the links that were mailed for an account.
func (t *Pending) DropLinks(ctx context.Context, a aor.AOR) error {
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error { return dropLinks(ctx, tx, a) })
	return wrap(err, "links of "+a.String())
}

// DropMail takes back that another address was wanted for an account: its links are
// void. It returns that address, ErrNotFound if none waited.
func (t *Pending) DropMail(ctx context.Context, a aor.AOR) (email string, err error) {
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := t.db.lockSubscriber(ctx, tx, a); err != nil {
			return err
		}
		var err error
		if email, err = one(ctx, tx, scanText, "SELECT email FROM pending WHERE username = ? AND domain = ? AND kind = ? AND expires > ? ORDER BY id DESC LIMIT 1",
			a.User, a.Domain, kindMail, stamp(t.db.present())); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM pending WHERE username = ? AND domain = ? AND kind = ?", a.User, a.Domain, kindMail)
		return err
	})
	return email, wrap(err, "mail address of "+a.String())
}

// MailOf returns the address that waits for its confirmation, ErrNotFound if
// there is none.
func (t *Pending) MailOf(ctx context.Context, a aor.AOR) (MailChange, error) {
	c, err := one(ctx, t.db.read, scanMailChange, "SELECT "+mailChangeColumns+" FROM pending WHERE username = ? AND domain = ? AND kind = ? AND expires > ?"+
		" ORDER BY id DESC LIMIT 1", a.User, a.Domain, kindMail, stamp(t.db.present()))
	if err == nil {
		err = t.mailStands(ctx, t.db.read, c)
	}
	return c, wrap(err, "mail address of "+a.String())
}

// mailStands is ErrNotFound for a change that the password, or the account's
// closing, has overtaken.
func (t *Pending) mailStands(ctx context.Context, q querier, c MailChange) error {
	mark, err := t.fingerprint(ctx, q, c.AOR)
	if err == nil && mark != c.mark {
		err = ErrNotFound
	}
	return err
}

// FindMail returns what a token confirms. A token that is unknown, used, expired
// or overtaken is ErrNotFound.
func (t *Pending) FindMail(ctx context.Context, token string) (MailChange, error) {
	c, err := t.findMail(ctx, t.db.read, token)
	return c, wrap(err, "mail address")
}

func (t *Pending) findMail(ctx context.Context, q querier, token string) (MailChange, error) {
	c, err := one(ctx, q, scanMailChange, "SELECT "+mailChangeColumns+" FROM pending WHERE token_hash = ? AND kind = ? AND expires > ?",
		tokenHash(token), kindMail, stamp(t.db.present()))
	if err == nil {
		err = t.mailStands(ctx, q, c)
	}
	return c, err
}

// ConfirmMail uses up a token: the address becomes the profile's, and links that
// were mailed to the one before are void. before is that one. ErrNotFound as
// FindMail.
func (t *Pending) ConfirmMail(ctx context.Context, token string) (c MailChange, before string, err error) {
	asked, err := t.findMail(ctx, t.db.read, token)
	if err != nil {
		return c, "", wrap(err, "mail address")
	}
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		// The lock first: MySQL's transaction sees what there was at its first plain
		// SELECT, and would write back a profile that others have changed since.
		if err := t.db.lockSubscriber(ctx, tx, asked.AOR); err != nil {
			return err
		}
		if c, err = t.findMail(ctx, tx, token); err != nil {
			return err
		}
		// Of two that use the token at once, one deletes its row.
		if err := matched(tx.ExecContext(ctx, "DELETE FROM pending WHERE token_hash = ? AND kind = ?", tokenHash(token), kindMail)); err != nil {
			return err
		}
		if err := dropLinks(ctx, tx, c.AOR); err != nil {
			return err
		}
		p, err := t.db.Profiles.load(ctx, tx, c.AOR)
		if err != nil {
			return err
		}
		before, p.Email, p.Unconfirmed = p.Email, c.Email, false
		if p.MissedMail != "" {
			p.MissedMail = c.Email
		}
		return t.db.Profiles.write(ctx, tx, p)
	})
	return c, before, wrap(err, "mail address")
}
