package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestMailChange: from the wish to the confirmed address, which voids what was
// mailed to the one before.
func TestMailChange(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, FirstName: "Alice", Email: "old@example.net", MissedMail: "old@example.net"}))
		reset, err := db.Pending.AddReset(ctx, alice, time.Hour)
		ok(t, err)
		token, err := db.Pending.AddMail(ctx, alice, "new@example.net", time.Hour)
		ok(t, err)
		_, err = db.Pending.FindReset(ctx, reset)
		fails(t, "a link of before", err, store.ErrNotFound)
		if n := db.count(t, "SELECT COUNT(*) FROM pending WHERE token_hash = ? OR payload LIKE ?", token, "%"+token+"%"); n != 0 {
			t.Error("the token is in the database")
		}
		waits, err := db.Pending.MailOf(ctx, alice)
		if ok(t, err); waits.Email != "new@example.net" {
			t.Errorf("waits: %+v", waits)
		}
		_, err = db.Pending.MailOf(ctx, bob)
		fails(t, "of bob", err, store.ErrNotFound)
		p, err := db.Profiles.Load(ctx, alice)
		if ok(t, err); p.Mail() != "old@example.net" {
			t.Errorf("before: %+v", p)
		}
		c, before, err := db.Pending.ConfirmMail(ctx, token)
		if ok(t, err); c.AOR != alice || c.Email != "new@example.net" || before != "old@example.net" {
			t.Errorf("%+v, before %q", c, before)
		}
		p, err = db.Profiles.Load(ctx, alice)
		if ok(t, err); p.Mail() != "new@example.net" || p.MissedMail != "new@example.net" || p.FirstName != "Alice" {
			t.Errorf("after: %+v", p)
		}
		for what, bad := range map[string]string{"used": token, "empty": "", "guessed": strings.Repeat("A", 43), "a reset's": reset} {
			_, err := db.Pending.FindMail(ctx, bad)
			fails(t, what, err, store.ErrNotFound)
			_, _, err = db.Pending.ConfirmMail(ctx, bad)
			fails(t, what, err, store.ErrNotFound)
		}
		var field *store.FieldError
		for _, bad := range []string{"", "x", "a@b@c", strings.Repeat("x", 255) + "@example.net"} {
			if _, err := db.Pending.AddMail(ctx, alice, bad, time.Hour); !errors.As(err, &field) || field.Field != "email" {
				t.Errorf("%q: %v", bad, err)
			}
		}
		_, err = db.Pending.AddMail(ctx, aor.AOR{User: "nobody", Domain: "example.org"}, "x@example.net", time.Hour)
		fails(t, "nobody's", err, store.ErrNotFound)
	})
}

// TestUnconfirmedMail: an address that somebody only typed finds nobody, keeps
// nobody out and gets no mail.
func TestUnconfirmedMail(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, bob)
		typed := store.Profile{AOR: bob, Email: "zoe@example.net", Unconfirmed: true, MissedMail: "zoe@example.net"}
		ok(t, db.Profiles.Save(ctx, typed))
		p, err := db.Profiles.Load(ctx, bob)
		if ok(t, err); !p.Unconfirmed || p.Mail() != "" || p.Email != "zoe@example.net" {
			t.Errorf("%+v", p)
		}
		counts := func(want int) {
			t.Helper()
			known, err := db.Profiles.OfMail(ctx, "ZOE@example.net")
			if ok(t, err); len(known) != want {
				t.Errorf("known: %+v", known)
			}
			wanted, err := db.MissedMails.Wanted(ctx, aor.AOR{}, 9)
			if ok(t, err); len(wanted) != want {
				t.Errorf("wanted: %+v", wanted)
			}
		}
		counts(0)
		token := db.asked(t, alice, "zoe@example.net")
		typed.Unconfirmed = false // an operator says so
		ok(t, db.Profiles.Save(ctx, typed))
		counts(1)
		_, err = db.Pending.Confirm(ctx, token, 0)
		fails(t, "a known address", err, store.ErrMailKnown)
		typed.Unconfirmed = true
		ok(t, db.Profiles.Save(ctx, typed))
		counts(0)
		_, err = db.Pending.Confirm(ctx, db.asked(t, alice, "zoe@example.net"), 0)
		ok(t, err)
		ok(t, db.Subscribers.Delete(ctx, bob))
		if n := db.count(t, "SELECT COUNT(*) FROM unconfirmed_mail"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

// TestMailConfirmedMeanwhile: what is changed in the profile while an address is being
// confirmed stays changed.
func TestMailConfirmedMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for i := range 20 {
			mail, language := fmt.Sprintf("alice%d@example.net", i), []string{"de", "en"}[i%2]
			token, err := db.Pending.AddMail(t.Context(), alice, mail, time.Hour)
			ok(t, err)
			for _, err := range atOnce(2, func(which int) error {
				if which == 0 {
					return db.Profiles.SetLanguage(t.Context(), alice, language)
				}
				_, _, err := db.Pending.ConfirmMail(t.Context(), token)
				return err
			}) {
				ok(t, err)
			}
			p, err := db.Profiles.Load(t.Context(), alice)
			if ok(t, err); p.Language != language || p.Email != mail {
				t.Fatalf("round %d: language %q and mail %q, want %q and %q", i, p.Language, p.Email, language, mail)
			}
		}
	})
}
