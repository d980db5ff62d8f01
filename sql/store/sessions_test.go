package store_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// newSession is idle after ten minutes and ends after an hour.
func newSession(a aor.AOR) store.Session {
	return store.Session{AOR: a, Kind: store.SessionUser, Expires: start.Add(time.Hour), Idle: 10 * time.Minute, UserAgent: "ua", IP: "::1"}
}

func TestSession(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		given := newSession(alice)
		given.UserAgent, given.IP = strings.Repeat("ž", 300)+"\xff", strings.Repeat("1", 70)
		token, made, err := db.Sessions.Create(ctx, given)
		ok(t, err)
		want := given
		want.ID, want.UserAgent, want.IP = made.ID, strings.Repeat("ž", 255), strings.Repeat("1", 64)
		want.Created, want.LastSeen = start, start
		if diff := cmp.Diff(want, made); diff != "" || made.ID == 0 {
			t.Errorf("Create: id %d (-want +got):\n%s", made.ID, diff)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
			t.Errorf("token %q", token)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM session WHERE token_hash = ?", token); n != 0 {
			t.Error("the token itself is in the database")
		}
		found, err := db.Sessions.Find(ctx, token, store.SessionUser)
		ok(t, err)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("Find (-want +got):\n%s", diff)
		}
		for name, bad := range map[string]string{"empty": "", "other": strings.Repeat("A", 43), "short": token[1:], "long": token + "A", "injected": "' OR 1=1 --"} {
			_, err := db.Sessions.Find(ctx, bad, store.SessionUser)
			fails(t, "Find with token "+name, err, store.ErrNotFound)
		}
		_, err = db.Sessions.Find(ctx, token, store.SessionAdmin)
		fails(t, "Find as another kind", err, store.ErrNotFound)
	})
}

func TestSessionEnds(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		token, _, err := db.Sessions.Create(ctx, newSession(alice))
		ok(t, err)
		for range 6 { // used every nine minutes it lasts until its absolute end
			db.clock.advance(9 * time.Minute)
			s, err := db.Sessions.Find(ctx, token, store.SessionUser)
			ok(t, err)
			ok(t, db.Sessions.Touch(ctx, s))
		}
		db.clock.advance(6*time.Minute - time.Second)
		s, err := db.Sessions.Find(ctx, token, store.SessionUser)
		ok(t, err)
		if want := start.Add(54 * time.Minute); !s.LastSeen.Equal(want) {
			t.Errorf("LastSeen %v, want %v", s.LastSeen, want)
		}
		db.clock.advance(time.Second)
		_, err = db.Sessions.Find(ctx, token, store.SessionUser)
		fails(t, "Find after the end", err, store.ErrNotFound)
		fails(t, "Touch after the end", db.Sessions.Touch(ctx, s), store.ErrNotFound)

		idle := newSession(alice)
		idle.Expires = start.Add(24 * time.Hour)
		token, s, err = db.Sessions.Create(ctx, idle)
		ok(t, err)
		db.clock.advance(10 * time.Minute)
		_, err = db.Sessions.Find(ctx, token, store.SessionUser)
		fails(t, "Find an idle one", err, store.ErrNotFound)
		fails(t, "Touch an idle one", db.Sessions.Touch(ctx, s), store.ErrNotFound)
		if list, err := db.Sessions.List(ctx, alice); err != nil || len(list) != 0 {
			t.Errorf("List = %v, %v; want none live", list, err)
		}
		_, _, err = db.Sessions.Create(ctx, idle)
		ok(t, err)
		if n, err := db.Sessions.DeleteExpired(ctx); n != 2 || err != nil {
			t.Errorf("DeleteExpired = %d, %v; want 2", n, err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM session"); n != 1 {
			t.Errorf("%d sessions left, want the live one", n)
		}
	})
}

func TestSessionOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		var tokens []string
		var all []store.Session
		for i := range 3 {
			db.clock.advance(time.Second)
			s := newSession(alice)
			if i == 2 {
				s.Kind = store.SessionAdmin
			}
			token, made, err := db.Sessions.Create(ctx, s)
			ok(t, err)
			tokens, all = append(tokens, token), append(all, made)
		}
		list, err := db.Sessions.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]store.Session{all[2], all[1], all[0]}, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		stolen := all[0]
		stolen.AOR = bob
		fails(t, "Touch another's", db.Sessions.Touch(ctx, stolen), store.ErrNotFound)
		fails(t, "Revoke another's", db.Sessions.Revoke(ctx, bob, all[0].ID), store.ErrNotFound)
		if n, err := db.Sessions.RevokeAll(ctx, bob, 0); n != 0 || err != nil {
			t.Errorf("RevokeAll of bob = %d, %v", n, err)
		}
		ok(t, db.Sessions.Revoke(ctx, alice, all[0].ID))
		fails(t, "Revoke twice", db.Sessions.Revoke(ctx, alice, all[0].ID), store.ErrNotFound)
		_, err = db.Sessions.Find(ctx, tokens[0], store.SessionUser)
		fails(t, "Find a revoked one", err, store.ErrNotFound)
		if n, err := db.Sessions.RevokeAll(ctx, alice, all[1].ID); n != 1 || err != nil {
			t.Errorf("RevokeAll = %d, %v; want 1", n, err)
		}
		_, err = db.Sessions.Find(ctx, tokens[1], store.SessionUser)
		ok(t, err)
		db.exec(t, "DELETE FROM subscriber WHERE username = 'alice'") // kamctl rm
		_, err = db.Sessions.Find(ctx, tokens[1], store.SessionUser)
		fails(t, "Find after kamctl rm", err, store.ErrNotFound)
	})
}

func TestSessionWrongInput(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for field, spoil := range map[string]func(*store.Session){
			"aor":     func(s *store.Session) { s.AOR = aor.AOR{} },
			"kind":    func(s *store.Session) { s.Kind = "root" },
			"idle":    func(s *store.Session) { s.Idle = 999 * time.Millisecond },
			"expires": func(s *store.Session) { s.Expires = start },
		} {
			s := newSession(alice)
			spoil(&s)
			token, _, err := db.Sessions.Create(t.Context(), s)
			failsOn(t, "Create with bad "+field, err, field)
			if token != "" {
				t.Errorf("%s: a token beside an error", field)
			}
		}
	})
}
