package store_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// pass is one pass of one call to bob: who is named in From, whether he has proven it, and what came of it.
func pass(from string, unproven bool, code int) store.Call {
	c := store.Call{CallID: "call-1", FromTag: "t", CallerURI: from, CallerName: "as " + from, Unproven: unproven, Callee: bob, Code: code, Started: start}
	if code == 200 {
		c.Answered = start.Add(time.Second)
	}
	return c
}

// shown is what somebody's list of calls has of them.
func shown(t *testing.T, db base, owner aor.AOR) string {
	t.Helper()
	list, _, err := db.Calls.ListOwn(t.Context(), owner, store.OwnCalls{})
	ok(t, err)
	text := ""
	for _, c := range list {
		text += fmt.Sprintf("%s %q %d answered %v;", c.CallerURI, c.CallerName, c.Code, !c.Answered.IsZero())
	}
	return text
}

// TestProvenAfterUnproven: a call that passes here twice, once without proof (an SBC sends it back, or who is
// called sends one like it), is in the list of the caller who has proven himself, as it ended for him, in
// whichever order the passes end; who was called sees him, too. Nobody without proof changes that afterwards.
func TestProvenAfterUnproven(t *testing.T) {
	hers := fmt.Sprintf("%s %q 480 answered false;", alice.URI(), "as "+alice.URI())
	talked := fmt.Sprintf("%s %q 200 answered true;", alice.URI(), "as "+alice.URI())
	mallory := "sip:mallory@evil.example"
	for name, x := range map[string]struct {
		calls []store.Call
		want  string
	}{
		"the inner pass first":       {[]store.Call{pass(alice.URI(), true, 408), pass(alice.URI(), false, 480)}, hers},
		"the outer pass first":       {[]store.Call{pass(alice.URI(), false, 480), pass(alice.URI(), true, 408)}, hers},
		"another's name first":       {[]store.Call{pass(mallory, true, 486), pass(alice.URI(), false, 480)}, hers},
		"no name first":              {[]store.Call{pass("", true, 486), pass(alice.URI(), false, 480)}, hers},
		"another's name between":     {[]store.Call{pass(alice.URI(), true, 408), pass(mallory, true, 603), pass(alice.URI(), false, 480)}, hers},
		"another's answer first":     {[]store.Call{pass(mallory, true, 200), pass(alice.URI(), false, 480)}, hers},
		"another's answer later":     {[]store.Call{pass(alice.URI(), false, 480), pass(mallory, true, 200)}, hers},
		"another with proof later":   {[]store.Call{pass(mallory, true, 486), pass(alice.URI(), false, 480), pass(carol.URI(), false, 480)}, hers},
		"answered in both":           {[]store.Call{pass(alice.URI(), true, 200), pass(alice.URI(), false, 200)}, talked},
		"answered on a second try":   {[]store.Call{pass(alice.URI(), true, 408), pass(alice.URI(), false, 480), pass(alice.URI(), false, 200)}, talked},
		"answered, then forged":      {[]store.Call{pass(alice.URI(), false, 200), pass(mallory, true, 486), pass(mallory, true, 200)}, talked},
		"answered, then refused":     {[]store.Call{pass(alice.URI(), true, 200), pass(alice.URI(), false, 200), pass(alice.URI(), false, 480)}, talked},
		"refused inside, then taken": {[]store.Call{pass(mallory, true, 486), pass(alice.URI(), false, 200)}, talked},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db base) {
				ok(t, db.Calls.Record(t.Context(), x.calls)) // in one statement
				if got := shown(t, db, alice) + shown(t, db, bob); got != x.want+x.want {
					t.Errorf("together: the lists have %s, want twice %s", got, x.want)
				}
				db.exec(t, "DELETE FROM call_log")
				for i := range x.calls {
					ok(t, db.Calls.Record(t.Context(), x.calls[i:i+1]))
				}
				ok(t, db.Calls.Record(t.Context(), x.calls)) // a batch may be written again
				if got := shown(t, db, alice) + shown(t, db, bob); got != x.want+x.want {
					t.Errorf("one by one: the lists have %s, want twice %s", got, x.want)
				}
			})
		})
	}
}

// TestNobodyTakesALaterCall: who has proven himself and sends something like a call that he has got takes nothing from who
// was called: that call began before.
func TestNobodyTakesALaterCall(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		const gateway = "sip:+49301234@gw.example"
		later := pass(carol.URI(), false, 487)
		later.Started = start.Add(time.Minute)
		for _, code := range []int{200, 480} {
			ok(t, db.Calls.Record(t.Context(), []store.Call{pass(gateway, true, code)}))
			want := shown(t, db, bob)
			claimed, err := db.Calls.Claim(t.Context(), []store.Call{later})
			ok(t, err)
			ok(t, db.Calls.Record(t.Context(), []store.Call{later}))
			list, _, err := db.Calls.ListOwn(t.Context(), bob, store.OwnCalls{})
			ok(t, err)
			if len(claimed) != 0 || len(list) != 1 || list[0].CallerURI != gateway || shown(t, db, carol) != "" || shown(t, db, bob) != want {
				t.Errorf("%d: bob has %+v, carol %s", code, list, shown(t, db, carol))
			}
			db.exec(t, "DELETE FROM call_log")
		}
	})
}

