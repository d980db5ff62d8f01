package user_test

import (
	"net/http"
	"strings"
	"testing"

	"seraph/sql/store"
)

// TestMessagesLong: a message of many lines does not push the others off the page, and
// all of it is there to be shown.
func TestMessagesLong(t *testing.T) {
	s := newSite(t)
	for text, long := range map[string]bool{
		strings.Repeat("line\n", 80): true, strings.Repeat("word ", 200): true, strings.Repeat("ž", 1000): true,
		strings.TrimSuffix(strings.Repeat("line\n", 12), "\n"): false, strings.Repeat("ž", 900): false, "short": false,
	} {
		id := s.stores(alice, store.SiloMessage{Body: []byte(text)})
		page := s.signIn(alice).get("/user/messages")
		page.shows(t, http.StatusOK, strings.TrimSpace(text))
		if got := strings.Contains(page.body, "<summary><span class=\"if-closed\">Show all of it</span>"); got != long {
			t.Errorf("%.20q, %d bytes: can be shown whole: %v, want %v", text, len(text), got, long)
		}
		_, err := s.db.Silo.Delete(t.Context(), alice, id)
		check(t, err)
	}
}

// TestNarrowPagesHaveEverything: what has no room in a row on a phone is in a menu of
// the row, and who writes under another's name is told by the address.
func TestNarrowPagesHaveEverything(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.stores(alice, store.SiloMessage{From: "sip:b0b@evil.example", FromName: "Bob Keller"})
	s.stores(alice, store.SiloMessage{From: "sip:bob@example.org", FromName: "Bob"})
	b := s.signIn(alice)
	b.get("/user/messages").shows(t, http.StatusOK,
		`“Bob Keller”</bdi> <span class="message-address">b0b@evil.example`, `<span class="message-address wide-words">bob@example.org`,
		`<a class="button quiet" id="add-`)
	b.get("/user/phone-book").shows(t, http.StatusOK, `aria-label="More for Bob Keller"`,
		`<a class="menu-link" href="/user/messages/new?to=bob%40example.org">`)
}
