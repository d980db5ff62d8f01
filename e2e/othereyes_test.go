package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// ownPages are pages on which a user sees something of what is his, and his files.
var (
	ownPages = []string{
		"/user/phone-book", "/user/phone-book/new", "/user/phone-book/find?q=al", "/user/phone-book/find?q=bo", "/user/phone-book/speed-dial",
		"/user/phone-book/groups", "/user/phone-book/import", "/user/missed", "/user/calls", "/user/messages", "/user/messages/new", "/user/dial",
		"/user/account", "/user/account/phones", "/user/account/aliases", "/user/account/rules", "/user/account/security",
		"/user/account/public", "/user/account/data", "/user/account/delete",
	}
	ownFiles = []string{"/user/phone-book/export.csv", "/user/phone-book/export.vcf", "/user/calls/export", "/user/missed/export"}
)

// TestOtherEyes: two who know each other use the same pages side by side. What each of
// them has written, chosen and got is on none of the other one's pages and in none of
// the other one's files; what one deletes the other one keeps; who shows himself to
// nobody is seen by nobody.
func TestOtherEyes(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice, bob := lives(t, s, "alice", bobAddress), lives(t, s, "bob", aliceAddress)
	alice.sees(bob)
	bob.sees(alice)
	alice.asks(bob)
	bob.asks(alice)
	deletesOneSided(s, alice.site, bob.site)
	hides(s, alice.site, bob.site)
	s.NothingLeft()
}

// life is somebody's browser, and what is nobody else's business, by what it is.
type life struct {
	site
	private map[string]string
}

// lives signs a user in, who fills his pages with things that bear his name and were told
// to nobody.
func lives(t *testing.T, s *stand.Stand, user, friend string) life {
	t.Helper()
	w := life{site: signIn(t, s, user), private: map[string]string{}}
	own := func(what string) string {
		w.private[what] = "priv-" + user + "-" + what
		return w.private[what]
	}
	w.Open("/user/account")
	number := fmt.Sprintf("+420 %d77 555", len(user))
	w.private["number"] = number
	for label, value := range map[string]string{"First name": own("first"), "Last name": own("last"), "E-mail": own("mail") + "@example.net", mailPassword: stand.Password(user), "Phone number": number} {
		w.Fill(label, value)
	}
	w.Press("Save")
	w.Shows("Your profile is saved.")
	w.Open("/user/phone-book/new")
	for label, value := range map[string]string{
		"First name": own("nickname"), "Address": friend, "Group": own("group"), "Note": own("note"),
	} {
		w.Fill(label, value)
	}
	w.Press("Save")
	w.Shows("is in your phone book.")
	w.Open("/user/phone-book/speed-dial")
	w.Fill("Name of number 07", own("speed"))
	w.Fill("Address of number 07", own("fast")+"@elsewhere.example")
	w.Press("Save all numbers")
	w.Shows("They count from now on.")
	w.Open("/user/account/rules")
	w.Tick("Forward while I am busy")
	w.Fill("to (Forward while I am busy)", own("forward")+"@elsewhere.example")
	w.Press("Save")
	w.Shows("Your rules are saved.")
	s.Ctl("", "alias", "add", own("alias"), user)
	s.Ctl("", "rule", "add", user+"@"+stand.Domain, "block", own("blocked")+"@*")
	w.strangers(s, user, own)
	return w
}

// strangers write to somebody, and call him.
func (w life) strangers(s *stand.Stand, user string, own func(string) string) {
	w.t.Helper()
	stranger := s.Peer(peer.Config{Name: own("caller"), Domain: "elsewhere.example"})
	store(w.t, stranger, "sip:"+user+"@"+stand.Domain, own("text"))
	call := stranger.Call("sip:" + user + "@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	wait.For(w.t, back, "what strangers left is on the pages", func() error {
		if w.Open("/user/missed"); !w.Has(w.private["caller"]) {
			return errors.New("the call is not")
		}
		return nil
	})
}

// sees checks that all of it is on one's own pages or in one's own files, so that it
// would be noticed, and nothing of the other one's.
func (w *life) sees(other life) {
	w.t.Helper()
	missing := maps.Clone(w.private)
	looks := func(where, text string) {
		for what, word := range w.private {
			if strings.Contains(text, word) {
				delete(missing, what)
			}
		}
		for what, word := range other.private {
			if strings.Contains(text, word) {
				w.t.Errorf("%s holds the other one's %s, %q", where, what, word)
			}
		}
	}
	for _, path := range ownPages {
		w.Open(path)
		if w.Has("There is no such page") {
			w.t.Errorf("%s is not there", path)
		}
		looks(path, w.Source())
	}
	for _, path := range ownFiles {
		looks(path, w.Download(path))
	}
	for name, text := range unpack(w.t, w.Bytes("/user/account/export")) {
		looks("the export's "+name, text)
	}
	if len(missing) > 0 {
		w.t.Errorf("on none of the own pages: %v", slices.Sorted(maps.Keys(missing)))
	}
}

