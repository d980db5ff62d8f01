package user_test

import (
	"database/sql"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"seraph/ctlproto"
)

// TestSend: the result in plain words, with SIP's own beside a failure, and the text kept for another try.
func TestSend(t *testing.T) {
	s := newSite(t)
	s.add(alice, "Bob", "Keller", "bob", "")
	b := s.signIn(alice)
	b.get("/user/messages/new?to=bob@example.org").shows(t, http.StatusOK, "New message", `value="bob@example.org"`, "bytes left")
	for _, c := range []struct {
		result ctlproto.ImOutcome
		code   int
		reason string
		status int
		want   string
	}{
		{ctlproto.ImDelivered, 200, "OK", http.StatusOK, "Bob Keller has your message."},
		{ctlproto.ImStored, 202, "Accepted", http.StatusOK, "Bob Keller is not on line. Your message is kept"},
		{ctlproto.ImFailed, 404, "Not Found", 422, "Nobody can be reached at the address of Bob Keller."},
		{ctlproto.ImFailed, 480, "", 422, "Bob Keller is not on line, and the message could not be kept."},
		{ctlproto.ImFailed, 408, "No answer in time", 422, "Bob Keller's phone did not answer in time."},
		{ctlproto.ImFailed, 486, "Busy Here", 422, "Bob Keller's phone is busy"},
		{ctlproto.ImFailed, 415, "Unsupported Media Type", 422, "does not take text messages"},
		{ctlproto.ImFailed, 513, "Message Too Large", 422, "too long for the other side"},
		{ctlproto.ImFailed, 503, "Service Unavailable", 422, "There is no such address here, or nothing can be kept for it at the moment. The message to Bob Keller was not delivered"},
		{ctlproto.ImFailed, 603, "Decline", 422, "Bob Keller's side refused the message."},
		{ctlproto.ImFailed, 403, "Forbidden", 422, "Bob Keller's side refused the message."},
		{ctlproto.ImFailed, 500, "Oh", 422, "The message to Bob Keller was not delivered."},
		{"from the future", 299, "", 422, "The message to Bob Keller was not delivered."},
	} {
		s.router.answers(c.result, c.code, c.reason)
		got := b.post("/user/messages/new", "to", "bob", "text", "Line one\r\nLine two\r\n", "from", "mallory@example.org")
		got.shows(t, c.status, c.want)
		if c.status != http.StatusOK {
			got.shows(t, c.status, "Line one", "Technical reason: "+strings.TrimSpace(strconv.Itoa(c.code)+" "+c.reason))
		} else if got.path != "/user/messages" {
			t.Errorf("%d leads to %s", c.code, got.path)
		}
	}
	sent := called[ctlproto.ImSendParams](t, s.router, ctlproto.MethodImSend)
	s.router.answers(ctlproto.ImFailed, 503, "Service Unavailable") // of another provider
	elsewhere := b.post("/user/messages/new", "to", "zoe@elsewhere.example", "text", "Hello")
	elsewhere.shows(t, 422, "The message to zoe@elsewhere.example cannot be delivered or kept at the moment. Try again later.")
	elsewhere.hides(t, "no such address here")
	want := ctlproto.ImSendParams{From: "alice@example.org", To: "sip:bob@example.org", Text: "Line one\nLine two", Actor: "alice@example.org"}
	if len(sent) != 13 || sent[0] != want {
		t.Errorf("%d messages were sent, the first %+v; want 13 and %+v", len(sent), sent[0], want)
	}
}

// TestSendFaults: what is wrong stands beside its field, and nothing is sent.
func TestSendFaults(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for _, c := range []struct{ name, to, text, want string }{
		{"no address", "", "Hello", "This is needed."},
		{"no text", "bob", "", "Write something first."},
		{"only space", "bob", " \r\n\t ", "Write something first."},
		{"a telephone", "tel:+420123", "Hello", "sip and sips addresses only"},
		{"another scheme", "mailto:bob@example.org", "Hello", "Only sip, sips and tel addresses can be called."},
		{"no domain", "bob@exa mple", "Hello", "The part after the @ is not right"},
		{"control characters", "bob", "a\x00b", "There are characters in it that cannot be used here."},
		{"an escape", "bob", "a\x1b[31mb", "There are characters in it that cannot be used here."},
		{"no UTF-8", "bob", "a\xff", "There are characters in it that cannot be used here."},
		{"too long", "bob", strings.Repeat("ž", 1000), "bytes too long for one message"},
		{"far too long", "bob", strings.Repeat("x", 60_000), "bytes too long for one message"},
		{"a header in the address", "bob@example.org\r\nX: y", "Hello", "There are characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := b.post("/user/messages/new", "to", c.to, "text", c.text)
			got.shows(t, http.StatusUnprocessableEntity, c.want, `aria-invalid="true"`)
			if len(got.body) > 100_000 {
				t.Errorf("the page has %d bytes", len(got.body))
			}
		})
	}
	if sent := called[ctlproto.ImSendParams](t, s.router, ctlproto.MethodImSend); len(sent) != 0 {
		t.Errorf("sent all the same: %+v", sent)
	}
}

