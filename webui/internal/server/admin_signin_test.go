package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/session"
)

func TestAdminSignInAndOut(t *testing.T) {
	s := adminStand(t, nil)
	b := s.browser()
	b.get("/admin").leads("/admin/sign-in?return=%2Fadmin")
	b.get("/admin/sign-in").is(200).shows("Sign in as administrator")
	b.post("/admin/sign-in?return=%2Fadmin%2Fusers%3Fq%3Dbob", "/admin/sign-in", "user", "root@example.org", "password", adminPassword).leads("/admin/users?q=bob")
	b.get("/admin/users?q=bob").is(200).shows("Signed in as", "<sip:root@example.org>")
	b.get("/admin/sign-in").leads("/admin")
	token := b.cookie("seraph_admin")
	b.post("/admin", "/admin/sign-out").leads("/admin/sign-in")
	if b.cookies["seraph_admin"] != nil {
		t.Error("the cookie stays after signing out")
	}
	b.cookies["seraph_admin"] = token
	b.get("/admin").leads("/admin/sign-in?return=%2Fadmin")
}

// TestAdminSignInRefusesAllAlike: who guesses does not learn which accounts
// administer, nor that a password was right.
func TestAdminSignInRefusesAllAlike(t *testing.T) {
	s := adminStand(t, nil)
	ctx := t.Context()
	closed, grants := aor.AOR{User: "closed", Domain: "example.org"}, aor.AOR{User: "grants", Domain: "example.org"}
	for _, who := range []aor.AOR{closed, grants} {
		check(t, s.db.Subscribers.Create(ctx, who, adminPassword))
	}
	check(t, s.db.Admins.Grant(ctx, closed, store.PrivilegeAdmin))
	check(t, s.db.Profiles.SetDisabled(ctx, closed, true))
	check(t, s.db.Admins.Grant(ctx, grants, store.PrivilegeGroup("int")))
	seen := map[string]string{}
	for _, c := range []struct{ what, name, password string }{
		{"wrong password", "root@example.org", "open sesamE"},
		{"unknown user", "nobody@example.org", adminPassword},
		{"no privilege, right password", "alice@example.org", "wonderland"},
		{"no privilege, wrong password", "alice@example.org", "x"},
		{"closed account", "closed@example.org", adminPassword},
		{"a privilege that opens nothing by itself", "grants@example.org", adminPassword},
		{"SQL", "root@example.org' OR '1'='1", adminPassword},
		{"no address", "a@b@c", adminPassword},
	} {
		b := s.browser()
		a := b.post("/admin/sign-in", "/admin/sign-in", "user", c.name, "password", c.password).is(422).shows("User name or password is wrong.")
		if a.form("/admin/sign-in").Get("user") != c.name {
			t.Errorf("%s: the typed name is lost", c.what)
		}
		if strings.Contains(a.Body, `value="`+c.password+`"`) {
			t.Errorf("%s: the password comes back", c.what)
		}
		if b.cookies["seraph_admin"] != nil || b.cookies["seraph_session"] != nil {
			t.Errorf("%s: there is a session", c.what)
		}
		seen[a.text()] = c.what
	}
	if len(seen) != 1 {
		t.Errorf("the pages differ: %v", seen)
	}
	for _, secret := range []string{adminPassword, "wonderland"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestAdminSignInFaultsBesideTheirFields(t *testing.T) {
	s := adminStand(t, nil)
	a := s.browser().post("/admin/sign-in", "/admin/sign-in", "user", "", "password", "").is(422)
	for field, want := range map[string]string{"user": "Type your user name.", "password": "Type your password."} {
		if got := a.fault(field); got != want {
			t.Errorf("%s: %q", field, got)
		}
	}
	// There are two domains here.
	a = s.browser().post("/admin/sign-in", "/admin/sign-in", "user", "root", "password", adminPassword).is(422)
	if got := a.fault("user"); !strings.Contains(got, "your whole address") {
		t.Errorf("a bare name: %q", got)
	}
}

func TestAdminSignInSlowsDown(t *testing.T) {
	s := adminStand(t, nil)
	b := s.browser()
	for range session.AccountPolicy.Free + 1 {
		b.post("/admin/sign-in", "/admin/sign-in", "user", root.String(), "password", "guess").is(422)
	}
	a := b.post("/admin/sign-in", "/admin/sign-in", "user", root.String(), "password", adminPassword).is(http.StatusTooManyRequests)
	if got := a.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After: %q", got)
	}
	s.clock.forward(time.Second)
	s.admin(root)
}

func TestAdminCookies(t *testing.T) {
	for _, c := range []struct {
		name, proto, cookie string
		secure              bool
	}{
		{"without TLS", "http", "seraph_admin", false},
		{"with TLS", "https", "__Secure-seraph_admin", true}, // __Host- would want the path "/"
	} {
		t.Run(c.name, func(t *testing.T) {
			s := adminStand(t, nil)
			b := s.browser()
			s.server = remade(s, trust)
			b.header.Set("X-Forwarded-Proto", c.proto)
			// Nobody is kept signed in here, whatever a form says.
			b.post("/admin/sign-in", "/admin/sign-in", "user", root.String(), "password", adminPassword, "keep", "on").leads("/admin")
			got := b.cookie(c.cookie)
			if got.Path != "/admin" || got.SameSite != http.SameSiteStrictMode || !got.HttpOnly || got.Secure != c.secure || got.MaxAge != 0 {
				t.Errorf("cookie %+v", got)
			}
			b.get("/admin").is(200)
		})
	}
}

// remade is the stand's server with other options.
func remade(s *stand, change func(*server.Options)) *server.Server {
	o := s.options
	change(&o)
	return server.New(o)
}

// TestSessionsDoNotOpenTheOtherPortal: neither by the right cookie nor by its
// value under the other's name, nor one portal's CSRF token in the other.
func TestSessionsDoNotOpenTheOtherPortal(t *testing.T) {
	s := adminStand(t, nil)
	b := s.browser()
	b.post("/user/sign-in", "/user/sign-in", "user", root.String(), "password", adminPassword).leads("/user/phone-book")
	b.get("/admin").leads("/admin/sign-in?return=%2Fadmin")
	b.cookies["seraph_admin"] = &http.Cookie{Name: "seraph_admin", Value: b.cookie("seraph_session").Value}
	b.get("/admin").leads("/admin/sign-in?return=%2Fadmin")

	b = s.admin(root)
	b.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")
	b.cookies["seraph_session"] = &http.Cookie{Name: "seraph_session", Value: b.cookie("seraph_admin").Value}
	b.get("/user/account").leads("/user/sign-in?return=%2Fuser%2Faccount")

	// Both at once, and out of one alone.
	b = s.admin(root)
	b.post("/user/sign-in", "/user/sign-in", "user", root.String(), "password", adminPassword).leads("/user/phone-book")
	b.get("/admin").is(200)
	foreign := b.get("/user/account").form("/user/account").Get("csrf")
	b.do("POST", "/admin/users/new", url.Values{"csrf": {foreign}}).is(http.StatusForbidden)
	b.post("/admin", "/admin/sign-out").leads("/admin/sign-in")
	b.get("/user/account").is(200)
}

func TestAdminSessionEndsAfterQuarterOfAnHour(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  time.Duration
		htmx  bool
		alive bool
	}{
		{"used within it", 14 * time.Minute, false, true},
		{"not used", 15 * time.Minute, false, false},
		{"the page asks by itself", 5 * time.Minute, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := adminStand(t, nil)
			b := s.admin(root)
			for range 3 {
				s.clock.forward(c.step)
				if c.htmx {
					b.header.Set("HX-Request", "true")
				}
				b.get("/admin")
			}
			b.header.Del("HX-Request")
			if alive := b.get("/admin").Code == 200; alive != c.alive {
				t.Errorf("alive: %v, want %v", alive, c.alive)
			}
		})
	}
	s := adminStand(t, nil)
	b := s.admin(root)
	for range 60 {
		s.clock.forward(10 * time.Minute)
		b.get("/admin").is(200)
	}
	s.clock.forward(2 * time.Hour)
	b.get("/admin").leads("/admin/sign-in?return=%2Fadmin")
}