// asks tries the paths of what is the other one's.
func (w life) asks(other life) {
	w.t.Helper()
	other.Open("/user/phone-book")
	paths := other.Attributes(".entries tbody a[href]", "href")
	other.Open("/user/missed")
	paths = append(paths, other.Attributes(`.missed tbody a[href^="/user/missed/delete"]`, "href")...)
	other.Open("/user/messages")
	paths = append(paths, other.Attributes(`.messages a[href^="/user/messages/delete"]`, "href")...)
	tried := 0
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		if strings.HasPrefix(path, "/user/messages/new") || strings.HasPrefix(path, "/user/phone-book/new") {
			continue // a form with what was typed: it is nobody's
		}
		if status := w.Read(path).Status; status != 404 {
			w.t.Errorf("%s, which is the other one's, is answered %d", path, status)
		}
		tried++
	}
	if tried < 3 {
		w.t.Errorf("%d paths are tried only: %q", tried, paths)
	}
}

// deletesOneSided: alice calls bob in vain, twice. What she deletes he keeps, and what he
// deletes she keeps.
func deletesOneSided(s *stand.Stand, alice, bob site) {
	caller := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	const rows = ` tbody tr[data-aor="`
	for n := range 2 {
		call := caller.Call("sip:" + bobAddress)
		call.AckFailure(call.Expects(480))
		alice.hasRows("/user/calls", ".calls"+rows+bobAddress+`"]`, n+1)
	}
	bob.hasRows("/user/calls", ".calls"+rows+aliceAddress+`"]`, 2)
	alice.Open("/user/calls?kind=out")
	alice.deletesFirst(".calls")
	alice.hasRows("/user/calls", ".calls"+rows+bobAddress+`"]`, 1)
	bob.hasRows("/user/calls", ".calls"+rows+aliceAddress+`"]`, 2)
	bob.Open("/user/missed")
	bob.Press("Clear list")
	bob.Press("Clear the list")
	bob.Shows("You have missed no calls")
	bob.hasRows("/user/calls", ".calls"+rows+aliceAddress+`"]`, 0)
	alice.hasRows("/user/calls", ".calls"+rows+bobAddress+`"]`, 1)
	alice.Shows("was not on line")
}

// deletesFirst deletes the first row of a list by the row's own control.
func (w site) deletesFirst(list string) {
	w.t.Helper()
	names := w.Attributes(list+" tbody tr:first-child .row-acts > a.bad", "aria-label")
	if len(names) != 1 {
		w.t.Fatalf("the first row can be deleted by %q", names)
	}
	w.Press(names[0])
	w.Press("Delete")
	w.Shows("The call is deleted.")
}

// hasRows waits until a page has so many rows.
func (w site) hasRows(path, selector string, want int) {
	w.t.Helper()
	wait.For(w.t, back, fmt.Sprintf("%d rows on %s", want, path), func() error {
		if w.Open(path); w.Count(selector) != want {
			return fmt.Errorf("there are %d:\n%s", w.Count(selector), w.Text())
		}
		return nil
	})
}

// hides: bob is on line, and alice sees it, until he shows himself to nobody: then her
// open page no longer knows, nor does any other one. Somebody who is not signed in never
// did.
func hides(s *stand.Stand, alice, bob site) {
	t := alice.t
	t.Helper()
	visitor := browser.Start(t, s.Portal())
	visitor.Open("/u/bob")
	visitor.Shows("There is no such page")
	alice.Open("/user/phone-book")
	alice.Status(bobAddress, "offline", back)
	alice.Marks()
	s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	alice.Status(bobAddress, "online", back)
	bob.Open("/user/account")
	bob.Fill("Show my presence to", "nobody")
	bob.Press("Save")
	bob.Shows("Your profile is saved.")
	alice.Status(bobAddress, "unknown", back)
	alice.StillThere()
	for _, path := range []string{"/user/phone-book", "/user/calls"} {
		alice.Open(path)
		alice.Status(bobAddress, "unknown", back)
	}
	visitor.Open("/u/bob")
	visitor.Shows("There is no such page")
	bob.Open("/user/account/public")
	bob.Shows("Nobody who is not signed in can see you")
}
