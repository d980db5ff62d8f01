package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// newCall is a call that bob makes to alice n minutes after start and that she refuses.
func newCall(n int) store.Call {
	return store.Call{
		CallID: fmt.Sprintf("call-%d", n), FromTag: "tag", CallerURI: "sip:bob@example.org", CallerName: "Bob", Callee: alice,
		TargetURI: "sip:alice@example.org", Started: start.Add(time.Duration(n) * time.Minute), Code: 486, Reason: "Busy Here",
	}
}

// missedBy reads all that an owner missed, the newest first.
func missedBy(t *testing.T, db base, owner aor.AOR) []store.Call {
	t.Helper()
	list, total, err := db.Calls.ListMissed(t.Context(), owner, store.CallQuery{})
	ok(t, err)
	if total != len(list) {
		t.Errorf("%d of %d calls are listed", len(list), total)
	}
	return list
}

// callIDs are the numbers of calls with spaces between.
func callIDs(list []store.Call) string {
	var ids []string
	for _, c := range list {
		ids = append(ids, strings.TrimPrefix(c.CallID, "call-"))
	}
	return strings.Join(ids, " ")
}

// unseen checks how many missed calls are new to an owner.
func unseen(t *testing.T, db base, owner aor.AOR, want int) {
	t.Helper()
	n, err := db.Calls.CountMissedUnseen(t.Context(), owner)
	ok(t, err)
	if n != want {
		t.Errorf("%s has %d unseen missed calls, want %d", owner, n, want)
	}
}

