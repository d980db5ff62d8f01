package user_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

func named(user string) aor.AOR { return aor.AOR{User: user, Domain: "example.org"} }

// TestAliases: requested, counted by the router at once, limited, given back.
func TestAliases(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/account").shows(t, http.StatusOK, "You have no aliases.", "Request one", "no special permissions")
	b.get("/user/account/aliases").shows(t, http.StatusOK, "You have no aliases.", "Request another address")
	b.post("/user/account/aliases", "alias", " A.Marsh ").shows(t, http.StatusOK, "a.marsh@example.org is yours.")
	if got, err := s.db.Aliases.Resolve(t.Context(), named("a.marsh")); err != nil || got != alice {
		t.Errorf("the alias stands for %v, %v", got, err)
	}
	told := 0
	for _, call := range s.router.Calls() {
		if call.Method == ctlproto.MethodAliasReload {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the router was told %d times", told)
	}
	b.post("/user/account/aliases", "alias", "marsh@example.org").shows(t, http.StatusOK, "marsh@example.org is yours.")
	full := b.get("/user/account/aliases")
	full.shows(t, http.StatusOK, "You have 2 aliases, as many as you may have.")
	full.hides(t, `name="alias"`)
	b.post("/user/account/aliases", "alias", "third").shows(t, 422, "You have 2 aliases, as many as you may have.")
	b.get("/user/account").shows(t, http.StatusOK, "a.marsh@example.org", "Request another")

	b.get("/user/account/aliases/remove?alias=marsh%40example.org").shows(t, http.StatusOK, "Remove marsh@example.org?", "The name is kept for you for 30 days")
	b.post("/user/account/aliases/remove", "alias", "marsh@example.org").shows(t, http.StatusOK, "marsh@example.org is removed.")
	if _, err := s.db.Aliases.Resolve(t.Context(), named("marsh")); err == nil {
		t.Error("the removed alias is still there")
	}
}

// TestAliasFaults: what cannot be had is said beside the field, and nothing is written.
func TestAliasFaults(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Aliases.Add(t.Context(), named("taken"), bob))
	b := s.signIn(alice)
	for _, c := range []struct{ alias, want string }{
		{"", "This is needed."},
		{"bob", "This name is taken already."},
		{"taken", "This name is taken already."},
		{"alice", "This name is taken already."},
		{"operator", "This name is not free to be chosen."},
		{"OPERATOR", "This name is not free to be chosen."},
		{"112", "This name is not free to be chosen."},
		{"%31%31%32", "This name is not free to be chosen."},
		{"x", "This name is not free to be chosen."},
		{"marsh@elsewhere.example", "It has to be an address of example.org."},
		{"a b", "This is no name that an address can have."},
		{"'; DROP TABLE dbaliases; --", "This is no name that an address can have."},
		{"<script>alert(1)</script>", "This is no name that an address can have."},
		{"a\x00b", "There are characters in it that cannot be used here."},
		{strings.Repeat("x", 60_000), "At most 255 characters."},
	} {
		got := b.post("/user/account/aliases", "alias", c.alias)
		got.hides(t, "<script>alert")
		if got.status != 422 || !strings.Contains(got.body, c.want) {
			t.Errorf("%.40q: status %d, want %q beside the field:\n%.3000s", c.alias, got.status, c.want, got.body)
		}
	}
	if list, err := s.db.Aliases.List(t.Context(), alice); err != nil || len(list) != 0 {
		t.Errorf("aliases %v, %v", list, err)
	}
}

// TestAliasesGuessing: asking for one taken name after the other soon has to wait.
func TestAliasesGuessing(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for i := range 20 {
		if got := b.post("/user/account/aliases", "alias", "bob"); strings.Contains(got.body, "Too many taken names in a row.") {
			if i < 5 {
				t.Errorf("after %d tries already", i)
			}
			return
		}
	}
	t.Error("20 taken names in a row, and no waiting")
}

// TestAliasesOfTheOperator: numbers are the operator's to give and to take away.
func TestAliasesOfTheOperator(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Aliases.Add(t.Context(), named("82001"), alice))
	check(t, s.db.Aliases.Add(t.Context(), named("bobby"), bob))
	b := s.signIn(alice)
	page := b.get("/user/account/aliases")
	page.shows(t, http.StatusOK, "82001@example.org", "given by the operator")
	page.hides(t, "remove?alias=82001", "bobby")
	for _, alias := range []string{"82001@example.org", "bobby@example.org", "nobody@example.org", "", "x"} {
		if got := b.get("/user/account/aliases/remove?alias=" + alias); got.status != http.StatusNotFound {
			t.Errorf("GET %q: status %d", alias, got.status)
		}
		if got := b.post("/user/account/aliases/remove", "alias", alias); got.status != http.StatusNotFound {
			t.Errorf("POST %q: status %d", alias, got.status)
		}
	}
	if all, err := s.db.Aliases.All(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("aliases %v, %v", all, err)
	}
}

// TestAliasesRouterAway: the change holds, and the page says when it counts.
func TestAliasesRouterAway(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	s.router.Close()
	b.post("/user/account/aliases", "alias", "marsh").shows(t, http.StatusOK, "within a minute of its return")
	b.post("/user/account/aliases/remove", "alias", "marsh@example.org").shows(t, http.StatusOK, "for up to a minute")
}

// TestPermissions: known groups in plain words, others by their name.
func TestPermissions(t *testing.T) {
	s := newSite(t)
	for _, group := range []string{"local", "ld", "int", "voicemail", "satellite"} {
		check(t, s.db.Groups.Grant(t.Context(), alice, group))
	}
	check(t, s.db.Groups.Grant(t.Context(), bob, "bobs-own"))
	page := s.signIn(alice).get("/user/account")
	page.shows(t, http.StatusOK, "You may call")
	for _, word := range []string{"local", "long distance", "international", "voicemail", "satellite"} {
		page.shows(t, http.StatusOK, fmt.Sprintf(`<li class="tag">%s</li>`, word))
	}
	page.hides(t, "bobs-own")
}

// TestAutoAnswer: the wish is kept, and shown again.
func TestAutoAnswer(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for _, wish := range []string{"on", ""} {
		b.post("/user/account", "presence", string(store.PresenceSignedIn), "auto_answer", wish).shows(t, http.StatusOK, "Your profile is saved.")
		profile, err := s.db.Profiles.Load(t.Context(), alice)
		check(t, err)
		ticked := strings.Contains(b.get("/user/account").body, `name="auto_answer" type="checkbox" value="on" checked`)
		if profile.AutoAnswer != (wish == "on") || ticked != (wish == "on") {
			t.Errorf("wish %q: stored %v, shown %v", wish, profile.AutoAnswer, ticked)
		}
	}
}
