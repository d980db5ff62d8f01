package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestCallHistory: an operator sees answered and missed calls, those of one address as
// caller and as callee, deleted or not.
func TestCallHistory(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		call := func(id string, caller string, callee aor.AOR, minute int, code int) store.Call {
			c := store.Call{CallID: id, FromTag: "t", Callee: callee, CallerURI: caller, Code: code, Started: start.Add(time.Duration(minute) * time.Minute)}
			if code == 200 {
				c.Answered = c.Started
			}
			return c
		}
		ok(t, db.Calls.Record(ctx, []store.Call{
			call("a", bob.URI(), alice, 1, 486), call("b", alice.URI(), bob, 3, 200), call("c", "sip:x@elsewhere.example", bob, 2, 200),
			call("d", "sip:bob@elsewhere.example", alice, 4, 480),
		}))
		mine, _, err := db.Calls.ListMissed(ctx, alice, store.CallQuery{})
		ok(t, err)
		_, err = db.Calls.DeleteMissed(ctx, alice, mine[0].ID)
		ok(t, err)
		for _, x := range []struct {
			who   aor.AOR
			q     store.CallQuery
			want  []string
			total int
		}{
			{aor.AOR{}, store.CallQuery{}, []string{"d", "b", "c", "a"}, 4},
			{aor.AOR{}, store.CallQuery{Oldest: true, Limit: 2, Offset: 1}, []string{"c", "b"}, 4},
			{alice, store.CallQuery{}, []string{"d", "b", "a"}, 3},
			{bob, store.CallQuery{}, []string{"b", "c", "a"}, 3},
			{bob, store.CallQuery{UpTo: 1}, []string{"a"}, 1},
			{aor.AOR{User: "nobody", Domain: "example.org"}, store.CallQuery{}, nil, 0},
		} {
			list, total, err := db.Calls.History(ctx, x.who, x.q)
			ok(t, err)
			var got []string
			for _, c := range list {
				got = append(got, c.CallID)
			}
			if diff := cmp.Diff(x.want, got); diff != "" || total != x.total {
				t.Errorf("%v %+v: total %d, want %d, list (-want +got):\n%s", x.who, x.q, total, x.total, diff)
			}
		}
	})
}
