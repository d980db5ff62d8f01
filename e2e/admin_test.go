package e2e_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"seraph/e2e/baresip"
	"seraph/e2e/browser"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// userAt is the page of one user.
func userAt(user string) string { return "/admin/users/" + url.PathEscape(user+"@example.org") }

// TestAdminPages: the administrators' pages with data in them, looked at as
// TestPages does; the numbers change by themselves, and who is disabled is off
// line at once.
func TestAdminPages(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol", "root"}})
	s.Ctl("", "admin", "add", "root")
	s.Ctl("", "acl", "grant", "alice", "int")
	phone(s, t, baresip.Account{User: "bob"})
	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	seen.at("admin-sign-in", "/admin/sign-in")
	seen.Fill("User name", "root")
	seen.Fill("Password", "wrong")
	seen.Press("Sign in")
	seen.Shows("User name or password is wrong.")
	seen.here("admin-sign-in-error")
	seen.Fill("User name", "root")
	seen.Fill("Password", stand.Password("root"))
	seen.Press("Sign in")
	seen.Shows("Registered users 1")
	phone(s, t, baresip.Account{User: "alice"})
	seen.ShowsWithin(15*time.Second, "Registered users 2") // without a reload
	seen.at("admin-overview", "/admin")

	change(seen.Browser, "alice", `<img src=x onerror=alert(1)>`, `'; DROP TABLE subscriber; --`)
	change(seen.Browser, "bob", "Bob", "Keller")
	seen.Fill("Address", "sales")
	seen.Press("Add")
	seen.Shows("sales@example.org leads to Bob Keller now.")
	seen.here("admin-user-note")
	seen.at("admin-user", userAt("bob"))
	seen.at("admin-users", "/admin/users")
	seen.Open("/admin/users?q=nobody+at+all")
	seen.here("admin-users-none")
	seen.at("admin-user-hostile", userAt("alice"))
	seen.Fill("Group", "no group")
	seen.Press("Grant")
	seen.Shows("letters, digits")
	seen.here("admin-user-error")
	seen.Open(userAt("root"))
	seen.here("admin-user-self")
	seen.at("admin-user-password", userAt("bob")+"/password")
	seen.at("admin-user-disable", userAt("bob")+"/disable")
	seen.at("admin-user-delete", userAt("bob")+"/delete")
	seen.at("admin-user-new", "/admin/users/new")
	seen.Fill("User name", "two words")
	seen.Press("Add the user")
	seen.Shows("This is no user name.")
	seen.here("admin-user-new-error")
	seen.Fill("User name", "dan")
	seen.Press("Add the user")
	seen.Shows("Password for dan")
	seen.here("admin-user-made")

	seen.Open(userAt("bob") + "/disable")
	seen.Press("Disable the account")
	seen.Shows("Bob Keller is disabled.")
	seen.Shows("No phone is registered.")
	seen.Open("/admin/users")
	seen.Shows("disabled")
	seen.here("admin-users-disabled")
	seen.Open("/admin")
	seen.Shows("Registered users 1")
	s.NothingLeft()
}

// change writes a user's name.
func change(b *browser.Browser, user, first, last string) {
	b.Open(userAt(user))
	b.Fill("First name", first)
	b.Fill("Last name", last)
	b.Press("Save")
	b.Shows("The profile of")
}

// TestAdminOverviewFaults: the open page says by itself that the router is away,
// and that its numbers are old while the database hangs.
func TestAdminOverviewFaults(t *testing.T) {
	s := stand.Start(t, stand.Options{Engine: stand.MariaDB, Users: []string{"root"}})
	s.Ctl("", "admin", "add", "root")
	b := browser.Start(t, s.Portal())
	b.Open("/admin")
	b.Fill("User name", "root")
	b.Fill("Password", stand.Password("root"))
	b.Press("Sign in")
	b.Shows("Nothing is waiting to be written.")
	s.KillProxy()
	b.ShowsWithin(20*time.Second, "cannot be reached")
	b.Picture("admin-overview-router-away")
	s.Launch()
	b.ShowsWithin(20*time.Second, "Nothing is waiting to be written.")
	s.MariaDB().Freeze()
	b.ShowsWithin(40*time.Second, "These numbers are not up to date")
	b.Picture("admin-overview-stale")
	s.MariaDB().Thaw()
	wait.For(t, 20*time.Second, "the notice goes", func() error {
		if b.Count("#overview-stale[hidden]") == 0 {
			return errors.New("it is there")
		}
		return nil
	})
	s.NothingLeft()
}
