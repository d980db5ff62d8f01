package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestBelongingsAndTotals(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		far := aor.AOR{User: "far", Domain: "example.net"}
		db.add(t, alice, bob, injected, far)
		ok(t, db.Profiles.SetDisabled(ctx, bob, true))
		for _, user := range []string{"sales", "help"} {
			ok(t, db.Aliases.Add(ctx, aor.AOR{User: user, Domain: "example.org"}, alice))
		}
		ok(t, db.Groups.Grant(ctx, alice, "int"))
		ok(t, db.Admins.Grant(ctx, alice, store.PrivilegeDomain))
		_, err := db.Phonebook.Add(ctx, alice, store.Entry{Address: "bob"})
		ok(t, err)
		_, _, err = db.Sessions.Create(ctx, store.Session{AOR: alice, Kind: store.SessionAdmin, Expires: start.Add(time.Hour), Idle: time.Hour})
		ok(t, err)
		for _, m := range []store.SiloMessage{{Owner: alice, Expires: start.Add(time.Hour)}, {Owner: alice, Expires: start.Add(time.Minute)}, {Owner: far, Expires: start.Add(time.Hour)}} {
			m.From, m.To, m.ContentType, m.Body, m.Received = "sip:bob@example.org", m.Owner.URI(), "text/plain", []byte("x"), start
			_, err := db.Silo.Add(ctx, m, 0)
			ok(t, err)
		}
		db.clock.advance(2 * time.Minute)

		got, err := db.Subscribers.Belongings(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(store.Belongings{Entries: 1, Messages: 2, Aliases: 2, Groups: 1, Privileges: 1, Sessions: 1}, got); diff != "" {
			t.Errorf("of alice (-want +got):\n%s", diff)
		}
		if got, err := db.Subscribers.Belongings(ctx, injected); err != nil || got != (store.Belongings{}) {
			t.Errorf("of who has nothing: %+v, %v", got, err)
		}
		_, err = db.Subscribers.Belongings(ctx, carol)
		fails(t, "of nobody", err, store.ErrNotFound)

		for domain, want := range map[string]store.Totals{
			"":                {Subscribers: 4, Disabled: 1, Messages: 2},
			"example.org":     {Subscribers: 3, Disabled: 1, Messages: 1},
			"example.net":     {Subscribers: 1, Messages: 1},
			"' OR '1'='1":     {},
			"example.invalid": {},
		} {
			if got, err := db.Subscribers.Totals(ctx, domain); err != nil || got != want {
				t.Errorf("totals of %q: %+v, %v; want %+v", domain, got, err, want)
			}
		}
	})
}

// TestSubscriberSearchByAddress: aliases count, and the "@" stands between two
// parts of an address.
func TestSubscriberSearchByAddress(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		far := aor.AOR{User: "far", Domain: "example.net"}
		db.add(t, alice, bob, injected, far)
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "s_les!", Domain: "example.net"}, bob))
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "100%", Domain: "example.org"}, bob))
		for search, want := range map[string][]aor.AOR{
			"S_LES":           {bob},
			"s!_les":          nil,
			"s_les!@":         {bob},
			"s_les!@EXAMPLE.": {bob},
			"les!@example.or": nil, // of two aliases, each a half
			"100%":            {bob},
			"%":               {bob, injected},
			"0%@example.org":  {bob},
			"alice@example.o": {alice},
			"ice@example":     {alice},
			"ali@example.org": nil,
			"@example.net":    {bob, far},
			"@":               {alice, bob, far, injected},
			"a@b@c":           nil,
			`user--\@example`: {injected},
			"' OR 1=1 --@":    nil,
		} {
			list, total, err := db.Subscribers.List(ctx, store.SubscriberQuery{Search: search})
			ok(t, err)
			var got []aor.AOR
			for _, s := range list {
				got = append(got, s.AOR)
			}
			if diff := cmp.Diff(want, got); diff != "" || total != len(want) {
				t.Errorf("search for %q finds %d (-want +got):\n%s", search, total, diff)
			}
		}
	})
}
