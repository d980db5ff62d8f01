package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// newSignUp is a sign-up with the password "pw".
func newSignUp(a aor.AOR, email string) store.SignUp {
	return store.SignUp{AOR: a, Email: email, First: "Žofie", Last: `<b>"Nováková`, Language: "de", Hashes: store.HashesOf(a, "pw")}
}

// asked is the token of a sign-up that is kept.
func (b base) asked(t *testing.T, a aor.AOR, email string) string {
	t.Helper()
	token, err := b.Pending.Add(t.Context(), newSignUp(a, email), time.Hour, 100)
	ok(t, err)
	return token
}

func TestSignUpIsConfirmed(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		token := db.asked(t, alice, "alice@example.net")
		found, err := db.Pending.Find(ctx, token)
		ok(t, err)
		want := newSignUp(alice, "alice@example.net")
		want.ID, want.Created, want.Expires = found.ID, start, start.Add(time.Hour)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("Find (-want +got):\n%s", diff)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM pending WHERE token_hash = ? OR payload LIKE ?", token, "%"+token+"%"); n != 0 {
			t.Error("the token is in the database")
		}
		_, err = db.Subscribers.Find(ctx, alice)
		fails(t, "before it is confirmed", err, store.ErrNotFound)
		_, err = db.Pending.Confirm(ctx, token, 0)
		ok(t, err)
		c, err := db.Subscribers.Credentials(ctx, alice)
		ok(t, err)
		if h := (store.Hashes{HA1: c.HA1, HA1B: c.HA1B, SHA256: c.SHA256, SHA256B: c.SHA256B}); h != store.HashesOf(alice, "pw") {
			t.Errorf("credentials %+v", c)
		}
		p, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if p.FirstName != "Žofie" || p.Email != "alice@example.net" || p.Language != "de" || p.Presence != store.PresenceSignedIn {
			t.Errorf("profile %+v", p)
		}
		for what, bad := range map[string]string{"used": token, "empty": "", "guessed": strings.Repeat("A", 43), "injected": "' OR 1=1 --"} {
			_, err := db.Pending.Confirm(ctx, bad, 0)
			fails(t, "Confirm with a token "+what, err, store.ErrNotFound)
			_, err = db.Pending.Find(ctx, bad)
			fails(t, "Find with a token "+what, err, store.ErrNotFound)
		}
		late := db.asked(t, bob, "bob@example.net")
		db.clock.advance(time.Hour)
		_, err = db.Pending.Confirm(ctx, late, 0)
		fails(t, "Confirm an hour later", err, store.ErrNotFound)
		if n, err := db.Pending.DeleteExpired(ctx); n != 1 || err != nil {
			t.Errorf("DeleteExpired = %d, %v", n, err)
		}
	})
}

func TestSignUpCollides(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		first, second := db.asked(t, alice, "one@example.net"), db.asked(t, alice, "two@example.net")
		sameMail := db.asked(t, bob, "ONE@example.net")
		aliased := db.asked(t, carol, "three@example.net")
		_, err := db.Pending.Confirm(ctx, first, 0)
		ok(t, err)
		_, err = db.Pending.Confirm(ctx, second, 0) // its row is still there: it is told why
		fails(t, "a name that is taken", err, store.ErrExists)
		_, err = db.Pending.Confirm(ctx, sameMail, 0)
		fails(t, "a mail that is known", err, store.ErrMailKnown)
		ok(t, db.Aliases.Add(ctx, carol, alice))
		_, err = db.Pending.Confirm(ctx, aliased, 0)
		if !errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrMailKnown) {
			t.Errorf("an alias: %v", err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM pending"); n != 0 {
			t.Errorf("%d rows stay", n)
		}
		for _, a := range []aor.AOR{alice, carol} {
			if taken, err := db.Pending.Taken(ctx, a); !taken || err != nil {
				t.Errorf("Taken(%s) = %t, %v", a, taken, err)
			}
		}
		if taken, err := db.Pending.Taken(ctx, injected); taken || err != nil {
			t.Errorf("Taken = %t, %v", taken, err)
		}
	})
}

