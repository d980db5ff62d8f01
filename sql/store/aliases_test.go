package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestAliases(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		for _, alias := range []aor.AOR{unicodeUser, injected, {User: "555", Domain: "example.org"}} {
			ok(t, db.Aliases.Add(ctx, alias, alice))
			if got, err := db.Aliases.Resolve(ctx, alias); err != nil || got != alice {
				t.Errorf("Resolve(%s) = %v, %v", alias, got, err)
			}
		}
		list, err := db.Aliases.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]aor.AOR{{User: "555", Domain: "example.org"}, injected, unicodeUser}, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		fails(t, "Add an alias again", db.Aliases.Add(ctx, injected, bob), store.ErrExists)
		fails(t, "Add a subscriber", db.Aliases.Add(ctx, bob, alice), store.ErrExists)
		fails(t, "Add oneself", db.Aliases.Add(ctx, alice, alice), store.ErrExists)
		fails(t, "Add for nobody", db.Aliases.Add(ctx, aor.AOR{User: "x", Domain: "d"}, carol), store.ErrNotFound)
		failsOn(t, "Add no address", db.Aliases.Add(ctx, aor.AOR{User: "X", Domain: "d"}, alice), "alias")
		fails(t, "Remove another's", db.Aliases.Remove(ctx, injected, bob), store.ErrNotFound)
		ok(t, db.Aliases.Remove(ctx, injected, alice))
		fails(t, "Remove twice", db.Aliases.Remove(ctx, injected, alice), store.ErrNotFound)
		_, err = db.Aliases.Resolve(ctx, injected)
		fails(t, "Resolve a removed one", err, store.ErrNotFound)
		if list, err := db.Aliases.List(ctx, carol); err != nil || len(list) != 0 {
			t.Errorf("List of nobody = %v, %v", list, err)
		}
	})
}

func TestAliasesAll(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		if all, err := db.Aliases.All(t.Context()); err != nil || len(all) != 0 || all == nil {
			t.Errorf("All of an empty table = %v, %v", all, err)
		}
		for _, row := range [][4]string{ // what kamctl alias_db add writes
			{"Ali", "Example.org", "alice", "example.org"},
			{"ali", "example.org", "bob", "example.org"},
			{"ALI", "example.org", "carol", "example.org"},
			{"555", "example.org", "Alice", "example.org"},
			{"no address", "example.org", "alice", "example.org"},
			{"lost", "example.org", "", ""},
			{`o'brien";drop%table_user--\`, "example.org", "alice", "example.org"},
		} {
			db.exec(t, "INSERT INTO dbaliases (alias_username, alias_domain, username, domain) VALUES (?, ?, ?, ?)", row[0], row[1], row[2], row[3])
		}
		all, err := db.Aliases.All(t.Context())
		ok(t, err)
		want := map[aor.AOR]aor.AOR{
			{User: "ali", Domain: "example.org"}: bob, {User: "555", Domain: "example.org"}: alice, injected: alice,
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		if got, err := db.Aliases.Resolve(t.Context(), aor.AOR{User: "555", Domain: "example.org"}); got != alice || err != nil {
			t.Errorf("Resolve = %v, %v", got, err)
		}
		_, err = db.Aliases.Resolve(t.Context(), aor.AOR{User: "lost", Domain: "example.org"})
		fails(t, "Resolve an alias of nothing", err, store.ErrNotFound)
	})
}

// TestAliasesWithinLimit: additions at once count each other.
func TestAliasesWithinLimit(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		const tries, most = 8, 3
		results := make(chan error, tries)
		for i := range tries {
			go func() {
				results <- db.Aliases.AddWithin(ctx, aor.AOR{User: fmt.Sprintf("other%d", i), Domain: "example.org"}, alice, most)
			}()
		}
		full := 0
		for range tries {
			if err := <-results; errors.Is(err, store.ErrFull) {
				full++
			} else {
				ok(t, err)
			}
		}
		list, err := db.Aliases.List(ctx, alice)
		ok(t, err)
		if len(list) != most || full != tries-most {
			t.Errorf("%d aliases and %d refusals, want %d and %d", len(list), full, most, tries-most)
		}
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "operator-gives", Domain: "example.org"}, alice))
	})
}
