package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"seraph/sql/store"
	"seraph/webui/internal/server"
)

// path fills the variable parts of a route.
func path(r server.Route) string {
	return strings.NewReplacer(":id", "4711", ":name", "seraph.css", ":aor", "bob@example.org").Replace(r.Path)
}

// portal is where a route belongs: its sign-in page, and a page of those who
// are signed in that has a form for itself.
func portal(r server.Route) (signIn, page string) {
	if r.Path == "/admin" || strings.HasPrefix(r.Path, "/admin/") {
		return "/admin/sign-in", "/admin/users/new"
	}
	return "/user/sign-in", "/user/account"
}

// signInBoth signs alice in to both portals; she administers.
func (b *browser) signInBoth() *browser {
	b.t.Helper()
	check(b.t, b.db.Admins.Grant(b.t.Context(), alice, store.PrivilegeAdmin))
	b.post("/admin/sign-in", "/admin/sign-in", "user", "alice", "password", "wonderland").leads("/admin")
	return b.signIn("alice", "wonderland")
}

// TestEveryAnswerBearsTheHeaders: pages, redirects, refusals, files.
func TestEveryAnswerBearsTheHeaders(t *testing.T) {
	s := newStand(t, nil)
	alice := s.browser().signInBoth()
	check := func(a *answer) {
		t.Helper()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer",
			"X-Content-Type-Options":  "nosniff",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s: %s, want %s", a.what, name, got, want)
			}
		}
		if got := a.Header.Get("Cache-Control"); got != "no-store" && !strings.Contains(a.what, "/static/") {
			t.Errorf("%s: Cache-Control: %s", a.what, got)
		}
	}
	for _, r := range s.server.Routes() {
		if r.Stream {
			continue // ends only with its page
		}
		var form url.Values
		if r.Method == http.MethodPost {
			form = url.Values{}
		}
		check(s.browser().do(r.Method, path(r), form))
		check(alice.do(r.Method, path(r), form))
	}
	check(alice.get("/nothing"))
	check(alice.do("DELETE", "/user/account", nil))
}

func TestWhoMayComeIn(t *testing.T) {
	s := newStand(t, nil)
	for _, r := range s.server.Routes() {
		stranger := s.browser()
		signIn, _ := portal(r)
		var form url.Values
		if r.Method == http.MethodPost {
			form = url.Values{"csrf": {stranger.get(signIn).form(signIn).Get("csrf")}}
		}
		if r.Access == server.Anyone {
			continue
		}
		a := stranger.do(r.Method, path(r), form)
		switch {
		case r.Stream:
			a.is(http.StatusUnauthorized)
		case r.Method == http.MethodGet:
			a.leads(signIn + "?return=" + url.QueryEscape(path(r)))
		default:
			a.leads(signIn)
		}
		if r.Stream {
			continue
		}
		stranger.header.Set("HX-Request", "true")
		if a := stranger.do(r.Method, path(r), form).is(http.StatusUnauthorized); a.Header.Get("HX-Redirect") != signIn {
			t.Errorf("%s to htmx: HX-Redirect %q", a.what, a.Header.Get("HX-Redirect"))
		}
	}
}

// TestEveryPostIsProtected: without the session's own token, or from another
// site's page, nothing is done.
func TestEveryPostIsProtected(t *testing.T) {
	s := newStand(t, nil)
	bob := s.browser().signIn("bob", "builder's")
	foreign := bob.get("/user/account").form("/user/account").Get("csrf")
	posts := 0
	for _, r := range s.server.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		posts++
		b := s.browser()
		page, inside := portal(r)
		if r.Path != page {
			b.signInBoth()
			page = inside
		}
		token := b.get(page).form(page).Get("csrf")
		for what, form := range map[string]url.Values{
			"none": {}, "empty": {"csrf": {""}}, "forged": {"csrf": {strings.Repeat("A", 43)}}, "somebody else's": {"csrf": {foreign}},
		} {
			if a := b.do("POST", path(r), form); a.Code != http.StatusForbidden {
				t.Errorf("%s with the token %s: status %d, want 403", a.what, what, a.Code)
			}
		}
		if a := b.do("POST", path(r)+"?csrf="+token, url.Values{}); a.Code != http.StatusForbidden {
			t.Errorf("%s with the token in the address: status %d, want 403", a.what, a.Code)
		}
		for name, value := range map[string]string{"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"} {
			b.header = http.Header{name: {value}}
			if a := b.do("POST", path(r), url.Values{"csrf": {token}}); a.Code != http.StatusForbidden {
				t.Errorf("%s with %s: %s: status %d, want 403", a.what, name, value, a.Code)
			}
		}
		b.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://portal.example.org"}}
		if a := b.do("POST", path(r), url.Values{"csrf": {token}}); a.Code == http.StatusForbidden {
			t.Errorf("%s from our own page: refused", a.what)
		}
	}
	if posts < 5 {
		t.Errorf("only %d routes take a POST", posts)
	}
}

