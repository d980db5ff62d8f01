package dialog_test

import "testing"

// TestACKOfNothing: an ACK has the number of an INVITE of its sender, again as often as it is
// sent; with another one it might make the other end take each later request for an old one,
// the router's BYE too, so it goes nowhere.
func TestACKOfNothing(t *testing.T) {
	o := newOffice(t)
	c := o.invites("acks").up()
	c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
	for _, cseq := range []int{2, 1<<31 - 2, 1<<31 - 1} {
		if sent := c.request("ACK", bobContact, cseq, "bt"); len(sent) > 0 {
			t.Errorf("alice's ACK %d: %v", cseq, sent)
		}
		if sent := o.router.Receive(bob, c.text("ACK", "sip:alice@192.0.2.7", cseq, "bt", "at", c.back)); len(sent) > 0 {
			t.Errorf("bob's ACK %d: %v", cseq, sent)
		}
	}
	c.reply(bob, c.the("INVITE ", c.request("INVITE", bobContact, 7, "bt")), 200, "Contact: <"+bobContact+">")
	c.the("ACK ", c.request("ACK", bobContact, 7, "bt"))
	c.reply(alice, c.the("INVITE ", o.router.Receive(bob, c.text("INVITE", "sip:alice@192.0.2.7", 3, "bt", "at", c.back))), 200, "Contact: <sip:alice@192.0.2.7>")
	c.the("ACK ", o.router.Receive(bob, c.text("ACK", "sip:alice@192.0.2.7", 3, "bt", "at", c.back)))
	c.hangsUp(8)
	o.wantNothingLeft()
}
