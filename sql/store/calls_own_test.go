package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// ownCalls plants calls of alice and gives their ids by Call-ID.
func ownCalls(t *testing.T, db base) map[string]int64 {
	t.Helper()
	call := func(id string, minute int, c store.Call, talked int) store.Call {
		c.CallID, c.FromTag, c.Started = id, "t", start.Add(time.Duration(minute)*time.Minute)
		if talked > 0 {
			c.Code, c.Answered = 200, c.Started.Add(5*time.Second)
		}
		return c
	}
	ok(t, db.Calls.Record(t.Context(), []store.Call{
		call("in", 1, store.Call{Callee: alice, CallerURI: bob.URI(), CallerName: "Bob Müller"}, 90),
		call("out", 2, store.Call{Callee: bob, CallerURI: alice.URI(), TargetURI: "sip:robert@example.org"}, 30),
		call("missed", 3, store.Call{Callee: alice, CallerURI: "tel:+49301", Code: 480}, 0),
		call("busy", 4, store.Call{Callee: carol, CallerURI: alice.URI(), Code: 486}, 0),
		call("self", 5, store.Call{Callee: alice, CallerURI: alice.URI(), Code: 486}, 0),
		call("theirs", 6, store.Call{Callee: bob, CallerURI: carol.URI(), CallerName: "Alice"}, 10),
	}))
	ok(t, db.Calls.End(t.Context(), []store.CallEnd{
		{CallID: "in", FromTag: "t", Callee: alice, Ended: start.Add(time.Minute + 95*time.Second), HungUpBy: store.HungUpCaller},
		{CallID: "out", FromTag: "t", Callee: bob, Ended: start.Add(2*time.Minute + 35*time.Second), HungUpBy: store.HungUpCallee},
	}))
	ids := map[string]int64{}
	all, _, err := db.Calls.History(t.Context(), alice, store.CallQuery{})
	ok(t, err)
	for _, c := range all {
		ids[c.CallID] = c.ID
	}
	return ids
}

// own lists what a selection finds.
func own(t *testing.T, db base, q store.OwnCalls) string {
	t.Helper()
	list, total, err := db.Calls.ListOwn(t.Context(), alice, q)
	ok(t, err)
	var ids []string
	for _, c := range list {
		ids = append(ids, c.CallID)
	}
	if q.Limit == 0 && q.Offset == 0 && total != len(ids) {
		t.Errorf("%+v: total %d of %q", q, total, ids)
	}
	return strings.Join(ids, " ")
}

func TestOwnCalls(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ids := ownCalls(t, db)
		for name, x := range map[string]struct {
			q    store.OwnCalls
			want string
		}{
			"all":              {store.OwnCalls{}, "self busy missed out in"},
			"the oldest first": {store.OwnCalls{Up: true}, "in out missed busy self"},
			"the longest":      {store.OwnCalls{Sort: store.CallsByLength, Limit: 2}, "in out"},
			"received":         {store.OwnCalls{Kind: store.CallsIn}, "self missed in"},
			"made":             {store.OwnCalls{Kind: store.CallsOut}, "self busy out"},
			"missed":           {store.OwnCalls{Kind: store.CallsMissed}, "self missed"},
			"a day":            {store.OwnCalls{Since: start.Add(2 * time.Minute), Before: start.Add(4 * time.Minute)}, "missed out"},
			"up to one":        {store.OwnCalls{UpTo: ids["out"]}, "out in"},
			"a page":           {store.OwnCalls{Limit: 2, Offset: 1}, "busy missed"},
			"a name":           {store.OwnCalls{Search: "bob m"}, "in"},
			"in capitals":      {store.OwnCalls{Search: "MÜLLER"}, "in"},
			"a user":           {store.OwnCalls{Search: "carol"}, "busy"},
			"as it was called": {store.OwnCalls{Search: "robert"}, "out"},
			"an address":       {store.OwnCalls{Search: "bob@exam"}, "in"}, // that robert is bob is not for alice to find out
			"a number":         {store.OwnCalls{Search: "4930"}, "missed"},
			"one's own name":   {store.OwnCalls{Search: "alice"}, "self"},
			"a wildcard":       {store.OwnCalls{Search: "%"}, ""},
			"SQL":              {store.OwnCalls{Search: "' OR 1=1 --"}, ""},
			"the phone book's": {store.OwnCalls{Search: "Boss", People: []string{carol.URI(), "tel:+49301"}}, "busy missed"},
			"and missed":       {store.OwnCalls{Kind: store.CallsMissed, Search: "Boss", People: []string{carol.URI(), "tel:+49301"}}, "missed"},
			"long":             {store.OwnCalls{Search: strings.Repeat("@", 500)}, ""},
		} {
			if got := own(t, db, x.q); got != x.want {
				t.Errorf("%s: %q, want %q", name, got, x.want)
			}
		}
		_, _, err := db.Calls.ListOwn(t.Context(), alice, store.OwnCalls{Kind: "stolen"})
		failsOn(t, "a kind that is none", err, "kind")
		_, _, err = db.Calls.ListOwn(t.Context(), alice, store.OwnCalls{Sort: "callid"})
		failsOn(t, "an order that is none", err, "sort")
		_, err = db.Calls.DeleteOwnSelected(t.Context(), alice, store.OwnCalls{})
		failsOn(t, "all without an end", err, "up_to")
	})
}

