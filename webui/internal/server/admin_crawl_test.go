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
)

// TestAdminCrawl follows every link of the administrators' portal, with hostile
// data in it, and looks at each page as a careful reader of its markup would.
func TestAdminCrawl(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{ctlproto.MethodUlLookup: contacts(append(phones, ctlproto.Contact{
		Address: "sip:" + hostile + "@192.0.2.7", UserAgent: hostile, Expires: time.Hour, Q: 1,
	})...)})
	ctx := t.Context()
	odd := aor.AOR{User: "a/b?c&\"'<i>x", Domain: "example.org"}
	check(t, s.db.Subscribers.Create(ctx, odd, "password"))
	check(t, s.db.Profiles.Save(ctx, store.Profile{AOR: odd, FirstName: hostile, LastName: hostile, Phone: "1"}))
	check(t, s.db.Profiles.SetDisabled(ctx, bob, true))
	check(t, s.db.Groups.Grant(ctx, odd, "int"))
	check(t, s.db.Aliases.Add(ctx, aor.AOR{User: "x<script>alert(1)", Domain: "example.org"}, odd))
	for i := range 60 {
		check(t, s.db.Subscribers.Create(ctx, aor.AOR{User: fmt.Sprintf("u%02d", i), Domain: "example.net"}, "password"))
	}
	waiting := aor.AOR{User: "waiting", Domain: "example.org"}
	token, err := s.db.Pending.Add(ctx, store.SignUp{
		AOR: waiting, Email: "w@example.org", First: hostile, Last: hostile, Hashes: store.HashesOf(waiting, "password password"),
	}, time.Hour, 10)
	check(t, err)
	_, err = s.db.Pending.Confirm(ctx, token, time.Hour)
	check(t, err)
	stranger := s.browser()
	inspect(t, stranger.get("/admin/sign-in").is(200))
	inspect(t, stranger.post("/admin/sign-in", "/admin/sign-in", "user", hostile, "password", "x").is(422))
	inspect(t, stranger.get("/admin/nothing").is(404))

	b := s.admin(root)
	titles, seen := map[string]string{}, map[string]bool{}
	for queue := []string{"/admin"}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if seen[at] || len(seen) > 400 || strings.HasPrefix(at, "/admin/users/u") && !strings.HasPrefix(at, "/admin/users/u00") {
			continue // users that are alike
		}
		seen[at] = true
		a := b.get(at).is(200)
		inspect(t, a)
		if page := routeOf(s, at); !strings.Contains(page, ":") {
			if other, twice := titles[title(a)]; twice && other != page {
				t.Errorf("%s and %s have the same title %q", other, page, title(a))
			}
			titles[title(a)] = page
		}
		queue = append(queue, linksBelow(a, "/admin/")...)
	}
	for _, route := range s.server.Routes() {
		found := slices.ContainsFunc(mapKeys(seen), func(at string) bool { return fits(route.Path, at) })
		if route.Method == http.MethodGet && strings.HasPrefix(route.Path, "/admin") && route.Path != "/admin/sign-in" && !found {
			t.Errorf("no link leads to %s", route.Path)
		}
	}
	at := userPath(odd)
	for _, a := range []*answer{
		b.to(odd, "", "first_name", strings.Repeat("x", 65)).is(422), b.to(odd, "/groups", "group", hostile).is(422), b.to(odd, "/aliases", "alias", hostile).is(422),
		b.post("/admin/users/new", "/admin/users/new", "user", hostile, "first_name", hostile, "email", hostile).is(422),
		b.post(at+"/password", at+"/password", "new_password", "x").is(422), b.post(at+"/delete", at+"/delete").is(422),
		b.post(at+"/password", at+"/password").is(200), // a password is made and shown
		b.do("POST", userPath(root, "enable"), url.Values{"csrf": {b.get("/admin").form("/admin/sign-out").Get("csrf")}}).is(403),
	} {
		inspect(t, a)
	}
	b.to(odd, "/groups", "group", "ld").leads(at)
	inspect(t, b.get(at).is(200)) // with a note that has the hostile name
	b.get(at)
	inspect(t, s.admin(dora).get(userPath(root)).is(200).shows("This account has rights that you do not have."))
}
