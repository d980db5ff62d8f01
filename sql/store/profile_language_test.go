package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

func TestSetLanguage(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, carol)
		ok(t, db.Profiles.Save(ctx, fullProfile(alice)))
		db.clock.advance(time.Minute)
		ok(t, db.Profiles.SetLanguage(ctx, alice, " de "))
		want := fullProfile(alice)
		want.Language, want.Modified = "de", start.Add(time.Minute)
		got, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("more than the language changed (-want +got):\n%s", diff)
		}

		ok(t, db.Profiles.SetLanguage(ctx, carol, "de")) // has no row of her own yet
		got, err = db.Profiles.Load(ctx, carol)
		ok(t, err)
		if diff := cmp.Diff(store.Profile{AOR: carol, Language: "de", Presence: store.PresenceSignedIn, Created: want.Modified, Modified: want.Modified}, got); diff != "" {
			t.Errorf("a first row (-want +got):\n%s", diff)
		}
		ok(t, db.Profiles.SetLanguage(ctx, carol, ""))

		for _, wrong := range []string{"de_DE", "german!", strings.Repeat("de-", 6), "-", "de\x00", "\xff", "x"} {
			failsOn(t, wrong, db.Profiles.SetLanguage(ctx, alice, wrong), "language")
		}
		fails(t, "nobody", db.Profiles.SetLanguage(ctx, bob, "de"), store.ErrNotFound)
		got, err = db.Profiles.Load(ctx, alice)
		ok(t, err)
		if got.Language != "de" {
			t.Errorf("after what was refused: %q", got.Language)
		}
	})
}
