package user_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// short gives an owner a short number.
func (s *site) short(owner aor.AOR, number, name, uri string) {
	s.t.Helper()
	check(s.t, s.db.SpeedDials.Add(s.t.Context(), store.SpeedDial{Owner: owner, Dialed: aor.AOR{User: number, Domain: owner.Domain}, LastName: name, URI: uri}))
}

// searched is what the search shows: each group by its mark, with the addresses of its rows.
func (b *browser) searched(text string) string {
	b.t.Helper()
	got := b.get("/user/search?q=" + url.QueryEscape(text))
	if got.status != http.StatusOK {
		b.t.Fatalf("searching for %q: status %d", text, got.status)
	}
	var found []string
	for _, group := range strings.Split(got.body, `<section aria-labelledby="group-`)[1:] {
		name, _, _ := strings.Cut(group, `"`)
		found = append(found, name+":"+strings.ReplaceAll(strings.Join(answer{body: group}.rows(), ","), "@example.org", ""))
	}
	return strings.Join(found, " ")
}

// belongings fills what is alice's, and as much that is bob's.
func belongings(s *site) {
	at := time.Date(2020, 5, 1, 12, 0, 0, 0, time.UTC)
	entry := func(owner aor.AOR, e store.Entry) {
		_, err := s.db.Phonebook.Add(s.t.Context(), owner, e)
		check(s.t, err)
	}
	entry(alice, store.Entry{FirstName: "Žofie", LastName: "Keller", Address: "zofie", Group: "Work", Note: "plays the tuba"})
	entry(alice, store.Entry{FirstName: "Dan", Address: "tel:+420777", Note: "100% plumber_of_note"})
	s.logs(store.Call{Callee: alice, CallerURI: "sip:zofie@example.org", CallerName: "Somebody", Started: at}, time.Minute, store.HungUpCaller)
	s.logs(store.Call{Callee: alice, CallerURI: "sip:zofie@example.org", Started: at.Add(time.Hour), Code: 486, Reason: "Busy Here"}, 0, "")
	s.logs(store.Call{Callee: named("carol"), CallerURI: alice.URI(), TargetURI: "sip:carol@example.org", Started: at.Add(2 * time.Hour)}, time.Minute, store.HungUpCallee)
	s.stores(alice, store.SiloMessage{From: "sip:zofie@example.org", Body: []byte("The tuba\r\nis <b>broken</b>")})
	s.stores(alice, store.SiloMessage{From: "sip:eve@evil.example", FromName: "Eve\u202e", Body: []byte(strings.Repeat("so much to say ", 40) + "and the Needle in it" + strings.Repeat(" and so on", 40))})
	s.short(alice, "07", "Boss", "sip:carol@example.org")
	s.short(alice, "08", "", "sip:zofie@example.org")
	for _, text := range []string{"Keller", "tuba", "Needle", "carol"} {
		entry(bob, store.Entry{FirstName: "Secret", LastName: text, Address: "secret-" + text, Note: text})
		s.logs(store.Call{Callee: bob, CallerURI: "sip:secret-" + text + "@example.org", CallerName: text, Started: at}, time.Minute, store.HungUpCaller)
		s.stores(bob, store.SiloMessage{From: "sip:secret@example.org", Body: []byte("secret " + text)})
	}
	s.short(bob, "09", "Keller secret", "sip:secret@example.org")
}