// TestUnprovenCaller: a call of somebody who has not shown who they are stands in the callee's list,
// and not in that of the name they gave: also if they use the identity of a call again, the
// other's or their own.
func TestUnprovenCaller(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		call := func(id, from string, unproven bool) store.Call {
			return store.Call{CallID: id, FromTag: "t", CallerURI: from, Unproven: unproven, Callee: bob, Code: 480, Started: start}
		}
		for _, calls := range [][]store.Call{
			{call("forged", alice.URI(), true), call("hers", alice.URI(), false), call("his", "sip:mallory@evil.example", true)},
			{call("hers", "sip:mallory@evil.example", true), call("his", alice.URI(), true), call("forged", alice.URI(), true)},
		} {
			ok(t, db.Calls.Record(t.Context(), calls))
			if got := own(t, db, store.OwnCalls{}); got != "hers" {
				t.Errorf("alice's calls are %q, want the one that she has made", got)
			}
		}
		var got []string
		for _, c := range missedBy(t, db, bob) {
			got = append(got, c.CallID+" "+c.CallerURI)
		}
		slices.Sort(got)
		want := []string{"forged " + alice.URI(), "hers " + alice.URI(), "his sip:mallory@evil.example"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("bob has missed (-want +got):\n%s", diff)
		}
	})
}

// TestOwnCallsMany: as many people as a phone book finds are no expression too deep.
func TestOwnCallsMany(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ownCalls(t, db)
		people := make([]string, 5000)
		for i := range people {
			people[i] = "sip:nobody@example.org"
		}
		people[99], people[100] = bob.URI(), carol.URI()
		if got := own(t, db, store.OwnCalls{Search: "x y", People: people}); got != "in" {
			t.Errorf("found %q, want those with the hundredth", got)
		}
	})
}

// TestDeleteOwn: a call goes off one side's lists.
func TestDeleteOwn(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ids := ownCalls(t, db)
		n, err := db.Calls.DeleteOwn(t.Context(), alice, ids["in"], ids["out"], ids["self"])
		ok(t, err)
		if got := own(t, db, store.OwnCalls{}); n != 3 || got != "busy missed" {
			t.Errorf("%d deleted, left %q", n, got)
		}
		theirs, total, err := db.Calls.ListOwn(t.Context(), bob, store.OwnCalls{})
		ok(t, err)
		if total != 3 {
			t.Errorf("bob has %d calls left: %+v", total, theirs)
		}
		n, err = db.Calls.DeleteOwn(t.Context(), alice, ids["in"])
		ok(t, err)
		if n != 0 {
			t.Error("a call was deleted twice")
		}
		n, err = db.Calls.DeleteOwn(t.Context(), carol, ids["missed"])
		ok(t, err)
		_, err2 := db.Calls.FindOwn(t.Context(), carol, ids["missed"])
		fails(t, "somebody else's call", err2, store.ErrNotFound)
		if n != 0 {
			t.Error("somebody else's call was deleted")
		}
		n, err = db.Calls.DeleteOwnSelected(t.Context(), alice, store.OwnCalls{Kind: store.CallsMissed, UpTo: ids["missed"]})
		ok(t, err)
		unseen, err := db.Calls.CountMissedUnseen(t.Context(), alice)
		ok(t, err)
		if got := own(t, db, store.OwnCalls{}); n != 1 || got != "busy" || unseen != 0 {
			t.Errorf("%d deleted, %d unseen, left %q", n, unseen, got)
		}
	})
}

