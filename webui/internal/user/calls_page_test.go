package user_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// logs writes a call into the log, as the router does, and returns its id. One that
// talked was answered after 5 s and lasted so long.
func (s *site) logs(c store.Call, talked time.Duration, by string) int64 {
	s.t.Helper()
	s.calls++
	c.CallID, c.FromTag = fmt.Sprintf("call-%d", s.calls), "tag"
	if talked > 0 {
		c.Code, c.Reason, c.Answered = 200, "OK", c.Started.Add(5*time.Second)
	}
	check(s.t, s.db.Calls.Record(s.t.Context(), []store.Call{c}))
	if by != "" {
		check(s.t, s.db.Calls.End(s.t.Context(), []store.CallEnd{{
			CallID: c.CallID, FromTag: c.FromTag, Callee: c.Callee, Ended: c.Answered.Add(talked), HungUpBy: by,
		}}))
	}
	list, _, err := s.db.Calls.History(s.t.Context(), aor.AOR{}, store.CallQuery{Limit: store.MaxPage})
	check(s.t, err)
	return slices.MaxFunc(list, func(a, b store.Call) int { return int(a.ID - b.ID) }).ID
}

// fewCalls are calls of alice on 1 May 2020, from noon UTC on.
func fewCalls(s *site) {
	at := func(minutes int) time.Time {
		return time.Date(2020, 5, 1, 12, minutes, 0, 0, time.UTC)
	}
	s.add(alice, "Bob", "Keller", "bob", "")
	s.logs(store.Call{Callee: alice, CallerURI: bob.URI(), CallerName: "Somebody else", Started: at(0)}, 65*time.Second, store.HungUpCaller)
	s.logs(store.Call{Callee: bob, CallerURI: alice.URI(), TargetURI: "sip:bob@example.org;transport=tcp", Started: at(1)}, time.Hour+5*time.Second, store.HungUpCaller)
	s.logs(store.Call{Callee: bob, CallerURI: alice.URI(), TargetURI: "sip:sales@example.org", Started: at(2), Code: 486, Reason: "Busy Here"}, 0, "")
	s.logs(store.Call{Callee: alice, CallerURI: "sip:eve@evil.example", CallerName: "=cmd|' /C calc'!A0", Started: at(3), Code: 487, Reason: "=1+1"}, 0, "")
	s.logs(store.Call{Callee: named("carol"), CallerURI: alice.URI(), TargetURI: "sip:07@example.org", Started: at(4)}, time.Second, store.HungUpRouter)
	s.logs(store.Call{Callee: bob, CallerURI: "sip:carol@example.org", CallerName: "secret", Started: at(5)}, time.Minute, store.HungUpCallee)
}

func TestCalls(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/calls").shows(t, http.StatusOK, "There are no calls yet", `<a href="/user/calls" aria-current="page">`)
	fewCalls(s)
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	page := b.get("/user/calls")
	page.shows(t, http.StatusOK, "Bob Keller", "received", "1:05", "Bob Keller hung up", "1:00:05", "you hung up", "it was cut off",
		"sales@example.org was busy", "486 Busy Here", "the caller gave up", "“=cmd|", "carol@example.org", "1 May 2020 12:00",
		`aria-label="Call Bob Keller"`, "/user/account/rules/block?pattern=eve%40evil.example", "/user/phone-book/new?address=eve%40evil.example",
		"/user/messages/new?to=eve%40evil.example")
	page.hides(t, "secret", "07@example.org", "Somebody else")
	if got := page.rows(); !slices.Equal(got, []string{"carol@example.org", "eve@evil.example", "sales@example.org", "bob@example.org", "bob@example.org"}) {
		t.Errorf("rows %q", got)
	}
	if got := page.rowStatus(t, "bob@example.org"); got != "online" {
		t.Errorf("bob is %q", got)
	}
	for query, want := range map[string]string{
		"kind=in": "eve bob", "kind=out": "carol sales bob", "kind=missed": "eve", "kind=nonsense": "carol eve sales bob bob",
		"q=KELLER": "bob bob", "q=sales": "sales", "q=evil.example": "eve", "q=%25": "", "q=%27+OR+1%3D1+--": "",
		"from=2020-05-01&to=2020-05-01": "carol eve sales bob bob", "to=2020-04-30": "", "from=2020-05-02": "",
		"sort=length": "bob bob carol eve sales", "sort=time&dir=asc": "bob bob sales eve carol", "kind=out&q=bob": "bob", "page=99": "carol eve sales bob bob",
	} {
		var got []string
		for _, address := range b.get("/user/calls?" + query).rows() {
			name, _, _ := strings.Cut(address, "@")
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("?%s: %q, want %q", query, got, want)
		}
	}
	b.get("/user/calls?q=nothing+fits").shows(t, http.StatusOK, "No call fits", "Show all")
}