func TestSearch(t *testing.T) {
	s := newSite(t)
	belongings(s)
	s.router.see(alice, "zofie@example.org", ctlproto.StatusOnLine)
	b := s.signIn(alice)
	page := b.get("/user/search?q=keller")
	page.shows(t, http.StatusOK, "<title>Search – Seraph</title>", "<h1>Search</h1>", `value="keller"`,
		"Žofie Keller", "Work", "plays the tuba", "missed", "1:00", "Žofie Keller hung up", "486 Busy Here", "Short number 08", "is <b>broken</b>",
		`aria-label="Call Žofie Keller"`, "on line", `href="/user/phone-book?q=keller">Show it in Phone book`, `href="/user/calls?q=keller">All 2 in Calls`,
		`href="/user/missed?q=keller">One of them in Missed calls`, `href="/user/messages?q=keller">Show it in Messages`,
		`href="/user/phone-book/speed-dial">Show it in Speed dial`, `href="/user/phone-book/find?q=keller"`, "Find “keller” there", "People of example.org")
	page.hides(t, "<b>", "secret", "Secret", "Somebody")
	if got := page.rowStatus(t, "zofie@example.org"); got != "online" {
		t.Errorf("Žofie is %q", got)
	}
	for text, want := range map[string]string{
		"KELLER": "book:zofie calls:zofie,zofie messages:zofie slots:zofie", "zofie kell": "book:zofie calls:zofie,zofie messages:zofie slots:zofie",
		"plumber_of": "book:tel:+420777", "100%": "book:tel:+420777", "777": "book:tel:+420777", "tuba": "book:zofie calls:zofie,zofie messages:zofie slots:zofie", "carol": "calls:carol slots:carol",
		"boss": "slots:carol", "07": "book:tel:+420777 slots:carol", "evil": "messages:eve@evil.example", "needle": "messages:eve@evil.example", "  needle\t": "messages:eve@evil.example",
		"100_": "", "%": "book:tel:+420777", "_": "book:tel:+420777", "' OR 1=1 --": "", `"`: "", "!": "", "secret": "", "sip:": "book:zofie calls:carol,zofie,zofie messages:eve@evil.example,zofie slots:zofie",
	} {
		if got := b.searched(text); got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	needle := b.get("/user/search?q=needle")
	needle.shows(t, http.StatusOK, "… ", "and the Needle in it", " …", "“Eve”")
	needle.hides(t, "\u202e", strings.Repeat("so much to say ", 5))
	if got := s.signIn(bob).searched("keller"); got != "book:secret-keller calls:secret-keller messages:secret slots:secret" {
		t.Errorf("bob finds %q", got)
	}
}

// TestSearchLists: each link leads to what the search counted, and no more is shown than
// a few of a kind.
func TestSearchLists(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	for i := range 12 {
		s.add(alice, "Keller", fmt.Sprint(i), fmt.Sprintf("k%02d", i), "")
		s.logs(store.Call{Callee: alice, CallerURI: fmt.Sprintf("sip:k%02d@example.org", i), Started: now.Add(time.Duration(i) * time.Second), Code: 480}, 0, "")
		s.stores(alice, store.SiloMessage{From: fmt.Sprintf("sip:k%02d@example.org", i)})
		s.short(alice, fmt.Sprint(10+i), "", fmt.Sprintf("sip:k%02d@example.org", i))
	}
	b := s.signIn(alice)
	page := b.get("/user/search?q=keller")
	page.shows(t, http.StatusOK, "All 12 in Phone book", "All 12 in Calls", "12 of them in Missed calls", "All 12 in Messages", "All 12 in Speed dial")
	if n := len(page.rows()); n != 20 {
		t.Errorf("%d rows, want 5 of each kind", n)
	}
	ids := regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	seen := map[string]bool{}
	for _, m := range ids {
		if seen[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, path := range []string{"/user/phone-book", "/user/calls", "/user/missed", "/user/messages"} {
		if n := strings.Count(b.get(path+"?q=keller").body, `name="ids" value=`); n < 12 {
			t.Errorf("%s shows %d", path, n)
		}
	}
}

// TestSearchFaults: what cannot be searched for is said, and harms nothing.
func TestSearchFaults(t *testing.T) {
	s := newSite(t)
	belongings(s)
	b := s.signIn(alice)
	for _, query := range []string{"", "?q=", "?q=+", "?q=%00", "?q=%FF%FE", "?q=%E2%80%AE", "?other=1"} {
		page := b.get("/user/search" + query)
		page.shows(t, http.StatusOK, "Write a part of a name")
		page.hides(t, "<table", "/user/phone-book/find", "aria-invalid")
	}
	const evil = `<script>alert(1)</script>"'`
	page := b.get("/user/search?q=" + url.QueryEscape(evil))
	page.shows(t, http.StatusOK, "Nothing of yours matches “"+evil+"”.", "/user/phone-book/find?q=")
	page.hides(t, "<script>alert", `value="<`)
	b.get("/user/search?q=tu%00ba%FF").shows(t, http.StatusOK, `value="tuba"`, "plays the tuba", `/user/phone-book?q=tuba"`)

	b.get("/user/search?q="+strings.Repeat("ž", 128)).shows(t, http.StatusOK, "Nothing of yours matches")
	long := b.get("/user/search?q=tuba" + strings.Repeat("x", 125))
	long.shows(t, http.StatusUnprocessableEntity, "That is too long: search for at most 128 characters.", `aria-invalid="true"`, `value="tuba`+strings.Repeat("x", 125)+`"`)
	long.hides(t, "<table")
	if huge := b.get("/user/search?q=" + strings.Repeat("x", 100_000)); huge.status != http.StatusUnprocessableEntity || len(huge.body) > 20_000 {
		t.Errorf("100,000 characters: status %d, %d bytes", huge.status, len(huge.body))
	}
	one := b.get("/user/search?q=x")
	one.hides(t, `href="/user/phone-book/find?q=x"`) // shorter than that page takes
}

// TestSearchTellsNobody: whom the owner does not know is not found here, whether they
// exist or not, and whether they let themselves be found or not.
func TestSearchTellsNobody(t *testing.T) {
	s := newSite(t)
	s.person(bob, store.Profile{FirstName: "Bob", LastName: "Keller", Findable: true})
	b := s.signIn(alice)
	texts := map[string]string{}
	for _, q := range []string{"bob", "nob"} {
		page := b.get("/user/search?q=" + q)
		page.shows(t, http.StatusOK, "Nothing of yours matches")
		texts[q] = strings.ReplaceAll(csrfField.ReplaceAllString(page.body, ""), q, "?")
	}
	if texts["bob"] != texts["nob"] {
		t.Error("the answers differ")
	}
	b.get("/user/phone-book/find?q=bob").shows(t, http.StatusOK, "Bob Keller")
}

// TestSearchBox: every page has the one box; on the search's own it is the page's.
func TestSearchBox(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	box := regexp.MustCompile(`<form[^>]* action="/user/search" role="search"[^>]*>`)
	for _, path := range []string{"/user/phone-book", "/user/missed", "/user/calls", "/user/messages", "/user/account", "/user/dial", "/user/search", "/user/search?q=x", "/user/nowhere"} {
		page := b.get(path)
		if n := len(box.FindAllString(page.body, -1)); n != 1 {
			t.Errorf("%s has %d boxes", path, n)
		}
		if !strings.Contains(page.body, `href="/user/search"`) || !strings.Contains(page.body, `aria-label="Search everything"`) {
			t.Errorf("%s has no link to the search", path)
		}
	}
	signedOut := &browser{t: t, site: s, client: &http.Client{}}
	for _, path := range []string{"/user/sign-in", "/user/search?q=x"} {
		got := signedOut.get(path)
		if got.path != "/user/sign-in" || strings.Contains(got.body, `action="/user/search"`) {
			t.Errorf("%s leads who is not signed in to %s", path, got.path)
		}
	}
}

// TestSearchAway: without the router what is found is there, and without the database
// the page says so.
func TestSearchAway(t *testing.T) {
	s := newSite(t)
	belongings(s)
	b := s.signIn(alice)
	s.router.Close()
	page := b.get("/user/search?q=keller")
	page.shows(t, http.StatusOK, "nobody's status is known", "Žofie Keller")
	if got := page.rowStatus(t, "zofie@example.org"); got != "unknown" {
		t.Errorf("status %q", got)
	}
	check(t, s.db.Close())
	b.get("/user/search?q=keller").shows(t, http.StatusServiceUnavailable, "The database is away")
}

// TestSearchInGerman: in words of the reader's language, names as they are.
func TestSearchInGerman(t *testing.T) {
	s := newSite(t)
	belongings(s)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: alice, Language: "de"}))
	got := html.UnescapeString(s.signIn(alice).get("/user/search?q=tuba").body)
	for _, want := range []string{"<h1>Suche</h1>", "Žofie Keller", "Kurzwahl 08", "Alle 2 unter Anrufe", "„tuba“ dort finden"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}
