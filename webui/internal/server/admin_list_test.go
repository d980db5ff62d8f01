package server_test

import (
	"context"
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

func TestOverview(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Profiles.SetDisabled(t.Context(), bob, true))
	addMessage(t, s, alice)
	b := s.admin(root)
	a := b.get("/admin").is(200).shows("example.net and one more domain", "Registered users 1,284 of 5 users", "Registered contacts 1,501",
		"Transactions 37", "Stored messages 1", "2xx success 1,000,000 –", "4xx refused 17 23",
		"Router answers seraph-proxy 1.0, running since today 10:00", "Database answers Nothing is waiting to be written.", "As of 11:00:00 · Refresh")
	if !strings.Contains(a.Body, `hx-get="/admin" hx-trigger="every 5s"`) {
		t.Error("the page does not ask again")
	}
	s.clock.forward(5 * time.Second)
	b.header.Set("HX-Request", "true")
	if part := b.get("/admin").is(200).shows("As of 11:00:05"); strings.Contains(part.Body, "<h1") || part.Header.Get("Vary") != "HX-Request" {
		t.Errorf("to htmx the whole page, or Vary is %q", part.Header.Get("Vary"))
	}
}

func TestOverviewWithoutRouter(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{ctlproto.MethodStatistics: ctltest.Refuse(ctlproto.CodeInternal, "secret reason")})
	s.admin(root).get("/admin").is(200).shows("Router cannot be reached", "Registered users – of 5 users").lacks("secret reason")
	s.router.Close()
	s.admin(root).get("/admin").is(200).shows("Router cannot be reached", "Stored messages 0").lacks("Nothing is waiting")
}

// TestOverviewOfOneDomain: nothing that is counted over all of them.
func TestOverviewOfOneDomain(t *testing.T) {
	s := adminStand(t, nil)
	addMessage(t, s, eve)
	a := s.admin(dora).get("/admin").is(200).shows("example.org", "Users 4 0 of them disabled", "Stored messages 0", "Router answers")
	a.lacks("1,284", "Transactions", "Replies", "example.net")
}

func addMessage(t *testing.T, s *stand, owner aor.AOR) {
	t.Helper()
	_, err := s.db.Silo.Add(t.Context(), store.SiloMessage{
		Owner: owner, From: "sip:bob@example.org", To: owner.URI(), Received: s.clock.now(), Expires: s.clock.now().Add(time.Hour),
		ContentType: "text/plain", Body: []byte("hello"),
	}, 0)
	check(t, err)
}

func TestUsersList(t *testing.T) {
	s := adminStand(t, nil)
	ctx := context.Background()
	check(t, s.db.Profiles.Save(ctx, store.Profile{AOR: bob, FirstName: "Bob", LastName: "Keller", Email: "x_bob@example.com"}))
	check(t, s.db.Aliases.Add(ctx, aor.AOR{User: "sales%42", Domain: "example.org"}, bob))
	check(t, s.db.Profiles.SetDisabled(ctx, bob, true))
	b := s.admin(root)
	a := b.get("/admin/users").is(200).shows("5 users", "Alice "+hostile, "Bob Keller", "bob@example.org", "x_bob@example.com", "disabled", "administrator")
	if strings.Contains(a.Body, "<script>alert") {
		t.Error("a name became markup")
	}
	all := []string{"alice@example.org", "bob@example.org", "dora@example.org", "eve@example.net", "root@example.org"}
	for _, c := range []struct {
		query string
		want  []string
	}{
		{"", all},
		{"sort=user&dir=desc", []string{all[4], all[3], all[2], all[1], all[0]}},
		{"sort=name", []string{"dora@example.org", "eve@example.net", "root@example.org", "alice@example.org", "bob@example.org"}},
		{"sort=password", all},
		{"q=KELLER", all[1:2]},
		{"q=x_bob", all[1:2]},
		{"q=_", all[1:2]},
		{"q=bob", all[1:2]},
		{"q=SALES", all[1:2]},
		{"q=les%2542", all[1:2]},
		{"q=%25", all[1:2]},
		{"q=bob@example.o", all[1:2]},
		{"q=@example.net", all[3:4]},
		{"q=sales%2542@example.org", all[1:2]},
		{"q=" + url.QueryEscape("' OR '1'='1"), nil},
		{"q=" + url.QueryEscape("'; DROP TABLE subscriber; --"), nil},
		{"q=" + url.QueryEscape("!"), nil},
		{"q=" + url.QueryEscape(hostile), all[:1]},
		{"q=" + strings.Repeat("x", 10_000), nil},
		{"q=%ff%00", all},
		{"domain=example.net", all[3:4]},
		{"domain=' OR 1=1", nil},
		{"page=-1", all}, {"page=99999999999999999999", all}, {"page=7", all},
	} {
		q := c.query
		if strings.Contains(q, "OR 1=1") { // a domain that there is not narrows to nothing that it names
			q, c.want = "domain="+url.QueryEscape("' OR 1=1"), all
		}
		if got := b.get("/admin/users?" + q).is(200).names(); !slices.Equal(got, c.want) {
			t.Errorf("?%.60s: %v, want %v", q, got, c.want)
		}
	}
	b.get("/admin/users?q=nobody-at-all").shows("No user matches.", "Show all")
	if got, _, err := s.db.Subscribers.List(ctx, store.SubscriberQuery{}); err != nil || len(got) != 5 {
		t.Errorf("there are %d users, %v", len(got), err)
	}
}

