package e2e_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestLivedInPages: the pages of somebody who has been away, full of what friends
// and strangers left, in every look: axe-core finds nothing serious, nothing
// scrolls sideways, and what strangers wrote is text.
func TestLivedInPages(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol", "root"}})
	w := withPeople(t, s)
	w.adds("Maximiliane Konstanze", "Freifrau von Hohenstein-Wittgenstein", "maximiliane.konstanze.von.hohenstein@telephony.department.elsewhere.example")
	someoneCalls(t, s)
	someoneWrites(t, s)
	phonesOf(s)
	for _, group := range []string{"local", "ld", "int", "voicemail", "conference-room-4"} {
		s.Ctl("", "acl", "grant", "alice", group)
	}
	s.Ctl("", "alias", "add", "82001", "alice")
	s.Ctl("", "alias", "add", "the.first.lady.of.the.house.and.garden", "alice")
	w.Open("/user/account")
	for label, value := range map[string]string{"First name": "Alice", "Last name": "Marsh", "E-mail": "alice@example.org", mailPassword: stand.Password("alice"), "Phone number": "+420 123 456 789"} {
		w.Fill(label, value)
	}
	w.Press("Save")
	w.Shows("Your profile is saved.")

	seen := looked{w.Browser, t, map[string]string{}}
	w.Open("/user/phone-book") // the badges count before anybody looks
	w.Shows("Missed calls")
	seen.here("full-phone-book")
	seen.at("full-missed", "/user/missed")
	if n := w.Count("main img, main script, main b"); n != 0 {
		t.Errorf("%d elements of a stranger's", n)
	}
	seen.at("full-messages", "/user/messages")
	if n := w.Count("main img, main script, main b"); n != 0 {
		t.Errorf("%d elements of a stranger's", n)
	}
	seen.offersAllOnAPhone()
	seen.at("full-account", "/user/account")
	seen.at("full-phones", "/user/account/phones")
	w.Fill("Add a contact", "sip:somewhere with spaces")
	w.Press("Add")
	w.Shows("This is no SIP address")
	seen.here("full-phones-error")
	seen.at("full-aliases", "/user/account/aliases")
	seen.at("full-security", "/user/account/security")
	w.Open("/user/messages/new?to=zoe")
	w.Fill("Message", "Are you there?")
	w.Press("Send")
	w.Shows("not delivered")
	seen.here("full-send-failed")
	w.Fill("Message", strings.Repeat("Much too long. ", 200))
	w.Shows("too long")
	seen.here("full-send-long")
	fullAdmin(t, s)
}

// offersAllOnAPhone looks at what rows and cards have no room for there.
func (l looked) offersAllOnAPhone() {
	l.t.Helper()
	l.Press("Show all of it from mallory@elsewhere.example")
	l.Shows("Show less")
	l.Wear(browser.Look{Width: 390, Theme: "light"})
	l.Picture("full-messages-open-390-light")
	l.Open("/user/phone-book")
	l.Press("More for Bob Keller")
	l.Shows("Send a message")
	l.Accessible("the menu of a row")
	l.FitsWidth("the menu of a row")
	l.Picture("full-phone-book-menu-390-light")
	l.Open("/user/missed")
	l.Press("More for Walter Wolf")
	l.Picture("full-missed-menu-390-light")
	l.Press("Add to phone book from Walter Wolf")
	l.Shows("New entry")
	l.Wear(looks[0])
}