// TestCallsZone: a day is the reader's day.
func TestCallsZone(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: alice, TimeZone: "Asia/Tokyo"}))
	s.logs(store.Call{Callee: alice, CallerURI: bob.URI(), Started: time.Date(2020, 5, 1, 20, 30, 0, 0, time.UTC)}, time.Minute, store.HungUpCaller)
	b := s.signIn(alice)
	b.get("/user/calls?from=2020-05-02&to=2020-05-02").shows(t, http.StatusOK, "2 May 2020 05:30", `value="2020-05-02"`)
	b.get("/user/calls?from=2020-05-01&to=2020-05-01").shows(t, http.StatusOK, "No call fits")
	rows := csvOf(t, b.get("/user/calls/export?from=2020-05-02"))
	if len(rows) != 2 || rows[1][0] != "2020-05-02T05:30:00+09:00" || rows[1][6] != "2020-05-02T05:31:05+09:00" {
		t.Errorf("the file has %q", rows)
	}
}

// TestCallsFilterFaults: what is no day stays in its field, with what is wrong beside it.
func TestCallsFilterFaults(t *testing.T) {
	s := newSite(t)
	fewCalls(s)
	b := s.signIn(alice)
	for _, path := range []string{"/user/calls", "/user/missed"} {
		for query, want := range map[string]string{
			"from=yesterday": "is no day like", "to=2020-02-30": "is no day like", "from=0000-01-01": "is no day like",
			"from=2020-05-02&to=2020-05-01": "is before the first day", "from=" + strings.Repeat("9", 5000): "is no day like",
			"to=" + url.QueryEscape(`"><script>alert(1)</script>`): "is no day like",
		} {
			page := b.get(path + "?" + query)
			page.shows(t, http.StatusUnprocessableEntity, want, `aria-invalid="true"`)
			page.hides(t, "<script>alert")
			if got := b.get(path + "/export?" + query); got.status != http.StatusBadRequest {
				t.Errorf("%s/export?%s: status %d", path, query, got.status)
			}
			if got := b.get(path + "/delete?upto=5&" + query); got.status != http.StatusBadRequest {
				t.Errorf("%s/delete?%s: status %d", path, query, got.status)
			}
		}
	}
}

// csvOf reads a file of ours.
func csvOf(t *testing.T, a answer) [][]string {
	t.Helper()
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") ||
		!strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("status %d, header %v", a.status, a.header)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
	check(t, err)
	return rows
}

