package user_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// missed writes a missed call into the log, as the router does, and returns its id.
func (s *site) missed(callee aor.AOR, uri, name string, began time.Time, code int, reason string) int64 {
	s.t.Helper()
	s.calls++
	check(s.t, s.db.Calls.Record(s.t.Context(), []store.Call{{
		CallID: fmt.Sprintf("call-%d", s.calls), FromTag: "tag", CallerURI: uri, CallerName: name, Callee: callee,
		Started: began, Ended: began.Add(5 * time.Second), Code: code, Reason: reason,
	}}))
	list, _, err := s.db.Calls.ListMissed(s.t.Context(), callee, store.CallQuery{Limit: store.MaxPage})
	check(s.t, err)
	return slices.MaxFunc(list, func(a, b store.Call) int { return int(a.ID - b.ID) }).ID
}

// TestMissed: who, how they stand, when and why, in plain words with SIP's own beside them.
func TestMissed(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/missed").shows(t, http.StatusOK, "You have missed no calls", "even if your phone was switched off")
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	s.router.see(alice, "100@hotel.example", ctlproto.StatusNonLocal)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour) // yesterday
	for i, c := range []struct {
		uri, name string
		code      int
		reason    string
		want      []string
	}{
		{"sip:bob@example.org", "Somebody else", 486, "Busy Here", []string{"Bob Keller", "bob@example.org", "your phone was busy", "486 Busy Here", `aria-label="Call Bob Keller"`}},
		{"sip:100@hotel.example", "Front desk", 480, "Temporarily Unavailable", []string{"“Front desk”", "100@hotel.example", "you were not on line", "480 Temporarily Unavailable"}},
		{"sip:dan@example.org", "", 487, "Request Terminated", []string{"dan@example.org", "the caller gave up", "487 Request Terminated"}},
		{"sip:dan@example.org", "", 408, "Request Timeout", []string{"you did not answer", "408 Request Timeout"}},
		{"sip:dan@example.org", "", 603, "Decline", []string{"you declined", "603 Decline"}},
		{"sip:dan@example.org", "", 488, "", []string{"your phone could not take this kind of call"}},
		{"sip:dan@example.org", "", 403, "", []string{"your phone refused the call"}},
		{"sip:dan@example.org", "", 500, "", []string{"something failed on the way"}},
		{"sip:dan@example.org", "", 302, "", []string{"it did not reach you"}},
		{"tel:+420-123", "", 480, "", []string{"+420123", `aria-label="Call +420123"`}},
		{"sip:anonymous@anonymous.invalid", "", 480, "", []string{"Anonymous"}},
		{"sip:gateway.example.net", "", 480, "", []string{"gateway.example.net"}},
		{"weird", "", 480, "", []string{"weird"}},
	} {
		s.missed(alice, c.uri, c.name, noon.Add(time.Duration(i)*time.Minute), c.code, c.reason)
		b.get("/user/missed").shows(t, http.StatusOK, c.want...)
	}
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, "yesterday 12:00", "Status now")
	page.hides(t, "Somebody else", `aria-label="Call Anonymous"`, `aria-label="Call gateway.example.net"`)
	if got := page.rowStatus(t, "bob@example.org"); got != "online" {
		t.Errorf("bob is %q", got)
	}
	if got := page.rowStatus(t, "100@hotel.example"); got != "non-local" {
		t.Errorf("the hotel is %q", got)
	}
	if got := page.rows(); len(got) != 13 || got[12] != "bob@example.org" || got[11] != "100@hotel.example" {
		t.Errorf("rows %q, want the newest first", got)
	}
}

// TestMissedZone: times are in the reader's zone.
func TestMissedZone(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: alice, TimeZone: "Asia/Tokyo"}))
	s.missed(alice, "sip:bob@example.org", "", time.Date(2020, 5, 1, 20, 30, 0, 0, time.UTC), 480, "")
	s.signIn(alice).get("/user/missed").shows(t, http.StatusOK, "2 May 2020 05:30", `datetime="2020-05-01T20:30:00Z"`)
}

// TestMissedInARow: one caller's calls that failed alike are one row, and go together.
func TestMissedInARow(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	var ids []int64
	for i := range 3 {
		ids = append(ids, s.missed(alice, "sip:bob@example.org", "", now.Add(time.Duration(i)*time.Second), 480, ""))
	}
	s.missed(alice, "sip:bob@example.org", "", now.Add(time.Minute), 486, "")
	b := s.signIn(alice)
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, "3×", "3 times in a row", fmt.Sprintf(`value="%d,%d,%d"`, ids[2], ids[1], ids[0]))
	if n := len(page.rows()); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	b.post("/user/missed/delete", "ids", fmt.Sprintf("%d,%d,%d", ids[0], ids[1], ids[2])).shows(t, http.StatusOK, "3 calls are deleted.")
	if n := len(b.get("/user/missed").rows()); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
}

