package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
)

// refusals counts the lines of the audit about what was not somebody's.
func (s *stand) refusals(who aor.AOR) (list []store.Record) {
	s.t.Helper()
	for _, r := range s.records() {
		if r.Action == "access.refused" && r.Actor == who.String() {
			list = append(list, r)
		}
	}
	return list
}

// bobsThings are what bob has, for alice to ask for.
type bobsThings struct {
	entry, call, message, session string
	attempt, contact, alias       string
	batch                         string // deleted entries of the phone book
}

func (s *stand) giveBob() (have bobsThings) {
	s.t.Helper()
	ctx := s.t.Context()
	e, err := s.db.Phonebook.Add(ctx, bob, store.Entry{FirstName: "Carol", Address: "carol"})
	check(s.t, err)
	check(s.t, s.db.Calls.Record(ctx, []store.Call{{CallID: "1", CallerURI: "sip:x@example.org", Callee: bob, Started: s.clock.now(), Code: 480}}))
	lost, err := s.db.Phonebook.Add(ctx, bob, store.Entry{FirstName: "Gone", Address: "gone"})
	check(s.t, err)
	batch, _, err := s.db.Phonebook.DeleteMany(ctx, bob, lost.ID)
	check(s.t, err)
	missed, _, err := s.db.Calls.ListMissed(ctx, bob, store.CallQuery{})
	check(s.t, err)
	message, err := s.db.Silo.Add(ctx, store.SiloMessage{
		Owner: bob, From: "sip:x@example.org", To: bob.URI(), Expires: s.clock.now().Add(1000 * time.Hour), ContentType: "text/plain", Body: []byte("bob's"),
	}, 0)
	check(s.t, err)
	s.browser().signIn("bob", "builder's")
	sessions, err := s.db.Sessions.List(ctx, bob)
	check(s.t, err)
	alias := aor.AOR{User: "builder", Domain: "example.org"}
	check(s.t, s.db.Aliases.Add(ctx, alias, bob))
	check(s.t, s.db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: "*@example.net", Enabled: true}))
	return bobsThings{itoa(e.ID), itoa(missed[0].ID), itoa(message), itoa(sessions[0].ID), "bobs-attempt", "sip:bob@192.0.2.2", alias.String(), batch}
}

// notMine says for each route with a part of the path that names a row, and for
// those whose fields name one, how alice asks for bob's. Each is answered as what
// is not there. A new route must be entered here.
func notMine(have bobsThings) map[string]url.Values {
	none := url.Values{}
	return map[string]url.Values{
		"GET /user/account/security/sessions/" + have.session:  none,
		"POST /user/account/security/sessions/" + have.session: none,
		"GET /user/phone-book/" + have.entry:                   none,
		"POST /user/phone-book/" + have.entry:                  {"address": {"eve@example.org"}},
		"GET /user/phone-book/" + have.entry + "/delete":       none,
		"POST /user/phone-book/" + have.entry + "/delete":      none,
		"GET /user/dial/" + have.attempt:                       none,
		"POST /user/dial/" + have.attempt + "/cancel":          none,
		"POST /user/dial/" + have.attempt + "/close":           none,
		"GET /user/account/phones/remove":                      {"contact": {have.contact}},
		"POST /user/account/phones/remove":                     {"contact": {have.contact}},
		"GET /user/account/aliases/remove":                     {"alias": {have.alias}},
		"POST /user/account/aliases/remove":                    {"alias": {have.alias}},
		"GET /user/missed/delete":                              {"ids": {have.call}},
		"POST /user/missed/delete":                             {"ids": {have.call}},
		"GET /user/calls/delete":                               {"ids": {have.call}},
		"POST /user/calls/delete":                              {"ids": {have.call}},
		"GET /user/phone-book/delete":                          {"ids": {have.entry}},
		"POST /user/phone-book/delete":                         {"ids": {have.entry}},
		"POST /user/phone-book/restore":                        {"batch": {have.batch}},
		"POST /user/phone-book/selected":                       {"ids": {have.entry}, "act": {"group"}, "group": {"x"}},
		"GET /user/messages/delete":                            {"ids": {have.message}},
		"POST /user/messages/delete":                           {"ids": {have.message}},
	}
}

// harmless are routes with such a part that are no secret, and why.
var harmless = map[string]string{
	"GET /u/:name":      "is everybody's",
	"POST /u/:name":     "is everybody's",
	"GET /static/:name": "is everybody's",
}