// TestCallRoundTrip: what is recorded comes back, cut where that does no harm and dropped where it would.
func TestCallRoundTrip(t *testing.T) {
	longUser := "sip:" + strings.Repeat("u", 65) + "@example.org"
	for name, tc := range map[string]struct {
		change func(c *store.Call)
		stored func(c *store.Call) // nil: the same but for Caller
	}{
		"plain":            {func(c *store.Call) {}, nil},
		"ended":            {func(c *store.Call) { c.Ended = start.Add(time.Second) }, nil},
		"caller canonical": {func(c *store.Call) { c.CallerURI = "SIPS:B%6fb@Example.ORG:5071;transport=tls" }, func(c *store.Call) { c.CallerURI = "sip:bob@example.org" }},
		"injection": {
			func(c *store.Call) {
				c.CallID, c.FromTag, c.CallerName, c.CalleeName, c.Reason, c.TargetURI = hostile, hostile, hostile, hostile, hostile, hostile
				c.CallerURI, c.Callee = injected.URI(), injected
			}, func(c *store.Call) { c.Caller = injected },
		},
		"unicode user":             {func(c *store.Call) { c.CallerURI, c.Callee = unicodeUser.URI(), unicodeUser }, func(c *store.Call) { c.Caller = unicodeUser }},
		"tel":                      {func(c *store.Call) { c.CallerURI = "tel:+49-30-1234;phone-context=x" }, func(c *store.Call) { c.CallerURI, c.Caller = "tel:+49301234", aor.AOR{} }},
		"host only":                {func(c *store.Call) { c.CallerURI = "sip:Gateway.example.org:5080;lr" }, func(c *store.Call) { c.CallerURI, c.Caller = "sip:gateway.example.org", aor.AOR{} }},
		"no caller":                {func(c *store.Call) { c.CallerURI = "" }, func(c *store.Call) { c.Caller = aor.AOR{} }},
		"caller is no URI":         {func(c *store.Call) { c.CallerURI = "<script>@x" }, func(c *store.Call) { c.CallerURI, c.Caller = "", aor.AOR{} }},
		"caller too long":          {func(c *store.Call) { c.CallerURI = longUser }, func(c *store.Call) { c.CallerURI, c.Caller = "sip:example.org", aor.AOR{} }},
		"caller too long, no name": {func(c *store.Call) { c.CallerURI, c.CallerName = longUser, " " }, func(c *store.Call) { c.CallerURI, c.CallerName, c.Caller = "sip:example.org", longUser, aor.AOR{} }},
		"caller with a blank":      {func(c *store.Call) { c.CallerURI = "sip:First%20Last@Example.com:5070" }, func(c *store.Call) { c.CallerURI, c.Caller = "sip:first%20last@example.com", aor.AOR{} }},
		"caller who is no text":    {func(c *store.Call) { c.CallerURI = "sip:a%e4%00@example.com" }, func(c *store.Call) { c.CallerURI, c.Caller = "sip:example.com", aor.AOR{} }},
		"caller of a long domain": {func(c *store.Call) { c.CallerURI = "sip:bob@" + strings.Repeat("d", 100) }, func(c *store.Call) {
			c.CallerURI, c.Caller = "sip:bob@"+strings.Repeat("d", 100), aor.AOR{}
		}},
		"caller of no domain": {func(c *store.Call) { c.CallerURI = "sip:bob@" + strings.Repeat("d", 129) }, func(c *store.Call) { c.CallerURI, c.Caller = "", aor.AOR{} }},
		"caller two ats":      {func(c *store.Call) { c.CallerURI = "sip:a@b@c" }, func(c *store.Call) { c.CallerURI, c.Caller = "", aor.AOR{} }},
		"caller other scheme": {func(c *store.Call) { c.CallerURI = "javascript:alert(1)" }, func(c *store.Call) { c.CallerURI, c.Caller = "", aor.AOR{} }},
		"long tel":            {func(c *store.Call) { c.CallerURI = "tel:+" + strings.Repeat("1", 64) }, func(c *store.Call) { c.CallerURI, c.Caller = "", aor.AOR{} }},
		"texts cut": {func(c *store.Call) {
			c.CallerName, c.Reason = strings.Repeat("😀", 500), strings.Repeat("\xff", 9)+strings.Repeat("x", 500)
		}, func(c *store.Call) {
			c.CallerName, c.Reason = strings.Repeat("😀", 128), "\uFFFD"+strings.Repeat("x", 127)
		}},
		"texts of two lines":  {func(c *store.Call) { c.CallerName = " Bob\r\n\x00\u009b " }, func(c *store.Call) { c.CallerName = "Bob\uFFFD\uFFFD\uFFFD\uFFFD" }},
		"target too long":     {func(c *store.Call) { c.TargetURI = "sip:" + strings.Repeat("x", 252) }, func(c *store.Call) { c.TargetURI = "" }},
		"no start":            {func(c *store.Call) { c.Started = time.Time{} }, func(c *store.Call) { c.Started = start }},
		"far start":           {func(c *store.Call) { c.Started = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) }, func(c *store.Call) { c.Started = start }},
		"hung up by":          {func(c *store.Call) { c.HungUpBy = store.HungUpCaller }, nil},
		"hung up by nonsense": {func(c *store.Call) { c.HungUpBy = "the operator" }, func(c *store.Call) { c.HungUpBy = "" }},
		"marks are ignored":   {func(c *store.Call) { c.ID, c.CalleeSeen, c.CallerSeen = 77, true, true }, func(c *store.Call) { c.CalleeSeen, c.CallerSeen = false, false }},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db base) {
				c := newCall(1)
				tc.change(&c)
				ok(t, db.Calls.Record(t.Context(), []store.Call{c}))
				c.Caller = bob
				if tc.stored != nil {
					tc.stored(&c)
				}
				got := missedBy(t, db, c.Callee)
				if diff := cmp.Diff([]store.Call{c}, got, cmpopts.IgnoreFields(store.Call{}, "ID")); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
				one, err := db.Calls.FindMissed(t.Context(), c.Callee, got[0].ID)
				ok(t, err)
				if diff := cmp.Diff(got[0], one); diff != "" {
					t.Errorf("FindMissed (-list +one):\n%s", diff)
				}
			})
		})
	}
}

