package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// TestWithoutScripts does a day's work in a browser that runs no scripts: all but live
// updates is there.
func TestWithoutScripts(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	w := site{browser.Start(t, s.Portal()), t}
	w.Scripts(false)
	w.enters("alice")
	w.adds("Bob", "Keller", "bob@"+stand.Domain)
	w.Open("/user/phone-book/new")
	w.Fill("Address", "not an address")
	w.Press("Save")
	wait.For(t, back, "the fault stands beside the field, and what was typed in it", func() error {
		if n := w.Count(`input[aria-invalid="true"][value="not an address"]`); n != 1 {
			return fmt.Errorf("%d fields are marked", n)
		}
		return nil
	})

	w.Open("/user/phone-book")
	w.Status("bob@"+stand.Domain, "offline", soon) // in the page as it came
	w.Press("Call Bob Keller")
	ring := alice.Expect(peer.Request("INVITE"))
	w.Shows("Your phone rings")
	if !strings.HasPrefix(w.Path(), "/user/dial/") {
		t.Errorf("the call is followed on %s, not on its own page", w.Path())
	}
	alice.Reply(ring, 486, "Busy Here")
	alice.Expect(peer.Request("ACK"))
	w.Shows("Your own phone is busy.") // the page comes again by itself

	stranger := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	s.Ctl("", "ul", "rm", "alice")
	missed := stranger.Call("sip:alice@" + stand.Domain)
	missed.AckFailure(missed.Expects(480))
	store(t, stranger, "sip:alice@"+stand.Domain, "first", "second")
	wait.For(t, back, "the call is in the log", func() error {
		if s.QueryInt("SELECT COUNT(*) FROM call_log WHERE callee_username = 'alice' AND caller_username = 'walter'") == 0 {
			return errors.New("it is not")
		}
		return nil
	})
	w.Open("/user/missed")
	w.Shows("walter@elsewhere.example")
	w.Press("Clear list")
	w.Press("Clear the list")
	w.Shows("You have missed no calls")

	w.Open("/user/messages")
	w.Press("Mark read from walter@elsewhere.example")
	wait.For(t, back, "one message is new", func() error {
		if n := w.Count(".message.new"); n != 1 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	w.Open("/user/messages/new?to=bob")
	w.Fill("Message", "Are you there?")
	w.Press("Send")
	w.Shows("delivered when their phone registers")

	w.Press("alice A") // the menu opens without a script, too
	w.Press("dark")
	wait.For(t, back, "the theme is dark", func() error {
		if w.Count(`html[data-theme="dark"]`) != 1 {
			return errors.New("it is not")
		}
		return nil
	})
	s.NothingLeft()
}
