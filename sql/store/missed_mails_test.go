package store_test

import (
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestMissedMailState(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob, carol)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "a@example.net", MissedMail: "a@example.net", TimeZone: "Europe/Prague"}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, Email: "b@example.net"}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: carol, MissedMail: "c@example.net"})) // nowhere to send it to
		miss := func(id string) {
			t.Helper()
			ok(t, db.Calls.Record(ctx, []store.Call{{CallID: id, Callee: alice, CallerURI: "sip:bob@example.org", Started: db.clock.read(), Code: 486}}))
		}
		wanted := func() store.MissedMail {
			t.Helper()
			list, err := db.MissedMails.Wanted(ctx, aor.AOR{}, 10)
			ok(t, err)
			if len(list) != 1 || list[0].AOR != alice || list[0].TimeZone != "Europe/Prague" {
				t.Fatalf("Wanted = %+v", list)
			}
			return list[0]
		}
		if list, err := db.MissedMails.Wanted(ctx, alice, 10); err != nil || len(list) != 0 {
			t.Errorf("after alice: %+v, %v", list, err)
		}
		miss("before")
		if m := wanted(); m.Day != "" || m.Off != "" {
			t.Errorf("at first %+v", m)
		}
		ok(t, db.MissedMails.Begin(ctx, alice, "2026-03-01"))
		ok(t, db.MissedMails.Begin(ctx, alice, "2026-03-09")) // another program's: the first counts
		m := wanted()
		if m.Day != "2026-03-01" || m.UpTo == 0 || len(m.Off) != 43 {
			t.Errorf("begun %+v", m)
		}
		miss("after")
		calls, total, err := db.MissedMails.Calls(ctx, alice, m.UpTo)
		if err != nil || total != 1 || len(calls) != 1 || calls[0].CallID != "after" {
			t.Errorf("Calls = %+v, %d, %v", calls, total, err)
		}
		for _, want := range []bool{true, false} { // of two with the same state, one
			if mine, err := db.MissedMails.Claim(ctx, m, "2026-03-02"); mine != want || err != nil {
				t.Errorf("Claim = %t, %v, want %t", mine, err, want)
			}
		}
		ok(t, db.MissedMails.Release(ctx, m, "2026-03-02"))
		if mine, err := db.MissedMails.Claim(ctx, m, "2026-03-02"); !mine || err != nil {
			t.Errorf("Claim after Release = %t, %v", mine, err)
		}
		ok(t, db.MissedMails.Settle(ctx, alice, "2026-03-02", calls[0].ID))
		ok(t, db.MissedMails.Settle(ctx, alice, "2026-03-02", 1)) // never back
		if now := wanted(); now.Day != "2026-03-02" || now.UpTo != calls[0].ID {
			t.Errorf("settled %+v", now)
		}
		who, err := db.MissedMails.FindOff(ctx, m.Off)
		if err != nil || who != alice {
			t.Errorf("FindOff = %v, %v", who, err)
		}
		for _, bad := range []string{"", "x", "' OR 1=1 --"} {
			_, err := db.MissedMails.FindOff(ctx, bad)
			fails(t, "FindOff "+bad, err, store.ErrNotFound)
			fails(t, "TurnOff "+bad, db.MissedMails.TurnOff(ctx, bad), store.ErrNotFound)
		}
		ok(t, db.MissedMails.TurnOff(ctx, m.Off))
		ok(t, db.MissedMails.TurnOff(ctx, m.Off))
		ok(t, db.MissedMails.Forget(ctx))
		if list, err := db.MissedMails.Wanted(ctx, aor.AOR{}, 10); err != nil || len(list) != 0 {
			t.Errorf("turned off: %+v, %v", list, err)
		}
		miss("while off")
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, Email: "a@example.net", MissedMail: "a@example.net", TimeZone: "Europe/Prague"}))
		if again := wanted(); again.Day != "" || again.Off != m.Off {
			t.Errorf("on again %+v", again)
		}
		ok(t, db.MissedMails.Begin(ctx, alice, "2026-03-05"))
		again := wanted()
		if calls, _, err := db.MissedMails.Calls(ctx, alice, again.UpTo); again.Day != "2026-03-05" || err != nil || len(calls) != 0 {
			t.Errorf("begun again %+v, %+v, %v", again, calls, err)
		}
		ok(t, db.Subscribers.Delete(ctx, alice))
		if n := db.count(t, "SELECT COUNT(*) FROM missed_mail"); n != 0 {
			t.Errorf("%d rows after the account", n)
		}
	})
}