func TestUsersPages(t *testing.T) {
	s := adminStand(t, nil)
	for i := range 60 {
		check(t, s.db.Subscribers.Create(t.Context(), aor.AOR{User: fmt.Sprintf("u%02d", i), Domain: "example.net"}, "password"))
	}
	b := s.admin(root)
	first, second := b.get("/admin/users").is(200).shows("1 to 50 of 65", "Next"), b.get("/admin/users?page=2").is(200).shows("51 to 65 of 65", "Previous")
	seen := append(first.names(), second.names()...)
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 65 {
		t.Errorf("two pages show %d users", len(seen))
	}
	if got := b.get("/admin/users?page=9&q=u&domain=example.net").shows("51 to 60 of 60").names(); len(got) != 10 {
		t.Errorf("a page beyond the last: %v", got)
	}
	check(t, s.db.Domains.Add(t.Context(), "example.info"))
	b.get("/admin/users?domain=example.info").shows("No user matches.")
}

// TestDomainAdminSeesOneDomain: by list, by search, and by address.
func TestDomainAdminSeesOneDomain(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(dora)
	want := []string{"alice@example.org", "bob@example.org", "dora@example.org", "root@example.org"}
	for _, q := range []string{"", "?domain=example.net", "?q=@"} {
		if got := b.get("/admin/users" + q).is(200).names(); !slices.Equal(got, want) {
			t.Errorf("%s: %v", q, got)
		}
	}
	b.get("/admin/users?q=eve").shows("No user matches.")
	b.get("/admin/users").lacks("example.net")
	before := len(s.records())
	csrf := b.get("/admin/users/new").lacks("example.net").form("/admin/users/new").Get("csrf")
	for _, r := range s.server.Routes() {
		if !strings.Contains(r.Path, ":aor") {
			continue
		}
		at := strings.Replace(r.Path, ":aor", url.PathEscape(eve.String()), 1)
		var form url.Values
		if r.Method == http.MethodPost {
			form = url.Values{"csrf": {csrf}, "group": {"int"}, "alias": {"x@example.org"}, "own_password": {adminPassword}, "presence": {"nobody"}}
		}
		b.do(r.Method, at, form).is(404)
	}
	b.post("/admin/users/new", "/admin/users/new", "user", "mallory@example.net", "domain", "example.org").is(422)
	b.post("/admin/users/new", "/admin/users/new", "user", "mallory", "domain", "example.net").is(422)
	b.to(bob, "/aliases", "alias", "bob@example.net").is(422)
	if got := len(s.records()) - len(s.refusals(dora)); got != before {
		t.Errorf("%d changes were recorded", got-before)
	}
}
