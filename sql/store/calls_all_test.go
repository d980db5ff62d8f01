package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestListAllMissed: an operator sees the missed calls of all, newest first, and
// neither answered calls nor those that their owner deleted, or that were for nobody.
func TestListAllMissed(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		call := func(id string, callee aor.AOR, minute int, code int, answered bool) store.Call {
			c := store.Call{CallID: id, FromTag: "t", Callee: callee, CallerURI: "sip:carol@example.org", Code: code,
				Started: start.Add(time.Duration(minute) * time.Minute)}
			if answered {
				c.Answered = c.Started
			}
			return c
		}
		ok(t, db.Subscribers.Create(ctx, alice, "secret-a"))
		ok(t, db.Subscribers.Create(ctx, bob, "secret-b"))
		nobody := aor.AOR{User: "nobody", Domain: alice.Domain}
		ok(t, db.Calls.Record(ctx, []store.Call{
			call("f", nobody, 6, 480, false), call("g", aor.AOR{User: alice.User, Domain: "elsewhere.example"}, 7, 408, false),
			call("a", alice, 1, 486, false), call("b", bob, 3, 480, false), call("c", alice, 2, 200, true), call("d", alice, 4, 487, false), call("e", bob, 5, 603, false),
		}))
		mine, _, err := db.Calls.ListMissed(ctx, alice, store.CallQuery{})
		ok(t, err)
		if len(mine) != 2 {
			t.Fatalf("alice missed %d calls, want 2", len(mine))
		}
		_, err = db.Calls.DeleteMissed(ctx, alice, mine[0].ID)
		ok(t, err)
		ids := func(q store.CallQuery) (ids []string, total int) {
			t.Helper()
			list, total, err := db.Calls.ListAllMissed(ctx, q)
			ok(t, err)
			for _, c := range list {
				ids = append(ids, c.CallID+" "+c.Callee.User)
			}
			return ids, total
		}
		got, total := ids(store.CallQuery{})
		if diff := cmp.Diff([]string{"e bob", "b bob", "a alice"}, got); diff != "" || total != 3 {
			t.Errorf("total %d, list (-want +got):\n%s", total, diff)
		}
		got, total = ids(store.CallQuery{Oldest: true, Limit: 1, Offset: 1})
		if diff := cmp.Diff([]string{"b bob"}, got); diff != "" || total != 3 {
			t.Errorf("second of the oldest: total %d, list (-want +got):\n%s", total, diff)
		}
	})
}