// TestCallsExport: the whole filter, every page of it, and nothing that a spreadsheet runs.
func TestCallsExport(t *testing.T) {
	s := newSite(t)
	fewCalls(s)
	b := s.signIn(alice)
	rows := csvOf(t, b.get("/user/calls/export"))
	want := [][]string{
		{"time", "direction", "name", "address", "result", "answered", "ended", "seconds", "hung_up_by", "sip_status", "sip_reason"},
		{"2020-05-01T12:04:00Z", "out", "", "carol@example.org", "answered", "2020-05-01T12:04:05Z", "2020-05-01T12:04:06Z", "1", "router", "200", "OK"},
		{"2020-05-01T12:03:00Z", "in", "'=cmd|' /C calc'!A0", "eve@evil.example", "missed", "", "", "", "", "487", "'=1+1"},
		{"2020-05-01T12:02:00Z", "out", "", "sales@example.org", "not answered", "", "", "", "", "486", "Busy Here"},
		{"2020-05-01T12:01:00Z", "out", "Bob Keller", "bob@example.org", "answered", "2020-05-01T12:01:05Z", "2020-05-01T13:01:10Z", "3605", "me", "200", "OK"},
		{"2020-05-01T12:00:00Z", "in", "Bob Keller", "bob@example.org", "answered", "2020-05-01T12:00:05Z", "2020-05-01T12:01:10Z", "65", "them", "200", "OK"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	if rows := csvOf(t, b.get("/user/missed/export?q=evil")); len(rows) != 2 || rows[1][3] != "eve@evil.example" {
		t.Errorf("the missed calls' file: %q", rows)
	}
	if rows := csvOf(t, b.get("/user/calls/export?q=none+at+all")); len(rows) != 1 {
		t.Errorf("the file of nothing: %q", rows)
	}
	var many []store.Call
	for i := range 1200 {
		many = append(many, store.Call{CallID: fmt.Sprintf("m%d", i), Callee: alice, CallerURI: fmt.Sprintf("sip:u%d@example.org", i), Started: time.Unix(int64(1e9+i), 0), Code: 480})
	}
	check(t, s.db.Calls.Record(t.Context(), many))
	if rows := csvOf(t, b.get("/user/calls/export?kind=missed&page=2")); len(rows) != 1202 {
		t.Errorf("a file of 1201 calls has %d rows", len(rows))
	}
}

// TestCallsDelete: off one side's list alone, and off that of missed calls.
func TestCallsDelete(t *testing.T) {
	s := newSite(t)
	fewCalls(s)
	b, other := s.signIn(alice), s.signIn(bob)
	list, _, err := s.db.Calls.ListOwn(t.Context(), alice, store.OwnCalls{})
	check(t, err)
	eve, sales := list[1].ID, list[2].ID
	b.get(fmt.Sprintf("/user/calls/delete?ids=%d", eve)).shows(t, http.StatusOK, "Delete the call with =cmd", "keeps theirs")
	b.get(fmt.Sprintf("/user/calls/delete?ids=%d&ids=%d", eve, sales)).shows(t, http.StatusOK, "Delete 2 calls?")
	b.post("/user/calls/delete", "ids", fmt.Sprintf("%d,%d", eve, sales)).shows(t, http.StatusOK, "2 calls are deleted.")
	if got := b.get("/user/calls").rows(); !slices.Equal(got, []string{"carol@example.org", "bob@example.org", "bob@example.org"}) {
		t.Errorf("left %q", got)
	}
	b.get("/user/missed").shows(t, http.StatusOK, "You have missed no calls")
	b.get(fmt.Sprintf("/user/calls/delete?upto=%d&kind=out", list[0].ID)).shows(t, http.StatusOK, "Delete the 2 calls that were found?", `name="kind" value="out"`)
	b.post("/user/calls/delete", "upto", fmt.Sprint(list[0].ID), "kind", "out").shows(t, http.StatusOK, "2 calls are deleted.")
	s.logs(store.Call{Callee: alice, CallerURI: "sip:late@example.org", Started: time.Now(), Code: 480}, 0, "")
	b.get(fmt.Sprintf("/user/calls/delete?upto=%d", list[0].ID)).shows(t, http.StatusOK, "Clear the list of calls?")
	b.post("/user/calls/delete", "upto", fmt.Sprint(list[0].ID)).shows(t, http.StatusOK, "The call is deleted.")
	if got := b.get("/user/calls").rows(); !slices.Equal(got, []string{"late@example.org"}) {
		t.Errorf("left %q, want what came later", got)
	}
	if got := other.get("/user/calls?q=alice").rows(); len(got) != 3 {
		t.Errorf("bob's list has %q, want his three calls with alice", got)
	}
	b.get("/user/calls/delete").shows(t, http.StatusOK, "tick the calls")
}

// TestCallsOfOthers: another user's calls, by any id, are not there.
func TestCallsOfOthers(t *testing.T) {
	s := newSite(t)
	theirs := s.logs(store.Call{Callee: bob, CallerURI: "sip:secret@example.org", Started: time.Now()}, time.Minute, store.HungUpCaller)
	b := s.signIn(alice)
	b.get("/user/calls").hides(t, "secret")
	for _, query := range []string{fmt.Sprintf("ids=%d", theirs), "ids=0", "ids=x", "ids=1,,2", "upto=0", "upto=-1", "upto=x", "upto=", fmt.Sprintf("ids=%d&upto=9", theirs)} {
		values, err := url.ParseQuery(query)
		check(t, err)
		var pairs []string
		for name := range values {
			pairs = append(pairs, name, values.Get(name))
		}
		if got := b.get("/user/calls/delete?" + query); got.status != http.StatusNotFound {
			t.Errorf("GET ?%s: status %d", query, got.status)
		}
		if got := b.post("/user/calls/delete", pairs...); got.status != http.StatusNotFound {
			t.Errorf("POST %s: status %d", query, got.status)
		}
	}
	b.post("/user/calls/delete", "upto", fmt.Sprint(theirs+100))
	if _, total, err := s.db.Calls.ListOwn(t.Context(), bob, store.OwnCalls{}); err != nil || total != 1 {
		t.Errorf("bob has %d calls, %v", total, err)
	}
	if got := csvOf(t, b.get("/user/calls/export?q=secret")); len(got) != 1 {
		t.Errorf("the file has %q", got)
	}
}

// TestMissedSearch: the list of missed calls narrows; a narrowed one has not been seen, and
// clears what was found alone.
func TestMissedSearch(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Dan", "Brown", "dan", "")
	first := s.missed(alice, "sip:dan@example.org", "", time.Now().Add(-time.Hour), 480, "")
	last := s.missed(alice, "sip:eve@evil.example", "Eve", time.Now(), 486, "")
	b := s.signIn(alice)
	page := b.get("/user/missed?q=brown")
	page.shows(t, http.StatusOK, "Dan Brown", fmt.Sprintf("upto=%d", first), "Delete all that were found", `class="new"`)
	page.hides(t, "evil.example")
	if missed, _ := page.badges(); missed != "2" {
		t.Errorf("after a search the badge is %q", missed)
	}
	if got := b.get("/user/missed?dir=asc").rows(); !slices.Equal(got, []string{"dan@example.org", "eve@evil.example"}) {
		t.Errorf("the oldest first: %q", got)
	}
	b.get(fmt.Sprintf("/user/missed/delete?upto=%d&q=eve", last)).shows(t, http.StatusOK, "Delete the call that was found?")
	b.post("/user/missed/delete", "upto", fmt.Sprint(last), "q", "eve").shows(t, http.StatusOK, "The call is deleted.")
	page = b.get("/user/missed")
	page.shows(t, http.StatusOK, "Dan Brown", "/user/account/rules/block?pattern=dan%40example.org")
	s.missed(alice, "sip:anonymous@anonymous.invalid", "", time.Now(), 480, "")
	b.get("/user/missed").shows(t, http.StatusOK, "/user/account/rules/block?pattern=anonymous")
}

// TestCallsRouterAway: the list is there; nobody's status is known. Without the database
// there is a page that says so.
func TestCallsRouterAway(t *testing.T) {
	s := newSite(t)
	fewCalls(s)
	b := s.signIn(alice)
	s.router.Close()
	page := b.get("/user/calls")
	page.shows(t, http.StatusOK, "Bob Keller", "sales@example.org was busy")
	if got := page.rowStatus(t, "bob@example.org"); got != "unknown" {
		t.Errorf("bob is %q", got)
	}
	if rows := csvOf(t, b.get("/user/calls/export")); len(rows) != 6 {
		t.Errorf("the file has %d rows", len(rows))
	}
	check(t, s.db.Close())
	for _, path := range []string{"/user/calls", "/user/calls?q=x", "/user/calls/export", "/user/missed/export", "/user/calls/delete?ids=1", "/user/calls/delete?upto=1&q=x",
		"/user/account/rules", "/user/phone-book/speed-dial"} {
		b.get(path).shows(t, http.StatusServiceUnavailable, "The database is away")
	}
	for _, path := range []string{"/user/account/rules", "/user/account/rules/block", "/user/account/rules/unblock", "/user/phone-book/speed-dial"} {
		b.post(path, "pattern", "x@y.example").shows(t, http.StatusServiceUnavailable, "The database is away")
	}
}
