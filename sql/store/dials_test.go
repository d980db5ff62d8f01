package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestDials(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		ok(t, db.Dials.Add(ctx, bob, "alice"))
		for i := range store.MaxDials + 5 {
			db.clock.advance(time.Microsecond)
			ok(t, db.Dials.Add(ctx, alice, fmt.Sprintf("User%d", i)))
		}
		db.clock.advance(time.Microsecond)
		ok(t, db.Dials.Add(ctx, alice, "sip:user10@example.org"))
		list, err := db.Dials.List(ctx, alice, 1000)
		ok(t, err)
		want := []store.Dial{{Address: "sip:user10@example.org", Time: start}}
		for i := store.MaxDials + 4; i >= 5; i-- {
			if i != 10 {
				want = append(want, store.Dial{Address: fmt.Sprintf("sip:user%d@example.org", i), Time: start})
			}
		}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		for n, count := range map[int]int{-1: 0, 0: 0, 3: 3} {
			if list, err := db.Dials.List(ctx, alice, n); len(list) != count || err != nil {
				t.Errorf("List of %d = %v, %v", n, list, err)
			}
		}
		for _, bad := range []string{"", "a b", "mailto:x@y", strings.Repeat("u", 300)} {
			failsOn(t, "Add "+bad, db.Dials.Add(ctx, alice, bad), "address")
		}
		failsOn(t, "Add for no address", db.Dials.Add(ctx, aor.AOR{}, "bob"), "owner")
		ok(t, db.Dials.Clear(ctx, alice))
		ok(t, db.Dials.Clear(ctx, alice))
		if list, err := db.Dials.List(ctx, alice, 10); len(list) != 0 || err != nil {
			t.Errorf("List after Clear = %v, %v", list, err)
		}
		if list, err := db.Dials.List(ctx, bob, 10); len(list) != 1 || err != nil {
			t.Errorf("List of bob = %v, %v", list, err)
		}
	})
}

func TestDialsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for _, err := range atOnce(store.MaxDials+4, func(i int) error {
			return db.Dials.Add(t.Context(), alice, fmt.Sprintf("u%d", i))
		}) {
			ok(t, err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM dial_history"); n != store.MaxDials {
			t.Errorf("%d addresses, want %d", n, store.MaxDials)
		}
	})
}