// TestNotTheirs: each page and act of the route table that names a row, asked for
// by somebody else, in whatever spelling, is 404 and leaves a line in the audit;
// and bob keeps what he has.
func TestNotTheirs(t *testing.T) {
	s := notTheirsStand(t)
	have := s.giveBob()
	before := s.bobs(t)
	table := notMine(have)
	for _, route := range s.server.Routes() {
		if !strings.Contains(route.Path, ":") || strings.HasPrefix(route.Path, "/admin") || harmless[route.Method+" "+route.Path] != "" {
			continue
		}
		found := false
		for what := range table {
			method, at, _ := strings.Cut(what, " ")
			found = found || method == route.Method && fits(route.Path, at)
		}
		if !found {
			t.Errorf("%s %s names a row: say in notMine (nosy_test.go) how somebody else asks for it", route.Method, route.Path)
		}
	}
	b := s.browser().signIn("alice", "wonderland")
	token := b.get("/user/account").form("/user/account").Get("csrf")
	for what, fields := range table {
		method, at, _ := strings.Cut(what, " ")
		for _, spelt := range spellings(at, fields) {
			was := len(s.refusals(alice))
			b.asks(method, spelt.path, spelt.fields, token).is(http.StatusNotFound).lacks("Carol", "bob's")
			got := s.refusals(alice)
			if len(got) != was+1 {
				t.Errorf("%s %s: %d lines in the audit, want one", method, spelt.path, len(got)-was)
				continue
			}
			if !strings.HasPrefix(strings.ToLower(strings.Replace(got[0].Object, "//", "/", 1)), strings.ToLower(method+" /user/")) || got[0].Source != "192.0.2.1" {
				t.Errorf("%s %s is recorded as %+v", method, spelt.path, got[0])
			}
			for _, name := range []string{"ids", "contact", "alias", "batch"} {
				if fields.Has(name) && !strings.Contains(got[0].After, name+"=") {
					t.Errorf("%s: the record does not say what was asked for: %+v", what, got[0])
				}
			}
			s.clock.forward(3 * time.Minute) // not so fast that it is too much for the audit
		}
	}
	if got := s.bobs(t); got != before {
		t.Errorf("bob has %v of everything, had %v", got, before)
	}
	if got, err := s.db.Aliases.Resolve(t.Context(), aor.AOR{User: "builder", Domain: "example.org"}); err != nil || got != bob {
		t.Errorf("bob's alias stands for %v, %v", got, err)
	}
	for _, c := range s.router.Calls() {
		switch c.Method {
		case ctlproto.MethodCtdCancel, ctlproto.MethodUlRmContact:
			t.Errorf("the router was told %s %s", c.Method, c.Params)
		}
	}
}

// notTheirsStand is a stand whose router knows alice's phones and bob's attempt.
func notTheirsStand(t *testing.T) *stand {
	return newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlRmContact: ctltest.Result(nil),
		ctlproto.MethodCtdStatus: ctltest.Result(ctlproto.CtdStatus{ID: "bobs-attempt", Caller: bob.String(), Callee: "sip:carol@example.org"}),
		ctlproto.MethodCtdCancel: ctltest.Result(nil),
		ctlproto.MethodMsiloRm:   ctltest.Refuse(ctlproto.CodeNotFound, "none of these messages is stored"), ctlproto.MethodMsiloRead: ctltest.Result(ctlproto.MsiloReadResult{}),
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{}),
	}, func(o *server.Options) { o.AliasRules.Limit = 3 })
}

// spelling is one way to write a request.
type spelling struct {
	path   string
	fields url.Values
}

// spellings are a request as it is; with the last digit of its path
// percent-encoded, or with zeros before the number; and with its fields in other
// case, escaped once more, or with zeros.
func spellings(at string, fields url.Values) []spelling {
	all := []spelling{{at, fields}}
	if last := at[strings.LastIndexByte(at, '/')+1:]; last != "" && len(fields) == 0 { // names a row by its path
		all = append(all, spelling{strings.Replace(at, "/user/", "/USER/", 1), fields}, spelling{strings.Replace(at, "/user/", "/%75ser/", 1), fields},
			spelling{strings.Replace(at, "/user/", "//user/", 1), fields})
	}
	for i := len(at) - 1; i > 0; i-- {
		if at[i] >= '0' && at[i] <= '9' {
			start := strings.LastIndexByte(at[:i], '/') + 1
			all = append(all, spelling{at[:i] + "%3" + at[i:i+1] + at[i+1:], fields}, spelling{at[:start] + "00" + at[start:], fields})
			break
		}
	}
	for _, change := range []func(string) string{
		strings.ToUpper, url.QueryEscape, func(v string) string { return strings.ReplaceAll(v, "b", "%62") },
	} {
		changed, differs := url.Values{}, false
		for name, values := range fields {
			changed[name] = values
			if name == "alias" || name == "contact" || name == "batch" {
				changed[name] = []string{change(values[0])}
				differs = differs || changed[name][0] != values[0]
			}
		}
		if differs {
			all = append(all, spelling{at, changed})
		}
	}
	if ids := fields.Get("ids"); ids != "" {
		changed := url.Values{}
		for name, values := range fields {
			changed[name] = values
		}
		changed["ids"] = []string{"00" + ids}
		all = append(all, spelling{at, changed}, spelling{at, url.Values{"ids": {ids + ",9999"}, "act": fields["act"], "group": fields["group"]}})
	}
	return all
}

