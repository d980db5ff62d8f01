package server_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/store"
)

func TestGroups(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	s.tells(func() { b.to(bob, "/groups", "group", "int").leads(userPath(bob)) }, "group.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "group.grant", Object: "bob@example.org", After: "int"})
	b.get(userPath(bob)).is(200).shows("bob is in the group int now.", "Undo", "Revoke int")
	for _, c := range []struct{ group, want string }{
		{"", "This is needed."}, {"a b", "A group is called by letters, digits, “-”, “_” and “.”"}, {"<b>", "A group is called by"}, {strings.Repeat("x", 65), "At most 64 characters."},
	} {
		if got := b.to(bob, "/groups", "group", c.group).is(422).fault("group"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%.20q: %q", c.group, got)
		}
	}
	s.tells(func() { b.to(bob, "/groups/revoke").leads(userPath(bob)) }, "group.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "group.revoke", Object: "bob@example.org", Before: "int"})
	// The note offers to take it back.
	undo := b.get(userPath(bob)).shows("bob is no longer in the group int.").undo(userPath(bob, "groups"))
	if undo.Get("group") != "int" {
		t.Errorf("undo sends %v", undo)
	}
	b.do("POST", userPath(bob, "groups"), undo).leads(userPath(bob))
	got, err := s.db.Groups.List(t.Context(), bob)
	check(t, err)
	if diff := cmp.Diff([]string{"int"}, got); diff != "" {
		t.Error(diff)
	}
	csrf := b.get("/admin").form("/admin/sign-out").Get("csrf")
	b.do("POST", userPath(bob, "groups", "revoke"), url.Values{"csrf": {csrf}, "group": {"ld"}}).is(404)
}

// TestGroupGrantedTwice: what the user has already is no change: nothing to undo,
// to record or to tell.
func TestGroupGrantedTwice(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Groups.Grant(t.Context(), bob, "int"))
	b := s.admin(root)
	before := len(s.records())
	s.tells(func() { b.to(bob, "/groups", "group", "int").leads(userPath(bob)) })
	if all := s.records(); len(all) != before {
		t.Errorf("a record of no change: %+v", all[0])
	}
	b.get(userPath(bob)).is(200).shows("bob is in the group int already.", "Revoke int").lacks("Undo")
}

// TestGroupsOfDomainAdmin: only those that a privilege names.
func TestGroupsOfDomainAdmin(t *testing.T) {
	s := adminStand(t, nil)
	ctx := t.Context()
	check(t, s.db.Groups.Grant(ctx, bob, "int"))
	b := s.admin(dora)
	page := b.get(userPath(bob)).is(200).shows("int").lacks("Revoke", "Grant")
	csrf := page.form(userPath(bob)).Get("csrf")
	b.do("POST", userPath(bob, "groups"), url.Values{"csrf": {csrf}, "group": {"ld"}}).is(422)
	b.do("POST", userPath(bob, "groups", "revoke"), url.Values{"csrf": {csrf}, "group": {"int"}}).is(403).shows("You may not grant or revoke this group.")
	check(t, s.db.Admins.Grant(ctx, dora, store.PrivilegeGroup("ld")))
	b.get(userPath(bob)).shows("Grant").lacks("Revoke")
	b.to(bob, "/groups", "group", "ld").leads(userPath(bob))
	b.do("POST", userPath(bob, "groups"), url.Values{"csrf": {csrf}, "group": {"vip"}}).is(422)
	got, err := s.db.Groups.List(ctx, bob)
	check(t, err)
	if diff := cmp.Diff([]string{"int", "ld"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAliases(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	s.tells(func() { b.to(bob, "/aliases", "alias", " Sales ").leads(userPath(bob)) }, "alias.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "alias.add", Object: "bob@example.org", After: "sales@example.org"})
	b.get(userPath(bob)).is(200).shows("sales@example.org leads to bob now.", "Remove sales@example.org")
	for _, c := range []struct{ alias, want string }{
		{"", "This is needed."}, {"two words", "This is no address"}, {"sales", "This is a user or an alias already."}, {"alice", "This is a user or an alias already."},
		{"x@elsewhere.example", "elsewhere.example is none of the domains"}, {"http://x", "This is no address"},
	} {
		if got := b.to(bob, "/aliases", "alias", c.alias).is(422).fault("alias"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: %q", c.alias, got)
		}
	}
	csrf := b.get(userPath(bob)).form(userPath(bob, "aliases")).Get("csrf")
	b.do("POST", userPath(alice, "aliases", "remove"), url.Values{"csrf": {csrf}, "alias": {"sales@example.org"}}).is(404) // another's
	b.do("POST", userPath(bob, "aliases", "remove"), url.Values{"csrf": {csrf}, "alias": {"' OR 1=1"}}).is(404)
	s.tells(func() { b.to(bob, "/aliases/remove").leads(userPath(bob)) }, "alias.reload")
	s.audited(store.Record{Actor: "root@example.org", Action: "alias.remove", Object: "bob@example.org", Before: "sales@example.org"})
}

// TestChangesWithoutRouter: they stand, and the page says what is late.
func TestChangesWithoutRouter(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	s.router.Close()
	page := userPath(bob, "disable")
	b.post(page, page).leads(userPath(bob))
	if got := b.said(userPath(bob)); !strings.Contains(got, "bob is disabled. The router could not be told") {
		t.Errorf("said: %q", got)
	}
	b.get(userPath(bob)).shows("The router cannot be reached at the moment.")
	b.get(userPath(bob, "delete")).is(200).shows("it is not known whether phones are registered")
	b.to(bob, "/groups", "group", "int").leads(userPath(bob))
	if got := b.said(userPath(bob)); !strings.Contains(got, "The router could not be told") {
		t.Errorf("said: %q", got)
	}
	// A router without these modules has nothing to forget.
	s = adminStand(t, map[string]ctltest.Handler{ctlproto.MethodGroupReload: ctltest.Refuse(ctlproto.CodeMethodNotFound, "none")})
	b = s.admin(root)
	b.to(bob, "/groups", "group", "int").leads(userPath(bob))
	if got := b.said(userPath(bob)); strings.Contains(got, "could not be told") {
		t.Errorf("said: %q", got)
	}
}
