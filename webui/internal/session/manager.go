// Package session knows who sits at the browser: sign-in with its slow-down,
// sessions with their cookies, CSRF tokens, and which proxies are believed.
package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// Limits say when a session ends by itself.
type Limits struct {
	// Idle is for sessions without use, Absolute for all of them.
	Idle, Absolute time.Duration
	// KeepIdle and KeepAbsolute are the same for those who asked to be kept
	// signed in; their cookie outlives the browser.
	KeepIdle, KeepAbsolute time.Duration
}

// DefaultLimits are the limits of a portal that is not told otherwise.
func DefaultLimits() Limits {
	return Limits{Idle: 8 * time.Hour, Absolute: 24 * time.Hour, KeepIdle: 14 * 24 * time.Hour, KeepAbsolute: 60 * 24 * time.Hour}
}

// touchEvery is how often the use of a session is written down.
const touchEvery = time.Minute

// Current is the session that a request came with.
type Current struct {
	store.Session
	token string
	scope scope
}

// CSRF is the token that this session's forms carry.
func (s *Current) CSRF() string { return csrfToken(s.token) }

// AdminLimits are the limits of administrators' sessions; there is no keeping
// signed in. Because use is written down once a minute, a session may end up to
// a minute before the 15 are over.
func AdminLimits() Limits { return Limits{Idle: 15 * time.Minute, Absolute: 12 * time.Hour} }

// Manager starts, finds and ends the sessions of one part of the site.
type Manager struct {
	sessions *store.Sessions
	scope    scope
	limits   Limits
	now      func() time.Time
}

// NewManager makes a Manager of users' sessions with the clock now.
func NewManager(sessions *store.Sessions, limits Limits, now func() time.Time) *Manager {
	return &Manager{sessions: sessions, scope: userScope, limits: limits, now: now}
}

// NewAdminManager makes a Manager of administrators' sessions: they have
// nothing to do with the same person's session as a user.
func NewAdminManager(sessions *store.Sessions, limits Limits, now func() time.Time) *Manager {
	return &Manager{sessions: sessions, scope: adminScope, limits: limits, now: now}
}

// Start signs who in: a new session with a new token, whatever the browser sent
// with the request. A session that it had before ends.
func (m *Manager) Start(ctx context.Context, w http.ResponseWriter, r *http.Request, c Client, who aor.AOR, keep bool) error {
	idle, absolute, lifetime := m.limits.Idle, m.limits.Absolute, time.Duration(0)
	if keep {
		idle, absolute = m.limits.KeepIdle, m.limits.KeepAbsolute
		lifetime = absolute
	}
	token, _, err := m.sessions.Create(ctx, store.Session{
		AOR: who, Kind: m.scope.kind, Expires: m.now().Add(absolute), Idle: idle,
		UserAgent: r.UserAgent(), IP: c.Addr.String(),
	})
	if err != nil {
		return err
	}
	if before, err := m.Find(ctx, r, c); err == nil {
		if err := m.sessions.Revoke(ctx, before.AOR, before.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	m.scope.set(w, c, m.scope.session, token, lifetime)
	site.drop(w, c, cookieVisit)
	return nil
}

// Find returns the session of the request, store.ErrNotFound if it has none
// that is alive.
func (m *Manager) Find(ctx context.Context, r *http.Request, c Client) (*Current, error) {
	token := m.scope.token(r, c, m.scope.session)
	if token == "" {
		return nil, store.ErrNotFound
	}
	found, err := m.sessions.Find(ctx, token, m.scope.kind)
	if err != nil {
		return nil, err
	}
	return &Current{found, token, m.scope}, nil
}

// Alive reports, as store.ErrNotFound, that a session has ended meanwhile. It
// does not count as use.
func (m *Manager) Alive(ctx context.Context, s *Current) error {
	_, err := m.sessions.Find(ctx, s.token, m.scope.kind)
	return err
}

// Proves reports whether a form's token belongs to the session that the request's cookie
// names, be that alive or not, or to the visit: then a page of ours sent the form.
func (m *Manager) Proves(r *http.Request, c Client, csrf string) bool {
	token := m.scope.token(r, c, m.scope.session)
	return token != "" && CheckToken(csrfToken(token), csrf) == nil || CheckToken(VisitToken(r, c), csrf) == nil
}

// TouchDue reports whether Touch would write something.
func (m *Manager) TouchDue(s *Current) bool { return m.now().Sub(s.LastSeen) >= touchEvery }

// Touch notes that the session is in use, at most once a minute.
func (m *Manager) Touch(ctx context.Context, s *Current) error {
	if !m.TouchDue(s) {
		return nil
	}
	return m.sessions.Touch(ctx, s.Session)
}

// End signs out.
func (m *Manager) End(ctx context.Context, w http.ResponseWriter, c Client, s *Current) error {
	err := m.sessions.Revoke(ctx, s.AOR, s.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	m.scope.drop(w, c, m.scope.session)
	m.scope.drop(w, c, m.scope.flash)
	return nil
}

// contextKey is where a request carries its Visitor.
type contextKey struct{}

// Visitor is what is known of the sender of a request.
type Visitor struct {
	Client Client
	// Session is nil if nobody is signed in.
	Session *Current
	// Profile is that of the user who is signed in.
	Profile store.Profile
	// Privileges are an administrator's; none on the pages of users.
	Privileges []store.Privilege
}

// With returns r with its visitor.
func With(r *http.Request, v Visitor) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, v))
}

// Of returns the visitor of a request, an empty one if there is none.
func Of(r *http.Request) Visitor {
	v, _ := r.Context().Value(contextKey{}).(Visitor)
	return v
}
