package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
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

// sessionColumns and scanSession belong together.
const sessionColumns = "e.id, e.username, e.domain, e.kind, e.created, e.last_seen, e.expires, e.idle_seconds, e.user_agent, e.ip"

func scanSession(s scanner) (v Session, err error) {
	var idle int64
	err = s.Scan(&v.ID, &v.AOR.User, &v.AOR.Domain, &v.Kind, moment{&v.Created}, moment{&v.LastSeen}, moment{&v.Expires},
		&idle, &v.UserAgent, &v.IP)
	v.Idle = time.Duration(idle) * time.Second
	return v, err
}

// tokenBytes of randomness make a token.
const tokenBytes = 32

// newToken returns a token and its hash.
func newToken() (token, hash string) {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, tokenHash(token)
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Create stores a new session and returns it with its ID and its token: 43
// characters of base64url over 32 random bytes, which are nowhere else. AOR,
// Kind, Expires and Idle must be set; Created and LastSeen become now.
func (t *Sessions) Create(ctx context.Context, s Session) (token string, created Session, err error) {
	s.Created, s.LastSeen = t.db.present(), t.db.present()
	s.Expires, s.Idle = s.Expires.UTC().Truncate(time.Second), s.Idle.Truncate(time.Second)
	s.UserAgent, s.IP = cut(s.UserAgent, 255), cut(s.IP, 64)
	if err := s.check(); err != nil {
		return "", Session{}, err
	}
	token, hash := newToken()
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "INSERT INTO session (token_hash, username, domain, kind, created, last_seen,"+
			" idle_seconds, idle_until, expires, user_agent, ip) VALUES ("+placeholders(11)+")",
			hash, s.AOR.User, s.AOR.Domain, string(s.Kind), stamp(s.Created), stamp(s.LastSeen),
			int64(s.Idle/time.Second), stamp(s.LastSeen.Add(s.Idle)), stamp(s.Expires), s.UserAgent, s.IP)
		if err != nil {
			return err
		}
		s.ID, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return "", Session{}, wrap(err, "session of "+s.AOR.String())
	}
	return token, s, nil
}

func (s *Session) check() error {
	if err := checkAOR("aor", s.AOR); err != nil {
		return err
	}
	switch {
	case s.Kind != SessionUser && s.Kind != SessionAdmin:
		return &FieldError{"kind", "is neither user nor admin"}
	case s.Idle <= 0 || s.Idle > maxIdle:
		return &FieldError{"idle", "is not from a second to a year"}
	case !s.Expires.After(s.Created) || !storable(s.Expires):
		return &FieldError{"expires", "is not a time to come"}
	}
	return nil
}

const maxIdle = 366 * 24 * time.Hour

// live is the condition that a session has not ended; it takes now twice.
const live = " AND e.idle_until > ? AND e.expires > ?"

// Find returns the live session of a token. An unknown, ended or idle one, and
// one of another kind, is ErrNotFound; so is that of an account that has been
// disabled or deleted.
func (t *Sessions) Find(ctx context.Context, token string, kind SessionKind) (Session, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return Session{}, wrap(ErrNotFound, "session")
	}
	now := stamp(t.db.present())
	s, err := one(ctx, t.db.read, scanSession, "SELECT "+sessionColumns+" FROM session e"+
		" JOIN subscriber s ON s.username = e.username AND s.domain = e.domain"+
		" LEFT JOIN profile p ON p.username = e.username AND p.domain = e.domain"+
		" WHERE e.token_hash = ? AND e.kind = ?"+live+" AND COALESCE(p.disabled, 0) = 0",
		tokenHash(token), string(kind), now, now)
	return s, wrap(err, "session")
}

// liveOwn is the condition of a statement that changes one live session.
const liveOwn = " WHERE id = ? AND username = ? AND domain = ? AND idle_until > ? AND expires > ?"

// Touch marks the session as used now, ErrNotFound if it has ended meanwhile.
func (t *Sessions) Touch(ctx context.Context, s Session) error {
	now := t.db.present()
	err := must(t.db.exec(ctx, "UPDATE session SET last_seen = ?, idle_until = ?"+liveOwn,
		stamp(now), stamp(now.Add(s.Idle)), s.ID, s.AOR.User, s.AOR.Domain, stamp(now), stamp(now)))
	return wrap(err, "session")
}

// List returns the owner's live sessions, the last used first.
func (t *Sessions) List(ctx context.Context, owner aor.AOR) ([]Session, error) {
	now := stamp(t.db.present())
	list, err := all(ctx, t.db.read, scanSession, "SELECT "+sessionColumns+" FROM session e"+
		" WHERE e.username = ? AND e.domain = ?"+live+" ORDER BY e.last_seen DESC, e.id DESC", owner.User, owner.Domain, now, now)
	return list, wrap(err, "sessions of "+owner.String())
}

// Revoke ends one session of the owner's.
func (t *Sessions) Revoke(ctx context.Context, owner aor.AOR, id int64) error {
	err := must(t.db.exec(ctx, "DELETE FROM session WHERE id = ? AND username = ? AND domain = ?", id, owner.User, owner.Domain))
	return wrap(err, "session of "+owner.String())
}

// RevokeAll ends all sessions of the owner's but the one with the ID except
// (0: none) and returns how many.
func (t *Sessions) RevokeAll(ctx context.Context, owner aor.AOR, except int64) (int, error) {
	n, err := t.db.exec(ctx, "DELETE FROM session WHERE username = ? AND domain = ? AND id <> ?", owner.User, owner.Domain, except)
	return int(n), wrap(err, "sessions of "+owner.String())
}

// DeleteExpired removes the rows of sessions that have ended and returns how many.
func (t *Sessions) DeleteExpired(ctx context.Context) (int, error) {
	now := stamp(t.db.present())
	total := 0
	for _, column := range []string{"expires", "idle_until"} { // one index each
		n, err := t.db.exec(ctx, "DELETE FROM session WHERE "+column+" <= ?", now)
		if total += int(n); err != nil {
			return total, wrap(err, "delete ended sessions")
		}
	}
	return total, nil
}
