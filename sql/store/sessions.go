package store

import (
	"context"
	"errors"
	"time"

	"seraph/sql/aor"
)

// Sessions is the table session: who is signed in to the portal. It keeps
// SHA-256 hashes of the tokens, so that a copy of the database opens nothing.
type Sessions struct{ db *DB }

// SessionKind tells the portals apart.
type SessionKind string

// The kinds of sessions.
const (
	SessionUser  SessionKind = "user"
	SessionAdmin SessionKind = "admin"
)

// Session is one sign-in.
type Session struct {
	ID   int64
	AOR  aor.AOR
	Kind SessionKind
	// Created, LastSeen and Expires (the absolute end) are UTC.
	Created, LastSeen, Expires time.Time
	// Idle is how long after LastSeen the session ends by itself, in whole seconds.
	Idle      time.Duration
	UserAgent string // cut to 255 characters
	IP        string // cut to 64 characters
}

// Create stores a new session and returns it with its ID and its token: 43
// characters of base64url over 32 random bytes, which are nowhere else. AOR,
// Kind, Expires and Idle must be set; Created and LastSeen become now.
func (t *Sessions) Create(ctx context.Context, s Session) (token string, created Session, err error) {
	return "", Session{}, errors.ErrUnsupported
}

// Find returns the live session of a token. An unknown, ended or idle one, and
// one of another kind, is ErrNotFound; so is that of an account that has been
// disabled or deleted.
func (t *Sessions) Find(ctx context.Context, token string, kind SessionKind) (Session, error) {
	return Session{}, errors.ErrUnsupported
}

// Touch marks the session as used now.
func (t *Sessions) Touch(ctx context.Context, s Session) error { return errors.ErrUnsupported }

// Rotate replaces the session's token; the old one is void at once.
func (t *Sessions) Rotate(ctx context.Context, s Session) (token string, err error) {
	return "", errors.ErrUnsupported
}

// List returns the owner's live sessions, the last used first.
func (t *Sessions) List(ctx context.Context, owner aor.AOR) ([]Session, error) {
	return nil, errors.ErrUnsupported
}

// Revoke ends one session of the owner's.
func (t *Sessions) Revoke(ctx context.Context, owner aor.AOR, id int64) error {
	return errors.ErrUnsupported
}

// RevokeAll ends all sessions of the owner's but the one with the ID except
// (0: none) and returns how many.
func (t *Sessions) RevokeAll(ctx context.Context, owner aor.AOR, except int64) (int, error) {
	return 0, errors.ErrUnsupported
}

// DeleteExpired removes the rows of sessions that have ended and returns how many.
func (t *Sessions) DeleteExpired(ctx context.Context) (int, error) {
	return 0, errors.ErrUnsupported
}