// TestPrivilegeTakenAwayEndsAtOnce: not at the next sign-in.
func TestPrivilegeTakenAwayEndsAtOnce(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(dora)
	form := b.get("/admin/users/new").form("/admin/users/new")
	form.Set("user", "late")
	check(t, s.db.Admins.Revoke(t.Context(), dora, store.PrivilegeDomain))
	b.get("/admin/users").leads("/admin/sign-in?return=%2Fadmin%2Fusers")
	b.do("POST", "/admin/users/new", form).is(403).shows("You are not signed in any more", "late")
	if _, err := s.db.Subscribers.Find(t.Context(), aor.AOR{User: "late", Domain: "example.org"}); err == nil {
		t.Error("the user was made")
	}
}

func TestAdminReturnPath(t *testing.T) {
	s := adminStand(t, nil)
	for _, to := range []string{"https://evil.example/", "//evil.example/admin/", `/\evil.example`, "/admin/../user", "/user/account", "/administrator",
		"javascript:alert(1)", "/admin//x", "/admin\x00"} {
		b := s.browser()
		b.post("/admin/sign-in?return="+url.QueryEscape(to), "/admin/sign-in", "user", root.String(), "password", adminPassword).leads("/admin")
		b.post("/admin", "/admin/theme", "theme", "dark", "return", to).leads("/admin")
	}
	b := s.admin(root)
	b.post("/admin/users", "/admin/theme", "theme", "dark").leads("/admin/users")
	if !strings.Contains(b.get("/admin").Body, `data-theme="dark"`) {
		t.Error("the theme was not kept")
	}
	b.post("/admin", "/admin/theme", "theme", "pink").is(400)
}