func TestRefusals(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	token := b.get("/user/account").form("/user/account").Get("csrf")
	b.get("/user/nothing").is(404).shows("There is no such page")
	b.get("/static/nothing.js").is(404)
	if a := b.do("PUT", "/user/account", nil).is(405).shows("That cannot be done here"); a.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	b.do("POST", "/user/account", url.Values{"csrf": {token}, "first_name": {strings.Repeat("x", 100_000)}}).is(413).shows("That is too much")
	r := httptest.NewRequest(http.MethodPost, "http://portal.example.org/user/account", strings.NewReader("csrf=%zz"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.send(r).is(400).shows("Nothing was changed")
	r = httptest.NewRequest(http.MethodPost, "http://portal.example.org/user/account", strings.NewReader(`{"csrf":"`+token+`"}`))
	r.Header.Set("Content-Type", "application/json")
	b.send(r).is(403)
	b.do("HEAD", "/user/account", nil).is(200)
	if a := b.do("HEAD", "/user/account", nil); a.Body != "" {
		t.Errorf("HEAD has a body: %q", a.Body)
	}
}

func TestRootLeadsToThePhoneBook(t *testing.T) {
	b := newStand(t, nil).browser()
	b.get("/").leads("/user/phone-book")
	b.get("/user").leads("/user/phone-book")
}

func TestTrailingSlash(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	for from, to := range map[string]string{
		"/user/": "/user", "/user/phone-book/?q=bob": "/user/phone-book?q=bob", "/user/dial//": "/user/dial", "/user/sign-in/": "/user/sign-in",
	} {
		b.get(from).leads(to)
	}
	for _, nowhere := range []string{"//evil.example/", "/nothing/", "/user/events/", "/user/sign-out/"} {
		b.get(nowhere).is(404)
	}
}

func TestOwnTLSIsKept(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	r := httptest.NewRequest(http.MethodGet, "https://portal.example.org/user/sign-in", nil) // has TLS
	if got := b.send(r).Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("over TLS: %q", got)
	}
	if got := b.get("/user/sign-in").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without TLS: %q", got)
	}
}

func TestHealth(t *testing.T) {
	s := newStand(t, nil)
	if a := s.browser().get("/healthz").is(200); a.Body != "ok\n" {
		t.Errorf("body %q", a.Body)
	}
	check(t, s.db.Close())
	s.browser().get("/healthz").is(503)
}

// TestDatabaseAway: who is signed in learns that the database is away; who is
// not still gets the form.
func TestDatabaseAway(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	check(t, s.db.Close())
	a := b.get("/user/account").is(503).shows("The database is away", "Your phone is not affected")
	if a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	s.browser().get("/user/sign-in").is(200)
	s.browser().post("/user/sign-in", "/user/sign-in", "user", "alice@example.org", "password", "wonderland").is(503)
}

func TestPanicIsAPageAndALine(t *testing.T) {
	s := newStand(t, nil)
	h := server.Outermost(s.server, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("planted") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/user/account", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "Something went wrong on our side") || strings.Contains(w.Body.String(), "planted") {
		t.Errorf("status %d, body:\n%s", w.Code, w.Body)
	}
	if !strings.Contains(s.log.String(), "fault=planted") {
		t.Errorf("the log lacks the reason:\n%s", s.log)
	}
}

// TestLogHoldsNoSecret: neither queries nor passwords nor tokens.
func TestLogHoldsNoSecret(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	b.get("/user/sign-in?return=/user/phone-book%3Fq%3Dsecret-query")
	b.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "secret-guess")
	b.signIn("alice", "wonderland")
	for _, secret := range []string{"secret-query", "secret-guess", "wonderland", b.cookies["seraph_session"].Value} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(s.log.String(), "path=/user/sign-in status=422") {
		t.Errorf("the log lacks the request:\n%s", s.log)
	}
}

func TestStaticFilesMayBeKept(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	page := b.get("/user/sign-in").Body
	_, rest, _ := strings.Cut(page, `href="/static/seraph.css`)
	version, _, _ := strings.Cut(rest, `"`)
	a := b.get("/static/seraph.css" + version).is(200)
	if got := a.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("with its version: Cache-Control: %s", got)
	}
	if got := b.get("/static/seraph.css?v=old").is(200).Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("with another version: Cache-Control: %s", got)
	}
	b.header.Set("If-None-Match", a.Header.Get("ETag"))
	b.get("/static/seraph.css").is(http.StatusNotModified)
}
