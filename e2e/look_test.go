package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// household is a portal that people have lived in, with a browser for each role.
type household struct {
	t     *testing.T
	s     *stand.Stand
	tours []*tour
	// known are addresses that no link on a page leads to, by their routes: those of
	// mails, and a person's page.
	known map[string]string
}

// moveIn fills a portal and signs everybody in: alice, who uses everything; root, who
// administrates all, and dora, who does her domain; and nobody. live is what happened
// there.
func moveIn(t *testing.T, live func(*testing.T, *stand.Stand, site)) *household {
	t.Helper()
	box := newMailbox(t)
	s := stand.Start(t, stand.Options{
		Users:     []string{"alice", "bob", "carol", "root", "dora"},
		WebConfig: mailConfig(box) + "approve = true\nterms = \"" + terms(t) + "\"\n",
	})
	h := &household{t: t, s: s, known: map[string]string{"/u/:name": "/u/alice", "/missed-mail/off": "/missed-mail/off?t=never-sent"}}
	w := withPeople(t, s)
	signIn(t, s, "alice") // in another browser: the session can be ended
	attempt := w.triesToCall(s)
	w.Press("Edit Bob Keller")
	w.Fill("Group", "Work")
	w.Press("Save")
	w.Shows("Bob Keller was saved.")
	live(t, s, w)
	for _, group := range []string{"local", "ld", "int", "voicemail"} {
		s.Ctl("", "acl", "grant", "alice", group)
	}
	s.Ctl("", "alias", "add", "82001", "alice")
	s.Ctl("", "admin", "add", "root")
	s.Ctl("", "admin", "add", "dora", "--privilege", "domain_admin")
	w.Open("/user/account/aliases")
	w.Fill("Request another address", "al.marsh")
	w.Press("Request")
	w.Shows("al.marsh@")
	w.Open("/user/account")
	for label, value := range map[string]string{"First name": "Alice", "Last name": "Marsh", "E-mail": "alice@example.org", mailPassword: stand.Password("alice"), "Phone number": "+420 123 456 789"} {
		w.Fill(label, value)
	}
	w.Fill("Show my presence to", "everyone")
	// The link that turns this mail off comes with the mail, tomorrow at the earliest.
	s.Exec("INSERT INTO missed_mail (username, domain, day, off_token) VALUES ('alice', '" + stand.Domain + "', '2099-01-01', 'never-sent')")
	w.Tick("Mail me the calls that I missed")
	w.Press("Save")
	w.Shows("Your profile is saved.")
	w.Open("/e-mail/confirm" + box.to("alice@example.org", 1).link(t, publicURL+"/e-mail/confirm"))
	w.Press("Confirm the address")
	w.Shows("Your e-mail address is confirmed")
	w.Open("/user/account")
	w.Fill("E-mail", "alice@example.com") // waits for its confirmation
	w.Fill(mailPassword, stand.Password("alice"))
	w.Press("Save")
	w.Shows("Your profile is saved.")
	h.known["/e-mail/confirm"] = "/e-mail/confirm" + box.to("alice@example.com", 1).link(t, publicURL+"/e-mail/confirm")
	w.Open("/user/account/public")
	w.Tick("Let visitors ask me to call them")
	w.Press("Save")
	w.Shows("saved")
	nobody := browser.Start(t, s.Portal())
	h.known["/sign-up/confirm"] = asksForAccounts(t, nobody, box)
	nobody.Open("/reset")
	nobody.Fill("User name, address or e-mail", "alice")
	nobody.Press("Send the link")
	nobody.Shows("Look into your mail")
	h.known["/reset/new"] = "/reset/new" + box.to("alice@example.org", 3).link(t, publicURL+"/reset/new") // after the confirmation and the notice
	h.visits("nobody", nobody, h.nobodysPages()...)
	h.visits("alice", w.Browser, "/user/phone-book", "/user/phone-book/find?q=keller", "/user/search?q=keller", attempt, "/user/phone-book/delete?ids=1,2")
	for _, user := range []string{"root", "dora"} {
		b := browser.Start(t, s.Portal())
		b.Open("/admin")
		b.Fill("User name", user)
		b.Fill("Password", stand.Password(user))
		b.Press("Sign in")
		b.Shows("Stored messages")
		h.visits(user, b, "/admin")
	}
	return h
}

// mailPassword is the label of the password that a change of the mail address takes.
const mailPassword = "Password, only to change the e-mail"

// visits goes everywhere in somebody's role.
func (h *household) visits(role string, b *browser.Browser, starts ...string) {
	h.t.Helper()
	b.Open(starts[0])
	r := newTour(h.t, b, role)
	r.from(starts...)
	h.tours = append(h.tours, r)
}

// triesToCall calls bob, but alice's phone is busy; it returns the attempt's page. Its
// card is closed: none goes away under the eyes of who walks.
func (w site) triesToCall(s *stand.Stand) (attempt string) {
	w.t.Helper()
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	w.Press("Call Bob Keller")
	alice.Reply(alice.Expect(peer.Request("INVITE")), 486, "Busy Here")
	alice.Expect(peer.Request("ACK"))
	w.Shows("Your own phone is busy.")
	w.Press("Details")
	w.Shows("To the phone book")
	attempt = w.Path()
	s.Ctl("", "ul", "rm", "alice")
	w.Open("/user/phone-book")
	w.Press("Close")
	return attempt
}

