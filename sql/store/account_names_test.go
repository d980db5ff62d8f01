package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestFreedNames: the name of a deleted account, and its aliases, are no newcomer's
// for a while; an operator gives them to anybody.
func TestFreedNames(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		boss := aor.AOR{User: "boss", Domain: "example.org"}
		ok(t, db.Aliases.Add(ctx, boss, alice))
		early := db.asked(t, boss, "boss@example.net")
		ok(t, db.Subscribers.Delete(ctx, alice))
		for _, name := range []aor.AOR{alice, boss} {
			taken, err := db.Pending.Taken(ctx, name)
			if ok(t, err); !taken {
				t.Errorf("%s can be had at once", name)
			}
			fails(t, "as an alias", db.Aliases.AddWithin(ctx, name, bob, 9), store.ErrExists)
		}
		_, err := db.Pending.Confirm(ctx, early, 0) // asked for before
		fails(t, "a sign-up of before", err, store.ErrExists)
		ok(t, db.Aliases.Add(ctx, boss, bob))
		ok(t, db.Subscribers.Create(ctx, alice, "pw"))
		ok(t, db.Subscribers.Delete(ctx, alice))
		db.clock.advance(store.DefaultKeepFreed - time.Second)
		fails(t, "the last second", db.Aliases.AddWithin(ctx, alice, bob, 9), store.ErrExists)
		db.clock.advance(time.Second)
		taken, err := db.Pending.Taken(ctx, alice)
		if ok(t, err); taken {
			t.Error("kept for ever")
		}
		ok(t, db.Aliases.AddWithin(ctx, alice, bob, 9))
	})
}

// TestFreedNamesNotKept: an operator may have them free at once.
func TestFreedNamesNotKept(t *testing.T) {
	db := open(t, "sqlite://"+filepath.Join(t.TempDir(), "x.db"), store.Options{KeepFreed: -1})
	_, err := db.Migrate(t.Context())
	ok(t, err)
	for _, who := range []aor.AOR{alice, bob} {
		ok(t, db.Subscribers.Create(t.Context(), who, "pw"))
	}
	ok(t, db.Subscribers.Delete(t.Context(), alice))
	ok(t, db.Aliases.AddWithin(t.Context(), alice, bob, 9))
}

// TestSince: as far as a name's giving or freeing is known.
func TestSince(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		since := func(want time.Time) {
			t.Helper()
			got, err := db.Subscribers.Since(ctx, alice)
			if ok(t, err); !got.Equal(want) {
				t.Errorf("since %s, want %s", got, want)
			}
		}
		since(time.Time{}) // kamctl's
		db.add(t, alice)
		since(start)
		db.clock.advance(time.Hour)
		ok(t, db.Subscribers.Delete(ctx, alice))
		since(start.Add(time.Hour + time.Second))
		db.add(t, alice) // in the same second: nothing of that is the new owner's
		since(start.Add(time.Hour + time.Second))
		db.clock.advance(time.Hour)
		ok(t, db.Audit.Append(ctx, store.Record{Action: "subscriber.delete", Object: alice.String()})) // of before there was the table
		since(start.Add(2*time.Hour + time.Second))
	})
}

// TestLateCalls: a call of before, written down when the name has another owner, is
// not on that one's lists; the other side keeps it.
func TestLateCalls(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Subscribers.Delete(ctx, alice))
		db.clock.advance(time.Minute)
		db.add(t, alice)
		lists := func(who aor.AOR) (n int) {
			_, n, err := db.Calls.ListOwn(ctx, who, store.OwnCalls{})
			ok(t, err)
			return n
		}
		late := []store.Call{
			{CallID: "1", CallerURI: bob.URI(), Callee: alice, Started: start, Code: 480},
			{CallID: "2", CallerURI: alice.URI(), Callee: bob, Started: start, Code: 480},
		}
		for range 2 { // recording again changes nothing
			ok(t, db.Calls.Record(ctx, late))
			if lists(alice) != 0 || lists(bob) != 2 {
				t.Errorf("%d calls of the next owner, %d of the other side", lists(alice), lists(bob))
			}
		}
		ok(t, db.Calls.Record(ctx, []store.Call{{CallID: "3", CallerURI: bob.URI(), Callee: alice, Started: start.Add(time.Minute + time.Second), Code: 480}}))
		if lists(alice) != 1 {
			t.Errorf("%d calls of the new owner's own", lists(alice))
		}
	})
}

// TestPersonalOfTheNextOwner: what stays after a deletion is not in the export of
// who gets the name.
func TestPersonalOfTheNextOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		count := func() (n int) {
			for _, part := range []string{"audit-by-you", "audit-of-you"} {
				ok(t, db.Subscribers.Personal(ctx, alice, part, func(map[string]any) error { n++; return nil }))
			}
			return n
		}
		note := func() {
			ok(t, db.Audit.Append(ctx, store.Record{Actor: alice.String(), Action: "x", Object: bob.String()}))
			ok(t, db.Audit.Append(ctx, store.Record{Actor: bob.String(), Action: "x", Object: alice.String()}))
		}
		db.add(t, alice)
		if note(); count() != 2 {
			t.Errorf("%d rows of the first owner", count())
		}
		ok(t, db.Subscribers.Delete(ctx, alice))
		db.clock.advance(time.Minute)
		if db.add(t, alice); count() != 0 {
			t.Errorf("%d rows of another one", count())
		}
		if note(); count() != 2 {
			t.Errorf("%d rows of the second owner", count())
		}
	})
}
