package e2e_test

import (
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestClosedAccountForwardsNothing: from the moment that an account is closed nobody is called
// by its forwards, until it is open again.
func TestClosedAccountForwardsNothing(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	carol := s.Peer(peer.Config{Name: "carol", Password: stand.Password("carol")}).Registered()
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})
	s.Ctl("", "rule", "add", "bob", "always", "carol")
	forwarded := func() {
		call := alice.Call("sip:bob@" + stand.Domain)
		carol.Reply(carol.Expect(peer.Request("INVITE")), 486, "Busy Here")
		call.AckFailure(call.Expects(486))
	}
	forwarded()
	s.Ctl("", "disable", "bob")
	call := alice.Call("sip:bob@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	carol.Quiet(500*time.Millisecond, peer.Request("INVITE"))
	s.Ctl("", "enable", "bob")
	forwarded()
	s.NothingLeft()
}
