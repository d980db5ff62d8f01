package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"seraph/sql/aor"
)

// Pending is the table pending: what waits for a click in a mail, or for an
// operator. It keeps SHA-256 hashes of the tokens, and of passwords only what
// subscriber keeps.
type Pending struct{ db *DB }

// Kinds of pending rows.
const (
	kindSignUp   = "sign-up"  // waits for the mail to be confirmed
	kindApproval = "approval" // confirmed, waits for an operator
	kindReset    = "reset"    // a new password
	kindMail     = "mail"     // an account's new mail address
	kindAlias    = "alias"    // given back; kept for its last owner
)

// SignUp is an account that somebody asks for.
type SignUp struct {
	ID       int64
	AOR      aor.AOR
	Email    string
	First    string // name
	Last     string
	Language string // a BCP 47 tag
	Hashes   Hashes // of the password
	// Created and Expires are UTC.
	Created, Expires time.Time
}

// profile is that of the account.
func (s SignUp) profile() Profile {
	return Profile{
		AOR: s.AOR, FirstName: s.First, LastName: s.Last, Email: s.Email, Language: s.Language, Presence: PresenceSignedIn,
	}
}

// check reports what the account could not be made with.
func (s SignUp) check() error {
	if err := checkAOR("user", s.AOR); err != nil {
		return err
	}
	if s.Email == "" {
		return &FieldError{"email", "is empty"}
	}
	if err := s.Hashes.check(); err != nil {
		return err
	}
	return s.profile().Check()
}

// signUpPayload is the column payload of a SignUp.
type signUpPayload struct {
	First    string `json:"first"`
	Last     string `json:"last"`
	Language string `json:"language"`
	Hashes   Hashes `json:"hashes"`
}

// signUpColumns and scanSignUp belong together.
const signUpColumns = "id, username, domain, email, payload, created, expires"

func scanSignUp(s scanner) (v SignUp, err error) {
	var payload string
	if err = s.Scan(&v.ID, &v.AOR.User, &v.AOR.Domain, &v.Email, &payload, moment{&v.Created}, moment{&v.Expires}); err != nil {
		return v, err
	}
	var p signUpPayload
	err = json.Unmarshal([]byte(payload), &p)
	v.First, v.Last, v.Language, v.Hashes = p.First, p.Last, p.Language, p.Hashes
	return v, err
}

// maxPerMail is how many sign-ups of one mail address wait at a time.
const maxPerMail = 3

// Add keeps a sign-up until it is confirmed, and returns the token for that.
// ErrFull if most sign-ups wait, or three with the same mail address. Neither
// the name nor the mail is looked at: that is Confirm's.
func (t *Pending) Add(ctx context.Context, s SignUp, lifetime time.Duration, most int) (token string, err error) {
	if err := s.check(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(signUpPayload{s.First, s.Last, s.Language, s.Hashes})
	if err != nil {
		return "", err
	}
	token, hash := newToken()
	now := t.db.present()
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		counted, err := one(ctx, tx, scanPair, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN LOWER(email) = LOWER(?) THEN 1 ELSE 0 END), 0)"+
			" FROM pending WHERE kind IN (?, ?) AND expires > ?"+forUpdate(t.db.target.dialect), s.Email, kindSignUp, kindApproval, stamp(now))
		if err != nil {
			return err
		}
		if counted[0] >= most || counted[1] >= maxPerMail {
			return ErrFull
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO pending (token_hash, kind, username, domain, email, payload, created, expires) VALUES ("+placeholders(8)+")",
			hash, kindSignUp, s.AOR.User, s.AOR.Domain, s.Email, string(payload), stamp(now), stamp(now.Add(lifetime)))
		return err
	})
	return token, wrap(err, "sign-up")
}

// Room says ErrFull if most sign-ups wait.
func (t *Pending) Room(ctx context.Context, most int) error {
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM pending WHERE kind IN (?, ?) AND expires > ?", kindSignUp, kindApproval, stamp(t.db.present()))
	if err == nil && n >= most {
		err = ErrFull
	}
	return wrap(err, "sign-ups")
}

// Taken reports whether an address cannot be had: it is a subscriber's, an
// alias, waits for an operator's approval, or was a deleted account's not long ago.
func (t *Pending) Taken(ctx context.Context, a aor.AOR) (bool, error) {
	n, err := one(ctx, t.db.read, scanInt, "SELECT (SELECT COUNT(*) FROM subscriber WHERE username = ? AND domain = ?)"+
		" + (SELECT COUNT(*) FROM dbaliases WHERE alias_username = ? AND alias_domain = ?)"+
		" + (SELECT COUNT(*) FROM pending WHERE username = ? AND domain = ? AND kind = ? AND expires > ?)",
		a.User, a.Domain, a.User, a.Domain, a.User, a.Domain, kindApproval, stamp(t.db.present()))
	if err == nil && n == 0 {
		kept, err := t.db.isKept(ctx, t.db.read, a)
		return kept, wrap(err, "name "+a.String())
	}
	return n > 0, wrap(err, "name "+a.String())
}