// TestCallIdentity: one row a call, also when it is recorded again, twice in one batch, or with ids beyond the columns.
func TestCallIdentity(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		long := newCall(2)
		long.CallID, long.FromTag = strings.Repeat("x", 400), strings.Repeat("y", 400)
		longer := long
		longer.CallID += "x"
		otherTag, otherCallee, badText, badText2 := newCall(1), newCall(1), newCall(3), newCall(3)
		otherTag.FromTag = "tag2"
		otherCallee.Callee = bob
		badText.CallID, badText2.CallID = "\xff\x00", "\xfe\x00"
		batch := []store.Call{newCall(1), long, longer, otherTag, otherCallee, newCall(1), badText, badText2}
		for range 3 {
			ok(t, db.Calls.Record(t.Context(), batch))
			slices.Reverse(batch)
		}
		if mine, bobs := len(missedBy(t, db, alice)), len(missedBy(t, db, bob)); mine != 6 || bobs != 1 {
			t.Errorf("alice has %d rows, bob %d, want 6 and 1", mine, bobs)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_log"); n != 7 {
			t.Errorf("%d rows, want 7", n)
		}
		ok(t, db.Calls.Record(t.Context(), nil))
	})
}

// TestCallRecordedAgain: marks, start and who called stay, the rest is what came last.
func TestCallRecordedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Calls.Record(t.Context(), []store.Call{newCall(1), newCall(2)}))
		first := missedBy(t, db, alice)
		if n, err := db.Calls.MarkSeen(t.Context(), alice, first[1].ID); n != 1 || err != nil {
			t.Errorf("MarkSeen = %d, %v", n, err)
		}
		if n, err := db.Calls.DeleteMissed(t.Context(), alice, first[0].ID); n != 1 || err != nil {
			t.Errorf("DeleteMissed = %d, %v", n, err)
		}
		again := newCall(1)
		again.Started, again.Code, again.Reason, again.CallerName = start.Add(time.Hour), 603, "Decline", "Bobby"
		again.CallerURI = "sip:mallory@example.org"
		ok(t, db.Calls.Record(t.Context(), []store.Call{again, newCall(2)}))
		want := first[1]
		want.Code, want.Reason, want.CalleeSeen = 603, "Decline", true
		if diff := cmp.Diff([]store.Call{want}, missedBy(t, db, alice)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		unseen(t, db, alice, 0)
	})
}

// TestCallAnswered: an answered call is not missed, and no later record makes it so.
func TestCallAnswered(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		answered := newCall(1)
		answered.Code, answered.Reason, answered.Answered, answered.HungUpBy = 200, "OK", start.Add(time.Minute), store.HungUpCallee
		for name, batch := range map[string][]store.Call{"answered, then refused": {answered, newCall(1)}, "refused, then answered": {newCall(1), answered}} {
			ok(t, db.Calls.Record(t.Context(), batch[:1]))
			ok(t, db.Calls.Record(t.Context(), batch[1:]))
			ok(t, db.Calls.Record(t.Context(), batch)) // and both in one statement
			if list := missedBy(t, db, alice); len(list) != 0 {
				t.Errorf("%s: %+v is missed", name, list)
			}
			if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE sip_code = '200' AND sip_reason = 'OK' AND hung_up_by = 'callee' AND answered IS NOT NULL"); n != 1 {
				t.Errorf("%s: the answered call is lost", name)
			}
			db.exec(t, "DELETE FROM call_log")
		}
		odd := newCall(1) // answered, whatever the status says
		odd.Answered = start
		ok(t, db.Calls.Record(t.Context(), []store.Call{odd}))
		if list := missedBy(t, db, alice); len(list) != 0 {
			t.Errorf("%+v is missed", list)
		}
		db.exec(t, "DELETE FROM call_log")
		for code, missed := range map[int]bool{0: false, 180: false, 200: false, 299: false, 300: true, 699: true, 700: false, -1: false} {
			c := newCall(1)
			c.Code = code
			ok(t, db.Calls.Record(t.Context(), []store.Call{c}))
			if got := len(missedBy(t, db, alice)) == 1; got != missed {
				t.Errorf("code %d: missed is %v", code, got)
			}
			db.exec(t, "DELETE FROM call_log")
		}
	})
}

