package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func fullProfile(a aor.AOR) store.Profile {
	return store.Profile{
		AOR: a, FirstName: "Žofie 😀", LastName: `O'Brien\`, Email: "z@example.org", Phone: "+420 (1) 2-3/4.5",
		TimeZone: "Europe/Prague", Language: "pt-BR", Theme: "dark", Presence: store.PresenceEveryone,
		Findable: true, AutoAnswer: true, MissedMail: "m@example.org", Created: start, Modified: start,
	}
}

func TestProfile(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		got, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(store.Profile{AOR: alice, Presence: store.PresenceSignedIn}, got); diff != "" {
			t.Errorf("the default profile (-want +got):\n%s", diff)
		}
		want := fullProfile(alice)
		given := want
		given.FirstName, given.Disabled, given.Created = "  Žofie 😀 ", true, start.Add(-time.Hour)
		ok(t, db.Profiles.Save(ctx, given))
		got, err = db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Load after Save (-want +got):\n%s", diff)
		}
		db.clock.advance(90 * time.Second)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice}))
		got, err = db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(store.Profile{AOR: alice, Presence: store.PresenceSignedIn, Created: start, Modified: start.Add(90 * time.Second)}, got); diff != "" {
			t.Errorf("Load after the second Save (-want +got):\n%s", diff)
		}
		_, err = db.Profiles.Load(ctx, bob)
		fails(t, "Load nobody", err, store.ErrNotFound)
		fails(t, "Save nobody", db.Profiles.Save(ctx, store.Profile{AOR: bob}), store.ErrNotFound)
	})
}

func TestProfileWrongFields(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		ok(t, db.Profiles.Save(t.Context(), fullProfile(alice)))
		long := strings.Repeat("ž", 65)
		tests := map[string][]func(*store.Profile){
			"first_name":  {func(p *store.Profile) { p.FirstName = long }, func(p *store.Profile) { p.FirstName = "a\nb" }, func(p *store.Profile) { p.FirstName = "\xff" }},
			"last_name":   {func(p *store.Profile) { p.LastName = long }, func(p *store.Profile) { p.LastName = "a\x00" }},
			"email":       {func(p *store.Profile) { p.Email = "nobody" }, func(p *store.Profile) { p.Email = "a@b@c" }, func(p *store.Profile) { p.Email = "a@" }, func(p *store.Profile) { p.Email = "a b@c" }, func(p *store.Profile) { p.Email = "<a@b>" }, func(p *store.Profile) { p.Email = strings.Repeat("a", 250) + "@b.cd" }},
			"phone":       {func(p *store.Profile) { p.Phone = "call me" }, func(p *store.Profile) { p.Phone = strings.Repeat("1", 33) }},
			"time_zone":   {func(p *store.Profile) { p.TimeZone = "Mars/Olympus" }, func(p *store.Profile) { p.TimeZone = "Local" }, func(p *store.Profile) { p.TimeZone = "../../etc/passwd" }},
			"language":    {func(p *store.Profile) { p.Language = "english!" }, func(p *store.Profile) { p.Language = "en-" + strings.Repeat("a", 8) + "-" + strings.Repeat("b", 8) }},
			"theme":       {func(p *store.Profile) { p.Theme = "pink" }},
			"presence":    {func(p *store.Profile) { p.Presence = "friends" }},
			"missed_mail": {func(p *store.Profile) { p.MissedMail = "nobody" }},
		}
		for field, spoil := range tests {
			for i, f := range spoil {
				p := fullProfile(alice)
				f(&p)
				failsOn(t, fmt.Sprintf("%s %d", field, i), db.Profiles.Save(t.Context(), p), field)
			}
		}
		got, err := db.Profiles.Load(t.Context(), alice)
		ok(t, err)
		if diff := cmp.Diff(fullProfile(alice), got); diff != "" {
			t.Errorf("a refused profile was half-written (-want +got):\n%s", diff)
		}
		ok(t, db.Profiles.Save(t.Context(), store.Profile{AOR: alice, FirstName: strings.Repeat("😀", 64), Email: strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 93) + "org"}))
	})
}

func TestProfileName(t *testing.T) {
	for want, p := range map[string]store.Profile{
		"Alice Keller": {FirstName: "Alice", LastName: "Keller"}, "Keller": {LastName: "Keller"}, "Alice": {FirstName: "Alice"}, "alice": {AOR: alice},
	} {
		if got := p.Name(); got != want {
			t.Errorf("Name of %+v = %q, want %q", p, got, want)
		}
	}
}

func TestSetDisabled(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Profiles.Save(ctx, fullProfile(bob)))
		for _, a := range []aor.AOR{alice, bob} { // without and with a row
			token, _, err := db.Sessions.Create(ctx, newSession(a))
			ok(t, err)
			ok(t, db.Profiles.SetDisabled(ctx, a, true))
			c, err := db.Subscribers.Credentials(ctx, a)
			ok(t, err)
			s, err := db.Subscribers.Find(ctx, a)
			ok(t, err)
			p, err := db.Profiles.Load(ctx, a)
			ok(t, err)
			if !c.Disabled || !s.Disabled || !p.Disabled {
				t.Errorf("%s: Disabled is %v in Credentials, %v in Find, %v in Load", a, c.Disabled, s.Disabled, p.Disabled)
			}
			ok(t, db.Profiles.Save(ctx, store.Profile{AOR: a}))
			if p, _ = db.Profiles.Load(ctx, a); !p.Disabled {
				t.Errorf("%s: Save reopened the account", a)
			}
			ok(t, db.Profiles.SetDisabled(ctx, a, false))
			if p, _ = db.Profiles.Load(ctx, a); p.Disabled {
				t.Errorf("%s: still disabled", a)
			}
			_, err = db.Sessions.Find(ctx, token, store.SessionUser)
			fails(t, "a session from before the closing", err, store.ErrNotFound)
		}
		fails(t, "nobody", db.Profiles.SetDisabled(ctx, carol, true), store.ErrNotFound)
	})
}

func TestPresences(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob, injected, unicodeUser)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, Presence: store.PresenceNobody}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: injected, Presence: store.PresenceEveryone}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: unicodeUser}))
		db.exec(t, "UPDATE profile SET presence = 'friends' WHERE username = ?", unicodeUser.User)
		ask := []aor.AOR{alice, bob, carol, injected, unicodeUser, alice, {}}
		for i := range 1000 {
			ask = append(ask, aor.AOR{User: fmt.Sprintf("nobody%d", i), Domain: "example.org"})
		}
		got, err := db.Profiles.Presences(ctx, ask)
		ok(t, err)
		want := map[aor.AOR]store.Presence{alice: store.PresenceSignedIn, bob: store.PresenceNobody,
			injected: store.PresenceEveryone, unicodeUser: store.PresenceNobody}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Presences (-want +got):\n%s", diff)
		}
		if got, err := db.Profiles.Presences(ctx, nil); err != nil || got == nil || len(got) != 0 {
			t.Errorf("Presences of nobody = %v, %v", got, err)
		}
	})
}
