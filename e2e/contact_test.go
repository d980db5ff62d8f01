package e2e_test

import (
	"testing"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestContactOfOneOfOurs: a contact added by hand that names another of our people
// makes that one's phone ring; two who point at each other ring nobody.
func TestContactOfOneOfOurs(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol", "dora"}})
	add := func(user, contact string) {
		s.Ctl("", "ul", "add", user+"@"+stand.Domain, "sip:"+contact+"@"+stand.Domain)
	}
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	add("carol", "bob")
	call := alice.Call("sip:carol@" + stand.Domain)
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	add("dora", "dora")
	circle := alice.Call("sip:dora@" + stand.Domain)
	circle.AckFailure(circle.Expects(480))
	s.NothingLeft()
}
