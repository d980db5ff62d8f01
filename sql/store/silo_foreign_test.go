package store_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/sql/store"
)

// foreign counts the messages that the table has for a stranger's.
func (b base) foreign(t *testing.T) int {
	t.Helper()
	return b.count(t, "SELECT COUNT(*) FROM silo_foreign")
}

// TestSiloForeign: strangers fill their part and no more, while people who are known
// still find room; what goes makes room again, whichever way it goes.
func TestSiloForeign(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		const most, strangers = 5, 2
		add := func(i int) error {
			_, err := db.Silo.AddForeign(t.Context(), newMessage(alice, i), most, strangers)
			return err
		}
		full := 0
		for _, err := range atOnce(6, add) {
			if err != nil {
				fails(t, "a stranger too many", err, store.ErrFull)
				full++
			}
		}
		if full != 4 {
			t.Errorf("%d of 6 strangers were told that it is full, want 4", full)
		}
		for i := range most - strangers {
			_, err := db.Silo.Add(t.Context(), newMessage(alice, 10+i), most)
			ok(t, err)
		}
		_, err := db.Silo.Add(t.Context(), newMessage(alice, 20), most)
		fails(t, "one too many of a known sender", err, store.ErrFull)
		if _, err := db.Silo.AddForeign(t.Context(), newMessage(bob, 1), most, strangers); err != nil {
			t.Errorf("bob's own part is full: %v", err)
		}

		list, _, err := db.Silo.List(t.Context(), alice, store.SiloQuery{})
		ok(t, err)
		var ids []int64
		for _, m := range list[:2] { // the strangers' came first
			ids = append(ids, m.ID)
		}
		n, err := db.Silo.Delete(t.Context(), alice, ids...)
		ok(t, err)
		if n != 2 || db.foreign(t) != 1 {
			t.Errorf("%d deleted, the table still has %d strangers' messages, want bob's one", n, db.foreign(t))
		}
		ok(t, add(30))
		ok(t, db.Subscribers.Delete(t.Context(), bob))
		db.clock.advance(2 * time.Hour)
		_, err = db.Silo.DeleteExpired(t.Context(), db.clock.read())
		ok(t, err)
		if n := db.foreign(t); n != 0 {
			t.Errorf("%d notes of strangers' messages are left without a message", n)
		}
	})
}

// TestSiloPendingKnown: strangers' messages are marked as theirs wherever they are read, and
// PendingKnown leaves them out, with whatever else Pending leaves out.
func TestSiloPendingKnown(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		var ids []int64
		for i := range 3 {
			id, err := db.Silo.AddForeign(t.Context(), newMessage(alice, 2*i), 0, 10)
			ok(t, err)
			ids = append(ids, id, put1(t, db, newMessage(alice, 2*i+1)))
		}
		put1(t, db, newMessage(bob, 9))
		ok(t, db.Silo.Attempt(t.Context(), alice, ids[3], 415, true))
		ok(t, db.Silo.Attempt(t.Context(), alice, ids[1], 408, false))
		for _, tc := range []struct {
			limit, attempts int
			all, known      string
		}{{10, 0, "0 1 2 4 5", "1 5"}, {10, 1, "0 2 4 5 1", "5 1"}, {1, 1, "0", "5"}} {
			all, err := db.Silo.Pending(t.Context(), alice, tc.limit, tc.attempts)
			ok(t, err)
			known, err := db.Silo.PendingKnown(t.Context(), alice, tc.limit, tc.attempts)
			ok(t, err)
			if bodies(all) != tc.all || bodies(known) != tc.known {
				t.Errorf("%+v: pending are %q, known senders' %q", tc, bodies(all), bodies(known))
			}
			for _, m := range append(all, known...) {
				if n := m.Body[len(m.Body)-1] - '0'; m.Foreign != (n%2 == 0) {
					t.Errorf("foreign: %v of %q", m.Foreign, m.Body)
				}
			}
		}
		got, err := db.Silo.Find(t.Context(), alice, ids[0])
		ok(t, err)
		list, total, err := db.Silo.List(t.Context(), alice, store.SiloQuery{})
		ok(t, err)
		if !got.Foreign || total != 6 || !list[0].Foreign || list[1].Foreign {
			t.Errorf("found %+v, listed %d", got, total)
		}
		if list, err := db.Silo.PendingKnown(t.Context(), injected, 10, 0); len(list) != 0 || err != nil {
			t.Errorf("of somebody else: %+v, %v", list, err)
		}
	})
}