func TestSetForwards(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.CallRules.Set(ctx, store.CallRule{Owner: alice, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
		ok(t, db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleDND, Enabled: true}))
		ok(t, db.CallRules.SetForwards(ctx, alice, []store.CallRule{{Kind: store.RuleBusy, Target: "carol"}, {Kind: store.RuleDND, Enabled: true}}, 3))
		want := []store.CallRule{
			{Owner: alice, Kind: store.RuleBusy, Target: "sip:carol@example.org"}, {Owner: alice, Kind: store.RuleDND, Enabled: true},
			{Owner: alice, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true},
		}
		failsOn(t, "to oneself", db.CallRules.SetForwards(ctx, alice, []store.CallRule{
			{Kind: store.RuleAlways, Target: "bob"}, {Kind: store.RuleBusy, Target: "sip:ALICE@example.org"}}, 100), "target")
		failsOn(t, "a block", db.CallRules.SetForwards(ctx, alice, []store.CallRule{{Kind: store.RuleBlock, Pattern: "x@y.example"}}, 100), "kind")
		fails(t, "too many", db.CallRules.SetForwards(ctx, alice, []store.CallRule{
			{Kind: store.RuleBusy, Target: "bob"}, {Kind: store.RuleOffline, Target: "bob"}, {Kind: store.RuleDND}}, 3), store.ErrFull)
		fails(t, "of nobody", db.CallRules.SetForwards(ctx, carol, nil, 3), store.ErrNotFound)
		list, err := db.CallRules.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("after what was refused (-want +got):\n%s", diff)
		}
		ok(t, db.CallRules.SetForwards(ctx, alice, nil, 3))
		if list, err = db.CallRules.List(ctx, alice); err != nil || len(list) != 1 {
			t.Errorf("left %+v, %v; want the pattern", list, err)
		}
		if list, err = db.CallRules.List(ctx, bob); err != nil || len(list) != 1 {
			t.Errorf("bob has %+v, %v", list, err)
		}
	})
}

func TestSetNumbers(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		slot := func(number string) bool { return len(number) == 2 }
		add := func(owner, number string, uri string) store.SpeedDial {
			d := store.SpeedDial{Owner: alice, URI: uri, LastName: owner}
			d.Dialed.User, d.Dialed.Domain = number, "example.org"
			return d
		}
		ok(t, db.SpeedDials.Add(ctx, add("", "5", "bob")))
		ok(t, db.SpeedDials.Add(ctx, add("", "07", "bob")))
		ok(t, db.SpeedDials.SetNumbers(ctx, alice, slot, []store.SpeedDial{add("Carol", "01", "carol"), add("", "99", "tel:+49-30-1")}))
		numbers := func() string {
			list, err := db.SpeedDials.List(ctx, alice)
			ok(t, err)
			var words []string
			for _, d := range list {
				words = append(words, d.Dialed.User+"="+d.URI+d.LastName)
			}
			return strings.Join(words, " ")
		}
		const want = "01=sip:carol@example.orgCarol 5=sip:bob@example.org 99=tel:+49301"
		if got := numbers(); got != want {
			t.Errorf("numbers %q, want %q", got, want)
		}
		failsOn(t, "no address", db.SpeedDials.SetNumbers(ctx, alice, slot, []store.SpeedDial{add("", "11", "bob"), add("", "12", "<>")}), "uri")
		failsOn(t, "no slot", db.SpeedDials.SetNumbers(ctx, alice, slot, []store.SpeedDial{add("", "123", "bob")}), "dialed")
		fails(t, "twice", db.SpeedDials.SetNumbers(ctx, alice, slot, []store.SpeedDial{add("", "11", "bob"), add("", "11", "carol")}), store.ErrExists)
		fails(t, "of nobody", db.SpeedDials.SetNumbers(ctx, carol, slot, nil), store.ErrNotFound)
		if got := numbers(); got != want {
			t.Errorf("after what was refused %q, want %q", got, want)
		}
		ok(t, db.SpeedDials.SetNumbers(ctx, alice, slot, nil))
		if got := numbers(); got != "5=sip:bob@example.org" {
			t.Errorf("left %q", got)
		}
	})
}

