package user_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// stores keeps a message for somebody, as the router does, and returns its id.
func (s *site) stores(owner aor.AOR, m store.SiloMessage) int64 {
	s.t.Helper()
	m.Owner = owner
	if m.From == "" {
		m.From = "sip:bob@example.org"
	}
	if m.Received.IsZero() {
		m.Received = time.Now()
	}
	if m.ContentType == "" {
		m.ContentType = "text/plain"
	}
	if m.Body == nil {
		m.Body = []byte("Hello")
	}
	m.To, m.Expires = owner.URI(), m.Received.Add(24*time.Hour)
	id, err := s.db.Silo.Add(s.t.Context(), m, 0)
	check(s.t, err)
	return id
}

// messages are the texts of the page's messages in their order.
func (a answer) messages() (texts []string) {
	for _, m := range regexp.MustCompile(`(?s)<p class="message-text"[^>]*>(.*?)</p>`).FindAllStringSubmatch(a.body, -1) {
		texts = append(texts, html.UnescapeString(m[1]))
	}
	return texts
}

// TestMessages: a card each, newest first, with who, how they stand, when, and the text with its lines.
func TestMessages(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/messages").shows(t, http.StatusOK, "No messages are waiting", "is kept here until it registers", `href="/user/messages/new"`)
	s.add(alice, "Bob", "Keller", "bob", "")
	s.router.see(alice, "bob@example.org", ctlproto.StatusOnLine)
	now := time.Now()
	s.stores(alice, store.SiloMessage{Received: now.Add(-time.Minute), Body: []byte("first line\r\nsecond line\n\n")})
	s.stores(alice, store.SiloMessage{From: "sip:100@hotel.example;transport=tcp", FromName: "Front desk", Received: now, Body: []byte("your key")})
	s.stores(bob, store.SiloMessage{From: "sip:x@example.org", Body: []byte("for bob only")})
	page := b.get("/user/messages")
	page.shows(t, http.StatusOK, "Bob Keller", "bob@example.org", "on line", "“Front desk”", "100@hotel.example",
		`href="/user/messages/new?to=bob%40example.org"`, `Reply<span class="sr"> to Bob Keller`, `Mark read<span class="sr"> from Bob Keller`, `Delete<span class="sr"> from Bob Keller`)
	page.hides(t, "for bob only")
	if got, want := page.messages(), []string{"your key", "first line\nsecond line"}; !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	if !regexp.MustCompile(`<li class="message new" data-aor="bob@example.org" data-status="online">`).MatchString(page.body) {
		t.Errorf("no card of bob's with his status:\n%s", page.body)
	}
	if missed, messages := page.badges(); missed != "" || messages != "2" {
		t.Errorf("badges %q and %q, want none and 2", missed, messages)
	}
}

