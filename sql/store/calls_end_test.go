package store_test

import (
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestCallEnd: an answered call gets its end and its length; one of which no end comes,
// because the router was killed, keeps none.
func TestCallEnd(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		answered := newCall(1)
		answered.Answered, answered.Code = start.Add(time.Hour), 200
		lost, missed := answered, newCall(3)
		lost.CallID = "call-2"
		ok(t, db.Calls.Record(t.Context(), []store.Call{answered, lost, missed}))
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE answered IS NOT NULL AND ended IS NULL AND hung_up_by = ''"); n != 2 {
			t.Errorf("%d calls are up, want 2", n)
		}
		end := store.CallEnd{CallID: answered.CallID, FromTag: answered.FromTag, Callee: alice, Ended: answered.Answered.Add(185 * time.Second), HungUpBy: store.HungUpCallee}
		earlier := end
		earlier.Ended, earlier.HungUpBy = end.Ended.Add(-time.Minute), store.HungUpCaller
		unanswered, nowhere := end, end
		unanswered.CallID, nowhere.CallID = missed.CallID, "call-9"
		for range 2 { // a batch may be written again
			ok(t, db.Calls.End(t.Context(), []store.CallEnd{earlier, end, unanswered, nowhere, earlier}))
		}
		at := end.Ended.UTC().Format("2006-01-02 15:04:05")
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE callid = 'call-1' AND hung_up_by = 'callee' AND ended LIKE '"+at+"%'"); n != 1 {
			t.Error("the call has not ended when it should")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE callid <> 'call-1' AND (hung_up_by <> '' OR answered IS NOT NULL AND ended IS NOT NULL)"); n != 0 {
			t.Errorf("%d other calls were ended", n)
		}
		ok(t, db.Calls.Record(t.Context(), []store.Call{answered})) // comes once more, late
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL AND hung_up_by = 'callee'"); n != 1 {
			t.Errorf("%d calls have their end, want 1", n)
		}
		ok(t, db.Calls.End(t.Context(), nil))
	})
}

// TestCallEndUnproven: what ends a call of nobody's ends no other one with its identity.
func TestCallEndUnproven(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for _, unproven := range []bool{true, false} {
			ok(t, db.Calls.Record(t.Context(), []store.Call{pass(alice.URI(), unproven, 200)}))
			end := store.CallEnd{CallID: "call-1", FromTag: "t", Callee: bob, Ended: start.Add(time.Hour), HungUpBy: store.HungUpCallee, Unproven: true}
			ok(t, db.Calls.End(t.Context(), []store.CallEnd{end}))
			if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE hung_up_by = 'callee'"); n == 1 != unproven {
				t.Errorf("caller without proof: %v; %d calls have ended", unproven, n)
			}
			end.Unproven, end.Ended, end.HungUpBy = false, start.Add(2*time.Hour), store.HungUpCaller
			ok(t, db.Calls.End(t.Context(), []store.CallEnd{end}))
			if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE hung_up_by = 'caller'"); n != 1 {
				t.Errorf("caller without proof: %v; the call has no end", unproven)
			}
			db.exec(t, "DELETE FROM call_log")
		}
	})
}

// TestCallEndOfStrangers: who hung up is one of three words, times and texts are made fit,
// and a callee that is none is refused with nothing written.
func TestCallEndOfStrangers(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		long := newCall(1)
		long.CallID, long.FromTag, long.Answered = strings.Repeat("c", 400), strings.Repeat("t", 200), start
		ok(t, db.Calls.Record(t.Context(), []store.Call{long}))
		end := store.CallEnd{CallID: long.CallID, FromTag: long.FromTag, Callee: alice, HungUpBy: "'; DROP TABLE call_log"}
		failsOn(t, "no callee", db.Calls.End(t.Context(), []store.CallEnd{end, {CallID: "x", Callee: aor.AOR{User: "A b"}}}), "callee")
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL"); n != 0 {
			t.Errorf("%d calls were ended with one that is refused", n)
		}
		ok(t, db.Calls.End(t.Context(), []store.CallEnd{end}))
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL AND hung_up_by = ''"); n != 1 {
			t.Errorf("%d calls have ended, want 1", n)
		}
	})
}

// TestCallLength: it counts from the answer on, where both ends are known.
func TestCallLength(t *testing.T) {
	for _, c := range []struct {
		answered, ended time.Time
		want            time.Duration
		known           bool
	}{
		{}, {answered: start}, {ended: start},
		{start, start.Add(time.Minute), time.Minute, true},
		{start, start.Add(-time.Second), 0, true}, // the clock was set back
	} {
		call := store.Call{Answered: c.answered, Ended: c.ended}
		if got, known := call.Length(); got != c.want || known != c.known {
			t.Errorf("from %v to %v: %v, %v", c.answered, c.ended, got, known)
		}
	}
}
