package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestNobodyChangesMoreRights: not by what the page shows, nor by what is sent.
func TestNobodyChangesMoreRights(t *testing.T) {
	s := adminStand(t, nil)
	changer := aor.AOR{User: "changer", Domain: "example.org"}
	check(t, s.db.Subscribers.Create(t.Context(), changer, adminPassword))
	check(t, s.db.Admins.Grant(t.Context(), changer, store.PrivilegeAdmin))
	check(t, s.db.Admins.Grant(t.Context(), changer, store.PrivilegeChange))
	for _, c := range []struct {
		actor, target aor.AOR
		may           bool
	}{{dora, root, false}, {root, changer, false}, {changer, root, true}, {root, dora, true}, {dora, bob, true}} {
		t.Run(c.actor.User+" changes "+c.target.User, func(t *testing.T) {
			b := s.admin(c.actor)
			page := b.get(userPath(c.target)).is(200)
			if got := len(page.forms()) > 0; got != c.may {
				t.Errorf("forms: %v", page.forms())
			}
			if c.may {
				b.to(c.target, "", "first_name", "Changed by "+c.actor.User).leads(userPath(c.target))
				return
			}
			page.shows("This account has rights that you do not have.")
			before := len(s.records())
			csrf := page.form("/admin/sign-out").Get("csrf")
			for _, below := range []string{"", "/password", "/disable", "/enable", "/delete", "/groups", "/groups/revoke", "/aliases", "/aliases/remove"} {
				b.do("POST", userPath(c.target)+below, url.Values{
					"csrf": {csrf}, "new_password": {"taken over!"}, "again": {"taken over!"}, "own_password": {adminPassword},
					"group": {"int"}, "alias": {"x@example.org"}, "presence": {"nobody"}, "first_name": {"Hacked"},
				}).is(403).shows("That is not yours to do")
			}
			for _, below := range []string{"password", "disable", "delete"} {
				b.get(userPath(c.target, below)).is(403)
			}
			if !s.opens(c.target, adminPassword) || len(s.records()) != before {
				t.Error("something was changed")
			}
		})
	}
}

// TestOwnAccount: nobody locks the door from the inside, nor takes an open
// session for more than it is.
func TestOwnAccount(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	page := b.get(userPath(root)).is(200).shows("This is your own account.")
	csrf := page.form("/admin/sign-out").Get("csrf")
	for _, below := range []string{"/password", "/disable", "/enable", "/delete"} {
		b.do("POST", userPath(root)+below, url.Values{"csrf": {csrf}, "own_password": {adminPassword}}).is(403).shows("cannot be done to your own account")
	}
	if !s.opens(root, adminPassword) {
		t.Error("the password was changed")
	}
	b.to(root, "", "first_name", "Rooty").leads(userPath(root))
	b.get("/admin").is(200).shows("Rooty")
}

func TestUserProfile(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	s.tells(func() {
		b.to(bob, "", "first_name", " Bob ", "last_name", hostile, "email", "bob@example.com", "phone", "+420 1", "presence", "nobody", "findable", "on").leads(userPath(bob))
	})
	s.audited(store.Record{Actor: "root@example.org", Action: "subscriber.profile", Object: "bob@example.org",
		Before: `presence "signed-in"`,
		After:  fmt.Sprintf(`first name "Bob", last name %q, e-mail "bob@example.com", phone "+420 1", presence "nobody", findable`, hostile)})
	if got := b.said(userPath(bob)); got != "The profile of Bob "+hostile+" is saved." {
		t.Errorf("said: %q", got)
	}
	got, err := s.db.Profiles.Load(t.Context(), bob)
	check(t, err)
	if got.LastName != hostile || got.Presence != store.PresenceNobody || !got.Findable {
		t.Errorf("profile %+v", got)
	}
	before := len(s.records())
	a := b.to(bob, "", "first_name", strings.Repeat("x", 65), "email", "no mail", "phone", "call me", "presence", "all").is(422)
	for field, want := range map[string]string{
		"first_name": "At most 64 characters.", "email": "This is no e-mail address like alice@example.org.",
		"phone": "A phone number has only digits, spaces and + - ( ) . /", "presence": "Choose one of the list.",
	} {
		if got := a.fault(field); got != want {
			t.Errorf("%s: %q", field, got)
		}
	}
	if a.form(userPath(bob)).Get("email") != "no mail" {
		t.Error("what was typed is lost")
	}
	b.to(bob, "", "email", `a"b@example.com`).is(422)
	if len(s.records()) != before {
		t.Error("a refused change was recorded")
	}
	for _, path := range []string{"/admin/users/nobody@example.org", "/admin/users/nobody", "/admin/users/%00@example.org", "/admin/users/a%20b@c"} {
		b.get(path).is(404)
	}
}

// TestUserWithOddName: what must be escaped in a path finds its way back.
func TestUserWithOddName(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	for _, who := range []aor.AOR{
		{User: "a/b?c=d", Domain: "example.org"}, {User: "o'brien\";drop%table_user", Domain: "example.org"},
		{User: "žofie😀", Domain: "example.org"}, {User: "#+&=%2f", Domain: "example.org"},
	} {
		check(t, s.db.Subscribers.Create(t.Context(), who, "password"))
		if got := b.get("/admin/users?q=" + url.QueryEscape(who.User)).is(200).names(); !slices.Equal(got, []string{who.String()}) {
			t.Errorf("%s: search finds %v", who, got)
		}
		b.to(who, "", "first_name", "Odd").leads(userPath(who))
		if p, err := s.db.Profiles.Load(t.Context(), who); err != nil || p.FirstName != "Odd" {
			t.Errorf("%s: %+v, %v", who, p, err)
		}
		b.post(userPath(who, "delete"), userPath(who, "delete"), "own_password", adminPassword).leads("/admin/users")
	}
}
