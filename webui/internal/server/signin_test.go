package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/webui/internal/server"
	"seraph/webui/internal/session"
)

func TestSignInAndOut(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	b.get("/user/sign-in").is(200).shows("Sign in", "The same name and password as on your phone.", "example.org")
	b.signIn("alice@example.org", "wonderland")
	b.get("/user/account").is(200).shows("Signed in as", "Alice "+hostile, "<sip:alice@example.org>")
	b.get("/user/sign-in").leads("/user/phone-book")
	token := b.cookies["seraph_session"]
	b.post("/user/account", "/user/sign-out").leads("/user/sign-in")
	if b.cookies["seraph_session"] != nil {
		t.Error("the cookie stays after signing out")
	}
	b.cookies["seraph_session"] = token
	b.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
}

func TestSignInRefusesAllAlike(t *testing.T) {
	s := newStand(t, nil)
	closed := aor.AOR{User: "closed", Domain: "example.org"}
	check(t, s.db.Subscribers.Create(t.Context(), closed, "wonderland"))
	check(t, s.db.Profiles.SetDisabled(t.Context(), closed, true))
	seen := map[string]string{}
	for _, c := range []struct{ what, name, password string }{
		{"wrong password", "alice", "wonderlanD"},
		{"unknown user", "nobody", "wonderland"},
		{"closed account", "closed", "wonderland"},
		{"foreign domain", "alice@example.net", "wonderland"},
		{"no address", "a@b@c", "wonderland"},
	} {
		b := s.browser()
		a := b.post("/user/sign-in", "/user/sign-in", "user", c.name, "password", c.password).is(422).shows("User name or password is wrong.")
		if a.form("/user/sign-in").Get("user") != c.name {
			t.Errorf("%s: the typed name is lost", c.what)
		}
		if strings.Contains(a.Body, c.password) {
			t.Errorf("%s: the password comes back", c.what)
		}
		if b.cookies["seraph_session"] != nil {
			t.Errorf("%s: there is a session", c.what)
		}
		seen[a.text()] = c.what
	}
	if len(seen) != 1 {
		t.Errorf("the pages differ: %v", seen)
	}
}

func TestSignInFaultsBesideTheirFields(t *testing.T) {
	s := newStand(t, nil)
	a := s.browser().post("/user/sign-in", "/user/sign-in", "user", "", "password", "").is(422)
	if got := a.fault("user"); got != "Type your user name." {
		t.Errorf("user: %q", got)
	}
	if got := a.fault("password"); got != "Type your password." {
		t.Errorf("password: %q", got)
	}
	a = s.browser().post("/user/sign-in", "/user/sign-in", "user", strings.Repeat("x", 300), "password", "x").is(422)
	if got := a.fault("user"); got != "At most 200 characters." {
		t.Errorf("long user: %q", got)
	}
	check(t, s.db.Domains.Add(t.Context(), "example.com"))
	a = s.browser().post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland").is(422)
	if got := a.fault("user"); !strings.Contains(got, "your whole address") {
		t.Errorf("several domains: %q", got)
	}
	s.browser().signIn("alice@example.org", "wonderland")
}

func TestSignInTakesTheDefaultDomain(t *testing.T) {
	s := newStand(t, nil, func(o *server.Options) { o.DefaultDomain = "example.org" })
	check(t, s.db.Domains.Add(t.Context(), "example.com"))
	s.browser().signIn("alice", "wonderland")
}

func TestSignInSlowsDown(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	for range session.AccountPolicy.Free + 1 {
		b.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "guess").is(422)
	}
	a := b.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland").is(http.StatusTooManyRequests)
	a.shows("too many wrong attempts. Wait a second", "Your phone is not affected.")
	if got := a.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After: %q", got)
	}
	s.clock.forward(time.Second)
	b.signIn("alice", "wonderland")
}

// TestSignInOfTheOwnerWhileSomebodyGuesses: from another address nobody notices,
// at the sign-in or at the change of the password.
func TestSignInOfTheOwnerWhileSomebodyGuesses(t *testing.T) {
	s := newStand(t, nil)
	attacker := s.browser()
	attacker.remote = "203.0.113.66:4711"
	for range 3 * session.AccountPolicy.Free {
		attacker.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "guess")
	}
	attacker.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "guess").is(http.StatusTooManyRequests)
	b := s.browser().signIn("alice", "wonderland")
	b.remote = attacker.remote // behind the same router, even
	b.post("/user/account/security", "/user/account/security", "old_password", "wonderland", "new_password", "tea at six", "again", "tea at six").
		leads("/user/account/security")
}

func TestSignInCookies(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  []func(*server.Options)
		headers map[string]string
		cookie  string
		secure  bool
	}{
		{"without TLS", nil, nil, "seraph_session", false},
		{"a stranger says TLS", nil, map[string]string{"X-Forwarded-Proto": "https"}, "seraph_session", false},
		{"a trusted proxy says TLS", []func(*server.Options){trust}, map[string]string{"X-Forwarded-Proto": "https"}, "__Host-seraph_session", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newStand(t, nil, c.change...).browser()
			for name, value := range c.headers {
				b.header.Set(name, value)
			}
			b.signIn("alice", "wonderland")
			got := b.cookies[c.cookie]
			if got == nil {
				t.Fatalf("no cookie %s: %v", c.cookie, b.cookies)
			}
			if got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.MaxAge != 0 {
				t.Errorf("cookie %+v", got)
			}
			b.get("/user/account").is(200)
		})
	}
}

