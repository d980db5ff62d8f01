package user_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// clearLink is the address of the link that deletes all.
func (a answer) clearLink(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`href="(/user/messages/delete\?[^"]*upto=[^"]*)"`).FindStringSubmatch(a.body)
	if found == nil {
		t.Fatalf("no link deletes all:\n%s", a.body)
	}
	return html.UnescapeString(found[1])
}

// hidden are the hidden fields of the page's question, as pairs.
func (a answer) hidden() (pairs []string) {
	main := a.body[strings.Index(a.body, "<main"):]
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(main, -1) {
		if m[1] != "csrf" {
			pairs = append(pairs, m[1], html.UnescapeString(m[2]))
		}
	}
	return pairs
}

// threeMessages stores three messages of alice's: one read, one refused, one new.
func (s *site) threeMessages() {
	s.t.Helper()
	now := time.Now()
	read := s.stores(alice, store.SiloMessage{Received: now.Add(-3 * time.Minute), Body: []byte("the key is here")})
	refused := s.stores(alice, store.SiloMessage{From: "sip:zara@hotel.example", FromName: "Front desk", Received: now.Add(-2 * time.Minute), Body: []byte("your room")})
	s.stores(alice, store.SiloMessage{From: "sip:carol@example.org", Received: now.Add(-time.Minute), Body: []byte("no Key found")})
	_, err := s.db.Silo.MarkRead(s.t.Context(), alice, read)
	check(s.t, err)
	check(s.t, s.db.Silo.Attempt(s.t.Context(), alice, refused, 415, true))
	s.stores(bob, store.SiloMessage{From: "sip:x@example.org", Body: []byte("the key of bob")})
}

// TestMessagesFilter: unread ones, refused ones, and those of which a text or a person is
// known, by the phone book's name, too.
func TestMessagesFilter(t *testing.T) {
	s := newSite(t)
	s.threeMessages()
	s.add(alice, "Karla", "Nová", "carol", "")
	b := s.signIn(alice)
	for query, want := range map[string][]string{
		"":                          {"no Key found", "your room", "the key is here"},
		"kind=unread":               {"no Key found", "your room"},
		"kind=refused":              {"your room"},
		"kind=nonsense":             {"no Key found", "your room", "the key is here"},
		"q=KEY":                     {"no Key found", "the key is here"},
		"q=key&kind=unread":         {"no Key found"},
		"q=front":                   {"your room"},
		"q=zara%40hotel":            {"your room"},
		"q=karla":                   {"no Key found"},
		"q=%25":                     nil,
		"q=%3Cscript%3Ealert(1)%3C": nil,
	} {
		page := b.get("/user/messages?" + query)
		if got := page.messages(); page.status != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("%q: %d, messages %q, want %q", query, page.status, got, want)
		}
		page.hides(t, "<script>alert", "of bob")
		if want == nil {
			page.shows(t, http.StatusOK, "No message matches.", `href="/user/messages"`)
		}
	}
	b.get("/user/messages?q=key&kind=unread").shows(t, http.StatusOK, `value="key"`, `name="kind" value="unread"`, `aria-current="true">Unread`, "Delete all found")
	b.get("/user/messages").shows(t, http.StatusOK, `aria-current="true">All`, "Delete all</a>")
}

