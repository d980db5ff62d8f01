package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestTwoLanguages: a browser that asks for German and one that asks for English,
// of one user, at the same time: each has every page, and what comes over the
// live feed, in its own; the switch is there without scripts, and sticks.
func TestTwoLanguages(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	phone := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	s.Ctl("", "admin", "add", "bob")

	german := site{browser.Start(t, s.Portal(), chromedp.Flag("accept-lang", "de-DE")), t}
	german.Open("/user/sign-in")
	if got := german.Title(); got != "Anmelden – Seraph" {
		t.Errorf("title %q", got)
	}
	german.Scripts(false)
	german.Press("English")
	german.Shows("The same name and password as on your phone.")
	german.Press("Deutsch")
	german.Shows("Derselbe Name und dasselbe Passwort wie auf Ihrem Telefon.")
	german.Scripts(true)
	german.Open("/user/sign-in")
	germanLooks(german, "de-sign-in")
	german.Fill("Benutzername", "alice")
	german.Fill("Passwort", stand.Password("alice"))
	german.Press("Anmelden")
	german.Shows("Ihr Telefonbuch ist leer")
	germanLooks(german, "de-phone-book-empty")
	german.Open("/user/phone-book/new")
	german.Fill("Adresse", "bob@home@x")
	german.Press("Speichern")
	german.Shows("Das ist keine Adresse, die angerufen werden kann: sie hat mehr als ein @.")
	germanLooks(german, "de-entry-fault")
	german.Fill("Vorname", "Bob")
	german.Fill("Adresse", "bob")
	german.Press("Speichern")
	german.Shows("Bob steht in Ihrem Telefonbuch.")
	german.Status("bob@"+stand.Domain, "offline", soon)

	german.Press("alice A") // the menu
	german.Picture("de-menu")
	german.Press("English")
	german.Shows("Click a name")
	german.Press("alice A")
	german.Press("Deutsch")
	german.Shows("Klicken Sie auf einen Namen")

	english := site{browser.Start(t, s.Portal(), chromedp.Flag("accept-lang", "en-US")), t}
	s.Exec("UPDATE profile SET language = '' WHERE username = 'alice'") // the switch has kept German in it: back to what each browser asks
	english.enters("alice")
	german.Open("/user/phone-book")
	english.Open("/user/phone-book")
	english.Status("bob@"+stand.Domain, "offline", soon)

	german.Press("Bob anrufen")
	german.Shows("Ihr Telefon klingelt")
	english.ShowsWithin(back, "Your phone rings")
	ring := phone.Expect(peer.Request("INVITE"))
	germanLooks(german, "de-card")
	phone.Reply(ring, 486, "Busy Here")
	phone.Expect(peer.Request("ACK"))
	german.ShowsWithin(back, "Ihr eigenes Telefon ist besetzt.")
	german.ShowsWithin(back, "Beenden Sie zuerst das andere Gespräch")
	english.ShowsWithin(back, "Your own phone is busy.")

	for name, path := range map[string]string{
		"phone-book": "/user/phone-book", "account": "/user/account", "phones": "/user/account/phones", "aliases": "/user/account/aliases",
		"security": "/user/account/security", "missed": "/user/missed", "messages": "/user/messages", "send": "/user/messages/new?to=bob",
		"dial": "/user/dial", "calls": "/user/calls", "rules": "/user/account/rules", "data": "/user/account/data", "delete": "/user/account/delete",
		"speed-dial": "/user/phone-book/speed-dial", "find": "/user/phone-book/find?q=bo", "import": "/user/phone-book/import", "groups": "/user/phone-book/groups",
		"public": "/user/account/public", "entry-new": "/user/phone-book/new",
	} {
		german.Open(path)
		if german.Has("Diese Seite gibt es nicht") {
			t.Errorf("%s is not there", path)
		}
		germanLooks(german, "de-"+name)
	}
	german.Open("/user/nowhere")
	german.Shows("Diese Seite gibt es nicht")
	germanLooks(german, "de-not-found")

	english.Open("/user/account")
	english.Fill("Language", "de")
	english.Press("Save")
	english.Shows("Ihr Profil ist gespeichert.")
	english.Open("/user/missed")
	english.Shows("Sie haben keine Anrufe verpasst")

	admin := site{browser.Start(t, s.Portal(), chromedp.Flag("accept-lang", "de")), t}
	admin.Open("/admin")
	admin.Fill("Benutzername", "bob")
	admin.Fill("Passwort", stand.Password("bob"))
	admin.Press("Anmelden")
	admin.Shows("Angemeldete Kontakte")
	germanLooks(admin, "de-admin-overview")
	for name, path := range map[string]string{"users": "/admin/users", "user": "/admin/users/alice@example.org", "new": "/admin/users/new", "delete": "/admin/users/alice@example.org/delete"} {
		admin.Open(path)
		germanLooks(admin, "de-admin-"+name)
	}
	s.NothingLeft()
}

// germanLooks checks that a page is German and that its longer words fit.
func germanLooks(w site, name string) {
	w.t.Helper()
	if w.Count(`html[lang="de"]`) != 1 {
		w.t.Errorf("%s is not said to be German", name)
	}
	for _, look := range []browser.Look{{Width: 1280, Theme: "light"}, {Width: 390, Theme: "dark"}, {Width: 360, Theme: "light"}} {
		w.Wear(look)
		what := name + "-" + look.Theme
		w.FitsWidth(what)
		w.ButtonsFit(what)
		if look.Width != 360 {
			w.Picture(what)
		}
	}
	w.Wear(looks[0])
}
