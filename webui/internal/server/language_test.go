package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/server"
	"seraph/webui/internal/view"
)

// in is a browser that asks for languages.
func (s *stand) in(accept string) *browser {
	b := s.browser()
	b.header.Set("Accept-Language", accept)
	return b
}

// speaks checks the language of a page: what the document says, and a text of it.
func (a *answer) speaks(language string, texts ...string) *answer {
	a.t.Helper()
	if !strings.Contains(a.Body, `<html lang="`+language+`"`) || a.Header.Get("Content-Language") != language {
		a.t.Errorf("%s: the page is not in %s (header %q):\n%.300s", a.what, language, a.Header.Get("Content-Language"), a.Body)
	}
	return a.shows(texts...)
}

// TestBrowserAsksForALanguage: who is not signed in has the browser's.
func TestBrowserAsksForALanguage(t *testing.T) {
	s := newStand(t, nil)
	de := s.in("de-AT,de;q=0.9,en;q=0.5")
	a := de.get("/user/sign-in").is(200).speaks("de", "Anmelden", "Benutzername", "Angemeldet bleiben").lacks("Sign in", "Password")
	if !strings.Contains(a.Body, "<h1>Anmelden</h1>") || title(a) != "Anmelden – Seraph" {
		t.Errorf("title %q, page:\n%s", title(a), a.Body)
	}
	de.post("/user/sign-in", "/user/sign-in", "user", "alice", "password", "no").is(422).speaks("de", "Benutzername oder Passwort ist falsch.")
	de.get("/user/nothing").is(404).speaks("de", "Diese Seite gibt es nicht")
	de.do("POST", "/user/sign-in", url.Values{"user": {"alice"}}).is(403).speaks("de", "Das kam nicht von unserer Seite")
	de.get("/admin/sign-in").is(200).speaks("de", "Als Verwalter anmelden")
	de.signIn("alice", "wonderland").get("/user/phone-book").is(200).speaks("de", "Telefonbuch", "Verpasst", "Ihr Telefonbuch ist leer")
	for _, accept := range []string{"", "fr", "en-GB", "*", "de;q=0", "\x01\x02", ";=,", strings.Repeat("x", 100_000), strings.Repeat("a-b,", 25_000), "de" + strings.Repeat("-1", 50_000)} {
		s.in(accept).get("/user/sign-in").is(200).speaks("en", "Sign in")
	}
}

// TestLanguageSwitch: without JavaScript, it stays on the page, and it sticks:
// in the profile, in this browser, and after the sign-out.
func TestLanguageSwitch(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	b.get("/user/phone-book?q=x&sort=address").speaks("en", "Phone book")
	b.post("/user/phone-book?q=x&sort=address", "/user/language", "language", "de").leads("/user/phone-book?q=x&sort=address")
	b.get("/user/phone-book?q=x&sort=address").speaks("de", "Telefonbuch")
	b.get("/user/account").speaks("de", "Mein Konto", "Farben", "Sprache")
	profile, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	if profile.Language != "de" {
		t.Errorf("the profile has %q", profile.Language)
	}
	s.in("en").signIn("alice", "wonderland").get("/user/messages").speaks("de", "Nachrichten") // another browser
	b.post("/user/account", "/user/sign-out").leads("/user/sign-in")
	b.get("/user/sign-in").speaks("de", "Anmelden")
	b.signIn("bob", "builder's").get("/user/missed").speaks("de", "Verpasste Anrufe") // has no wish of his own
	b.post("/user/missed", "/user/language", "language", "en").leads("/user/missed")
	b.get("/user/missed").speaks("en", "Missed calls")
	if profile, err = s.db.Profiles.Load(t.Context(), alice); err != nil || profile.Language != "de" {
		t.Errorf("alice has %q after bob's choice, error %v", profile.Language, err)
	}
}

// TestLanguageSwitchSignedOut: on the pages of everybody.
func TestLanguageSwitchSignedOut(t *testing.T) {
	s := newStand(t, nil)
	profile, err := s.db.Profiles.Load(t.Context(), bob)
	check(t, err)
	profile.Presence = store.PresenceEveryone
	check(t, s.db.Profiles.Save(t.Context(), profile))
	b := s.in("fr")
	for _, page := range []string{"/user/sign-in?return=/user/missed", "/u/bob"} {
		b.post(page, "/user/language", "language", "de").leads(page)
		b.get(page).is(200).speaks("de")
		b.post(page, "/user/language", "language", "en").leads(page)
		b.get(page).is(200).speaks("en")
	}
	b.post("/user/sign-in", "/user/language", "language", "de", "return", "//evil.example/").leads("/user/phone-book")
	b.get("/admin/sign-in").speaks("de", "Als Verwalter anmelden")
}

