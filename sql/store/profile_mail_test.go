package store_test

import (
	"errors"
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestProfileMail: the profile takes what mail can be sent to (aor.Mail), and nothing
// else; an address of before that is none stays, for the rest to be saved.
func TestProfileMail(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		var field *store.FieldError
		for _, bad := range []string{
			"a@b", "žofie@example.org", "alice@exämple.org", "alice@[127.0.0.1]", "a b@example.org", "a@example.org\r\nBcc: x@y.z", "a%b@example.org", "a..b@example.org", "a@b@c.org",
		} {
			if err := db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: bad}); !errors.As(err, &field) || field.Field != "email" {
				t.Errorf("%q is kept: %v", bad, err)
			}
			if _, err := aor.Mail(bad); err == nil {
				t.Errorf("%q is an address elsewhere", bad)
			}
		}
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "alice@example.net"}))
		db.exec(t, "UPDATE profile SET email = 'alice@intranet', missed_mail = 'alice@intranet' WHERE username = 'alice'") // serweb did
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "alice@intranet", MissedMail: "alice@intranet", FirstName: "Alice"}))
		if p, err := db.Profiles.Load(ctx, alice); err != nil || p.FirstName != "Alice" || p.Email != "alice@intranet" {
			t.Errorf("profile %+v, %v", p, err)
		}
		if err := db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "other@intranet"}); !errors.As(err, &field) || field.Field != "email" {
			t.Errorf("another bad one: %v", err)
		}
	})
}

// TestDropMail takes a wish for another address back, of this account and no more.
func TestDropMail(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		_, err := db.Pending.DropMail(ctx, alice)
		fails(t, "nothing waits", err, store.ErrNotFound)
		token, err := db.Pending.AddMail(ctx, alice, "wrong@example.net", mailTime)
		ok(t, err)
		others, err := db.Pending.AddMail(ctx, bob, "bob@example.net", mailTime)
		ok(t, err)
		reset, err := db.Pending.AddReset(ctx, alice, mailTime)
		ok(t, err)
		was, err := db.Pending.DropMail(ctx, alice)
		if ok(t, err); was != "wrong@example.net" {
			t.Errorf("it was %q", was)
		}
		_, _, err = db.Pending.ConfirmMail(ctx, token)
		fails(t, "the link", err, store.ErrNotFound)
		_, err = db.Pending.MailOf(ctx, alice)
		fails(t, "what waits", err, store.ErrNotFound)
		_, err = db.Pending.FindMail(ctx, others)
		ok(t, err)
		_, err = db.Pending.FindReset(ctx, reset) // goes to the address that stays
		ok(t, err)
	})
}