// TestMessagesOfAnyKind: what is no text says what it is; odd bytes and types harm nothing.
func TestMessagesOfAnyKind(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for _, c := range []struct {
		kind string
		body []byte
		want string
	}{
		{"text/plain;charset=UTF-8", []byte("Žluťoučký kůň"), "Žluťoučký kůň"},
		{"text/plain; charset=iso-8859-1", []byte("caf\xe9"), "café"},
		{"text/plain", []byte("bad \xff\xfe bytes\x00\x1b[31m"), "bad \uFFFD bytes[31m"},
		{"TEXT/HTML", []byte("<b>bold</b>"), "<b>bold</b>"},
		{"text/plain; =broken", []byte("still text"), "still text"},
		{"image/png", make([]byte, 2345), "This is no text but image/png, 2345 bytes long."},
		{"application/x<script>alert(1)</script>", []byte("x"), "application/x<script>alert(1)</script>, one byte long"},
		{"message/imdn+xml; charset=utf-8", []byte("<imdn/>"), "This is no message but a delivery receipt"},
		{"message/cpim", []byte("From: x\r\n\r\n"), "This is no text but message/cpim, 11 bytes long."},
		{"message/cpim", []byte("From: x\r\n\r\nContent-Type: text/plain; charset=iso-8859-1\r\nX: y\r\n\r\ncaf\xe9\r\n\r\nau lait"), "café\n\nau lait"},
		{"message/cpim", []byte("\r\nContent-Type: text/plain\r\n\r\nno headers of its own"), "no headers of its own"},
		{"message/cpim", []byte("\r\nContent-Type: text/plain\r\nno empty line"), "This is no text but message/cpim, 41 bytes long."},
		{"Message/CPIM; a=b", []byte("\nFrom: x\n\ncontent-type : TEXT/PLAIN\n\n<b>bold</b>"), "<b>bold</b>"},
		{"message/cpim", []byte("From: x\r\n\r\nX: y\r\n\r\nno type"), "This is no text but message/cpim, 26 bytes long."},
		{"message/cpim", []byte("From: x\r\n\r\nContent-Type: image/png\r\n\r\nPNG"), "This is no text but message/cpim, "},
		{"message/cpim", []byte("From: x\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n<imdn/>"), "This is no message but a delivery receipt"},
		{"message/cpim", []byte("\r\n\r\n\n"), "This is no text but message/cpim, 5 bytes long."},
		{"text/plain", []byte(strings.Repeat("long ", 5000)), "This is the beginning only."},
		{"text/plain", []byte(" \r\n\t\u200b\u00a0"), "This message is empty."},
	} {
		id := s.stores(alice, store.SiloMessage{ContentType: c.kind, Body: c.body})
		page := b.get("/user/messages")
		_, err := s.db.Silo.Delete(t.Context(), alice, id)
		check(t, err)
		page.shows(t, http.StatusOK, c.want)
		page.hides(t, "<script>alert", "<b>bold", "\x1b", "\x00")
		if len(page.body) > 20_000 {
			t.Errorf("%s: the page has %d bytes", c.kind, len(page.body))
		}
	}
}

// TestHostileLists: strangers' names, texts and reasons stay text on every page that shows them.
func TestHostileLists(t *testing.T) {
	const evil = `<img src=x onerror=alert(1)>'; DROP TABLE silo; --"><script>alert('x')</script>` + "\u202e"
	s := newSite(t)
	call := s.missed(alice, "sip:a%22%3E%3Cimg@example.org", evil, time.Now(), 486, evil)
	message := s.stores(alice, store.SiloMessage{From: `sip:a"><img src=x>@example.org`, FromName: evil, Body: []byte(evil)})
	b := s.signIn(alice)
	for _, path := range []string{
		"/user/missed", fmt.Sprintf("/user/missed/delete?ids=%d", call),
		"/user/messages", fmt.Sprintf("/user/messages/delete?ids=%d", message), "/user/messages/new?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
		"/user/account/aliases", "/user/account",
	} {
		page := b.get(path)
		page.shows(t, http.StatusOK, "Seraph")
		page.hides(t, "<script>alert", "<img", `onerror=alert(1)>'; DROP`+"<", "\u202e\u201d")
	}
	b.get("/user/missed").shows(t, http.StatusOK, "“<img src=x onerror=alert(1)>'; DROP TABLE silo;")
	if got := b.get("/user/messages").messages(); len(got) != 1 || !strings.HasPrefix(got[0], strings.TrimSuffix(evil, "\u202e")) {
		t.Errorf("the message reads %q", got)
	}
	failed := b.post("/user/messages/new", "to", evil, "text", "</textarea>"+evil)
	failed.shows(t, http.StatusUnprocessableEntity, evil)
	failed.hides(t, "<script>alert", "</textarea><img")
	s.router.answers(ctlproto.ImFailed, 603, evil)
	b.post("/user/messages/new", "to", "bob", "text", evil).hides(t, "<script>alert", "<img")
}

// TestMessagesFate: what became of the delivery is said.
func TestMessagesFate(t *testing.T) {
	s := newSite(t)
	refused := s.stores(alice, store.SiloMessage{Body: []byte("one")})
	tried := s.stores(alice, store.SiloMessage{Body: []byte("two")})
	silent := s.stores(alice, store.SiloMessage{Body: []byte("three")})
	check(t, s.db.Silo.Attempt(t.Context(), alice, refused, 415, true))
	check(t, s.db.Silo.Attempt(t.Context(), alice, tried, 486, false))
	check(t, s.db.Silo.Attempt(t.Context(), alice, silent, 0, false))
	s.signIn(alice).get("/user/messages").shows(t, http.StatusOK, "Your phone refused this message (415)",
		"1 × and not taken (486)", "1 × and not taken. It is tried again")
}

