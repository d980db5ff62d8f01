package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/e2e/baresip"
	"seraph/e2e/browser"
	"seraph/e2e/stand"
)

// looks are what every page is looked at in.
var looks = []browser.Look{{Width: 1280, Theme: "light"}, {Width: 1280, Theme: "dark"}, {Width: 390, Theme: "light"}, {Width: 390, Theme: "dark"}}

// TestPages: every page with data in it, both themes, wide and narrow: axe-core
// finds nothing serious, nothing scrolls sideways, one h1, a title of its own.
func TestPages(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	phone(s, t, baresip.Account{User: "bob"})
	phone(s, t, baresip.Account{User: "alice"})
	stranger := browser.Start(t, s.Portal())
	looked{stranger, t, map[string]string{}}.at("sign-in", "/user/sign-in")
	w := withPeople(t, s)
	w.adds("<img src=x onerror=alert(1)>", "'; DROP TABLE phonebook; --", "mallory@elsewhere.example")
	seen := looked{w.Browser, t, map[string]string{}}
	w.Open("/user/phone-book")
	w.Press("Edit Bob Keller")
	w.Shows("Edit entry")
	entry := w.Path()
	for name, path := range map[string]string{
		"phone-book": "/user/phone-book", "entry-new": "/user/phone-book/new",
		"entry": entry, "entry-delete": entry + "/delete", "dial": "/user/dial", "account": "/user/account",
		"missed": "/user/missed", "messages": "/user/messages", "send": "/user/messages/new?to=bob", "aliases": "/user/account/aliases",
		"phones": "/user/account/phones", "security": "/user/account/security", "not-found": "/user/nowhere",
	} {
		seen.at(name, path)
	}
	w.Open("/user/phone-book?q=nobody+at+all")
	seen.here("phone-book-nobody")
	w.Open("/user/phone-book/new")
	w.Fill("Address", "not an address")
	w.Press("Save")
	w.Shows("This is no address that can be called")
	seen.here("entry-error")
	w.Open("/user/phone-book")
	w.Press("Call Bob Keller")
	w.Shows("Your phone rings")
	seen.here("phone-book-card")
	w.Press("Cancel the call")
	w.Shows("The call was cancelled.")
	seen.here("phone-book-card-cancelled")
	s.NothingLeft()
}

// looked remembers which titles pages had.
type looked struct {
	*browser.Browser
	t      *testing.T
	titles map[string]string
}

func (l looked) at(name, path string) {
	l.t.Helper()
	l.Open(path)
	title := l.Title()
	if other, taken := l.titles[title]; taken || !strings.Contains(title, "Seraph") {
		l.t.Errorf("%s has the title %q, and so has %q", path, title, other)
	}
	l.titles[title] = path
	l.here(name)
}

func (l looked) here(name string) {
	l.t.Helper()
	if n := l.Count("h1"); n != 1 {
		l.t.Errorf("%s has %d h1", name, n)
	}
	for _, look := range looks {
		l.Wear(look)
		what := fmt.Sprintf("%s-%d-%s", name, look.Width, look.Theme)
		l.Accessible(what)
		l.FitsWidth(what)
		l.ButtonsFit(what)
		l.Picture(what)
	}
	l.Wear(looks[0])
}