// asksForAccounts has eve ask for an account and confirm it, so that she waits for the
// administrator, and zoe only ask: hers is the link.
func asksForAccounts(t *testing.T, b *browser.Browser, box *mailbox) (link string) {
	for _, name := range []string{"eve", "zoe"} {
		b.Open("/sign-up")
		b.Fill("User name", name)
		b.Fill("E-mail", name+"@mail.example")
		b.Fill("Password", "a rather long one 7")
		b.Fill("Password once more", "a rather long one 7")
		b.Tick("I accept the terms")
		b.Press("Ask for the account")
		b.Shows("Look into your mail")
		link = "/sign-up/confirm" + box.to(name+"@mail.example", 1).link(t, publicURL+"/sign-up/confirm")
		if name == "eve" {
			b.Open(link)
			b.Press("Open the account")
			b.Shows("The operator looks at it")
		}
	}
	return link
}

// terms is a file with what people accept.
func terms(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "terms.txt")
	if err := os.WriteFile(file, []byte("Be kind to each other.\n\nCalls to other providers are at your own cost.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// nobodysPages are the pages that are open to everybody.
func (h *household) nobodysPages() (starts []string) {
	for _, r := range siteMap(h.t) {
		at := h.known[r.path]
		if at == "" {
			at = r.path
		}
		if r.method == "GET" && r.open && r.kind == "page" && !strings.Contains(at, ":") {
			starts = append(starts, at)
		}
	}
	return starts
}

// pages calls look for each page of the site map once, in a role that may see it.
func (h *household) pages(look func(r *tour, route, at string)) {
	h.t.Helper()
	done := map[string]bool{}
	for _, r := range h.tours {
		for _, path := range slices.Sorted(maps.Keys(r.sample)) {
			if !done[path] {
				done[path] = true
				look(r, path, r.sample[path])
			}
		}
	}
	for _, one := range siteMap(h.t) {
		seen := slices.ContainsFunc(h.tours, func(r *tour) bool { return r.visits[one.path] > 0 })
		if one.method == "GET" && one.kind == "page" && !seen {
			h.t.Errorf("no link leads to %s", one.path)
		}
	}
}

// TestEveryPage goes through the portal's own site map as everybody: no page is missing
// or broken for anybody; axe-core finds nothing serious in either theme; nothing scrolls
// sideways from 360 to 1920 px; the Tab key comes to everything, and the focus is always
// to be seen.
func TestEveryPage(t *testing.T) {
	h := moveIn(t, loudLife)
	h.pages(func(r *tour, route, at string) {
		r.Open(at)
		for _, look := range looks {
			r.Wear(look)
			what := fmt.Sprintf("%s (%s), %d px, %s", route, r.role, look.Width, look.Theme)
			if look.Theme == "light" == (look.Width == 1280) || stand.Everything() {
				r.Accessible(what) // each theme and each width once
			}
			if look.Theme == "light" {
				r.ButtonsFit(what)
				r.Walks(what)
			}
		}
		for _, width := range []int{360, 390, 600, 721, 800, 960, 1100, 1280, 1920} {
			r.Resize(width, 900)
			r.FitsWidth(fmt.Sprintf("%s, %d px", route, width))
		}
	})
	h.strangers()
	h.s.NothingLeft()
}

// TestFocusBesideTheCard: the card of a call that goes on covers nothing that has the
// focus, wide and narrow, and can be reached itself.
func TestFocusBesideTheCard(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	w := withPeople(t, s)
	for i := range 20 {
		w.adds("Number", fmt.Sprint(i), fmt.Sprintf("n%d@elsewhere.example", i))
	}
	w.Press("Call Number 3")
	ring := alice.Expect(peer.Request("INVITE"))
	w.Shows("Your phone rings")
	for _, look := range looks {
		w.Wear(look)
		w.Open("/user/phone-book")
		w.Walks(fmt.Sprintf("the phone book and the card, %d px", look.Width))
	}
	if moving, still := w.Animations(false), w.Animations(true); moving != 1 || still != 0 {
		t.Errorf("%d things move while the phone rings, want 1; with less motion %d, want 0", moving, still)
	}
	alice.Reply(ring, 486, "Busy Here")
	alice.Expect(peer.Request("ACK"))
	w.usesAMenuByKeys()
}

// usesAMenuByKeys opens what a row has no room for, goes through it and leaves it, by
// Escape and by going on.
func (w site) usesAMenuByKeys() {
	w.t.Helper()
	w.Wear(browser.Look{Width: 390, Theme: "light"})
	w.Open("/user/phone-book")
	w.Focuses("More for Number 3")
	w.Keys(kb.Enter + kb.Tab)
	w.FocusIsOn("Send a message to Number 3")
	w.Keys(kb.Escape)
	w.FocusIsOn("More for Number 3")
	open := func(want int) {
		w.t.Helper()
		if n := w.Count("details.menu[open]"); n != want {
			w.t.Errorf("%d menus are open, want %d", n, want)
		}
	}
	open(0)
	w.Keys(kb.Enter)
	open(1)
	for range w.Count("details.menu[open] a") + 1 {
		w.Keys(kb.Tab)
	}
	open(0)
}

// strangers opens everybody's pages as everybody else: they are refused, and nothing
// breaks.
func (h *household) strangers() {
	h.t.Helper()
	for _, owner := range h.tours {
		for _, other := range h.tours {
			for route, at := range owner.sample {
				if got := other.Read(at); got.Status >= 500 {
					h.t.Errorf("%s as %s: %d", route, other.role, got.Status)
				}
			}
		}
	}
}