// TestDeskInGerman: new account, forgotten password and the mail that is turned
// off, with the switch, which keeps what a link in a mail brought along.
func TestDeskInGerman(t *testing.T) {
	b := idleDesk(t).in("de")
	for page, want := range map[string]string{
		"/sign-up": "Neues Konto", "/sign-up/sent": "Sehen Sie in Ihre E-Mails", "/reset": "Passwort vergessen?", "/reset/sent": "Sehen Sie in Ihre E-Mails",
		"/reset/new?t=abc": "", "/missed-mail/off?t=abc": "",
	} {
		b.get(page).speaks("de", want)
		b.post(page, "/user/language", "language", "en").leads(page)
		b.get(page).speaks("en")
		b.post(page, "/user/language", "language", "de").leads(page)
	}
}

// TestAdminLanguage: the administrators' menu has the switch, too.
func TestAdminLanguage(t *testing.T) {
	s := adminStand(t, nil)
	b := s.admin(root)
	b.post("/admin/users", "/admin/language", "language", "de").leads("/admin/users")
	b.get("/admin/users").speaks("de", "Benutzer hinzufügen")
	b.post("/admin/users", "/admin/language", "language", "xx").is(400).speaks("de", "nicht lesbar")
	b.post("/admin/users", "/admin/language", "language", "en", "return", "/user/account").leads("/admin")
	b.get("/admin/users").speaks("en", "Add a user")
}

// TestWrongLanguages: what is none is refused, and a forged cookie does nothing.
func TestWrongLanguages(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("alice", "wonderland")
	for _, wrong := range []string{"", "fr", "DE", "de-AT", "../de", hostile, strings.Repeat("d", 10_000), "de\x00"} {
		b.post("/user/account", "/user/language", "language", wrong).is(400)
		s.browser().post("/user/sign-in", "/user/language", "language", wrong).is(400)
		if wrong != "" {
			a := b.post("/user/account", "/user/account", "language", wrong, "first_name", "Alina").is(422).speaks("en")
			if a.fault("language") == "" || a.form("/user/account").Get("first_name") != "Alina" {
				t.Errorf("%.20q: beside the field: %q", wrong, a.fault("language"))
			}
		}
	}
	profile, err := s.db.Profiles.Load(t.Context(), alice)
	check(t, err)
	if profile.Language != "" || profile.FirstName == "Alina" {
		t.Errorf("saved: %+v", profile)
	}
	if c := b.cookies["seraph_language"]; c != nil {
		t.Errorf("cookie %v", c)
	}
	for _, forged := range []string{"xx", "../de", strings.Repeat("de-", 1000), "%00"} {
		b.cookies["seraph_language"] = &http.Cookie{Name: "seraph_language", Value: forged}
		b.get("/user/account").is(200).speaks("en", "My account")
	}
}

// TestLanguageOfTheProfile: the field in My account; "as the browser asks" is
// kept as the wish to have none, and a tag that others wrote stays.
func TestLanguageOfTheProfile(t *testing.T) {
	s := newStand(t, nil)
	b := s.in("de").signIn("alice", "wonderland")
	b.get("/user/account").speaks("de", "Wie im Browser eingestellt")
	b.post("/user/account", "/user/account", "language", "en").leads("/user/account")
	b.get("/user/account").speaks("en", "Your profile is saved.", "As the browser asks")
	b.post("/user/account", "/user/account", "language", "").leads("/user/account")
	b.get("/user/account").speaks("de", "Ihr Profil ist gespeichert.")
	for _, c := range []struct{ had, choose, want string }{
		{"de-AT", "de", "de-AT"}, {"pt-BR", "", "pt-BR"}, {"de-AT", "en", "en"}, {"de-AT", "", ""}, {"pt-BR", "de", "de"},
	} {
		check(t, s.db.Profiles.SetLanguage(t.Context(), alice, c.had))
		b.post("/user/account", "/user/account", "language", c.choose).leads("/user/account")
		profile, err := s.db.Profiles.Load(t.Context(), alice)
		check(t, err)
		if profile.Language != c.want {
			t.Errorf("had %q, chose %q: %q, want %q", c.had, c.choose, profile.Language, c.want)
		}
	}
}

