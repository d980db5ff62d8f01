package user_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"seraph/ctlproto"
)

// TestPhoneBookStatuses: every row has its status in the first HTML, all asked for in one call.
func TestPhoneBookStatuses(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	want := map[string]string{}
	for _, c := range []struct {
		first, address, key string
		status              ctlproto.PresenceStatus
		shown               string
	}{
		{"Bob", "bob", "bob@example.org", ctlproto.StatusOnLine, "online"},
		{"Carol", "carol@example.org", "carol@example.org", ctlproto.StatusOnThePhone, "busy"},
		{"Dan", "sip:dan@example.org;transport=tcp", "dan@example.org", ctlproto.StatusOffline, "offline"},
		{"Erin", "erin@iptel.org", "erin@iptel.org", ctlproto.StatusNonLocal, "non-local"},
		{"Fax", "tel:+420-123", "tel:+420123", ctlproto.StatusNonLocal, "non-local"},
		{"Greta", "greta@example.org", "greta@example.org", ctlproto.StatusUnknown, "unknown"},
		{"Hana", "hana@example.org", "hana@example.org", "in the bath", "unknown"},
	} {
		s.add(alice, c.first, "", c.address, "")
		s.router.see(alice, c.key, c.status)
		want[c.key] = c.shown
	}
	before := len(called[ctlproto.PresenceParams](t, s.router, ctlproto.MethodPresenceGet))
	page := b.get("/user/phone-book")
	page.shows(t, http.StatusOK, "Phone book", "Bob", "bob@example.org", "on line", "on the phone", `aria-label="Call Bob"`)
	for address, status := range want {
		if got := page.rowStatus(t, address); got != status {
			t.Errorf("%s is %s, want %s", address, got, status)
		}
	}
	asked := called[ctlproto.PresenceParams](t, s.router, ctlproto.MethodPresenceGet)[before:]
	if len(asked) != 1 || asked[0].Viewer != alice.String() || len(asked[0].Addresses) != len(want) {
		t.Errorf("presence was asked for so: %+v", asked)
	}
}

func TestPhoneBookList(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	page := b.get("/user/phone-book")
	page.shows(t, http.StatusOK, "Your phone book is empty", `href="/user/phone-book/new"`)
	page.hides(t, "<table", `id="search"`)

	s.add(alice, "Bob", "Keller", "bob", "Work")
	s.add(alice, "Carol", "Adams", "carol", "Family")
	s.add(alice, "Dan", "Zeman", "zzz@iptel.org", "Work")
	s.add(bob, "Secret", "Friend", "secret", "Hidden")
	for _, c := range []struct {
		query string
		want  []string // addresses in their order
	}{
		{"", []string{"carol@example.org", "bob@example.org", "zzz@iptel.org"}},
		{"?sort=first_name", []string{"bob@example.org", "carol@example.org", "zzz@iptel.org"}},
		{"?sort=first_name&dir=desc", []string{"zzz@iptel.org", "carol@example.org", "bob@example.org"}},
		{"?sort=address", []string{"bob@example.org", "carol@example.org", "zzz@iptel.org"}},
		{"?sort=password", []string{"carol@example.org", "bob@example.org", "zzz@iptel.org"}},
		{"?q=KELL", []string{"bob@example.org"}},
		{"?q=iptel.org", []string{"zzz@iptel.org"}},
		{"?group=Work", []string{"bob@example.org", "zzz@iptel.org"}},
		{"?group=Work&q=zeman", []string{"zzz@iptel.org"}},
		{"?page=99", []string{"carol@example.org", "bob@example.org", "zzz@iptel.org"}},
		{"?page=-1&dir=sideways", []string{"carol@example.org", "bob@example.org", "zzz@iptel.org"}},
		{"?q=%25", nil},
		{"?q=secret", nil},
		{"?group=Hidden", nil},
		{"?q=%ff%fe%00", []string{"carol@example.org", "bob@example.org", "zzz@iptel.org"}},
	} {
		page := b.get("/user/phone-book" + c.query)
		page.shows(t, http.StatusOK, "Phone book")
		page.hides(t, "secret@example.org")
		if got := page.rows(); !slices.Equal(got, c.want) {
			t.Errorf("%q lists %q, want %q", c.query, got, c.want)
		}
	}
	b.get("/user/phone-book?q=nobody").shows(t, http.StatusOK, "Nobody matches that.", `value="nobody"`)
	groups := b.get("/user/phone-book?group=Work")
	groups.shows(t, http.StatusOK, `href="/user/phone-book?group=Family"`, `aria-current="true">Work 2</a>`, `aria-sort="ascending"`)
	groups.hides(t, "Hidden")
}