func TestCallRecordWrong(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for name, callee := range map[string]aor.AOR{"none": {}, "in capitals": {User: "Alice", Domain: "example.org"}, "no domain": {User: "alice"},
			"too long": {User: strings.Repeat("x", 65), Domain: "example.org"}} {
			c := newCall(2)
			c.Callee = callee
			failsOn(t, name, db.Calls.Record(t.Context(), []store.Call{newCall(1), c}), "callee")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_log"); n != 0 {
			t.Errorf("%d rows of refused batches were written", n)
		}
	})
}

func TestMissedList(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		theirs := newCall(9)
		theirs.Callee = bob
		made := newCall(8)
		made.CallerURI, made.Callee = alice.URI(), carol
		ok(t, db.Calls.Record(t.Context(), []store.Call{newCall(2), newCall(4), theirs, made}))
		late := newCall(1) // it began first and ended last
		ok(t, db.Calls.Record(t.Context(), []store.Call{late, newCall(3)}))
		var lateID int64
		for _, c := range missedBy(t, db, alice) {
			if c.CallID == late.CallID {
				lateID = c.ID
			}
		}
		for _, tc := range []struct {
			q     store.CallQuery
			want  string
			total int
		}{
			{store.CallQuery{}, "4 3 2 1", 4},
			{store.CallQuery{Oldest: true}, "1 2 3 4", 4},
			{store.CallQuery{Limit: 2, Offset: 1}, "3 2", 4},
			{store.CallQuery{Offset: 9}, "", 4},
			{store.CallQuery{UpTo: lateID - 1}, "4 2", 2},
			{store.CallQuery{UpTo: -5, Limit: -5, Offset: -5}, "4 3 2 1", 4},
		} {
			list, total, err := db.Calls.ListMissed(t.Context(), alice, tc.q)
			ok(t, err)
			if got := callIDs(list); got != tc.want || total != tc.total {
				t.Errorf("ListMissed(%+v) = %q of %d, want %q of %d", tc.q, got, total, tc.want, tc.total)
			}
		}
	})
}

// TestCallsOfOneSecond: calls that began within one second stand in the order in which they
// began, or in which they were recorded, whatever their Call-IDs.
func TestCallsOfOneSecond(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		at := func(n int, d time.Duration) store.Call {
			c := newCall(n)
			c.Started = start.Add(d)
			return c
		}
		ok(t, db.Calls.Record(t.Context(), []store.Call{at(7, 0), at(3, 0), at(9, 0), at(1, 0), at(5, 0)}))
		ok(t, db.Calls.Record(t.Context(), []store.Call{at(2, 30*time.Millisecond), at(8, 10*time.Millisecond), at(4, 20*time.Millisecond)}))
		if got := callIDs(missedBy(t, db, alice)); got != "2 4 8 5 1 9 3 7" {
			t.Errorf("the newest first: %q", got)
		}
		list := []store.Call{at(4, time.Minute), at(8, 0)}
		ok(t, db.Calls.Record(t.Context(), list)) // known already
		if list[0].CallID != "call-4" {
			t.Error("Record has sorted the caller's list")
		}
		if got := callIDs(missedBy(t, db, alice)); got != "2 4 8 5 1 9 3 7" {
			t.Errorf("recorded again: %q", got)
		}
	})
}