// TestChangeIsToldInTheReadersLanguage: the note on the page after a change, the
// question before one, and the fault beside a field.
func TestChangeIsToldInTheReadersLanguage(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{"ul.rm_contact": ctltest.Result(struct{}{}), "ul.lookup": contacts(ctlproto.Contact{Address: "sip:alice@192.0.2.7"})})
	b := s.in("de").signIn("alice", "wonderland")
	b.post("/user/phone-book/new", "/user/phone-book/new", "address", "").is(422).speaks("de", "Das wird gebraucht.")
	b.post("/user/phone-book/new", "/user/phone-book/new", "first_name", "Bob", "address", "bob").leads("/user/phone-book")
	b.get("/user/phone-book").speaks("de", "Bob steht in Ihrem Telefonbuch.")
	b.get("/user/account/phones/remove?contact=sip:alice@192.0.2.7").is(200).speaks("de", "Dieses Telefon entfernen?", "Telefon entfernen", "Behalten")
}

// TestRoutesOfTheLanguage: both are there, for everybody, and only as a POST.
func TestRoutesOfTheLanguage(t *testing.T) {
	s := newStand(t, nil)
	for _, path := range []string{"/user/language", "/admin/language"} {
		found := false
		for _, r := range s.server.Routes() {
			found = found || r.Path == path && r.Method == http.MethodPost && r.Access == server.Anyone
		}
		if !found {
			t.Errorf("no route POST %s for everybody", path)
		}
		s.browser().get(path).is(405)
		s.browser().do("POST", path, url.Values{"language": {"de"}}).is(403)
	}
}

// TestNothingStaysEnglish follows every link in German, as everybody, as a user
// and as an administrator: no page says anything in English that the catalogue
// has in German.
func TestNothingStaysEnglish(t *testing.T) {
	s := adminStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup:    contacts(phones...),
		ctlproto.MethodPresenceGet: ctltest.Result(ctlproto.PresenceResult{}),
	})
	_, err := s.db.Phonebook.Add(t.Context(), alice, store.Entry{FirstName: "Bob", Address: "bob", Group: "Büro"})
	check(t, err)
	check(t, s.db.Groups.Grant(t.Context(), alice, "int"))
	check(t, s.db.Aliases.Add(t.Context(), aor.AOR{User: "marsh", Domain: "example.org"}, alice))
	check(t, s.db.Calls.Record(t.Context(), []store.Call{
		{CallID: "1", CallerURI: "sip:erin@iptel.org", Callee: alice, Started: s.clock.now().Add(-time.Hour), Code: 480},
		{CallID: "2", CallerURI: alice.URI(), Callee: bob, Started: s.clock.now(), Answered: s.clock.now(), Ended: s.clock.now().Add(time.Minute), Code: 200},
	}))
	_, err = s.db.Silo.Add(t.Context(), store.SiloMessage{
		Owner: alice, From: "sip:bob@example.org", To: alice.URI(), Expires: s.clock.now().Add(time.Hour), ContentType: "text/plain", Body: []byte("Hallo"),
	}, 0)
	check(t, err)
	english, german := s.pages.Texts(view.English), s.pages.Texts("de")
	var sentences []string // long enough to be in no German one by chance
	for _, key := range english.Keys() {
		if text := english.Text(view.M(key)); len(text) >= 12 && !strings.Contains(text, "{") && german.Text(view.M(key)) != text {
			sentences = append(sentences, text)
		}
	}
	for role, c := range map[string]struct {
		b    *browser
		from string
		most int
	}{
		"everybody": {s.in("de"), "/user/sign-in", 1}, "alice": {s.in("de").signIn(alice.String(), "wonderland"), "/user/phone-book", 20},
		"root": {s.admin(root), "/admin", 8},
	} {
		c.b.header.Set("Accept-Language", "de")
		seen := c.b.crawl(c.from)
		if len(seen) < c.most {
			t.Errorf("%s sees %d pages only", role, len(seen))
		}
		for at := range seen {
			a := c.b.get(at)
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.Code != http.StatusOK {
				continue
			}
			text := a.speaks("de").text()
			for _, sentence := range sentences {
				if strings.Contains(text, sentence) {
					t.Errorf("%s: %s says %q", role, at, sentence)
				}
			}
		}
	}
}
