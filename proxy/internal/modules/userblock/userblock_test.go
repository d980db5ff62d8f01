package userblock_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/userblock"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// rule is a row that is in force.
func rule(owner, kind, what string) store.CallRule {
	a, err := aor.Parse(owner, "example.org")
	if err != nil {
		panic(err)
	}
	r := store.CallRule{Owner: a, Kind: kind, Target: what, Enabled: true}
	if kind == store.RuleBlock {
		r.Target, r.Pattern = "", what
	}
	c, err := r.Canonical()
	if err != nil {
		panic(err)
	}
	return c
}

// newModule is a module with rules; example.org is local, "chief" an alias of bob, "branch"
// of somebody elsewhere, urn:uuid:1 an instance of everybody's phone, and the members of int are those named; nobody of away is registered.
func newModule(t testing.TB, away string, rules ...store.CallRule) *userblock.Module {
	t.Helper()
	m := userblock.New(userblock.Config{
		Load: func(context.Context) ([]store.CallRule, error) { return rules, nil },
		Alias: func(dst, alias []byte) ([]byte, bool) {
			switch string(alias) {
			case "chief@example.org":
				return append(dst, "bob@example.org"...), true
			case "branch@example.org":
				return append(dst, "desk@example.com"...), true
			}
			return dst, false
		},
		Device: func(dst []byte, u *sip.URI) ([]byte, bool) {
			switch gr, _ := u.Param("gr"); {
			case string(gr) == "urn:uuid:1":
				return append(append(dst, u.User...), "@example.org"...), true
			case string(gr) == "" && strings.HasSuffix(string(u.Raw), ";gr") && string(u.User) == "tgruu.OfBob":
				return append(dst, "bob@example.org"...), true
			}
			return dst, false
		},
		Local:      func(d []byte) bool { return string(d) == "example.org" },
		Member:     func(a []byte, group string) bool { return string(a) == "bob@example.org" && group == "int" },
		Registered: func(a []byte) bool { return !strings.Contains(away, string(a)) },
	})
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

func invite(t testing.TB, uri string, lines ...string) *module.Ctx {
	t.Helper()
	return moduletest.Message(t, moduletest.Request("INVITE", uri, lines...))
}

func from(text, uri string) string {
	return strings.Replace(text, `"Alice" <sip:alice@example.org>`, "<"+uri+">", 1)
}

func TestBlocked(t *testing.T) {
	for _, c := range []struct {
		pattern, caller string
		want            bool
	}{
		{"eve@example.net", "sip:eve@example.net", true},
		{"eve@example.net", "sip:E%56e@EXAMPLE.NET;x=y", true},
		{"eve@example.net", "sip:eve@example.com", false},
		{"*@example.net", "sip:anybody@example.net", true},
		{"@example.net", "sip:anybody@example.net", true},
		{"*@example.net", "sip:anybody@sub.example.net", false},
		{"*@*.example.net", "sip:anybody@sub.example.net", true},
		{"spam*@*", "sip:spammer@example.com", true},
		{"spam*@*", "sip:notspam@example.com", false},
		{"s*m*r@*", "sip:spammer@example.com", true},
		{"+4930", "sip:+49301234@gw.example", true},
		{"+4930", "tel:+49301234", true},
		{"+4930", "sip:+4931234@gw.example", false},
		{"4930", "sip:+49301234@gw.example", false},
		{"49", "sip:49ers@example.com", false},
		{"+4930", "sip:+493@gw.example", false},
		{"anonymous", "sip:anonymous@anonymous.invalid", true},
		{"anonymous", "sip:anonymous@example.org", true},
		{"anonymous", "sip:x@anonymous.invalid", true},
		{"anonymous", "sip:eve@example.net", false},
		{"*@*", "sip:anonymous@anonymous.invalid", false},
		// Who is nobody's account has a name and a host all the same.
		{"*@spam.example", "sip:a%20b@spam.example", true},
		{"*@spam.example", "sip:%00@spam.example", true},
		{"*@spam.example", "sip:a%e4@spam.example", true},
		{"*@spam.example", "sip:" + strings.Repeat("a", 65) + "@spam.example", true},
		{"*@spam.example", "sip:" + strings.Repeat("a", 600) + "@spam.example", true},
		{"*@spam.example", "sip:spam.example", true},
		{"*@spam.example", "sip:anonymous@spam.example", true},
		{"*@spam.example", "im:eve@spam.example", true},
		{"*@spam_.example", "sip:a@Spam_.example:5070", true},
		{"first%20last@example.com", "sip:First%20Last@example.com", true},
		{"a%3Cb@example.com", "sip:a%3cb@example.com", true},
		{"o'neil;a=b@example.com", "sip:o'neil;a=b@example.com", true},
		{"Žofie@example.com", "sip:%C5%BDofie@example.com", true},
		// And so is who says who he is.
		{"anonymous", "sip:first%20last@example.com", false},
		{"anonymous", "sip:desk@" + strings.Repeat("a", 40) + "." + strings.Repeat("b", 30) + ".example", false},
		{"anonymous", "sip:example.com", false},
		{"anonymous", "sip:%61nonymous@example.org", true},
		// Separators and parameters are no part of a number (RFC 3966 §5.1.1, RFC 4904).
		{"+4930", "tel:+49-30-1234", true},
		{"+4930", "sip:+49.30.(12)34@gw.example;user=phone", true},
		{"+4930", "sip:+49301234;tgrp=a;trunk-context=b@gw.example;user=phone", true},
		{"040123", "tel:040-123;phone-context=+49", true},
		{"+49-40-888@gw.example", "sip:+4940888@gw.example", true},
		{"+49(40)*@gw.example", "sip:+4940888@gw.example", true},
		{"+4930", "sip:+4930-bob@gw.example", false},
		{"tel:+4930777", "sip:+4930777@198.51.100.1", true},
		{"tel:+4930777", "sip:+49-30-777@198.51.100.2:5070;user=phone", true},
		{"tel:+4930777", "sip:+49307771@198.51.100.1", false},
		{"+4930", "sip:+49" + strings.Repeat("-", 260) + "301234@gw.example", true},
		{"+4930", "tel:+49" + strings.Repeat("-", 260) + "301234", true},
		{"+4930", "sip:+49" + strings.Repeat("-", 260) + "311234@gw.example", false},
		{"k@192.0.2.7", "sip:k@[::ffff:192.0.2.7]", true},
		{"k@[::ffff:c000:207]", "sip:k@192.0.2.7:5070", true},
		{"k@192.0.2.7", "sip:k@[::192.0.2.7]", false},
	} {
		m := newModule(t, "", rule("bob", "block", c.pattern))
		ask := moduletest.Compile(t, m, "ub_blocked")
		for uri, want := range map[string]bool{"sip:bob@example.org": c.want, "sip:chief@example.org": c.want, "sip:carol@example.org": false} {
			ctx := moduletest.Message(t, from(moduletest.Request("INVITE", uri), c.caller))
			if got := ask(ctx) == module.True; got != want {
				t.Errorf("%s calls %s, who blocks %s: blocked %v, want %v", c.caller, uri, c.pattern, got, want)
			}
		}
	}
}

// TestOwnCalls: what the router sends for an owner passes, a call of somebody's that it makes for him does
// not, and what one of our people writes by it neither.
func TestOwnCalls(t *testing.T) {
	m := newModule(t, "", rule("bob", "dnd", ""), rule("bob", "block", "*@*"), rule("bob", "always", "carol"))
	for local, want := range map[[2]bool]int{{true, false}: -1, {false, true}: 1, {}: 1} {
		for _, f := range [][]string{{"ub_dnd"}, {"ub_blocked"}} {
			ctx := invite(t, "sip:bob@example.org")
			ctx.Local = &relay.Local{NoRules: local[0], Accounted: local[1]}
			if got := moduletest.Compile(t, m, f[0], f[1:]...)(ctx); got != want {
				t.Errorf("%s with NoRules and Accounted %v: %d, want %d", f[0], local, got, want)
			}
		}
	}
}

// TestHimself: nobody refuses himself, by an alias of his and however he writes his address neither; a
// stranger of that name is somebody else.
func TestHimself(t *testing.T) {
	m := newModule(t, "", rule("bob", "dnd", ""), rule("bob", "block", "*@*"))
	for caller, want := range map[string]int{
		"sip:bob@example.org": -1, "sips:B%6fb@EXAMPLE.org.:5061;x=y": -1, "sip:bob@example.net": 1, "sip:alice@example.org": 1, "sip:example.org": 1,
		"im:bob@example.org": 1,
	} {
		for _, uri := range []string{"sip:bob@example.org", "sip:chief@example.org"} {
			for _, f := range []string{"ub_dnd", "ub_blocked"} {
				ctx := moduletest.Message(t, from(moduletest.Request("INVITE", uri), caller))
				if got := moduletest.Compile(t, m, f)(ctx); got != want {
					t.Errorf("%s calls %s: %s is %d, want %d", caller, uri, f, got, want)
				}
			}
		}
	}
}

// TestForward: where a call goes, and what it says about that.
func TestForward(t *testing.T) {
	const bob, carol, dora = "sip:bob@example.org", "sip:carol@example.org", "sip:dora@example.org"
	off := rule("bob", "always", carol)
	off.Enabled = false
	for _, c := range []struct {
		name, kind, uri string
		rules           []store.CallRule
		away            string
		params          string // name value
		lines           []string
		want            string // "" for not forwarded
		diversions      []string
	}{
		{name: "always", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", carol)}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "by an alias", kind: "always", uri: "sip:chief@example.org", rules: []store.CallRule{rule("bob", "always", carol)}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "another kind", kind: "busy", uri: bob, rules: []store.CallRule{rule("bob", "always", carol)}},
		{name: "not in force", kind: "always", uri: bob, rules: []store.CallRule{off}},
		{name: "somebody else's", kind: "always", uri: dora, rules: []store.CallRule{rule("bob", "always", carol)}},
		{name: "on and on", kind: "busy", uri: bob, rules: []store.CallRule{rule("bob", "busy", carol), rule("carol", "always", "tel:+4930123")},
			want: "tel:+4930123", diversions: []string{
				"<sip:carol@example.org>;reason=unconditional;counter=1", "<sip:bob@example.org>;reason=user-busy;counter=1"}},
		{name: "only always follows", kind: "busy", uri: bob, rules: []store.CallRule{rule("bob", "busy", carol), rule("carol", "busy", dora)}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=user-busy;counter=1"}},
		{name: "away, and so is the next", kind: "offline", uri: bob, away: "carol@example.org",
			rules: []store.CallRule{rule("bob", "offline", carol), rule("carol", "offline", dora)}, want: dora,
			diversions: []string{"<sip:carol@example.org>;reason=unavailable;counter=1", "<sip:bob@example.org>;reason=unavailable;counter=1"}},
		{name: "away, the next one is there", kind: "offline", uri: bob,
			rules: []store.CallRule{rule("bob", "offline", carol), rule("carol", "offline", dora)}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=unavailable;counter=1"}},
		{name: "a loop of two", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", carol), rule("carol", "always", bob)}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "to his own alias", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", "sip:chief@example.org")}},
		{name: "to somebody's alias", kind: "busy", uri: carol, rules: []store.CallRule{rule("carol", "busy", "sip:chief@example.org")}, want: bob,
			diversions: []string{"<sip:carol@example.org>;reason=user-busy;counter=1"}},
		{name: "to an alias, and on by its owner's rule", kind: "always", uri: carol, want: dora,
			rules:      []store.CallRule{rule("carol", "always", "sip:chief@example.org"), rule("bob", "always", dora)},
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1", "<sip:carol@example.org>;reason=unconditional;counter=1"}},
		{name: "a loop by an alias", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", carol), rule("carol", "always", "sip:chief@example.org")}, want: carol,
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "to an alias of somebody elsewhere", kind: "always", uri: bob, params: "foreign_group int", rules: []store.CallRule{rule("bob", "always", "sip:branch@example.org")},
			want: "sip:desk@example.com", diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "to an alias of somebody elsewhere, without the permission", kind: "always", uri: carol, params: "foreign_group int",
			rules: []store.CallRule{rule("carol", "always", "sip:branch@example.org")}},
		{name: "too often", kind: "always", uri: bob, params: "max_forwards 2", rules: []store.CallRule{
			rule("bob", "always", carol), rule("carol", "always", dora), rule("dora", "always", "sip:emil@example.org")}, want: dora,
			diversions: []string{"<sip:carol@example.org>;reason=unconditional;counter=1", "<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "too often by others", kind: "always", uri: bob, params: "max_forwards 2", rules: []store.CallRule{rule("bob", "always", carol)},
			lines: []string{"Diversion: <sip:x@example.com>", "Diversion: <sip:y@example.com>"}, diversions: []string{"<sip:x@example.com>", "<sip:y@example.com>"}},
		{name: "after others", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", carol)}, want: carol,
			lines: []string{"diversion: <sip:x@example.com>"}, diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1", "<sip:x@example.com>"}},
		{name: "to who blocks the caller", kind: "always", uri: bob, want: carol,
			rules:      []store.CallRule{rule("bob", "always", carol), rule("carol", "always", dora), rule("carol", "block", "alice@example.org")},
			diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "of who blocks the caller", kind: "always", uri: bob, rules: []store.CallRule{rule("bob", "always", carol), rule("bob", "block", "alice@*")}},
		{name: "abroad with the permission", kind: "always", uri: bob, params: "foreign_group int", rules: []store.CallRule{rule("bob", "always", "tel:+4930123")},
			want: "tel:+4930123", diversions: []string{"<sip:bob@example.org>;reason=unconditional;counter=1"}},
		{name: "abroad without it", kind: "always", uri: carol, params: "foreign_group int", rules: []store.CallRule{rule("carol", "always", "sip:x@example.com")}},
		{name: "at home without it", kind: "always", uri: carol, params: "foreign_group int", rules: []store.CallRule{rule("carol", "always", dora)}, want: dora,
			diversions: []string{"<sip:carol@example.org>;reason=unconditional;counter=1"}},
		{name: "told to nobody", kind: "always", uri: bob, params: "diversion 0", rules: []store.CallRule{rule("bob", "always", carol)}, want: carol},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, c.away, c.rules...)
			if name, value, ok := strings.Cut(c.params, " "); ok {
				if err := moduletest.Set(t, m, name, value); err != nil {
					t.Fatal(err)
				}
			}
			ctx := invite(t, c.uri, c.lines...)
			got := moduletest.Compile(t, m, "ub_forward", c.kind)(ctx)
			if c.want == "" && (got != module.False || string(ctx.Main.URI) != c.uri) || c.want != "" && (got != module.True || string(ctx.Main.URI) != c.want) {
				t.Errorf("ub_forward returned %d, the call goes to %s, want %q", got, ctx.Main.URI, c.want)
			}
			var diversions []string
			for line := range strings.Lines(moduletest.Headers(ctx)) {
				if name, value, _ := strings.Cut(line, ": "); strings.EqualFold(name, "diversion") {
					diversions = append(diversions, strings.TrimSpace(value))
				}
			}
			if diff := cmp.Diff(c.diversions, diversions); diff != "" {
				t.Errorf("Diversion (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAfterLookup: once a contact stands in the Request-URI, the rules are still those
// of who was called.
func TestAfterLookup(t *testing.T) {
	away := rule("bob", "noanswer", "carol")
	away.Seconds = 7
	m := newModule(t, "", rule("bob", "dnd", ""), away)
	ctx := invite(t, "sip:chief@example.org")
	moduletest.Compile(t, m, "ub_blocked")(ctx)
	if err := ctx.SetURI([]byte("sip:x@192.0.2.9:5070")); err != nil {
		t.Fatal(err)
	}
	if moduletest.Compile(t, m, "ub_dnd")(ctx) != module.True || moduletest.Compile(t, m, "ub_no_answer_timeout")(ctx) != module.True {
		t.Error("the rules of who was called are forgotten")
	}
	if ring, silence := ctx.Timers(); ring != 7*time.Second || silence != 0 {
		t.Errorf("it may ring %v, be silent %v", ring, silence)
	}
	if moduletest.Compile(t, m, "ub_forward", "noanswer")(ctx) != module.True || string(ctx.Main.URI) != "sip:carol@example.org" {
		t.Errorf("forwarded to %s", ctx.Main.URI)
	}
	if ring, _ := ctx.Timers(); ring != 0 {
		t.Errorf("who it is forwarded to rings %v as well", ring)
	}
	if moduletest.Compile(t, m, "ub_dnd")(ctx) == module.True || moduletest.Compile(t, m, "ub_no_answer_timeout")(ctx) == module.True {
		t.Error("the rules of who had the call before hold on")
	}
	if got := string(ctx.AVP("ub_forwarder").Str); got != "bob@example.org" {
		t.Errorf("$avp(ub_forwarder) is %q", got)
	}
}

// TestOnePhone: a call to one phone of an owner (GRUU), whatever it is called there, is refused to who is
// blocked, and to everybody with "do not disturb", and nothing else is done with it. What only looks like that is a call to the owner, or to nobody.
func TestOnePhone(t *testing.T) {
	m := newModule(t, "", rule("bob", "dnd", ""), rule("bob", "block", "eve@*"), rule("bob", "always", "carol"), rule("bob", "noanswer", "carol"))
	all := [][]string{{"ub_forward", "always"}, {"ub_blocked"}, {"ub_dnd"}, {"ub_forward", "noanswer"}, {"ub_no_answer_timeout"}}
	blocked := func(uri string) int {
		return moduletest.Compile(t, m, "ub_blocked")(moduletest.Message(t, from(moduletest.Request("INVITE", uri), "sip:eve@example.net")))
	}
	for _, uri := range []string{"sip:bob@example.org;gr=urn:uuid:1", "sip:tgruu.OfBob@example.org;gr", "sips:tgruu.OfBob@EXAMPLE.org;gr"} {
		ctx := invite(t, uri)
		for _, f := range all {
			want := module.False
			if f[0] == "ub_dnd" {
				want = module.True
			}
			if got := moduletest.Compile(t, m, f[0], f[1:]...)(ctx); got != want || string(ctx.Main.URI) != uri {
				t.Errorf("%q of %s: %d, the call goes to %s", f, uri, got, ctx.Main.URI)
			}
		}
		if blocked(uri) != module.True {
			t.Errorf("who is blocked gets through to %s", uri)
		}
	}
	for _, uri := range []string{"sip:bob@example.org;gr=none", "sip:bob@example.org;grr=urn:uuid:1"} {
		if ctx := invite(t, uri); moduletest.Compile(t, m, "ub_dnd")(ctx) != module.True || blocked(uri) != module.True {
			t.Errorf("%s passes his rules", uri)
		}
	}
	for _, uri := range []string{"sip:tgruu.OfBob@example.org", "sip:tgruu.ofbob@example.org;gr", "sip:tgruu.@example.org;gr"} {
		if blocked(uri) != module.False {
			t.Errorf("%s has bob's rules", uri)
		}
	}
}

// TestNobodysRules: addresses that are none have none.
func TestNobodysRules(t *testing.T) {
	m := newModule(t, "", rule("bob", "dnd", ""), rule("bob", "block", "*@*"), rule("bob", "always", "carol"))
	for _, uri := range []string{"tel:bob", "sip:example.org", "sip:b%zzob@example.org", "mailto:bob@example.org"} {
		for _, f := range [][]string{{"ub_blocked"}, {"ub_dnd"}, {"ub_forward", "always"}, {"ub_no_answer_timeout"}} {
			if got := moduletest.Compile(t, m, f[0], f[1:]...)(invite(t, uri)); got != module.False {
				t.Errorf("%s for %s is %d", f[0], uri, got)
			}
		}
	}
}

// table is the module's table.
type table struct {
	mu   sync.Mutex
	rows []store.CallRule
	err  error
}

func (t *table) set(err error, rows ...store.CallRule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows, t.err = rows, err
}

func (t *table) load(context.Context) ([]store.CallRule, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows, t.err
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows table
		m := userblock.New(userblock.Config{Load: rows.load})
		if err := m.Init(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		disturbed := func() bool {
			return moduletest.Compile(t, m, "ub_dnd")(invite(t, "sip:bob@example.org")) == module.True
		}
		synctest.Wait()
		rows.set(nil, rule("bob", "dnd", ""))
		time.Sleep(time.Minute)
		synctest.Wait()
		if !disturbed() {
			t.Error("a rule made a minute ago is not in force")
		}
		rows.set(errors.New("away"))
		if err := m.Reload(ctx); err == nil || !strings.Contains(err.Error(), "call_rule") || !disturbed() {
			t.Errorf("with the database away: %v", err)
		}
		rows.set(nil)
		if err := m.Reload(ctx); err != nil || disturbed() {
			t.Errorf("removed and reloaded: %v", err)
		}
		cancel()
		<-done
	})
}

func TestStatistics(t *testing.T) {
	m := newModule(t, "", rule("bob", "always", "carol"), rule("carol", "dnd", ""), rule("carol", "block", "alice@*"))
	ctx := invite(t, "sip:bob@example.org")
	for _, f := range [][]string{{"ub_forward", "always"}, {"ub_blocked"}, {"ub_dnd"}} {
		moduletest.Compile(t, m, f[0], f[1:]...)(ctx)
	}
	got := map[string]int64{}
	m.Statistics(func(group, name string, n int64) { got[group+":"+name] = n })
	want := map[string]int64{"userblock:owners": 2, "userblock:blocked": 1, "userblock:disturbed": 1, "userblock:forwarded": 1, "userblock:forwards_ended": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBadArguments(t *testing.T) {
	m := userblock.New(userblock.Config{})
	if err := m.Init(); err != nil {
		t.Errorf("Init without a database: %v", err)
	}
	if got := moduletest.Refused(t, m, "ub_forward", "sometimes"); got != `"sometimes" is none of "always", "busy", "noanswer", "offline"` {
		t.Error(got)
	}
	for name, values := range map[string][]string{
		"db_url": {""}, "max_forwards": {"0", "11"}, "foreign_group": {"", strings.Repeat("x", 65)}, "diversion": {"2", "-1"}, "reload_interval": {"0"},
	} {
		for _, value := range values {
			if err := moduletest.Set(t, m, name, value); err == nil {
				t.Errorf("%s %q is taken", name, value)
			}
		}
	}
}
