package e2e_test

import (
	"net/url"
	"testing"
	"time"

	"seraph/e2e/browser"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestDialOneOfMyPhones: of two phones the one that was chosen rings, and that one alone.
func TestDialOneOfMyPhones(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	phone := func(agent string) *peer.Peer {
		p := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
		m := p.NewRegister("<"+p.ContactURI()+">;expires=3600").Add("User-Agent", agent)
		if final := p.Do(p.Answer(m, p.Do(m), peer.Credentials{User: "alice", Password: stand.Password("alice")})); final.Status() != 200 {
			t.Fatalf("REGISTER is answered %q", final.Start)
		}
		return p
	}
	desk, mobile := phone("Desk Phone"), phone("Mobile")
	w := withPeople(t, s)
	w.Open("/user/phone-book?ring=" + url.QueryEscape(mobile.ContactURI()))
	w.Picture("phone-book-ring-1280-light")
	w.Accessible("the choice of a phone")
	w.FitsWidth("the choice of a phone")
	w.Wear(browser.Look{Width: 390, Theme: "dark"})
	w.Picture("phone-book-ring-390-dark")
	w.FitsWidth("the choice of a phone on a phone")
	w.Wear(looks[0])
	w.Press("Call Bob Keller")
	invite := mobile.Expect(peer.Request("INVITE"))
	mobile.Reply(invite, 180, "Ringing")
	w.Shows("Your phone rings")
	desk.Quiet(time.Second, peer.Request("INVITE"))
	mobile.Reply(invite, 603, "Decline")
	mobile.Expect(peer.Request("ACK"))
	w.Shows("Your phone refused the call.")
	w.Open("/user/dial")
	w.Picture("dial-ring-1280-light")
	w.Accessible("the page of two addresses")
	w.Fill("Ring", desk.ContactURI()) // counts for the addresses below as well
	w.Press("Call Bob Keller")
	desk.Reply(desk.Expect(peer.Request("INVITE")), 486, "Busy Here")
	desk.Expect(peer.Request("ACK"))
	w.Shows("Your own phone is busy.")
	w.Press("Try again")
	desk.Reply(desk.Expect(peer.Request("INVITE")), 603, "Decline")
	desk.Expect(peer.Request("ACK"))
	mobile.Quiet(time.Second, peer.Request("INVITE"))
	w.Shows("Your phone refused the call.")
	s.NothingLeft()
}