// someoneCalls leaves missed calls of each kind.
func someoneCalls(t *testing.T, s *stand.Stand) {
	t.Helper()
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	carol := s.Peer(peer.Config{Name: "carol", Password: stand.Password("carol")})
	ends := func(call *peer.Call, status int, reason string) {
		alice.Reply(alice.Expect(peer.Request("INVITE")), status, reason)
		call.AckFailure(call.Expects(status))
		alice.Expect(peer.Request("ACK"))
	}
	ends(bob.Call(alice.AoR()), 486, "Busy Here")
	ends(carol.Call(alice.AoR()), 603, "Decline")
	s.Ctl("", "ul", "rm", "alice")
	calls := func(name, host, display string, times int) {
		p := s.Peer(peer.Config{Name: name, Domain: host})
		for range times {
			call := p.Call("sip:alice@"+stand.Domain, func(m *peer.Message) {
				m.Set("From", display+"<"+p.AoR()+">;tag="+peer.Token())
			})
			call.AckFailure(call.Expects(480))
		}
	}
	calls("walter", "elsewhere.example", `"Walter Wolf" `, 3)
	calls("mallory", "elsewhere.example", `"<img src=x onerror=alert(1)>'; DROP TABLE call_log; --" `, 1)
	calls(strings.Repeat("long", 12), "a.very.long.domain.name.of.somebody.elsewhere.example", `"`+strings.Repeat("Long Name ", 10)+`" `, 1)
	calls("anonymous", "anonymous.invalid", `"Anonymous" `, 1)
	back := bob.Call("sip:alice@" + stand.Domain)
	back.AckFailure(back.Expects(480))
	wait.For(t, 10*time.Second, "the calls are in the log", func() error {
		if n := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE callee_username = 'alice'"); n < 9 {
			return errors.New("some are not")
		}
		return nil
	})
}

// someoneWrites leaves messages: short, long, hostile, and none that is text.
func someoneWrites(t *testing.T, s *stand.Stand) {
	t.Helper()
	const alice = "sip:alice@" + stand.Domain
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	store(t, bob, alice, "Lunch at noon?\nThe place by the river, the others come as well.",
		strings.Repeat("A long story, told in full. ", 30))
	mallory := s.Peer(peer.Config{Name: "mallory", Domain: "elsewhere.example"})
	store(t, mallory, alice, "<script>alert(1)</script> <b>bold</b> \u202eright to left\u202c "+strings.Repeat("x", 300))
	store(t, mallory, alice, strings.Repeat("another line\n", 80))
	long := s.Peer(peer.Config{Name: strings.Repeat("long", 15), Domain: "a.very.long.domain.name.of.somebody.elsewhere.example"})
	letter := long.NewRequest("MESSAGE", alice).Add("Content-Type", "text/plain")
	letter.Set("From", `"Bob Keller" <`+long.AoR()+">;tag="+peer.Token())
	letter.Body = []byte("It is really me.")
	if final := long.Do(letter); final.Status() != 202 {
		t.Fatalf("a letter is answered %q", final.Start)
	}
	picture := mallory.NewRequest("MESSAGE", alice).Add("Content-Type", "image/png")
	picture.Body = []byte("\x89PNG\r\n")
	if final := mallory.Do(picture); final.Status() != 202 {
		t.Fatalf("a picture is answered %q", final.Start)
	}
}

// phonesOf gives alice a phone behind NAT that takes no messages, and contacts by hand.
func phonesOf(s *stand.Stand) {
	desk := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), Claim: "10.11.12.13:5060"})
	m := desk.NewRegister("<"+desk.ContactURI()+">;expires=3600;q=0.8").Add("Allow", "INVITE, ACK, BYE, CANCEL, REFER, NOTIFY").
		Add("User-Agent", "Desk Phone 3000/12.4.5-beta (a model with a long name; firmware of last year)")
	desk.Do(desk.Answer(m, desk.Do(m), peer.Credentials{User: "alice", Password: stand.Password("alice")}))
	s.Ctl("", "ul", "add", "alice", "sip:alice@voicemail.elsewhere.example;transport=tcp", "--expires", "0")
	s.Ctl("", "ul", "add", "alice", "sips:"+strings.Repeat("alice.", 15)+"marsh@some.branch.office.elsewhere.example:5061", "--expires", "48h")
}

// fullAdmin looks at alice as an administrator does.
func fullAdmin(t *testing.T, s *stand.Stand) {
	t.Helper()
	s.Ctl("", "admin", "add", "root")
	seen := looked{browser.Start(t, s.Portal()), t, map[string]string{}}
	seen.Open("/admin")
	seen.Fill("User name", "root")
	seen.Fill("Password", stand.Password("root"))
	seen.Press("Sign in")
	seen.Shows("Registered users")
	seen.at("full-admin-overview", "/admin")
	seen.at("full-admin-users", "/admin/users")
	seen.at("full-admin-user", userAt("alice"))
	seen.at("full-admin-delete", userAt("alice")+"/delete")
}