// TestSendRefused: what the router says no to is said in plain words.
func TestSendRefused(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	for _, c := range []struct {
		code   ctlproto.Code
		status int
		want   string
	}{
		{ctlproto.CodeInvalidParams, 422, "The router cannot send a message to this address."},
		{ctlproto.CodeTooLarge, 422, "This is too long for one message."},
		{ctlproto.CodeRefused, 422, "The router does not allow this message."},
		{ctlproto.CodeBusy, 429, "Too many messages are under way"},
		{ctlproto.CodeMethodNotFound, 503, "switched off on this router"},
		{ctlproto.CodeInternal, 500, "Something went wrong on the router's side."},
		{ctlproto.CodeUnavailable, 503, "The router does not answer"},
	} {
		s.router.refuses(ctlproto.MethodImSend, ctlproto.Errorf(c.code, "secret inner text"))
		got := b.post("/user/messages/new", "to", "bob", "text", "Kept as typed")
		got.shows(t, c.status, c.want, "Kept as typed")
		got.hides(t, "secret inner text")
	}
	s.router.refuses(ctlproto.MethodImSend, ctlproto.InvalidParam("text", "does not fit"))
	b.post("/user/messages/new", "to", "bob", "text", "Kept").shows(t, 422, "This is too long for one message.", "Kept")
	s.router.refuses(ctlproto.MethodImSend, ctlproto.InvalidParam("to", "no address"))
	b.post("/user/messages/new", "to", "bob", "text", "Kept").shows(t, 422, "cannot send a message to this address")
}

// TestSendKept: the page does not call people off line whom the router sees on line, or of
// whom it may say nothing.
func TestSendKept(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	s.router.answers(ctlproto.ImStored, 202, "Accepted")
	send := func() answer { return b.post("/user/messages/new", "to", "bob", "text", "Hello") }
	for _, status := range []ctlproto.PresenceStatus{ctlproto.StatusOnLine, ctlproto.StatusOnThePhone, ctlproto.StatusUnknown} {
		s.router.see(alice, "bob@example.org", status)
		got := send()
		got.shows(t, http.StatusOK, "Your message to bob@example.org is kept: no phone there has taken it yet.")
		got.hides(t, "is not on line")
	}
	s.router.see(alice, "bob@example.org", ctlproto.StatusOffline)
	send().shows(t, http.StatusOK, "bob@example.org is not on line. Your message is kept")
	s.router.refuses(ctlproto.MethodPresenceGet, ctlproto.Errorf(ctlproto.CodeUnavailable, "away"))
	send().shows(t, http.StatusOK, "Your message to bob@example.org is kept: no phone there has taken it yet.")
}

// TestSendRoom: the server counts the bytes that are left, of what is sent and
// for the address that it goes to.
func TestSendRoom(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	left := func(to, text string) int {
		t.Helper()
		got := b.htmx("/user/messages/new/room", "to", to, "text", text)
		got.hides(t, "<html")
		m := regexp.MustCompile(`(\d+) bytes left`).FindStringSubmatch(got.body)
		if got.status != http.StatusOK || m == nil {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		n, err := strconv.Atoi(m[1])
		check(t, err)
		return n
	}
	empty := left("bob", "")
	if empty < 700 || empty > 1000 {
		t.Errorf("%d bytes for a short address", empty)
	}
	for _, c := range []struct {
		to, text string
		less     int
	}{
		{"bob", "x", 1}, {"bob", "ž", 2}, {"bob", "😀", 4}, {"bob", "a\r\nb", 3}, {"bob", "end \r\n\r\n", 3},
		{"bobby", "", 4}, {"sip:bobby@example.org", "", 4}, {"not an address", "", 2 * len("mebod")},
	} {
		if got := left(c.to, c.text); got != empty-c.less {
			t.Errorf("to %q, text %q: %d bytes left of %d, want %d", c.to, c.text, got, empty, empty-c.less)
		}
	}
	b.htmx("/user/messages/new/room", "to", "bob", "text", strings.Repeat("x", empty+1)).shows(t, http.StatusOK, "One byte too long.")
	s.router.answers(ctlproto.ImDelivered, 200, "OK")
	b.post("/user/messages/new", "to", "bob", "text", strings.Repeat("x", empty)).shows(t, http.StatusOK, "bob@example.org has your message.")
	b.post("/user/messages/new", "to", "bob", "text", strings.Repeat("x", empty+1)).shows(t, 422, "This is one byte too long for one message.")
	b.htmx("/user/messages/new/room", "to", strings.Repeat("x", 60_000), "text", "").shows(t, http.StatusOK, "bytes left")
}

// TestWaysToWrite: every address that takes messages leads to the form.
func TestWaysToWrite(t *testing.T) {
	s := newSite(t)
	e := s.add(alice, "Bob", "Keller", "bob", "")
	fax := s.add(alice, "Fax", "", "tel:+420123", "")
	b := s.signIn(alice)
	book := b.get("/user/phone-book")
	book.shows(t, http.StatusOK, `href="/user/messages/new?to=bob%40example.org"`, `aria-label="Send a message to Bob Keller"`)
	book.hides(t, "Send a message to Fax")
	b.get("/user/phone-book/"+strconv.FormatInt(e.ID, 10)).shows(t, http.StatusOK, `href="/user/messages/new?to=bob%40example.org"`)
	b.get("/user/phone-book/"+strconv.FormatInt(fax.ID, 10)).hides(t, "/user/messages/new?to")
}

// TestSendToLockedDatabase: where nothing can be kept for anybody, that is said, and not that
// the address may be wrong: of whoever is not on line, whether or not there is such a person.
func TestSendToLockedDatabase(t *testing.T) {
	s := newSite(t)
	b := s.signIn(alice)
	b.get("/user/messages/new")
	s.router.answers(ctlproto.ImFailed, 503, "Service Unavailable")
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.db.String(), "sqlite://"))
	check(t, err)
	defer raw.Close()
	conn, err := raw.Conn(t.Context())
	check(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	check(t, err)
	for _, to := range []string{"bob", "nobody"} {
		got := b.post("/user/messages/new", "to", to, "text", "TYPEDTEXT")
		got.shows(t, http.StatusUnprocessableEntity, "The database cannot be written at the moment", "TYPEDTEXT")
		got.hides(t, "no such address")
	}
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	check(t, err)
}
