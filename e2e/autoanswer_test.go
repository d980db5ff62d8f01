package e2e_test

import (
	"strings"
	"testing"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestAutoAnswer: who ticks it on My account has their own phone asked to pick
// up by itself when they click a name; nobody else's phone is, and no longer
// once the tick is gone.
func TestAutoAnswer(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	d := newDial(t, s, peer.Config{}, false)
	d.asks(false)
	d.wishes("Answer click-to-dial by itself", "Your profile is saved.")
	d.asks(true)
	calleeIsNotAsked(d)
	d.wishes("Answer click-to-dial by itself", "Your profile is saved.")
	d.asks(false)
	s.NothingLeft()
}

// wishes ticks or clears a box of the profile.
func (d *dial) wishes(box, says string) {
	d.t.Helper()
	d.Open("/user/account")
	d.Tick(box)
	d.Press("Save")
	d.Shows(says)
}

// asks clicks a name, looks at the INVITE to the caller's phone, and refuses it.
func (d *dial) asks(auto bool) {
	d.t.Helper()
	d.Open("/user/phone-book")
	d.Press("Call Bob Keller")
	invite := d.caller.Expect(peer.Request("INVITE"))
	asksToPickUp(d.t, invite, auto)
	d.caller.Reply(invite, 603, "Decline")
	d.caller.Expect(peer.Request("ACK").Of(invite.CallID()))
	d.Shows("Your phone refused the call.")
	d.Press("Close")
}

// asksToPickUp looks for all the ways in which phones want to be asked.
func asksToPickUp(t *testing.T, invite *peer.Message, want bool) {
	t.Helper()
	for header, mark := range map[string]string{"Call-Info": ";answer-after=0", "Alert-Info": "info=alert-autoanswer", "Answer-Mode": "Auto"} {
		value := invite.Get(header)
		if got := strings.Contains(value, mark); got != want || !want && value != "" {
			t.Errorf("%s: %q, asking to pick up: %v, want %v", header, value, got, want)
		}
	}
}

// calleeIsNotAsked: the wish is about the caller's own phone. The other one gets
// the caller's INVITE as it is.
func calleeIsNotAsked(d *dial) {
	d.t.Helper()
	bob := d.bob()
	d.Open("/user/phone-book")
	d.Press("Call Bob Keller")
	d.takesRefer()
	asksToPickUp(d.t, d.invite, true)
	call, invite := d.calls(bob)
	asksToPickUp(d.t, invite, false)
	bob.Reply(invite, 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	d.notifies(terminated, "SIP/2.0 486 Busy Here")
	d.hungUp()
	d.Shows("Bob's phone is busy.")
	d.Press("Close")
}