// rows are the addresses of the page's rows in their order.
func (a answer) rows() (addresses []string) {
	for _, m := range regexp.MustCompile(`<tr data-aor="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		addresses = append(addresses, html.UnescapeString(m[1]))
	}
	return addresses
}

func TestPhoneBookPages(t *testing.T) {
	s := newSite(t)
	for i := range 120 {
		s.add(alice, fmt.Sprintf("F%03d", i), "", fmt.Sprintf("u%03d", i), "")
	}
	b := s.signIn(alice)
	for _, c := range []struct {
		path        string
		first, last string
		texts       []string
	}{
		{"/user/phone-book?sort=address", "u000@example.org", "u049@example.org", []string{"1 to 50 of 120", `href="/user/phone-book?page=2&sort=address"`}},
		{"/user/phone-book?sort=address&page=3", "u100@example.org", "u119@example.org", []string{"101 to 120 of 120", `href="/user/phone-book?page=2&sort=address"`}},
		{"/user/phone-book?sort=address&page=1000000", "u100@example.org", "u119@example.org", []string{"101 to 120 of 120"}},
	} {
		page := b.get(c.path)
		page.shows(t, http.StatusOK, c.texts...)
		rows := page.rows()
		if len(rows) == 0 || rows[0] != c.first || rows[len(rows)-1] != c.last {
			t.Errorf("%s lists %q, want %s to %s", c.path, rows, c.first, c.last)
		}
	}
}

// TestHostileTexts: what others, or a bad import, put into names and addresses stays text.
func TestHostileTexts(t *testing.T) {
	const evil = `"><script>alert('x')</script>&lt;i&gt; ` + "\u202e\u200b"
	s := newSite(t)
	e := s.add(alice, evil, `' onmouseover='alert(1)`, "a%22%3E%3Cimg@example.org", `<svg/onload=alert(2)>`)
	check(t, s.db.Dials.Add(t.Context(), alice, "a%22%3E%3Cimg@example.org"))
	b := s.signIn(alice)
	b.post("/user/dial", "to", "a%22%3E%3Cimg@example.org")
	for _, path := range []string{
		"/user/phone-book", "/user/phone-book?q=%22%3E%3Cscript%3Ealert(%27x%27)%3C/script%3E", "/user/phone-book?group=%3Csvg/onload=alert(2)%3E",
		fmt.Sprintf("/user/phone-book/%d", e.ID), fmt.Sprintf("/user/phone-book/%d/delete", e.ID),
		"/user/phone-book/new?first_name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&address=%22%3E%3Cscript%3E",
		"/user/dial", "/user/dial?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/user/dial/call-1",
	} {
		page := b.get(path)
		page.shows(t, http.StatusOK, "Seraph")
		page.hides(t, "<script>alert", "<svg/onload", "<img", "' onmouseover='")
	}
	page := b.get("/user/phone-book")
	page.shows(t, http.StatusOK, evil)
	if got := page.rowStatus(t, "a%22%3E%3Cimg@example.org"); got != "offline" {
		t.Errorf("the row is marked %q", got)
	}
}