// TestMessagesLater: a reminder stands there with its time and is not to be read yet.
func TestMessagesLater(t *testing.T) {
	s := newSite(t)
	now := time.Now()
	s.stores(alice, store.SiloMessage{Body: []byte("drink tea"), SendAt: now.Add(time.Hour), Expires: now.Add(48 * time.Hour)})
	page := s.signIn(alice).get("/user/messages")
	page.shows(t, http.StatusOK, "drink tea", "This is a reminder. It is sent to your phone:")
	page.hides(t, "Mark read", `class="message new"`)
	if _, messages := page.badges(); messages != "" {
		t.Errorf("the badge says %q", messages)
	}
	s.stores(alice, store.SiloMessage{Body: []byte("over"), SendAt: now.Add(-time.Minute)})
	if page := s.signIn(alice).get("/user/messages"); strings.Count(page.body, "This is a reminder.") != 1 || strings.Count(page.body, `class="message new"`) != 1 {
		t.Errorf("a reminder whose time has come is no ordinary message:\n%s", page.body)
	}
}

func TestMessagesRead(t *testing.T) {
	s := newSite(t)
	one, two, three := s.stores(alice, store.SiloMessage{}), s.stores(alice, store.SiloMessage{}), s.stores(alice, store.SiloMessage{})
	theirs := s.stores(bob, store.SiloMessage{})
	b := s.signIn(alice)
	for _, c := range []struct {
		ids, left string
	}{
		{fmt.Sprint(one), "2"}, {fmt.Sprint(one), "2"}, {fmt.Sprintf("%d,%d", two, three), ""},
	} {
		page := b.post("/user/messages/read", "ids", c.ids, "return", "/user/messages?page=1")
		page.shows(t, http.StatusOK, "Messages")
		if _, unread := page.badges(); unread != c.left {
			t.Errorf("after reading %s: %q unread, want %q", c.ids, unread, c.left)
		}
	}
	b.get("/user/messages").hides(t, "Mark read", "Mark all read", `class="message new"`)
	four := s.stores(alice, store.SiloMessage{}) // and one that went while the page was open
	b.post("/user/messages/read", "ids", fmt.Sprintf("999999,%d", four)).shows(t, http.StatusOK, "Messages")
	if _, unread := b.get("/user/messages").badges(); unread != "" {
		t.Errorf("%q unread", unread)
	}
	for _, ids := range []string{fmt.Sprint(theirs), fmt.Sprintf("%d,999999", theirs), "", "x", "-1", "999999"} {
		if got := b.post("/user/messages/read", "ids", ids); got.status != http.StatusNotFound {
			t.Errorf("ids %q: status %d", ids, got.status)
		}
	}
	if got := b.post("/user/messages/read", "ids", fmt.Sprint(one), "return", "//evil.example/"); got.path != "/user/messages" {
		t.Errorf("a return to elsewhere leads to %s", got.path)
	}
	if _, unread, err := s.db.Silo.Count(t.Context(), bob); err != nil || unread != 1 {
		t.Errorf("bob has %d unread, %v", unread, err)
	}
}