func TestSignUpBounds(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		for i := range 3 {
			db.asked(t, aor.AOR{User: strings.Repeat("a", i+1), Domain: "example.org"}, "Same@example.net")
		}
		_, err := db.Pending.Add(ctx, newSignUp(alice, "same@example.net"), time.Hour, 100)
		fails(t, "a fourth with one mail", err, store.ErrFull)
		_, err = db.Pending.Add(ctx, newSignUp(alice, "other@example.net"), time.Hour, 3)
		fails(t, "one too many", err, store.ErrFull)
		fails(t, "Room", db.Pending.Room(ctx, 3), store.ErrFull)
		ok(t, db.Pending.Room(ctx, 4))
		db.clock.advance(time.Hour)
		ok(t, db.Pending.Room(ctx, 1))
		for field, bad := range map[string]func(*store.SignUp){
			"user":       func(s *store.SignUp) { s.AOR.User = "Alice" },
			"email":      func(s *store.SignUp) { s.Email = "x" },
			"first_name": func(s *store.SignUp) { s.First = "a\r\nb" },
			"last_name":  func(s *store.SignUp) { s.Last = strings.Repeat("x", 65) },
			"password":   func(s *store.SignUp) { s.Hashes.HA1 = "pw" },
		} {
			s := newSignUp(alice, "other@example.net")
			bad(&s)
			_, err := db.Pending.Add(ctx, s, time.Hour, 100)
			failsOn(t, "Add", err, field)
		}
	})
}

// TestSignUpsAtOnce: sign-ups that come at the same time count each other, for one mail
// address and in all; none is lost to another.
func TestSignUpsAtOnce(t *testing.T) {
	for what, c := range map[string]struct {
		mail func(i int) string
		most int
	}{
		"of one mail address": {func(int) string { return "same@example.net" }, 100},
		"in all":              {func(i int) string { return fmt.Sprintf("mail%d@example.net", i) }, 3},
	} {
		t.Run(what, func(t *testing.T) {
			onEach(t, func(t *testing.T, db base) {
				const tries, room = 8, 3
				full := 0
				for _, err := range atOnce(tries, func(i int) error {
					s := newSignUp(aor.AOR{User: fmt.Sprintf("new%d", i), Domain: "example.org"}, c.mail(i))
					_, err := db.Pending.Add(t.Context(), s, time.Hour, c.most)
					return err
				}) {
					if errors.Is(err, store.ErrFull) {
						full++
					} else {
						ok(t, err)
					}
				}
				if n := db.count(t, "SELECT COUNT(*) FROM pending"); n != room || full != tries-room {
					t.Errorf("%d sign-ups wait and %d were refused, want %d and %d", n, full, room, tries-room)
				}
			})
		})
	}
}

// TestConfirmedAtOnce: of sign-ups with one mail address that are confirmed at the same
// time one becomes an account.
func TestConfirmedAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for round := range 10 {
			mail := fmt.Sprintf("same%d@example.net", round)
			tokens := make([]string, 3)
			for i := range tokens {
				tokens[i] = db.asked(t, aor.AOR{User: fmt.Sprintf("new%d-%d", round, i), Domain: "example.org"}, mail)
			}
			known := 0
			for _, err := range atOnce(len(tokens), func(i int) error {
				_, err := db.Pending.Confirm(t.Context(), tokens[i], 0)
				return err
			}) {
				if errors.Is(err, store.ErrMailKnown) {
					known++
				} else {
					ok(t, err)
				}
			}
			if n := db.count(t, "SELECT COUNT(*) FROM profile WHERE email = ?", mail); n != 1 || known != len(tokens)-1 {
				t.Fatalf("round %d: %d accounts and %d refusals, want 1 and %d", round, n, known, len(tokens)-1)
			}
		}
	})
}