var badge = regexp.MustCompile(`data-badge="(\w+)"( hidden)?><span class="badge-count">([^<]*)<`)

// badges are the numbers that the page's tabs show.
func (a answer) badges() (missed, messages string) {
	shown := map[string]string{}
	for _, m := range badge.FindAllStringSubmatch(a.body, -1) {
		if m[2] == "" {
			shown[m[1]] = m[3]
		}
	}
	return shown["missed"], shown["messages"]
}

// TestMissedSeen: who opens the list has seen it; the badge counts what came since.
func TestMissedSeen(t *testing.T) {
	s := newSite(t)
	s.missed(alice, "sip:bob@example.org", "", time.Now(), 480, "")
	s.missed(alice, "sip:dan@example.org", "", time.Now(), 480, "")
	s.missed(bob, "sip:alice@example.org", "", time.Now(), 480, "")
	b := s.signIn(alice)
	if missed, messages := b.get("/user/phone-book").badges(); missed != "2" || messages != "" {
		t.Errorf("badges %q and %q, want 2 and none", missed, messages)
	}
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, `class="new"`)
	if missed, _ := page.badges(); missed != "" {
		t.Errorf("on the list itself the badge is %q", missed)
	}
	again := b.get("/user/missed")
	again.hides(t, `class="new"`)
	if missed, _ := again.badges(); missed != "" {
		t.Errorf("badge %q after a look", missed)
	}
	if missed, _ := s.signIn(bob).get("/user/account").badges(); missed != "1" {
		t.Errorf("bob's badge is %q, want 1", missed)
	}
	for range 120 {
		s.missed(alice, "sip:bob@example.org", "", time.Now(), 480, "")
	}
	if missed, _ := b.get("/user/phone-book").badges(); missed != "99+" {
		t.Errorf("120 new calls: badge %q", missed)
	}
	b.get("/user/missed?page=2")
	if missed, _ := b.get("/user/phone-book").badges(); missed != "99+" {
		t.Errorf("the second page, which does not show the newest calls, leaves the badge %q", missed)
	}
}

// TestMissedDelete: one, some, and all that the page showed; what came later stays.
func TestMissedDelete(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	first := s.missed(alice, "sip:bob@example.org", "", now.Add(-time.Hour), 480, "")
	second := s.missed(alice, "sip:carol@example.org", "", now.Add(-time.Minute), 480, "")
	third := s.missed(alice, "sip:dan@example.org", "", now, 480, "")
	b := s.signIn(alice)
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, fmt.Sprintf(`href="/user/missed/delete?upto=%d"`, third))
	b.get(fmt.Sprintf("/user/missed/delete?ids=%d", first)).shows(t, http.StatusOK, "Delete the call from bob@example.org?", fmt.Sprintf(`name="ids" value="%d"`, first))
	b.get(fmt.Sprintf("/user/missed/delete?ids=%d&ids=%d", first, second)).shows(t, http.StatusOK, "Delete 2 missed calls?")
	if got := len(b.get("/user/missed").rows()); got != 3 {
		t.Errorf("asking alone deleted: %d rows", got)
	}
	b.post("/user/missed/delete", "ids", fmt.Sprint(first)).shows(t, http.StatusOK, "The call is deleted.")
	if got := b.get("/user/missed").rows(); !slices.Equal(got, []string{"dan@example.org", "carol@example.org"}) {
		t.Errorf("left: %q", got)
	}
	s.missed(alice, "sip:erin@example.org", "", now.Add(time.Second), 480, "") // after the page was made
	b.get(fmt.Sprintf("/user/missed/delete?upto=%d", third)).shows(t, http.StatusOK, "Clear the list of missed calls?", "What came in since then stays.")
	b.post("/user/missed/delete", "upto", fmt.Sprint(third)).shows(t, http.StatusOK, "2 calls are deleted.")
	if got := b.get("/user/missed").rows(); !slices.Equal(got, []string{"erin@example.org"}) {
		t.Errorf("after clearing: %q, want erin's call, which came later", got)
	}
	got := b.get("/user/missed/delete")
	got.shows(t, http.StatusOK, "tick the calls that are to go first")
	if got.path != "/user/missed" {
		t.Errorf("deleting nothing leads to %s", got.path)
	}
}

