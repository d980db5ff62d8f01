package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// twice sends the form of a page two times, as a double click does, and shows the page that
// the browser then goes to.
func (b *browser) twice(page, action string, pairs ...string) *answer {
	b.t.Helper()
	form := b.get(page).form(action)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	var to [2]string
	for i := range to {
		a := b.do("POST", action, form).is(http.StatusSeeOther)
		to[i] = a.Header.Get("Location")
	}
	if to[0] != to[1] {
		b.t.Errorf("%s leads to %q", action, to)
	}
	return b.get(to[1]).is(http.StatusOK)
}

// TestDoubleClick: a second press of a button that removes something, or takes that back,
// is no error: the page says what was done, offers to undo it, and the audit has nothing
// against whoever pressed it.
func TestDoubleClick(t *testing.T) {
	methods := leaveMethods()
	methods[ctlproto.MethodUserblockReload] = ctltest.Result(ctlproto.Done{})
	methods[ctlproto.MethodSpeeddialReload] = ctltest.Result(ctlproto.Done{})
	s := newStand(t, methods, func(o *server.Options) { o.AliasRules = user.AliasRules{Limit: 5} })
	ctx := t.Context()
	entry := func(name, group string) string {
		t.Helper()
		e, err := s.db.Phonebook.Add(ctx, bob, store.Entry{FirstName: name, Address: strings.ToLower(name), Group: group})
		check(t, err)
		return itoa(e.ID)
	}
	one, two, three := entry("Ann", "Work"), entry("Dan", "Work"), entry("Eve", "")
	check(t, s.db.Aliases.Add(ctx, aor.AOR{User: "bobby", Domain: "example.org"}, bob))
	check(t, s.db.CallRules.Set(ctx, store.CallRule{Owner: bob, Kind: store.RuleBlock, Pattern: "*@spam.example", Enabled: true}))
	b := s.browser().signIn("bob", "builder's")
	s.browser().signIn("bob", "builder's")

	const book = "/user/phone-book"
	b.twice(book+"/groups/remove?group=Work", book+"/groups/remove").shows("Undo")
	b.twice(book+"/"+one+"/delete", book+"/"+one+"/delete").shows("Ann was deleted", "Undo")
	b.twice(book+"/delete?ids="+one+","+two+","+three, book+"/delete").shows("Undo")
	b.twice("/user/account/aliases/remove?alias=bobby@example.org", "/user/account/aliases/remove").lacks(`<li class="tag">bobby`)
	b.twice("/user/account/rules", "/user/account/rules", "dnd", "on").shows("saved").lacks("changed in another tab")
	b.twice("/user/account/rules", "/user/account/rules/unblock").shows("Undo")
	b.twice(book+"/speed-dial", book+"/speed-dial", "target-12", "carol").lacks("changed in another tab")
	b.twice("/user/account/security", "/user/account/security", "old_password", "builder's", "new_password", "another one", "again", "another one").lacks("This is not your password")

	note := func(page, action string) *answer { // whatever it says, it says so after the second press, too
		t.Helper()
		b.post(page, action).leads(book)
		form := b.get(book).form(book + "/restore")
		b.do("POST", book+"/restore", form).leads(book)
		b.do("POST", book+"/restore", form).leads(book)
		return b.get(book).is(http.StatusOK)
	}
	four := entry("Fay", "")
	note(book+"/"+four+"/delete", book+"/"+four+"/delete").shows("Fay")

	for _, r := range s.records() {
		if r.Action == "access.refused" {
			t.Errorf("the audit says %+v", r)
		}
	}
	// What is another's, or was gone before, is still not there.
	b.do("POST", book+"/"+one+"/delete", url.Values{"csrf": {b.get("/user/account").form("/user/account").Get("csrf")}, "once": {"x"}}).is(http.StatusNotFound)
}

// TestDoubleClickAdmin is the same of the administrators' buttons.
func TestDoubleClickAdmin(t *testing.T) {
	s := adminStand(t, nil)
	check(t, s.db.Groups.Grant(t.Context(), bob, "ld"))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "bobby", Domain: "example.org"}, bob))
	b := s.admin(root)
	at := userPath(bob)
	b.twice(at, at+"/groups", "group", "int")
	b.twice(at, at+"/groups/revoke")
	b.twice(at, at+"/aliases", "alias", "builder").lacks("taken")
	b.twice(at, at+"/aliases/remove")
	b.twice(at+"/disable", at+"/disable")
	b.twice(at, at+"/enable")
	b.twice(at+"/delete", at+"/delete", "own_password", adminPassword)
	lines := map[string]int{}
	for _, r := range s.records() {
		lines[r.Action]++
	}
	if lines["access.refused"] != 0 || lines["subscriber.delete"] != 1 || lines["subscriber.disable"] != 1 {
		t.Errorf("the audit has %v", lines)
	}
}
