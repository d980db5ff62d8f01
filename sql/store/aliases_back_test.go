package store_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// mailTime is how long a link of a test is good.
const mailTime = time.Hour

// TestAliasGivenBack: an alias that was given back is kept for its last owner, for as long
// as the name of a deleted account is; an operator gives it to anybody.
func TestAliasGivenBack(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		boss := aor.AOR{User: "boss", Domain: "example.org"}
		ok(t, db.Aliases.AddWithin(ctx, boss, alice, 1))
		ok(t, db.Aliases.Remove(ctx, boss, alice))
		fails(t, "a stranger's at once", db.Aliases.AddWithin(ctx, boss, bob, 9), store.ErrExists)
		taken, err := db.Pending.Taken(ctx, boss)
		if ok(t, err); !taken {
			t.Error("a sign-up can have it at once")
		}
		ok(t, db.Aliases.AddWithin(ctx, boss, alice, 1)) // his own
		ok(t, db.Aliases.Remove(ctx, boss, alice))
		db.clock.advance(store.DefaultKeepFreed - time.Second)
		fails(t, "the last second", db.Aliases.AddWithin(ctx, boss, bob, 9), store.ErrExists)
		db.clock.advance(time.Second)
		ok(t, db.Aliases.AddWithin(ctx, boss, bob, 9))

		ok(t, db.Aliases.Remove(ctx, boss, bob))
		ok(t, db.Aliases.Add(ctx, boss, alice)) // an operator; now it is alice's
		ok(t, db.Aliases.Remove(ctx, boss, alice))
		fails(t, "the one before", db.Aliases.AddWithin(ctx, boss, bob, 9), store.ErrExists)
		ok(t, db.Subscribers.Delete(ctx, alice)) // with her goes her claim
		db.add(t, alice)
		fails(t, "the next of her name", db.Aliases.AddWithin(ctx, boss, alice, 9), store.ErrExists)
	})
}

// TestAliasesGivenBackAreFew: nobody keeps all names from the others by taking and
// giving back one after the other.
func TestAliasesGivenBackAreFew(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		name := func(i int) aor.AOR { return aor.AOR{User: fmt.Sprintf("name%02d", i), Domain: "example.org"} }
		const many = 15
		for i := range many {
			ok(t, db.Aliases.AddWithin(ctx, name(i), alice, 1))
			ok(t, db.Aliases.Remove(ctx, name(i), alice))
		}
		kept := 0
		for i := range many {
			if err := db.Aliases.AddWithin(ctx, name(i), bob, many); err != nil {
				fails(t, "kept", err, store.ErrExists)
				kept++
			}
		}
		if kept != 10 {
			t.Errorf("%d names are kept, want 10", kept)
		}
	})
}
