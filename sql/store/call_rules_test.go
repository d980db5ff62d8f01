package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestCallRules(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		for _, r := range []store.CallRule{
			{Owner: alice, Kind: store.RuleBlock, Pattern: "SIP:Eve@Example.net", Enabled: true},
			{Owner: alice, Kind: store.RuleBlock, Pattern: "+49 (30)", Enabled: true},
			{Owner: alice, Kind: store.RuleNoAnswer, Target: "bob", Enabled: true},
			{Owner: alice, Kind: store.RuleAlways, Target: "tel:+49-30-1", Seconds: 9},
			{Owner: bob, Kind: store.RuleDND, Enabled: true},
		} {
			ok(t, db.CallRules.Set(ctx, r))
		}
		want := []store.CallRule{
			{Owner: alice, Kind: store.RuleAlways, Target: "tel:+49301"},
			{Owner: alice, Kind: store.RuleNoAnswer, Target: "sip:bob@example.org", Seconds: store.DefaultRing, Enabled: true},
			{Owner: alice, Kind: store.RuleBlock, Pattern: "+4930", Enabled: true},
			{Owner: alice, Kind: store.RuleBlock, Pattern: "eve@example.net", Enabled: true},
		}
		list, err := db.CallRules.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		// A rule takes the place of the one of its kind.
		ok(t, db.CallRules.Set(ctx, store.CallRule{Owner: alice, Kind: store.RuleNoAnswer, Target: "tel:+1", Seconds: 30, Enabled: true}))
		ok(t, db.CallRules.Remove(ctx, alice, store.RuleBlock, "eve@example.net"))
		fails(t, "removed twice", db.CallRules.Remove(ctx, alice, store.RuleBlock, "eve@example.net"), store.ErrNotFound)
		fails(t, "somebody else's", db.CallRules.Remove(ctx, bob, store.RuleAlways, ""), store.ErrNotFound)
		fails(t, "of nobody", db.CallRules.Set(ctx, store.CallRule{Owner: carol, Kind: store.RuleDND}), store.ErrNotFound)
		// What another program wrote and nobody can follow is left out, capitals are not.
		db.exec(t, "INSERT INTO call_rule (username, domain, kind, target) VALUES ('ALICE', 'example.org', 'busy', 'sip:bob@example.org')")
		db.exec(t, "INSERT INTO call_rule (username, domain, kind, target) VALUES ('bob', 'example.org', 'sometimes', 'sip:x@y')")
		db.exec(t, "INSERT INTO call_rule (username, domain, kind, target) VALUES ('bob', 'example.org', 'busy', '<>')")
		all, err := db.CallRules.All(ctx)
		ok(t, err)
		var got []string
		for _, r := range all {
			got = append(got, fmt.Sprintf("%s %s %s%s %d %v", r.Owner.User, r.Kind, r.Pattern, r.Target, r.Seconds, r.Enabled))
		}
		if diff := cmp.Diff([]string{"alice block +4930 0 true", "alice always tel:+49301 0 false", "bob dnd  0 true",
			"alice noanswer tel:+1 30 true", "alice busy sip:bob@example.org 0 true"}, got); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		for i := range store.MaxCallRules {
			err = db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: fmt.Sprintf("x%d@example.net", i), Enabled: true})
			if err != nil {
				break
			}
		}
		fails(t, "beyond the limit", err, store.ErrFull)
		ok(t, db.Subscribers.Delete(ctx, alice))
		if n := db.count(t, "SELECT COUNT(*) FROM call_rule WHERE username = 'alice'"); n != 0 {
			t.Errorf("a deleted user leaves %d rules", n)
		}
	})
}

func TestBadCallRules(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for field, list := range map[string][]store.CallRule{
			"owner": {{Kind: store.RuleDND}, {Owner: aor.AOR{User: "ALICE", Domain: "example.org"}, Kind: store.RuleDND}},
			"kind":  {{Owner: alice}, {Owner: alice, Kind: "Always", Target: "bob"}},
			"pattern": {{Owner: alice, Kind: store.RuleBlock}, {Owner: alice, Kind: store.RuleBlock, Pattern: "eve"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "a b@c"},
				{Owner: alice, Kind: store.RuleBlock, Pattern: "a@b@c"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "a@"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "x\n@y"},
				{Owner: alice, Kind: store.RuleBlock, Pattern: "eve@x;y"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "eve@x:5060"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "*30"},
				{Owner: alice, Kind: store.RuleBlock, Pattern: "tel:anonymous"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "tel:1@x"}, {Owner: alice, Kind: store.RuleBlock, Pattern: "tel:+"},
				{Owner: alice, Kind: store.RuleBlock, Pattern: strings.Repeat("x", 128) + "@y"}, {Owner: alice, Kind: store.RuleDND, Pattern: "x@y"}},
			"target": {{Owner: alice, Kind: store.RuleAlways}, {Owner: alice, Kind: store.RuleBusy, Target: "sip:@"}, {Owner: alice, Kind: store.RuleOffline, Target: "alice"},
				{Owner: alice, Kind: store.RuleBusy, Target: "http://x"}, {Owner: alice, Kind: store.RuleDND, Target: "bob"}},
			"seconds": {{Owner: alice, Kind: store.RuleNoAnswer, Target: "bob", Seconds: 4}, {Owner: alice, Kind: store.RuleNoAnswer, Target: "bob", Seconds: 181}},
		} {
			for _, r := range list {
				failsOn(t, r.Kind+" "+r.Pattern+" "+r.Target, db.CallRules.Set(t.Context(), r), field)
			}
		}
		if n := db.count(t, "SELECT COUNT(*) FROM call_rule"); n != 0 {
			t.Errorf("%d rows afterwards", n)
		}
	})
}