// Find returns the sign-up of a token. An unknown, used or expired token is
// ErrNotFound.
func (t *Pending) Find(ctx context.Context, token string) (SignUp, error) {
	s, err := one(ctx, t.db.read, scanSignUp, "SELECT "+signUpColumns+" FROM pending WHERE token_hash = ? AND kind = ? AND expires > ?",
		tokenHash(token), kindSignUp, stamp(t.db.present()))
	return s, wrap(err, "sign-up")
}

// ErrMailKnown says that an account has this mail address already. It is an
// ErrExists.
var ErrMailKnown = fmt.Errorf("the mail address is an account's: %w", ErrExists)

// Confirm uses up a token: it makes the account, or, if wait is not 0, leaves it
// to an operator for that long. ErrNotFound for a token that is not good;
// ErrExists if the name has been taken meanwhile, ErrMailKnown if the mail has:
// then the sign-up is over, too.
func (t *Pending) Confirm(ctx context.Context, token string, wait time.Duration) (s SignUp, err error) {
	var refused error
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		refused = nil
		s, err = one(ctx, tx, scanSignUp, "SELECT "+signUpColumns+" FROM pending WHERE token_hash = ? AND kind = ? AND expires > ?"+
			forUpdate(t.db.target.dialect), tokenHash(token), kindSignUp, stamp(t.db.present()))
		if err != nil {
			return err
		}
		if refused, err = t.collides(ctx, tx, s); err != nil {
			return err
		}
		if kept, err := t.db.isKept(ctx, tx, s.AOR); err != nil {
			return err
		} else if kept { // deleted since it was asked for; an operator may
			refused = ErrExists
		}
		if refused == nil && wait > 0 {
			_, hash := newToken() // nobody's
			return matched(tx.ExecContext(ctx, "UPDATE pending SET kind = ?, token_hash = ?, expires = ? WHERE id = ?",
				kindApproval, hash, stamp(t.db.present().Add(wait)), s.ID))
		}
		if err := matched(tx.ExecContext(ctx, "DELETE FROM pending WHERE id = ?", s.ID)); err != nil || refused != nil {
			return err
		}
		return t.make(ctx, tx, s)
	})
	return s, wrap(orElse(err, refused), "sign-up")
}

// collides is what keeps an account from being made: ErrExists, ErrMailKnown or nil.
func (t *Pending) collides(ctx context.Context, tx *sql.Tx, s SignUp) (refused, err error) {
	// Others with the same mail wait; it comes first, for the reads below to see what those did.
	if _, err := all(ctx, tx, scanID64, "SELECT id FROM pending WHERE LOWER(email) = LOWER(?)"+forUpdate(t.db.target.dialect), s.Email); err != nil {
		return nil, err
	}
	taken, err := one(ctx, tx, scanInt, "SELECT (SELECT COUNT(*) FROM subscriber WHERE username = ? AND domain = ?)"+
		" + (SELECT COUNT(*) FROM dbaliases WHERE alias_username = ? AND alias_domain = ?)"+
		" + (SELECT COUNT(*) FROM pending WHERE username = ? AND domain = ? AND kind = ? AND expires > ? AND id <> ?)",
		s.AOR.User, s.AOR.Domain, s.AOR.User, s.AOR.Domain, s.AOR.User, s.AOR.Domain, kindApproval, stamp(t.db.present()), s.ID)
	if err != nil || taken > 0 {
		return ErrExists, err
	}
	known, err := one(ctx, tx, scanInt, "SELECT COUNT(*)"+subscriberTables+" WHERE "+confirmedMail+" AND LOWER(p.email) = LOWER(?)", s.Email)
	if err != nil || known > 0 {
		return ErrMailKnown, err
	}
	return nil, nil
}

// make makes the account with its profile.
func (t *Pending) make(ctx context.Context, tx *sql.Tx, s SignUp) error {
	if err := t.db.Subscribers.insert(ctx, tx, s.AOR, s.Hashes); err != nil {
		return err
	}
	p := s.profile()
	p.trim()
	if err := p.check(""); err != nil {
		return err
	}
	return t.db.Profiles.write(ctx, tx, p)
}

// DeleteExpired removes what nobody confirmed or approved in time and returns
// how many rows.
func (t *Pending) DeleteExpired(ctx context.Context) (int, error) {
	n, err := t.db.exec(ctx, "DELETE FROM pending WHERE expires <= ?", stamp(t.db.present()))
	return int(n), wrap(err, "delete expired sign-ups")
}
