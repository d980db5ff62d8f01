package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestChangeProfile writes what one page changed over what others did since, and no more.
func TestChangeProfile(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, carol)
		seen := fullProfile(alice)
		ok(t, db.Profiles.Save(ctx, seen))
		token, err := db.Pending.AddMail(ctx, alice, "new@example.org", mailTime)
		ok(t, err)
		_, _, err = db.Pending.ConfirmMail(ctx, token) // meanwhile
		ok(t, err)
		others := seen
		others.Presence, others.Findable, others.AutoAnswer, others.Email, others.MissedMail = store.PresenceNobody, false, false, "new@example.org", "new@example.org"
		ok(t, db.Profiles.Save(ctx, others))
		wish := seen
		wish.FirstName, wish.Phone = " Zoe ", ""
		ok(t, db.Profiles.Change(ctx, seen, wish))
		want := others
		want.FirstName, want.Phone = "Zoe", ""
		got, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Profile{}, "Created", "Modified")); diff != "" {
			t.Errorf("after a change of two fields (-want +got):\n%s", diff)
		}

		wish = got
		wish.Presence, wish.Findable, wish.AutoAnswer, wish.TimeZone, wish.Language, wish.Theme = store.PresenceSignedIn, true, true, "", "de", "light"
		wish.LastName, wish.Email, wish.Unconfirmed, wish.MissedMail = "B", "typed@example.org", true, ""
		ok(t, db.Profiles.Change(ctx, got, wish))
		all, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(wish, all, cmpopts.IgnoreFields(store.Profile{}, "Created", "Modified")); diff != "" {
			t.Errorf("after a change of all others (-want +got):\n%s", diff)
		}
		confirmed := wish
		confirmed.Unconfirmed = false
		ok(t, db.Profiles.Change(ctx, wish, confirmed)) // an administrator says that it is theirs
		if p, err := db.Profiles.Load(ctx, alice); err != nil || p.Mail() != "typed@example.org" {
			t.Errorf("mail goes to %q, %v", p.Mail(), err)
		}
		moved := confirmed
		moved.Email, moved.Unconfirmed = "other@example.org", true
		ok(t, db.Profiles.Change(ctx, confirmed, moved))
		ok(t, db.Profiles.Change(ctx, wish, confirmed)) // what was said of the one before is not of this
		if p, err := db.Profiles.Load(ctx, alice); err != nil || p.Email != "other@example.org" || p.Mail() != "" {
			t.Errorf("address %q, mail goes to %q, %v", p.Email, p.Mail(), err)
		}

		ok(t, db.Profiles.Change(ctx, store.Profile{AOR: carol}, store.Profile{AOR: carol, FirstName: "Carol"})) // has no row yet
		if p, err := db.Profiles.Load(ctx, carol); err != nil || p.FirstName != "Carol" || p.Presence != store.PresenceSignedIn {
			t.Errorf("a first row: %+v, %v", p, err)
		}
		failsOn(t, "a bad address", db.Profiles.Change(ctx, moved, store.Profile{AOR: alice, Email: "none"}), "email")
		fails(t, "nobody", db.Profiles.Change(ctx, store.Profile{AOR: bob}, store.Profile{AOR: bob, FirstName: "B"}), store.ErrNotFound)
	})
}

// TestChangeEntry is the same of an entry of the phone book.
func TestChangeEntry(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		seen := db.entry(t, alice, store.Entry{FirstName: "Ann", LastName: "Bee", Address: "ann", Group: "Work", Note: "n"})
		_, err := db.Phonebook.RenameGroup(ctx, alice, "Work", "Office") // meanwhile
		ok(t, err)
		wish := seen
		wish.Note = " m "
		got, err := db.Phonebook.Change(ctx, alice, seen, wish)
		ok(t, err)
		want := seen
		want.Group, want.Note = "Office", "m"
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Entry{}, "Modified")); diff != "" {
			t.Errorf("after a change of the note (-want +got):\n%s", diff)
		}
		wish = store.Entry{ID: seen.ID, FirstName: "C", Address: "dan@example.net"}
		if got, err = db.Phonebook.Change(ctx, alice, got, wish); err != nil || got.FirstName != "C" || got.LastName != "" || got.Address != "sip:dan@example.net" || got.Group+got.Note != "" {
			t.Errorf("after a change of all: %+v, %v", got, err)
		}
		if list, _, err := db.Phonebook.List(ctx, alice, store.EntryQuery{Search: "dan"}); err != nil || len(list) != 1 {
			t.Errorf("the changed entry is not found: %v, %v", list, err)
		}
		for who, e := range map[aor.AOR]store.Entry{bob: wish, alice: {ID: 4711, Address: "x"}} {
			_, err := db.Phonebook.Change(ctx, who, seen, e)
			fails(t, "another's or none", err, store.ErrNotFound)
		}
		_, err = db.Phonebook.Change(ctx, alice, seen, store.Entry{ID: seen.ID, Address: "x", Note: strings.Repeat("n", 256)})
		failsOn(t, "a long note", err, "note")
		_, err = db.Phonebook.Change(ctx, alice, seen, store.Entry{ID: seen.ID, Address: "a b"})
		failsOn(t, "a bad address", err, "address")
	})
}