// TestNobodyEndsAnEarlierCall: nor does such a call end the one that began before; that of who sent his first does.
func TestNobodyEndsAnEarlierCall(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ok(t, db.Calls.Record(t.Context(), []store.Call{pass("sip:+49301234@gw.example", true, 200)}))
		end := store.CallEnd{CallID: "call-1", FromTag: "t", Callee: bob, Unproven: true, Ended: start.Add(2 * time.Minute), HungUpBy: store.HungUpCaller, Began: start}
		later := store.CallEnd{CallID: "call-1", FromTag: "t", Callee: bob, Ended: start.Add(5 * time.Hour), HungUpBy: store.HungUpCallee, Began: start.Add(time.Minute)}
		ended := func() string {
			t.Helper()
			list, _, err := db.Calls.ListOwn(t.Context(), bob, store.OwnCalls{})
			ok(t, err)
			return fmt.Sprint(list[0].Ended.Sub(start), " ", list[0].HungUpBy)
		}
		ok(t, db.Calls.End(t.Context(), []store.CallEnd{end, later}))
		if got := ended(); got != "2m0s caller" {
			t.Errorf("ended after %s", got)
		}
		later.Began = start
		ok(t, db.Calls.End(t.Context(), []store.CallEnd{later}))
		if got := ended(); got != "5h0m0s callee" {
			t.Errorf("ended after %s", got)
		}
	})
}

// TestProvenKeepsMarks: with the call of who has proven himself the time comes when he began, and what the two sides
// have done with their lists stays. What he has deleted comes back by nothing.
func TestProvenKeepsMarks(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		unproven, proven := pass(alice.URI(), true, 480), pass(alice.URI(), false, 480)
		unproven.Started = start.AddDate(0, -2, 0) // or it would soon be pruned
		ok(t, db.Calls.Record(t.Context(), []store.Call{unproven}))
		id := missedBy(t, db, bob)[0].ID
		if n, err := db.Calls.MarkSeen(t.Context(), bob, id); n != 1 || err != nil {
			t.Errorf("MarkSeen = %d, %v", n, err)
		}
		ok(t, db.Calls.Record(t.Context(), []store.Call{proven}))
		list, _, err := db.Calls.ListOwn(t.Context(), alice, store.OwnCalls{})
		ok(t, err)
		if len(list) != 1 || list[0].ID != id || !list[0].CalleeSeen || !list[0].Started.Equal(start) {
			t.Errorf("alice has %+v, want the call of now, which bob has seen", list)
		}
		_, err = db.Calls.DeleteOwn(t.Context(), alice, id)
		ok(t, err)
		ok(t, db.Calls.Record(t.Context(), []store.Call{unproven, proven, proven}))
		if got := shown(t, db, alice); got != "" {
			t.Errorf("what alice has deleted is back: %s", got)
		}
		if got := len(missedBy(t, db, bob)); got != 1 {
			t.Errorf("bob has missed %d calls, want 1", got)
		}
	})
}

// TestUnprovenAndAccounts: a call of nobody's goes with the account of who was called, whoever it names; the end of
// an account whose name was given makes it no call of that.
func TestUnprovenAndAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob, carol)
		toCarol := pass(alice.URI(), true, 480)
		toCarol.Callee = carol
		ok(t, db.Calls.Record(t.Context(), []store.Call{pass(alice.URI(), true, 480), toCarol}))
		ok(t, db.Subscribers.Delete(t.Context(), bob))
		if n := db.count(t, "SELECT COUNT(*) FROM call_log"); n != 1 {
			t.Errorf("%d calls are left, want carol's", n)
		}
		ok(t, db.Subscribers.Delete(t.Context(), alice))
		if got := len(missedBy(t, db, carol)); got != 1 {
			t.Errorf("carol has missed %d calls, want 1", got)
		}
	})
}

// TestClaim: who has proven himself gets a call that is there as nobody's, and only such a one: none is made, none
// is taken from who has proven himself first, and what he has deleted stays so.
func TestClaim(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		claim := func(c store.Call, want int) {
			t.Helper()
			got, err := db.Calls.Claim(ctx, []store.Call{c})
			ok(t, err)
			if len(got) != want {
				t.Errorf("%d calls are claimed, want %d", len(got), want)
			}
		}
		hers := pass(alice.URI(), false, 480)
		claim(hers, 0)
		if n := db.count(t, "SELECT COUNT(*) FROM call_log"); n != 0 {
			t.Errorf("%d calls are made, want none", n)
		}
		ok(t, db.Calls.Record(ctx, []store.Call{pass("sip:mallory@evil.example", true, 486)}))
		claim(pass(alice.URI(), true, 480), 0) // has proven nothing either
		other := hers
		other.FromTag = "other"
		claim(other, 0)
		claim(hers, 1)
		claim(hers, 0)
		claim(pass(carol.URI(), false, 480), 0)
		want := fmt.Sprintf("%s %q 480 answered false;", alice.URI(), "as "+alice.URI())
		if got := shown(t, db, alice) + shown(t, db, bob) + shown(t, db, carol); got != want+want {
			t.Errorf("the lists have %s, want twice %s", got, want)
		}
		_, err := db.Calls.DeleteOwn(ctx, alice, missedBy(t, db, bob)[0].ID)
		ok(t, err)
		claim(hers, 0)
		if got := shown(t, db, alice); got != "" {
			t.Errorf("what alice has deleted is back: %s", got)
		}
		other.Callee = aor.AOR{}
		_, err = db.Calls.Claim(ctx, []store.Call{hers, other})
		failsOn(t, "no callee", err, "callee")
	})
}