// TestMaxMissedID: the highest id of what the owner's list has, wherever it stands there.
func TestMaxMissedID(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		highest := func(owner aor.AOR) int64 {
			t.Helper()
			id, err := db.Calls.MaxOwnID(t.Context(), owner, store.OwnCalls{Kind: store.CallsMissed})
			ok(t, err)
			return id
		}
		if id := highest(alice); id != 0 {
			t.Errorf("without calls it is %d", id)
		}
		ok(t, db.Calls.Record(t.Context(), []store.Call{newCall(2), newCall(3)}))
		early, theirs, answered := newCall(1), newCall(4), newCall(5) // early began first and ended last
		theirs.Callee, answered.Answered = bob, start
		ok(t, db.Calls.Record(t.Context(), []store.Call{early}))
		ok(t, db.Calls.Record(t.Context(), []store.Call{theirs, answered}))
		list := missedBy(t, db, alice)
		if callIDs(list) != "3 2 1" || highest(alice) != list[2].ID || list[2].ID <= list[0].ID {
			t.Errorf("it is %d of %+v", highest(alice), list)
		}
		_, err := db.Calls.DeleteMissed(t.Context(), alice, list[2].ID)
		ok(t, err)
		if got := highest(alice); got != list[0].ID {
			t.Errorf("without the deleted one it is %d, want %d", got, list[0].ID)
		}
	})
}

// TestMissedMarks: what a page showed is marked and removed, and nothing that came since.
func TestMissedMarks(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Calls.Record(t.Context(), []store.Call{newCall(1), newCall(2), newCall(3)}))
		page := missedBy(t, db, alice)
		shown := page[0].ID
		for _, c := range page {
			shown = max(shown, c.ID)
		}
		early := newCall(0) // began before them all, and ended after the page was made
		ok(t, db.Calls.Record(t.Context(), []store.Call{early}))
		unseen(t, db, alice, 4)
		for i, want := range []int{3, 0} {
			if n, err := db.Calls.MarkSeen(t.Context(), alice, shown); n != want || err != nil {
				t.Errorf("MarkSeen the %d. time = %d, %v, want %d", i+1, n, err, want)
			}
		}
		unseen(t, db, alice, 1)
		for i, want := range []int{1, 0} {
			if n, err := db.Calls.DeleteMissed(t.Context(), alice, page[1].ID, page[1].ID, 0, -1, 1<<62); n != want || err != nil {
				t.Errorf("DeleteMissed the %d. time = %d, %v, want %d", i+1, n, err, want)
			}
		}
		if got := callIDs(missedBy(t, db, alice)); got != "3 1 0" {
			t.Errorf("left are %q", got)
		}
		for i, want := range []int{2, 0} {
			if n, err := db.Calls.DeleteMissed(t.Context(), alice, page[0].ID, page[2].ID); n != want || err != nil {
				t.Errorf("DeleteMissed of the others the %d. time = %d, %v, want %d", i+1, n, err, want)
			}
		}
		if got := callIDs(missedBy(t, db, alice)); got != "0" {
			t.Errorf("left are %q", got)
		}
		_, err := db.Calls.FindMissed(t.Context(), alice, page[0].ID)
		fails(t, "FindMissed of a deleted call", err, store.ErrNotFound)
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE caller_deleted = 0 AND caller_seen = 0"); n != 4 {
			t.Errorf("%d rows are as they were for the caller, want 4", n)
		}
		if n, err := db.Calls.DeleteMissed(t.Context(), alice); n != 0 || err != nil {
			t.Errorf("DeleteMissed of nothing = %d, %v", n, err)
		}
		_, err = db.Calls.DeleteMissed(t.Context(), alice, make([]int64, store.MaxPage+1)...)
		failsOn(t, "too many ids", err, "ids")
	})
}

// TestMissedOwner: nobody sees or touches another owner's calls by any id; the caller is another as well.
func TestMissedOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Calls.Record(t.Context(), []store.Call{newCall(1)}))
		id := missedBy(t, db, alice)[0].ID
		for name, other := range map[string]aor.AOR{"caller": bob, "other domain": {User: "alice", Domain: "example.com"}, "no one": {},
			"injection": {User: "' OR 1=1 -- ", Domain: "' OR '1'='1"}} {
			_, err := db.Calls.FindMissed(t.Context(), other, id)
			fails(t, name, err, store.ErrNotFound)
			unseen(t, db, other, 0)
			for what, f := range map[string]func() (int, error){
				"MarkSeen":     func() (int, error) { return db.Calls.MarkSeen(t.Context(), other, 1<<62) },
				"DeleteMissed": func() (int, error) { return db.Calls.DeleteMissed(t.Context(), other, id) },
			} {
				if n, err := f(); n != 0 || err != nil {
					t.Errorf("%s: %s = %d, %v", name, what, n, err)
				}
			}
		}
		unseen(t, db, alice, 1)
	})
}