// TestSiloUntakable: a phone that takes no messages at all uses up one attempt, however often
// it is asked, and its code is what the owner sees; what was refused for good stays so.
func TestSiloUntakable(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		first, second, refused := put1(t, db, newMessage(alice, 1)), put1(t, db, newMessage(alice, 2)), put1(t, db, newMessage(alice, 3))
		ok(t, db.Silo.Attempt(t.Context(), alice, second, 408, false))
		ok(t, db.Silo.Attempt(t.Context(), alice, second, 408, false))
		ok(t, db.Silo.Attempt(t.Context(), alice, refused, 415, true))
		for range 3 {
			for _, id := range []int64{first, second, refused} {
				ok(t, db.Silo.Untakable(t.Context(), alice, id, 405))
			}
		}
		list, _, err := db.Silo.List(t.Context(), alice, store.SiloQuery{})
		ok(t, err)
		for i, want := range []int{1, 2, 1} {
			if m := list[i]; m.Attempts != want || m.LastCode != 405 || m.Refused != (i == 2) {
				t.Errorf("message %d is %+v, want %d attempts", i+1, m, want)
			}
		}
		fails(t, "another owner's", db.Silo.Untakable(t.Context(), bob, first, 405), store.ErrNotFound)
		_, err = db.Silo.Delete(t.Context(), alice, first)
		ok(t, err)
		fails(t, "that has gone", db.Silo.Untakable(t.Context(), alice, first, 405), store.ErrNotFound)
		ok(t, db.Silo.Untakable(t.Context(), alice, second, 1<<30))
		if m, err := db.Silo.Find(t.Context(), alice, second); err != nil || m.LastCode != 0 {
			t.Errorf("with no status it is %+v, %v", m, err)
		}
	})
}

// TestSiloForeignExpired: a stranger's message whose time is over takes no room.
func TestSiloForeignExpired(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for i := range 3 {
			m := newMessage(alice, 0)
			m.Received = db.clock.read()
			m.Expires, m.CallID = m.Received.Add(time.Hour), fmt.Sprint(i)
			_, err := db.Silo.AddForeign(t.Context(), m, 10, 1)
			ok(t, err)
			db.clock.advance(time.Hour)
		}
	})
}

// TestSiloForeignReusedID: a message does not inherit being a stranger's from one that
// another program deleted and whose id it got.
func TestSiloForeignReusedID(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		next := put1(t, db, newMessage(alice, 1)) + 1
		db.exec(t, fmt.Sprintf("INSERT INTO silo_foreign (silo_id) VALUES (%d)", next))
		if id := put1(t, db, newMessage(alice, 2)); id != next {
			t.Fatalf("the next id is %d, not %d", id, next)
		}
		if n := db.foreign(t); n != 0 {
			t.Error("a known sender's message counts as a stranger's")
		}
	})
}

// TestSiloDisabled: nothing is stored for an account that the operator has closed,
// and again when it is open.
func TestSiloDisabled(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		ok(t, db.Profiles.SetDisabled(t.Context(), alice, true))
		_, err := db.Silo.Add(t.Context(), newMessage(alice, 1), 0)
		fails(t, "disabled", err, store.ErrNotFound)
		_, err = db.Silo.AddForeign(t.Context(), newMessage(alice, 1), 0, 10)
		fails(t, "disabled, a stranger", err, store.ErrNotFound)
		ok(t, db.Profiles.SetDisabled(t.Context(), alice, false))
		put1(t, db, newMessage(alice, 1))
		counted(t, db, alice, 1, 1)
	})
}

// TestSiloCountPending: what is to be delivered, however much it is.
func TestSiloCountPending(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		first := put1(t, db, newMessage(alice, 1))
		for i := range 3 {
			put1(t, db, newMessage(alice, 2+i))
		}
		put1(t, db, newMessage(bob, 1))
		ok(t, db.Silo.Attempt(t.Context(), alice, first, 415, true))
		n, err := db.Silo.CountPending(t.Context(), alice)
		ok(t, err)
		if n != 3 {
			t.Errorf("%d messages are to be delivered, want 3", n)
		}
		db.clock.advance(2 * time.Hour)
		if n, err := db.Silo.CountPending(t.Context(), alice); n != 0 || err != nil {
			t.Errorf("of expired ones there are %d, %v", n, err)
		}
	})
}
