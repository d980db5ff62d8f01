package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
)

// attacks are values that a program sends where a form or a link of ours would
// send an id, an address or a word.
var attacks = []string{
	"", "0", "-1", "1", "9223372036854775807", "9223372036854775808", "1,2,3", "1' OR '1'='1", "1; DROP TABLE subscriber",
	hostile, `"><svg/onload=alert(1)>`, "javascript:alert(1)", "//evil.example/", `\\evil.example`, "https://evil.example/", "/user/../admin",
	"..", "../../etc/passwd", "a/b", "%2e%2e%2f", "%00", "\x00", "a\x00b", "a\r\nSet-Cookie: x=y", "\xff\xfe", "\u202egnp.exe", "žluť 😀",
	"{{.Frame}}", "${7*7}", strings.Repeat("9", 400), strings.Repeat("a", 1500), strings.Repeat("ž", 250), strings.Repeat("1,", 300),
	"bob@example.org", "eve@example.net", "root@example.org", "sip:bob@example.org;maddr=127.0.0.1", "sip:alice@example.org?Replaces=x", "<sip:bob@example.org>", "bob@example.org@evil.example",
}

// attackedFields are all the names that pages read from a query or a form.
var attackedFields = []string{
	"ids", "upto", "contact", "lifetime", "alias", "return", "to", "text", "q", "page", "sort", "order", "group", "status", "address", "first_name", "last_name",
	"email", "phone", "time_zone", "presence", "findable", "auto_answer", "note", "theme", "language", "user", "password", "again", "new_password", "old_password", "domain", "keep", "name",
	"batch", "act", "rows", "pattern", "kind", "dir", "from", "until", "since", "device", "ring", "call_me", "late", "token", "own_password", "always", "busy", "noanswer", "offline", "seconds", "dnd",
}

// bobs counts what bob has.
func (s *stand) bobs(t *testing.T) (counts [4]int) {
	t.Helper()
	var err error
	_, counts[0], err = s.db.Phonebook.List(t.Context(), bob, store.EntryQuery{})
	check(t, err)
	_, counts[1], err = s.db.Calls.ListMissed(t.Context(), bob, store.CallQuery{})
	check(t, err)
	counts[2], counts[3], err = s.db.Silo.Count(t.Context(), bob)
	check(t, err)
	return counts
}

// TestAttacks sends hostile values to every route of the users' portal, as a part of
// the path, in the query and in the form: nothing breaks, nothing of it becomes
// markup or an address to go to, and bob keeps everything.
func TestAttacks(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlRmContact: ctltest.Result(nil), ctlproto.MethodUlAdd: ctltest.Result(nil),
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{}), ctlproto.MethodCtdDial: ctltest.Result(ctlproto.CtdDialResult{ID: "1"}),
		ctlproto.MethodCtdStatus: ctltest.Result(ctlproto.CtdStatus{ID: "1", Caller: bob.String(), Callee: "sip:x@example.org"}),
		ctlproto.MethodImSend:    ctltest.Result(ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 488, Reason: hostile}),
		ctlproto.MethodMsiloRead: ctltest.Result(ctlproto.MsiloReadResult{}), ctlproto.MethodMsiloRm: ctltest.Result(ctlproto.MsiloRmResult{Removed: 1}),
	})
	_, err := s.db.Phonebook.Add(t.Context(), bob, store.Entry{FirstName: "Bob's", Address: "carol"})
	check(t, err)
	check(t, s.db.Calls.Record(t.Context(), []store.Call{{CallID: "1", CallerURI: "sip:x@example.org", Callee: bob, Started: s.clock.now(), Code: 480}}))
	_, err = s.db.Silo.Add(t.Context(), store.SiloMessage{Owner: bob, From: "sip:x@example.org", To: bob.URI(), Expires: s.clock.now().Add(time.Hour), ContentType: "text/plain", Body: []byte("bob's")}, 0)
	check(t, err)
	before := s.bobs(t)
	s.shows(alice, store.PresenceEveryone)
	b := s.browser().signIn("alice", "wonderland")
	b.attack(t, "/user/", "/user/account")
	s.browser().attack(t, "/u/", "/user/sign-in")
	for _, below := range []string{"/sign-up", "/reset"} {
		s.browser().attack(t, below, "/user/sign-in")
	}
	if got := s.bobs(t); got != before {
		t.Errorf("bob has %v of everything, had %v", got, before)
	}
}

// TestAdminAttacks does so with the administrators' portal, as dora, who may do
// nothing to users with more rights and may not even see those of another domain.
func TestAdminAttacks(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{ctlproto.MethodUlLookup: contacts(phones...)})
	state := func() (all [2]string) {
		for i, who := range []aor.AOR{root, eve} {
			profile, err := s.db.Profiles.Load(t.Context(), who)
			check(t, err)
			credentials, err := s.db.Subscribers.Credentials(t.Context(), who)
			check(t, err)
			privileges, err := s.db.Admins.List(t.Context(), who)
			check(t, err)
			all[i] = fmt.Sprint(profile, credentials, privileges)
		}
		return all
	}
	before := state()
	s.admin(dora).attack(t, "/admin/", "/admin/users/new")
	if got := state(); got != before {
		t.Errorf("root and eve are\n%v\nand were\n%v", got, before)
	}
}

// attack sends every second value, the others to the next, to every route below
// a path, in all fields at once; page has a CSRF token.
func (b *browser) attack(t *testing.T, below, page string) {
	t.Helper()
	token := b.get(page).form(page).Get("csrf")
	for i, route := range b.server.Routes() {
		if !strings.HasPrefix(route.Path, below) || route.Stream || strings.Contains(route.Path, "sign-out") || strings.Contains(route.Path, "sessions") {
			continue
		}
		for j, value := range attacks {
			if (i+j)%2 != 0 {
				continue // a request costs milliseconds
			}
			path := strings.NewReplacer(":id", url.PathEscape(value), ":aor", url.PathEscape(value), ":name", url.PathEscape(value)).Replace(route.Path)
			fields := url.Values{"csrf": {token}}
			for _, name := range attackedFields {
				fields.Set(name, value)
			}
			var a *answer
			if route.Method == http.MethodGet {
				a = b.do("GET", path+"?"+fields.Encode(), nil)
			} else {
				a = b.do("POST", path, fields)
			}
			b.endures(t, a, route, value)
		}
	}
}

// ours is what every redirect begins with.
var ours = []string{"/user", "/admin", "/sign-up", "/reset"}

// endures looks at the answer to an attack.
func (b *browser) endures(t *testing.T, a *answer, route server.Route, value string) {
	t.Helper()
	if len(value) > 30 {
		value = value[:30] + "…"
	}
	if a.Code == http.StatusInternalServerError || a.Code == 0 {
		t.Errorf("%s %s with %q: status %d\n%s", route.Method, route.Path, value, a.Code, b.log.String())
	}
	if to := a.Header.Get("Location"); to != "" && (!slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(to, p) }) || strings.Contains(to, "evil")) {
		t.Errorf("%s %s with %q leads to %q", route.Method, route.Path, value, to)
	}
	for _, mark := range []string{"<script>alert", "<svg/onload", `href="javascript:`, "root:x:0"} {
		if strings.Contains(a.Body, mark) {
			t.Errorf("%s %s with %q: %s is in the page", route.Method, route.Path, value, mark)
		}
	}
	if len(a.Header.Values("Set-Cookie")) > 0 && strings.Contains(strings.Join(a.Header.Values("Set-Cookie"), "\n"), "x=y") {
		t.Errorf("%s %s with %q sets a cookie", route.Method, route.Path, value)
	}
}