func TestSpeedDials(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		two, three := aor.AOR{User: "2", Domain: "example.org"}, aor.AOR{User: "3", Domain: "example.org"}
		ok(t, db.SpeedDials.Add(ctx, store.SpeedDial{Owner: alice, Dialed: three, URI: "tel:+49-30-1", Description: "Office"}))
		ok(t, db.SpeedDials.Add(ctx, store.SpeedDial{Owner: alice, Dialed: two, URI: "Bob", FirstName: "Bob", LastName: "B."}))
		fails(t, "the same number", db.SpeedDials.Add(ctx, store.SpeedDial{Owner: alice, Dialed: two, URI: "carol"}), store.ErrExists)
		fails(t, "of nobody", db.SpeedDials.Add(ctx, store.SpeedDial{Owner: carol, Dialed: two, URI: "bob"}), store.ErrNotFound)
		failsOn(t, "no URI", db.SpeedDials.Add(ctx, store.SpeedDial{Owner: bob, Dialed: two, URI: "http://x"}), "uri")
		failsOn(t, "no number", db.SpeedDials.Add(ctx, store.SpeedDial{Owner: bob, URI: "alice"}), "dialed")
		failsOn(t, "a long text", db.SpeedDials.Add(ctx, store.SpeedDial{Owner: bob, Dialed: two, URI: "alice", Description: strings.Repeat("x", 65)}), "description")
		list, err := db.SpeedDials.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]store.SpeedDial{{Owner: alice, Dialed: two, URI: "sip:bob@example.org", FirstName: "Bob", LastName: "B."},
			{Owner: alice, Dialed: three, URI: "tel:+49301", Description: "Office"}}, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		// Other programs leave the domain of the number empty.
		db.exec(t, "INSERT INTO speed_dial (username, domain, sd_username, new_uri) VALUES ('Bob', 'example.org', '7', 'sip:x@y')")
		all, err := db.SpeedDials.All(ctx)
		ok(t, err)
		if len(all) != 3 || all[2].Owner != bob || all[2].Dialed != (aor.AOR{User: "7", Domain: "example.org"}) {
			t.Errorf("All: %+v", all)
		}
		ok(t, db.SpeedDials.Remove(ctx, alice, two))
		fails(t, "removed twice", db.SpeedDials.Remove(ctx, alice, two), store.ErrNotFound)
		ok(t, db.Subscribers.Delete(ctx, alice))
		if n := db.count(t, "SELECT COUNT(*) FROM speed_dial WHERE username = 'alice'"); n != 0 {
			t.Errorf("a deleted user leaves %d numbers", n)
		}
	})
}

func TestDispatcher(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		rows := []store.Gateway{
			{Set: 1, URI: "sip:192.0.2.10:5060", Priority: 5, Attrs: "weight=50", Description: "Berlin"},
			{Set: 1, URI: "sips:gw.example.net", Flags: 8}, {Set: 0, URI: "sip:trunk@gw.example.net;transport=tcp"},
		}
		for _, g := range rows {
			ok(t, db.Dispatcher.Add(ctx, g))
		}
		list, err := db.Dispatcher.All(ctx)
		ok(t, err)
		if diff := cmp.Diff(rows, list); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		for field, g := range map[string]store.Gateway{
			"set": {Set: -1, URI: "sip:x"}, "flags": {URI: "sip:x", Flags: 16}, "uri": {URI: "192.0.2.10"},
			"attrs": {URI: "sip:x", Attrs: strings.Repeat("x", 129)}, "description": {URI: "sip:x", Description: strings.Repeat("x", 65)},
		} {
			failsOn(t, field, db.Dispatcher.Add(ctx, g), field)
		}
		for _, uri := range []string{"", "sip:", "sip:a b", "tel:+49", "sip:" + strings.Repeat("x", 190)} {
			failsOn(t, uri, db.Dispatcher.Add(ctx, store.Gateway{URI: uri}), "uri")
		}
		ok(t, db.Dispatcher.Remove(ctx, 1, "sips:gw.example.net"))
		fails(t, "removed twice", db.Dispatcher.Remove(ctx, 1, "sips:gw.example.net"), store.ErrNotFound)
	})
}

// TestCallRulesOfClosedAccount: nobody forwards with an account that is closed, however the
// row is written, until it is open again.
func TestCallRulesOfClosedAccount(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.CallRules.Set(ctx, store.CallRule{Owner: alice, Kind: store.RuleAlways, Target: "bob", Enabled: true}))
		ok(t, db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleDND, Enabled: true}))
		db.exec(t, "INSERT INTO call_rule (username, domain, kind, target) VALUES ('ALICE', 'example.org', 'busy', 'sip:bob@example.org')")
		for _, c := range []struct {
			disabled bool
			want     string
		}{{true, "bob dnd, "}, {false, "alice always, bob dnd, alice busy, "}} {
			ok(t, db.Profiles.SetDisabled(ctx, alice, c.disabled))
			list, err := db.CallRules.All(ctx)
			ok(t, err)
			got := ""
			for _, r := range list {
				got += r.Owner.User + " " + r.Kind + ", "
			}
			if got != c.want {
				t.Errorf("disabled %v: %q, want %q", c.disabled, got, c.want)
			}
		}
	})
}