func TestKeepMeSignedIn(t *testing.T) {
	s := newStand(t, nil)
	short, long := s.browser().signIn("alice", "wonderland"), s.browser()
	long.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland", "keep", "on").leads("/user/phone-book")
	if got, want := long.cookies["seraph_session"].MaxAge, int(session.DefaultLimits().KeepAbsolute/time.Second); got != want {
		t.Errorf("the cookie lives %d s, want %d", got, want)
	}
	s.clock.forward(session.DefaultLimits().Idle + time.Second)
	short.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	long.get("/user/account").is(200)
}

// TestWhatAPageDoesByItselfIsNoUse: a page left open does not keep its session alive.
func TestWhatAPageDoesByItselfIsNoUse(t *testing.T) {
	s := newStand(t, nil)
	idle := session.DefaultLimits().Idle
	for _, c := range []struct {
		name  string
		htmx  bool
		alive bool
	}{{"a person", false, true}, {"htmx", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			b := s.browser().signIn("alice", "wonderland")
			for range 3 {
				s.clock.forward(idle / 2)
				if c.htmx {
					b.header.Set("HX-Request", "true")
				}
				b.get("/user/account/phones")
			}
			b.header.Del("HX-Request")
			if alive := b.get("/user/account").Code == 200; alive != c.alive {
				t.Errorf("alive: %v, want %v", alive, c.alive)
			}
		})
	}
}

func TestReturnPath(t *testing.T) {
	for _, c := range []struct{ to, want string }{
		{"/user/phone-book?q=bob", "/user/phone-book?q=bob"},
		{"https://evil.example/", "/user/phone-book"},
		{"//evil.example/user/", "/user/phone-book"},
		{`/\evil.example`, "/user/phone-book"},
		{"/user/../..//evil.example", "/user/phone-book"},
		{"javascript:alert(1)", "/user/phone-book"},
		{"/healthz", "/user/phone-book"},
		{"/user/events", "/user/phone-book"},
		{"/user/sign-out", "/user/phone-book"},
		{"/user/dial/x/cancel", "/user/phone-book"},
		{"/user/nothing", "/user/phone-book"},
		{"/user/dial/x", "/user/dial/x"},
		{"/user/account/export", "/user/phone-book"}, // what is saved is no page
		{"/user/phone-book/export.csv", "/user/phone-book"},
		{"/user/phone-book/export.vcf?q=x", "/user/phone-book"},
		{"/user/missed/export", "/user/phone-book"},
	} {
		t.Run(c.to, func(t *testing.T) {
			s := newStand(t, nil)
			b := s.browser()
			page := "/user/sign-in?return=" + url.QueryEscape(c.to)
			b.post(page, "/user/sign-in", "user", "alice", "password", "wonderland").leads(c.want)
			b.get(page).leads(c.want)
			// typed into the form itself
			s.browser().post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "wonderland", "return", c.to).leads(c.want)
			b.post("/user/account", "/user/theme", "theme", "dark", "return", c.to).leads(c.want)
		})
	}
}

func TestSignInAgainEndsTheSessionBefore(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	before := b.cookies["seraph_session"].Value
	other := s.browser()
	form := other.get("/user/sign-in").form("/user/sign-in")
	form.Set("user", "bob")
	form.Set("password", "builder's")
	other.cookies["seraph_session"] = &http.Cookie{Name: "seraph_session", Value: before}
	form.Set("csrf", b.get("/user/account").form("/user/sign-out").Get("csrf"))
	other.do("POST", "/user/sign-in", form).leads("/user/phone-book")
	other.get("/user/account").shows("<sip:bob@example.org>")
	b.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
}

// TestSignInInTwoTabs: the second form goes on to the phone book, signed in as
// the first one said.
func TestSignInInTwoTabs(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser()
	second := b.get("/user/sign-in").form("/user/sign-in")
	b.signIn("alice", "wonderland")
	second.Set("user", "bob")
	second.Set("password", "builder's")
	b.do("POST", "/user/sign-in", second).leads("/user/phone-book")
	b.get("/user/account").shows("<sip:alice@example.org>")
}

func TestTheme(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	theme := regexp.MustCompile(`<html lang="en"( data-theme="(\w+)")?>`)
	for _, c := range []struct{ choose, want string }{{"dark", "dark"}, {"light", "light"}, {"auto", ""}} {
		b.post("/user/account/security", "/user/theme", "theme", c.choose).leads("/user/account/security")
		if m := theme.FindStringSubmatch(b.get("/user/account").Body); m == nil || m[2] != c.want {
			t.Errorf("%s: the page has %v", c.choose, m)
		}
	}
	b.post("/user/account", "/user/theme", "theme", "pink").is(400)
	b.cookies["seraph_theme"] = &http.Cookie{Name: "seraph_theme", Value: "dark><script>"}
	if m := theme.FindStringSubmatch(b.get("/user/account").Body); m == nil || m[2] != "" {
		t.Errorf("a forged theme: the page has %v", m)
	}
}

func TestClosedAccountIsOut(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	check(t, s.db.Profiles.SetDisabled(t.Context(), alice, true))
	b.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
}
