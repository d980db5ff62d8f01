package e2e_test

import (
	"testing"

	"seraph/e2e/baresip"
	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// phone starts a real phone of a user of the stand.
func phone(s *stand.Stand, t *testing.T, a baresip.Account) *baresip.Phone {
	t.Helper()
	a.Domain, a.Password, a.Router = stand.Domain, stand.Password(a.User), s.Address()
	return baresip.Start(t, a)
}

// TestPhones: two real phones call each other and hear each other, on UDP and TCP.
func TestPhones(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			bob := phone(s, t, baresip.Account{User: "bob", AutoAnswer: true, Tone: 600, Network: network})
			alice := phone(s, t, baresip.Account{User: "alice", Tone: 1000, Network: network})
			alice.Dial("sip:bob@" + stand.Domain)
			alice.Talks()
			bob.Talks()
			bob.Hears(1000)
			alice.Hears(600)
			alice.Hangup("")
			bob.Closes()
		})
	}
	s.NothingLeft()
}

// TestPhoneTakesRefer is the click-to-dial's wire played by hand, so that it is
// known what a real phone does, whatever our own user agent does.
func TestPhoneTakesRefer(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	bob := phone(s, t, baresip.Account{User: "bob", AutoAnswer: true})
	alice := phone(s, t, baresip.Account{User: "alice", AutoAnswer: true})
	controller := s.Peer(peer.Config{Name: "controller", Domain: "elsewhere.example"})
	call := controller.Call("sip:alice@" + stand.Domain)
	dialog := call.Ack(call.Expects(200))
	controller.Send(dialog.New("REFER").Add("Refer-To", "<sip:bob@"+stand.Domain+">").
		Add("Referred-By", "<"+controller.AoR()+">"))
	controller.Expect(peer.Response(202, "REFER"))
	bob.Talks()
	for final := false; !final; {
		notify := controller.Expect(peer.Request("NOTIFY"))
		controller.Reply(notify, 200, "OK")
		final = peer.URIOf(notify.Get("Subscription-State")) == "terminated"
	}
	controller.Send(dialog.New("BYE"))
	controller.Expect(peer.Final("BYE"))
	alice.Hangup("")
	s.NothingLeft()
}