// TestMessagesDelete: by the router alone; it may be delivering them.
func TestMessagesDelete(t *testing.T) {
	s := newSite(t)
	one, two, three := s.stores(alice, store.SiloMessage{}), s.stores(alice, store.SiloMessage{}), s.stores(alice, store.SiloMessage{})
	theirs := s.stores(bob, store.SiloMessage{})
	b := s.signIn(alice)
	b.get("/user/messages").shows(t, http.StatusOK, fmt.Sprintf(`href="/user/messages/delete?upto=%d"`, three))
	b.get(fmt.Sprintf("/user/messages/delete?ids=%d", one)).shows(t, http.StatusOK, "Delete the message from bob@example.org?")
	b.get(fmt.Sprintf("/user/messages/delete?ids=%d&ids=%d", one, two)).shows(t, http.StatusOK, "Delete 2 messages?")
	b.get("/user/messages/delete").shows(t, http.StatusOK, "tick the messages that are to go first")
	for _, ids := range []string{fmt.Sprint(theirs), "x", "0", "999999"} {
		if got := b.get("/user/messages/delete?ids=" + ids); got.status != http.StatusNotFound {
			t.Errorf("GET ids %q: status %d", ids, got.status)
		}
		if got := b.post("/user/messages/delete", "ids", ids); got.status != http.StatusNotFound {
			t.Errorf("POST ids %q: status %d", ids, got.status)
		}
	}
	if got := b.post("/user/messages/delete"); got.status != http.StatusNotFound {
		t.Errorf("POST of nothing: status %d", got.status)
	}
	b.post("/user/messages/delete", "ids", fmt.Sprint(one)).shows(t, http.StatusOK, "The message is deleted.")
	b.post("/user/messages/delete", "ids", fmt.Sprintf("%d,%d,%d", two, three, theirs)).shows(t, http.StatusOK, "2 messages are deleted.", "No messages are waiting")
	if total, _, err := s.db.Silo.Count(t.Context(), bob); err != nil || total != 1 {
		t.Errorf("bob has %d messages, %v", total, err)
	}
	asked := called[ctlproto.MsiloRmParams](t, s.router, ctlproto.MethodMsiloRm)
	for _, p := range asked {
		if p.Owner != alice.String() {
			t.Errorf("the router was asked to delete %+v", p)
		}
	}
}

func TestMessagesRouterAway(t *testing.T) {
	s := newSite(t)
	id := s.stores(alice, store.SiloMessage{Body: []byte("readable")})
	b := s.signIn(alice)
	s.router.Close()
	b.get("/user/messages").shows(t, http.StatusOK, "readable", "nothing can be sent or deleted")
	b.post("/user/messages/delete", "ids", fmt.Sprint(id)).shows(t, http.StatusOK, "Nothing was deleted.", "readable")
	b.post("/user/messages/deliver").shows(t, http.StatusOK, "so nothing was sent")
	b.post("/user/messages/read", "ids", fmt.Sprint(id)).shows(t, http.StatusOK, "readable", "Nothing was marked as read.")
	b.post("/user/messages/new", "to", "bob", "text", "Kept as typed").shows(t, http.StatusServiceUnavailable, "The router does not answer", "Kept as typed")
}

func TestMessagesDeliver(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.post("/user/messages/deliver").shows(t, http.StatusOK, "None of your phones is registered.")
	s.router.mu.Lock()
	s.router.phones = true
	s.router.mu.Unlock()
	b.post("/user/messages/deliver").shows(t, http.StatusOK, "There is nothing to deliver.")
	s.stores(alice, store.SiloMessage{})
	b.post("/user/messages/deliver").shows(t, http.StatusOK, "One message is on its way to your phone.")
	s.stores(alice, store.SiloMessage{})
	b.post("/user/messages/deliver").shows(t, http.StatusOK, "2 messages are on their way to your phone.")
}

func TestMessagesPages(t *testing.T) {
	s := newSite(t)
	for i := range 25 {
		s.stores(alice, store.SiloMessage{Received: time.Now().Add(time.Duration(i) * time.Second), Body: fmt.Appendf(nil, "number %d", i)})
	}
	b := s.signIn(alice)
	first := b.get("/user/messages")
	first.shows(t, http.StatusOK, "1 to 20 of 25", `hx-get="/user/messages"`)
	for _, path := range []string{"/user/messages?page=2", "/user/messages?page=1000"} {
		page := b.get(path)
		page.shows(t, http.StatusOK, "21 to 25 of 25", `hx-get="/user/messages?page=2"`)
		if got := page.messages(); len(got) != 5 || got[0] != "number 4" || got[4] != "number 0" {
			t.Errorf("%s shows %q", path, got)
		}
	}
}