func TestApprovals(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		waits := func(a aor.AOR, email string) int64 {
			t.Helper()
			s, err := db.Pending.Confirm(ctx, db.asked(t, a, email), 30*24*time.Hour)
			ok(t, err)
			return s.ID
		}
		one := waits(alice, "alice@example.net")
		two := waits(bob, "bob@example.net")
		again := db.asked(t, alice, "other@example.net")
		_, err := db.Pending.Confirm(ctx, again, time.Hour)
		fails(t, "a name that waits", err, store.ErrExists)
		_, err = db.Subscribers.Find(ctx, alice)
		fails(t, "before it is approved", err, store.ErrNotFound)
		list, total, err := db.Pending.Approvals(ctx, "", 10, 0)
		if err != nil || total != 2 || len(list) != 2 || list[0].AOR != alice || list[0].Email != "alice@example.net" {
			t.Errorf("Approvals = %+v, %d, %v", list, total, err)
		}
		if n, err := db.Pending.CountApprovals(ctx, "other.org"); n != 0 || err != nil {
			t.Errorf("of another domain: %d, %v", n, err)
		}
		_, err = db.Pending.Approve(ctx, "other.org", one)
		fails(t, "Approve from another domain", err, store.ErrNotFound)
		_, err = db.Pending.Decline(ctx, "other.org", one)
		fails(t, "Decline from another domain", err, store.ErrNotFound)
		_, err = db.Pending.Approve(ctx, "example.org", one)
		ok(t, err)
		_, err = db.Pending.Approve(ctx, "example.org", one)
		fails(t, "Approve twice", err, store.ErrNotFound)
		_, err = db.Subscribers.Credentials(ctx, alice)
		ok(t, err)
		db.add(t, bob) // by hand, meanwhile
		_, err = db.Pending.Approve(ctx, "", two)
		fails(t, "Approve a name that is taken", err, store.ErrExists)
		s, err := db.Pending.Decline(ctx, "", two)
		if err != nil || s.AOR != bob {
			t.Errorf("Decline = %+v, %v", s, err)
		}
		_, err = db.Pending.Decline(ctx, "", two)
		fails(t, "Decline twice", err, store.ErrNotFound)
	})
}

func TestResets(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "Alice@Example.net"}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, Email: "blice@example.net"}))
		db.exec(t, "UPDATE profile SET email = 'älice@example.net' WHERE username = 'bob'") // as other programs did
		of, err := db.Profiles.OfMail(ctx, "alice@example.NET")
		if err != nil || len(of) != 1 || of[0].AOR != alice {
			t.Errorf("OfMail = %+v, %v", of, err)
		}
		for _, none := range []string{"", "nobody@example.net", "%", "a_ice@example.net"} {
			if of, err := db.Profiles.OfMail(ctx, none); err != nil || len(of) != 0 {
				t.Errorf("OfMail(%q) = %+v, %v", none, of, err)
			}
		}
		link := func() string {
			t.Helper()
			token, err := db.Pending.AddReset(ctx, alice, time.Hour)
			ok(t, err)
			return token
		}
		older, token := link(), link()
		_, err = db.Pending.FindReset(ctx, older)
		fails(t, "a newer one is there", err, store.ErrNotFound)
		_, _, err = db.Sessions.Create(ctx, newSession(alice))
		ok(t, err)
		_, err = db.Pending.Reset(ctx, token, "")
		failsOn(t, "an empty password", err, "password")
		if a, err := db.Pending.Reset(ctx, token, "new"); err != nil || a != alice {
			t.Errorf("Reset = %v, %v", a, err)
		}
		c, err := db.Subscribers.Credentials(ctx, alice)
		ok(t, err)
		if h := store.HashesOf(alice, "new"); c.HA1 != h.HA1 || c.SHA256 != h.SHA256 || c.SHA256B != h.SHA256B || c.HA1B != h.HA1B {
			t.Errorf("credentials %+v", c)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM session WHERE username = 'alice'"); n != 0 {
			t.Errorf("%d sessions stay", n)
		}
		_, err = db.Pending.Reset(ctx, token, "newer")
		fails(t, "used twice", err, store.ErrNotFound)
		for why, die := range map[string]func(){
			"its hour is over":   func() { db.clock.advance(time.Hour) },
			"the password":       func() { ok(t, db.Subscribers.SetPassword(ctx, alice, "x"+db.clock.read().String()+"y")) },
			"by another program": func() { db.exec(t, "UPDATE subscriber SET ha1 = ? WHERE username = 'alice'", strings.Repeat("b", 32)) },
			"closed":             func() { ok(t, db.Profiles.SetDisabled(ctx, alice, true)) },
		} {
			ok(t, db.Profiles.SetDisabled(ctx, alice, false))
			token := link()
			die()
			_, err := db.Pending.Reset(ctx, token, "new")
			fails(t, why, err, store.ErrNotFound)
		}
		_, err = db.Pending.AddReset(ctx, carol, time.Hour)
		fails(t, "nobody's", err, store.ErrNotFound)
	})
}
