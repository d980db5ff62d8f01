package store_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestCallMe: off until it is switched on, limited by owner and by source within
// the window, remembered, and each owner's own.
func TestCallMe(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		for _, c := range []struct {
			on, want bool
		}{{true, true}, {true, true}, {false, false}} {
			ok(t, db.CallMe.Allow(ctx, alice, c.on))
			if got, err := db.CallMe.Allowed(ctx, alice); err != nil || got != c.want {
				t.Errorf("allowed %v, %v; want %v", got, err, c.want)
			}
			if got, err := db.CallMe.Allowed(ctx, bob); err != nil || got {
				t.Errorf("bob's: %v, %v", got, err)
			}
		}
		fails(t, "nobody's switch", db.CallMe.Allow(ctx, carol, true), store.ErrNotFound)

		limits := store.CallMeLimits{PerOwner: 3, PerSource: 2, Window: time.Hour}
		enter := func(owner aor.AOR, source string, want error) (id int64) {
			t.Helper()
			id, err := db.CallMe.Enter(ctx, owner, store.CallRequest{Visitor: "sip:v@example.net", Source: source}, limits)
			if want != nil {
				fails(t, "enter from "+source, err, want)
			} else {
				ok(t, err)
			}
			return id
		}
		first := enter(alice, "192.0.2.1", nil)
		enter(alice, "192.0.2.1", nil)
		enter(alice, "192.0.2.1", store.ErrFull) // the source's
		enter(bob, "192.0.2.1", store.ErrFull)   // whoever is asked
		enter(alice, injected.User, nil)
		enter(alice, "192.0.2.3", store.ErrFull) // the owner's
		enter(bob, "192.0.2.3", nil)
		enter(carol, "192.0.2.4", store.ErrNotFound)
		if _, err := db.CallMe.Enter(ctx, alice, store.CallRequest{Visitor: "<script>"}, limits); err == nil {
			t.Error("an address that is none was taken")
		}
		limits.PerOwner = 0
		enter(bob, "192.0.2.5", store.ErrFull)

		ok(t, db.CallMe.Started(ctx, alice, first, "attempt"))
		ok(t, db.CallMe.Started(ctx, bob, first, "not his"))
		ok(t, db.CallMe.Forget(ctx, bob, first))
		list, err := db.CallMe.List(ctx, alice, 10)
		ok(t, err)
		if len(list) != 3 || list[2].ID != first || list[2].Attempt != "attempt" || !list[2].Time.Equal(start) || list[2].Source != "192.0.2.1" {
			t.Errorf("%+v", list)
		}
		ok(t, db.CallMe.Forget(ctx, alice, first))
		if list, err := db.CallMe.List(ctx, alice, 10); err != nil || len(list) != 2 {
			t.Errorf("%+v, %v", list, err)
		}

		limits.PerOwner = 3
		db.clock.advance(time.Hour + time.Second)
		enter(alice, "192.0.2.1", nil)
		limits = store.CallMeLimits{PerOwner: 1000, PerSource: 1000, Window: time.Second}
		for i := range store.MaxCallMe + 5 {
			enter(alice, "192.0.2."+strconv.Itoa(i), nil)
			db.clock.advance(2 * time.Second)
		}
		if list, err := db.CallMe.List(ctx, alice, 1000); err != nil || len(list) != store.MaxCallMe {
			t.Errorf("%d are remembered, %v", len(list), err)
		}
	})
}

// TestCallMeAtOnce: what one source asks of many at the same time counts together.
func TestCallMeAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		const owners, most = 8, 2
		asked := make([]aor.AOR, owners)
		for i := range asked {
			asked[i] = aor.AOR{User: "owner" + strconv.Itoa(i), Domain: "example.org"}
		}
		db.add(t, asked...)
		limits := store.CallMeLimits{PerOwner: 3, PerSource: most, Window: time.Hour}
		full := 0
		for _, err := range atOnce(owners, func(i int) error {
			_, err := db.CallMe.Enter(t.Context(), asked[i], store.CallRequest{Visitor: "sip:v@example.net", Source: "192.0.2.1"}, limits)
			return err
		}) {
			if errors.Is(err, store.ErrFull) {
				full++
			} else {
				ok(t, err)
			}
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_me"); n != most || full != owners-most {
			t.Errorf("%d requests are let through and %d refused, want %d and %d", n, full, most, owners-most)
		}
	})
}