// asks sends the fields as the method does.
func (b *browser) asks(method, at string, fields url.Values, token string) *answer {
	b.t.Helper()
	if method == http.MethodGet {
		if len(fields) > 0 {
			at += "?" + fields.Encode()
		}
		return b.do(method, at, nil)
	}
	form := url.Values{"csrf": {token}}
	for name, values := range fields {
		form[name] = values
	}
	return b.do(method, at, form)
}

// TestNosyIsBounded: who asks on and on fills no table; what happens to one's own
// things, and to those who are not signed in, is no line.
func TestNosyIsBounded(t *testing.T) {
	s := notTheirsStand(t)
	b := s.browser().signIn("alice", "wonderland")
	s.browser().get("/user/phone-book/4711")
	s.browser().get("/u/nobody").is(404)
	b.get("/u/nobody").is(404)
	b.get("/user/nothing").is(404)
	b.get("/user/phone-book").is(200)
	if got := s.refusals(alice); len(got) != 0 {
		t.Fatalf("%v", got)
	}
	for range 50 {
		b.get("/user/phone-book/4711").is(404)
	}
	got := s.refusals(alice)
	if len(got) != 30 || !strings.Contains(got[0].After, "no more") || strings.Contains(got[1].After, "no more") {
		t.Errorf("%d lines, the last ones %+v", len(got), got[:min(2, len(got))])
	}
	s.browser().signIn("bob", "builder's").get("/user/phone-book/4711").is(404)
	if got := s.refusals(bob); len(got) != 1 {
		t.Errorf("bob has %d lines", len(got))
	}
	s.clock.forward(time.Hour)
	b.get("/user/phone-book/4712").is(404)
	if got := s.refusals(alice); len(got) != 31 {
		t.Errorf("%d lines an hour later", len(got))
	}
}

// TestAdminNotTheirs: an administrator of one domain asks for another's users and
// sign-ups, by every route that names one.
func TestAdminNotTheirs(t *testing.T) {
	s := adminStand(t, nil)
	waiting := aor.AOR{User: "waiting", Domain: "example.net"}
	confirm, err := s.db.Pending.Add(t.Context(), store.SignUp{AOR: waiting, Email: "w@example.net", Hashes: store.HashesOf(waiting, "password")}, time.Hour, 10)
	check(t, err)
	_, err = s.db.Pending.Confirm(t.Context(), confirm, 1000*time.Hour)
	check(t, err)
	signUps, _, err := s.db.Pending.Approvals(t.Context(), "example.net", 10, 0)
	check(t, err)
	b := s.admin(dora)
	token := b.get("/admin/users/new").form("/admin/users/new").Get("csrf")
	n := 0
	for _, route := range s.server.Routes() {
		if !strings.HasPrefix(route.Path, "/admin/") || !strings.Contains(route.Path, ":") {
			continue
		}
		n++
		at := strings.NewReplacer(":aor", url.PathEscape(eve.String()), ":id", itoa(signUps[0].ID)).Replace(route.Path)
		was := len(s.refusals(dora))
		b.asks(route.Method, at, nil, token).is(http.StatusNotFound)
		if got := s.refusals(dora); len(got) != was+1 {
			t.Errorf("%s %s: %d lines in the audit, want one", route.Method, at, len(got)-was)
		}
		s.clock.forward(30 * time.Second) // the session must not end
	}
	if left, err := s.db.Pending.CountApprovals(t.Context(), "example.net"); err != nil || left != 1 {
		t.Errorf("%d sign-ups are left, %v", left, err)
	}
	if n < 10 {
		t.Errorf("only %d routes name a user", n)
	}
}
