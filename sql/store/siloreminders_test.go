package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestSiloReminders: a message with a send time is in the list and the quota from the
// start, and to be delivered and to be read from its time on.
func TestSiloReminders(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		due := func(after, now time.Time) ([]aor.AOR, time.Time) {
			t.Helper()
			owners, next, err := db.Silo.Due(t.Context(), after, now)
			ok(t, err)
			return owners, next
		}
		if owners, next := due(time.Time{}, start); len(owners) != 0 || !next.IsZero() {
			t.Errorf("with nothing stored: %v, %v", owners, next)
		}
		at := start.Add(10 * time.Minute)
		m := newMessage(alice, 1)
		m.SendAt = at
		id := put1(t, db, m)
		put1(t, db, newMessage(alice, 2))
		late := newMessage(bob, 3)
		late.SendAt = at.Add(time.Minute)
		put1(t, db, late)
		put1(t, db, func() store.SiloMessage { m := m; m.Body = []byte("again"); return m }())

		pending := func(want string, count, unread int) {
			t.Helper()
			list, err := db.Silo.Pending(t.Context(), alice, 10, 0)
			ok(t, err)
			n, err := db.Silo.CountPending(t.Context(), alice)
			ok(t, err)
			if got := bodies(list); got != want || n != count {
				t.Errorf("pending are %q, %d, want %q and %d", got, n, want, count)
			}
			counted(t, db, alice, 3, unread)
			_, total, err := db.Silo.List(t.Context(), alice, store.SiloQuery{Unread: true})
			ok(t, err)
			if total != unread {
				t.Errorf("%d are listed as unread, want %d", total, unread)
			}
		}
		pending("2", 1, 1)
		got, err := db.Silo.Find(t.Context(), alice, id)
		ok(t, err)
		if !got.SendAt.Equal(at) {
			t.Errorf("the send time is %v, want %v", got.SendAt, at)
		}
		_, err = db.Silo.Add(t.Context(), newMessage(alice, 4), 3)
		fails(t, "one more than the quota", err, store.ErrFull)

		if owners, next := due(time.Time{}, start); len(owners) != 0 || !next.Equal(at) {
			t.Errorf("before the time: %v, %v", owners, next)
		}
		db.clock.advance(10 * time.Minute)
		pending("1 again 2", 3, 3)
		owners, next := due(start, at)
		if diff := cmp.Diff([]aor.AOR{alice}, owners); diff != "" || !next.Equal(late.SendAt) {
			t.Errorf("at the time, next %v (-want +got):\n%s", next, diff)
		}
		owners, next = due(at, late.SendAt)
		if diff := cmp.Diff([]aor.AOR{bob}, owners); diff != "" || !next.IsZero() {
			t.Errorf("later, next %v (-want +got):\n%s", next, diff)
		}
		if owners, _ := due(time.Time{}, start.Add(24*time.Hour)); len(owners) != 0 {
			t.Errorf("expired ones are due for %v", owners)
		}
	})
}