// TestPatternFits: the router's answer, and the page's.
func TestPatternFits(t *testing.T) {
	for _, x := range []struct {
		pattern, caller string
		want            bool
	}{
		{"anonymous", "", true}, {"anonymous", "bob@example.org", false}, {"*@example.net", "", false},
		{"*@example.net", "eve@example.net", true}, {"*@example.net", "eve@other.example.net", false}, {"spam*@*", "spammer@x", true},
		{"+4930", "+49301@example.org", true}, {"+4930", "+4930", true}, {"+4930", "+4931@example.org", false}, {"49", "49ers@example.org", false},
		{"*a*a*a*a*b@x", strings.Repeat("a", 400), false},
		{"anonymous", "anonymous@example.org", true}, {"*@example.org", "anonymous@example.org", true}, {"anonymous", "anonymously@example.org", false},
		{"*@example.net", "@example.net", true}, {"+4930", "+49301%2a%23@x", true}, {"+4930", "+49301%2", false}, {"+4930", "+49", false},
		{"tel:+4930", "+4930", true}, {"tel:+4930", "+4930@gw.example", true}, {"tel:+4930", "+49301", false}, {"tel:+4930", "+493", false}, {"tel:+4930", "", false},
		{"tel:1001", "1001", true}, {"tel:1001", "1001@example.org", false}, {"tel:1001", "10011", false},
	} {
		if got := store.PatternFits(x.pattern, []byte(x.caller)); got != x.want {
			t.Errorf("%q for %q: %v", x.pattern, x.caller, got)
		}
	}
}

// TestPatternOf: the pattern of a caller's row blocks that caller, however odd the name is and
// however it is spelled, and nobody else.
func TestPatternOf(t *testing.T) {
	long := strings.Repeat("é", 100)
	for uri, want := range map[string]string{
		"sip:Eve@Evil.example:5062;x=y":               "eve@evil.example",
		"sip:a%20b@spam.example":                      "a%20b@spam.example",
		"sip:%00@spam.example":                        "%00@spam.example",
		"sip:a%e4%3c@spam.example":                    "a%e4%3c@spam.example",
		"sip:M%C3%BCller@spam.example":                "müller@spam.example",
		"sip:a,b;c?d@gw.example":                      "a,b;c?d@gw.example",
		"sip:*21@gw.example":                          "%2a21@gw.example",
		"sip:evil.example":                            "", // who calls so may be from anywhere: all of a domain are not one caller
		"sip:10-01@example.org":                       "10-01@example.org",
		"tel:anonymous":                               "",
		"tel:+4":                                      "tel:+4",
		"tel:0":                                       "tel:0",
		"sip:x@[2001:DB8::0:1]:5060":                  "x@[2001:db8::1]",
		"tel:+49-40-777":                              "tel:+4940777",
		"tel:040-123;phone-context=+49":               "tel:040123",
		"tel:*21":                                     "tel:%2a21",
		"sip:+49.40-(8)88;tgrp=a@gw.example":          "+4940888@gw.example",
		"sip:anonymous@anonymous.invalid":             "anonymous",
		"sip:anonymous@spam.example":                  "anonymous@spam.example",
		"sip:" + long + "@x":                          strings.Repeat("é", 62) + "*@x",
		"sip:" + strings.Repeat("%20", 50) + "@ab.x":  strings.Repeat("%20", 40) + "*@ab.x",
		"sip:" + long + "@" + long:                    "",
		"sip:" + long + "@" + strings.Repeat("x", 95): "", // of 31 bytes others may be
		"": "", "tel:": "", "urn:x": "",
	} {
		got := store.PatternOf(uri)
		if got != want {
			t.Errorf("the pattern of %s is %q, want %q", uri, got, want)
		}
		rule := store.CallRule{Kind: store.RuleBlock, Pattern: got, Enabled: true}
		if got != "" && !rule.Refuses(aor.AppendCaller(nil, uri)) {
			t.Errorf("%q does not refuse %s", got, uri)
		}
		for _, other := range []string{"sip:carol@example.org", "sip:1001@example.org", "sip:+49407@gw.example", "tel:+49407770", "tel:0401234", "sip:0@gw.example", "sip:mum@evil.example"} {
			if rule.Refuses(aor.AppendCaller(nil, other)) {
				t.Errorf("%q refuses %s as well", got, other)
			}
		}
	}
	old := store.CallRule{Kind: store.RuleBlock, Pattern: "+49-30@gw.example", Enabled: true} // of an earlier release
	if !old.Refuses([]byte("+4930@gw.example")) {
		t.Error("a pattern in an older form is for nobody")
	}
	off := store.CallRule{Kind: store.RuleBlock, Pattern: "*@*"}
	dnd := store.CallRule{Kind: store.RuleDND, Enabled: true}
	if off.Refuses([]byte("a@b")) || dnd.Refuses([]byte("a@b")) {
		t.Error("what is no pattern in force refuses")
	}
}