// TestMissedRaces: a call deleted by two at once is deleted once, and a batch recorded by two at once is there once.
func TestMissedRaces(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		var batch []store.Call
		for i := range 50 {
			batch = append(batch, newCall(i))
		}
		for _, err := range atOnce(6, func(i int) error {
			mine := slices.Clone(batch)
			if i%2 == 0 {
				slices.Reverse(mine)
			}
			return db.Calls.Record(t.Context(), mine)
		}) {
			ok(t, err)
		}
		list := missedBy(t, db, alice)
		if len(list) != len(batch) {
			t.Fatalf("%d rows, want %d", len(list), len(batch))
		}
		var deleted [6]int
		for _, err := range atOnce(6, func(i int) (err error) {
			deleted[i], err = db.Calls.DeleteMissed(t.Context(), alice, list[0].ID, list[1].ID)
			return err
		}) {
			ok(t, err)
		}
		total := 0
		for _, n := range deleted {
			total += n
		}
		if total != 2 {
			t.Errorf("%d deletions of two calls: %v", total, deleted)
		}
	})
}

// TestCallsAway: a database that cannot be asked is told apart from a bad row.
func TestCallsAway(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range map[string]func() error{
			"Silo.Add":           func() error { _, err := db.Silo.Add(ctx, newMessage(alice, 1), 0); return err },
			"Silo.List":          func() error { _, _, err := db.Silo.List(ctx, alice, store.SiloQuery{}); return err },
			"Silo.Pending":       func() error { _, err := db.Silo.Pending(ctx, alice, 0, 0); return err },
			"Silo.PendingKnown":  func() error { _, err := db.Silo.PendingKnown(ctx, alice, 0, 0); return err },
			"Silo.Find":          func() error { _, err := db.Silo.Find(ctx, alice, 1); return err },
			"Silo.Count":         func() error { _, _, err := db.Silo.Count(ctx, alice); return err },
			"Silo.Delete":        func() error { _, err := db.Silo.Delete(ctx, alice, 1); return err },
			"Silo.MarkRead":      func() error { _, err := db.Silo.MarkRead(ctx, alice, 1); return err },
			"Silo.Attempt":       func() error { return db.Silo.Attempt(ctx, alice, 1, 408, false) },
			"Silo.Untakable":     func() error { return db.Silo.Untakable(ctx, alice, 1, 405) },
			"Silo.DeleteExpired": func() error { _, err := db.Silo.DeleteExpired(ctx, start); return err },
			"Calls.Record":       func() error { return db.Calls.Record(ctx, []store.Call{newCall(1)}) },
			"Calls.ListMissed":   func() error { _, _, err := db.Calls.ListMissed(ctx, alice, store.CallQuery{}); return err },
			"Calls.FindMissed":   func() error { _, err := db.Calls.FindMissed(ctx, alice, 1); return err },
			"Calls.Count":        func() error { _, err := db.Calls.CountMissedUnseen(ctx, alice); return err },
			"Calls.MarkSeen":     func() error { _, err := db.Calls.MarkSeen(ctx, alice, 1); return err },
			"Calls.Delete":       func() error { _, err := db.Calls.DeleteMissed(ctx, alice, 1); return err },
			"Accounting.Write":   func() error { return db.Accounting.Write(ctx, []store.AccRow{newAcc(1)}, nil) },
			"Accounting.Again":   func() error { return db.Accounting.WriteAgain(ctx, nil, []store.MissedRow{newAcc(1)}) },
		} {
			if err := call(); !store.IsUnavailable(err) {
				t.Errorf("%s: IsUnavailable(%v) is false", name, err)
			}
		}
	})
}