// TestMessagesDeleteAll: all that the filter finds and that were there when the page was made
// go, whatever page they stand on; the others stay, and what came since.
func TestMessagesDeleteAll(t *testing.T) {
	s := newSite(t)
	s.threeMessages()
	for i := range 25 { // more than a page has
		s.stores(alice, store.SiloMessage{Received: time.Now().Add(-time.Hour), Body: fmt.Appendf(nil, "old key %d", i)})
	}
	b := s.signIn(alice)
	found := b.get("/user/messages?q=key").clearLink(t)
	all := b.get("/user/messages").clearLink(t)
	s.stores(alice, store.SiloMessage{Body: []byte("a key that came since")})

	ask := b.get(found)
	ask.shows(t, http.StatusOK, "Delete the 27 messages that were found?", "The other messages stay.", `href="/user/messages?q=key"`)
	b.post("/user/messages/delete", ask.hidden()...).shows(t, http.StatusOK, "27 messages are deleted.")
	if got, want := b.get("/user/messages").messages(), []string{"a key that came since", "your room"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	ask = b.get(all)
	ask.shows(t, http.StatusOK, "Delete all messages?", "One message is gone for good then", "What comes meanwhile stays.")
	s.router.refuses(ctlproto.MethodMsiloRm, ctlproto.Errorf(ctlproto.CodeUnavailable, "inner words"))
	b.post("/user/messages/delete", ask.hidden()...).shows(t, http.StatusOK, "Nothing was deleted.", "your room")
	s.router.refuses(ctlproto.MethodMsiloRm, nil)
	b.post("/user/messages/delete", ask.hidden()...).shows(t, http.StatusOK, "The message is deleted.")
	if got, want := b.get("/user/messages").messages(), []string{"a key that came since"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if list, _, err := s.db.Silo.List(t.Context(), bob, store.SiloQuery{}); err != nil || len(list) != 1 {
		t.Errorf("bob has %d messages, %v", len(list), err)
	}
}

// TestMessagesDeleteAllWrong: what no page of ours sends deletes nothing.
func TestMessagesDeleteAllWrong(t *testing.T) {
	s := newSite(t)
	s.threeMessages()
	b := s.signIn(alice)
	b.get("/user/messages")
	for _, values := range []url.Values{
		{"upto": {"0"}}, {"upto": {"-1"}}, {"upto": {"x"}}, {"upto": {""}}, {"upto": {"9223372036854775808"}}, {"upto": {"9"}, "ids": {"1"}},
	} {
		var pairs []string
		for name, list := range values {
			pairs = append(pairs, name, list[0])
		}
		b.get("/user/messages/delete?"+values.Encode()).shows(t, http.StatusNotFound, "There is no such page")
		b.post("/user/messages/delete", pairs...).shows(t, http.StatusNotFound, "There is no such page")
	}
	b.post("/user/messages/delete", "upto", "9999", "q", "nothing like that").shows(t, http.StatusOK, "0 messages are deleted.")
	if got := b.get("/user/messages").messages(); len(got) != 3 {
		t.Errorf("left are %q", got)
	}
}

// TestDialInTheBar: the form of two addresses is one step away from every page.
func TestDialInTheBar(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	link := regexp.MustCompile(`<a class="icon-button call bar-dial" href="/user/dial" aria-label="Dial"`)
	for _, path := range []string{"/user/phone-book", "/user/missed", "/user/calls", "/user/messages", "/user/messages/new", "/user/account", "/user/account/data", "/user/dial"} {
		if page := b.get(path); !link.MatchString(page.body) {
			t.Errorf("%s: no link to the form of two addresses", path)
		}
	}
}

// TestRingOnLists: who has several phones chooses which one the calls of a list make ring,
// wherever people can be called; the filter of the list stays.
func TestRingOnLists(t *testing.T) {
	s := newSite(t)
	check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, FirstName: "Bob", Findable: true, Presence: store.PresenceSignedIn}))
	s.missed(alice, "sip:bob@example.org", "Bob", time.Now(), 486, "Busy Here")
	s.router.registers(alice, desk)
	b := s.signIn(alice)
	lists := []string{"/user/phone-book/find?q=bob&", "/user/missed?q=bob&", "/user/calls?q=bob&kind=in&sort=length&"}
	for _, path := range lists {
		b.get(path).shows(t, http.StatusOK, "Call Bob")
		b.get(path).hides(t, "all my phones", `name="ring"`) // there is nothing to choose
	}
	s.router.registers(alice, desk, mobile)
	device := `<input type="hidden" name="device" value="` + mobile.Address + `">`
	for _, path := range lists {
		b.get(path).shows(t, http.StatusOK, `<option value="">all my phones</option>`, `<option value="`+mobile.Address+`">`, `<input type="hidden" name="q" value="bob">`)
		b.get(path).hides(t, `name="device"`)
		page := b.get(path + "ring=" + url.QueryEscape(mobile.Address))
		page.shows(t, http.StatusOK, `<option value="`+mobile.Address+`" selected>`, device)
		for _, other := range []string{bobs.Address, `"><script>alert(1)</script>`} {
			b.get(path+"ring="+url.QueryEscape(other)).hides(t, `name="device"`, other)
		}
	}
	b.get(lists[2]).shows(t, http.StatusOK, `<input type="hidden" name="kind" value="in">`, `<input type="hidden" name="sort" value="length">`)
}
