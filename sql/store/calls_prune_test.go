package store_test

import (
	"context"
	"testing"
	"time"

	"seraph/sql/store"
)

// TestPrune: calls that began before a time go, in pieces; ids out of the order of
// time keep none of them.
func TestPrune(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		const calls = 1203
		limit := start.Add(time.Hour)
		old := 0
		var list []store.Call
		for i := range calls {
			c := newCall(i)
			c.Started = limit.Add(time.Duration(i) * time.Second)
			if i%3 != 0 {
				c.Started = limit.Add(-time.Duration(1+i) * time.Second)
				old++
			}
			list = append(list, c)
		}
		for len(list) > 0 {
			n := min(len(list), 100)
			ok(t, db.Calls.Record(t.Context(), list[:n]))
			list = list[n:]
		}
		steps, deleted := 0, 0
		for after := int64(0); ; steps++ {
			next, n, err := db.Calls.Prune(t.Context(), limit, after)
			ok(t, err)
			deleted += n
			if next == 0 {
				break
			}
			if n > 500 || next <= after || steps > 10 {
				t.Fatalf("after %d: %d deleted, next %d", after, n, next)
			}
			after = next
		}
		if deleted != old || steps != 2 {
			t.Errorf("%d deleted in %d further steps, want %d in 2", deleted, steps, old)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_log"); n != calls-old {
			t.Errorf("%d calls are left, want %d", n, calls-old)
		}
		if _, n, err := db.Calls.Prune(t.Context(), limit, 0); n != 0 || err != nil {
			t.Errorf("once more: %d, %v", n, err)
		}
	})
}

// TestPruneAway: a database that cannot be asked says so, and the walk can go on
// where it stood.
func TestPruneAway(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if next, _, err := db.Calls.Prune(ctx, start, 7); !store.IsUnavailable(err) || next != 7 {
			t.Errorf("next %d, IsUnavailable(%v) is false", next, err)
		}
		if err := db.Accounting.TakeBack(ctx, []store.MissedRow{newAcc(1)}); !store.IsUnavailable(err) {
			t.Errorf("TakeBack: IsUnavailable(%v) is false", err)
		}
	})
}

// TestTakeBack: the row of a call that was answered after all goes, and no other.
func TestTakeBack(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		rows := []store.MissedRow{newAcc(1)}
		for _, change := range []func(r *store.MissedRow){
			func(r *store.MissedRow) { r.CallID = "other" }, func(r *store.MissedRow) { r.FromTag = "other" },
			func(r *store.MissedRow) { r.DstUser = "carol" }, func(r *store.MissedRow) { r.DstDomain = "example.net" },
		} {
			r := newAcc(1)
			change(&r)
			rows = append(rows, r)
		}
		ok(t, db.Accounting.Write(t.Context(), rows[:1], rows))
		answered := newAcc(1)
		answered.Code, answered.ToTag, answered.Time = 200, "another phone", answered.Time.Add(time.Minute)
		for range 2 {
			ok(t, db.Accounting.TakeBack(t.Context(), []store.MissedRow{answered}))
		}
		ok(t, db.Accounting.TakeBack(t.Context(), nil))
		if n := db.count(t, "SELECT COUNT(*) FROM missed_calls"); n != 4 {
			t.Errorf("%d missed calls are left, want 4", n)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM missed_calls WHERE callid = 'call-1' AND from_tag = 'ft' AND dst_user = 'alice' AND dst_domain = 'example.org'"); n != 0 {
			t.Error("the answered call is still there")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM acc"); n != 1 {
			t.Error("acc was touched")
		}
	})
}