// TestMissedOfOthers: another user's rows, by any id, are not there.
func TestMissedOfOthers(t *testing.T) {
	s := newSite(t)
	theirs := s.missed(bob, "sip:secret@example.org", "Secret", time.Now(), 480, "")
	mine := s.missed(alice, "sip:dan@example.org", "", time.Now(), 480, "")
	b := s.signIn(alice)
	b.get("/user/missed").hides(t, "secret")
	for _, query := range []string{
		fmt.Sprintf("ids=%d", theirs), "ids=0", "ids=-1", "ids=x", "ids=1,,2", "ids=99999999999999999999", "upto=0", "upto=x", "upto=-5",
		fmt.Sprintf("ids=%d&upto=5", mine), "ids=999999",
	} {
		if got := b.get("/user/missed/delete?" + query); got.status != http.StatusNotFound {
			t.Errorf("GET ?%s: status %d", query, got.status)
		}
		values, err := url.ParseQuery(query)
		check(t, err)
		var pairs []string
		for name := range values {
			pairs = append(pairs, name, values.Get(name))
		}
		if got := b.post("/user/missed/delete", pairs...); got.status != http.StatusNotFound {
			t.Errorf("POST %s: status %d", query, got.status)
		}
	}
	if got := b.post("/user/missed/delete", "ids", strings.Repeat("1,", 2000)+"1"); got.status == http.StatusInternalServerError {
		t.Errorf("2001 times the same id: status %d", got.status)
	}
	b.post("/user/missed/delete", "upto", fmt.Sprint(max(theirs, mine)))
	if _, total, err := s.db.Calls.ListMissed(t.Context(), bob, store.CallQuery{}); err != nil || total != 1 {
		t.Errorf("bob has %d calls left, %v; want his one", total, err)
	}
}

// TestMissedPages: a page beyond the last is the last, and each clears what was there when it was made.
func TestMissedPages(t *testing.T) {
	s := newSite(t)
	var last int64
	for i := range 60 {
		last = s.missed(alice, fmt.Sprintf("sip:u%02d@example.org", i), "", time.Now().Add(time.Duration(i)*time.Second), 480, "")
	}
	b := s.signIn(alice)
	b.get("/user/missed").shows(t, http.StatusOK, "1 to 50 of 60", `href="/user/missed?page=2"`)
	for _, path := range []string{"/user/missed?page=2", "/user/missed?page=77"} {
		page := b.get(path)
		page.shows(t, http.StatusOK, "51 to 60 of 60", fmt.Sprintf("upto=%d", last))
		if rows := page.rows(); len(rows) != 10 || rows[9] != "u00@example.org" {
			t.Errorf("%s lists %q", path, rows)
		}
	}
}

// TestMissedFragment: to the page's script the list alone, without the page around it.
func TestMissedFragment(t *testing.T) {
	s := newSite(t)
	s.missed(alice, "sip:bob@example.org", "", time.Now(), 480, "")
	b := s.signIn(alice)
	r, err := http.NewRequest(http.MethodGet, s.url+"/user/missed", nil)
	check(t, err)
	r.Header.Set("HX-Request", "true")
	got := b.do(r)
	got.shows(t, http.StatusOK, "bob@example.org", `name="csrf"`)
	got.hides(t, "<html", "<h1")
	if !slices.Contains(got.header.Values("Vary"), "HX-Request") {
		t.Errorf("Vary %q", got.header.Values("Vary"))
	}
}

// TestMissedRouterAway: the list is there; nobody's status is known.
func TestMissedRouterAway(t *testing.T) {
	s := newSite(t)
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	s.missed(alice, "sip:bob@example.org", "", time.Now(), 480, "")
	b := s.signIn(alice)
	s.router.Close()
	page := b.get("/user/missed")
	page.shows(t, http.StatusOK, "nobody's status is known", "bob@example.org")
	if got := page.rowStatus(t, "bob@example.org"); got != "unknown" {
		t.Errorf("status %q", got)
	}
}

// TestNewPagesWithoutDatabase: a page that says so, and nothing else.
func TestNewPagesWithoutDatabase(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	check(t, s.db.Close())
	for _, path := range []string{"/user/missed", "/user/messages", "/user/account/aliases", "/user/missed/delete?ids=1", "/user/messages/delete?ids=1"} {
		b.get(path).shows(t, http.StatusServiceUnavailable, "The database is away")
	}
}

// TestSIPIsADetail: the list says in plain words why a call failed; what SIP said is behind
// them, to open, in both lists alike and with a hostile phrase, too.
func TestSIPIsADetail(t *testing.T) {
	s := newSite(t)
	id := s.missed(alice, "sip:bob@example.org", "Bob", time.Now(), 408, "Request <b>Timeout</b>")
	b := s.signIn(alice)
	for _, path := range []string{"/user/missed", "/user/calls"} {
		page := b.get(path)
		want := regexp.MustCompile(fmt.Sprintf(`<details class="under sip-more" id="sip-%d"[^>]*><summary id="why-%d">you did not answer<span class="sr"> \(Technical reason\)</span></summary><code>408 Request &lt;b&gt;Timeout&lt;/b&gt;</code></details>`, id, id))
		if !want.MatchString(page.body) {
			t.Errorf("%s: no detail to open:\n%s", path, page.body)
		}
		if n := strings.Count(page.body, "408 Request"); n != 1 {
			t.Errorf("%s shows the status %d times", path, n)
		}
	}
}
