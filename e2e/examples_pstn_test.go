package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// takes has a gateway take a call that was sent there, and the gateway hang up.
func takes(t *testing.T, caller *peer.Peer, call *peer.Call, gateway *peer.Peer) {
	t.Helper()
	invite := gateway.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := gateway.Reply(invite, 200, "OK", tag(gateway))
	call.Ack(call.Expects(200))
	gateway.Expect(peer.Request("ACK").Of(invite.CallID()))
	bye := gateway.DialogAt(invite, answer).Send("BYE")
	caller.Reply(caller.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
	gateway.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
}

// TestExamplePSTNBadNumber: a call to a number that no gateway can reach takes none of
// them from those who call next, and calls for help are tried even at gateways that are
// left out. Only those that the operator has disabled get nothing.
func TestExamplePSTNBadNumber(t *testing.T) {
	s, first, second := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	number := func(n string) string { return "sip:" + n + "@" + stand.Domain }

	for range 4 {
		call := alice.Call(number("08999999"))
		first.Reply(first.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 503, "No Such Route")
		second.Reply(second.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 503, "No Such Route")
		final := call.Expect(peer.Final("INVITE").Of(call.Invite.CallID()).With(cseqOf(call.Invite)))
		call.AckFailure(final)
		if final.Status()/100 != 5 {
			t.Errorf("a number that no gateway can reach is answered %q", final.Start)
		}
	}
	if err := stateOf(s, first, "AX", "AP"); err != nil {
		t.Errorf("after 503: %v", err)
	}
	takes(t, alice, alice.Call(number("08955501")), first)
	takes(t, bob, bob.Call(number("112")), first)

	s.Ctl("", "rpc", "dispatcher.set_state", "i", "1", "all")
	takes(t, bob, bob.Call(number("112")), first)
	s.Ctl("", "rpc", "dispatcher.set_state", "i", "1", "all") // a ping may have been answered meanwhile
	call := bob.Call(number("112"))
	first.Expect(peer.Request("INVITE").Of(call.Invite.CallID())) // it says nothing, indeed
	takes(t, bob, call, second)
	s.Ctl("", "rpc", "dispatcher.set_state", "i", "1", "all")
	takes(t, alice, alice.Call(number("08955501")), first)

	s.Ctl("", "rpc", "dispatcher.set_state", "d", "1", "all")
	refusedCall(t, bob, number("112"), 503)
}

// clicked is an attempt of alice's to call somebody by click-to-dial.
type clicked struct {
	t      *testing.T
	s      *stand.Stand
	alice  *peer.Peer
	id     string
	invite *peer.Message // of the controller
	dialog *peer.Dialog
	refer  *peer.Message
}

// click dials and picks up at alice's phone, which is asked to call.
func click(t *testing.T, s *stand.Stand, alice *peer.Peer, callee string) *clicked {
	t.Helper()
	c := &clicked{t: t, s: s, alice: alice}
	var began struct {
		ID string `json:"id"`
	}
	s.Call(&began, "ctd.dial", map[string]string{"caller": "alice@" + stand.Domain, "callee": callee})
	c.id = began.ID
	c.invite = alice.Expect(peer.Request("INVITE"))
	answer := alice.Reply(c.invite, 200, "OK", sdp("m=audio 5000 RTP/AVP 0"))
	alice.Expect(peer.Request("ACK").Of(c.invite.CallID()))
	c.dialog = alice.DialogAt(c.invite, answer)
	c.refer = alice.Expect(peer.Request("REFER").Of(c.invite.CallID()))
	return c
}

// notifies says how the phone's call has ended.
func (c *clicked) notifies(fragment string) {
	c.t.Helper()
	n := c.dialog.New("NOTIFY").Add("Event", "refer").Add("Subscription-State", "terminated;reason=noresource").
		Add("Content-Type", "message/sipfrag;version=2.0")
	n.Body = []byte(fragment + "\r\n")
	c.alice.Send(n)
	c.alice.Expect(peer.Response(200, "NOTIFY").Of(n.CallID()))
}

// ends waits for the router's BYE and for the state and final status of the attempt.
func (c *clicked) ends(state string, code int) {
	c.t.Helper()
	c.alice.Reply(c.alice.ExpectWithin(20*time.Second, peer.Request("BYE").Of(c.invite.CallID())), 200, "OK")
	c.becomes(state, code)
}

func (c *clicked) becomes(state string, code int) {
	c.t.Helper()
	wait.For(c.t, 20*time.Second, "the attempt is "+state, func() error {
		var is struct {
			State string `json:"state"`
			Code  int    `json:"code"`
		}
		c.s.Call(&is, "ctd.status", map[string]string{"id": c.id})
		if is.State != state || is.Code != code {
			return fmt.Errorf("it is %s, %d; want %s, %d", is.State, is.Code, state, code)
		}
		return nil
	})
}

// TestExamplePSTNClickToDial: who clicks a number is asked for the same groups as who
// dials it, whether his phone makes the call (REFER) or the router does for a phone that
// refuses that. Nobody gets to a gateway by naming it.
func TestExamplePSTNClickToDial(t *testing.T) {
	s, first, second := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	abroad := "sip:0033155501@" + stand.Domain
	named := "sip:+33155501@" + first.Address()

	refused := func(callee string) {
		t.Helper()
		c := click(t, s, alice, callee)
		alice.Reply(c.refer, 603, "Decline")
		c.ends("failed", 403)

		c = click(t, s, alice, callee)
		alice.Reply(c.refer, 202, "Accepted")
		if got := peer.URIOf(c.refer.Get("Refer-To")); got != callee {
			t.Errorf("Refer-To names %s, want %s", got, callee)
		}
		refusedCall(t, alice, callee, 403)
		c.notifies("SIP/2.0 403 Forbidden")
		c.ends("failed", 403)
	}
	refused(abroad)
	refused(named)
	s.Ctl("", "acl", "grant", "alice", "int")
	refused(named)
	if n := first.Count(peer.Request("INVITE")) + second.Count(peer.Request("INVITE")); n != 0 {
		t.Fatalf("the gateways got %d calls that may not be", n)
	}

	// The router calls.
	c := click(t, s, alice, abroad)
	alice.Reply(c.refer, 603, "Decline")
	invite := first.Expect(peer.Request("INVITE"))
	if want := "sip:+33155501@" + first.Address(); invite.URI() != want {
		t.Errorf("the gateway is called as %s, want %s", invite.URI(), want)
	}
	if from := peer.URIOf(invite.Get("From")); from != "sip:+49301230@pstn.example" {
		t.Errorf("the gateway gets From %s", from)
	}
	answer := first.Reply(invite, 200, "OK", tag(first), sdp("m=audio 4000 RTP/AVP 0"))
	offer := alice.Expect(peer.Request("INVITE").Of(c.invite.CallID()))
	alice.Reply(offer, 200, "OK", sdp("m=audio 5000 RTP/AVP 0"))
	first.Expect(peer.Request("ACK").Of(invite.CallID()))
	c.becomes("connected", 200)
	first.Send(first.DialogAt(invite, answer).New("BYE"))
	first.Expect(peer.Response(200, "BYE").Of(invite.CallID()))
	c.ends("connected", 200)

	// Her phone does.
	c = click(t, s, alice, abroad)
	alice.Reply(c.refer, 202, "Accepted")
	if got := wholeCall(t, alice, abroad, first); got.URI() != "sip:+33155501@"+first.Address() {
		t.Errorf("the gateway is called as %s", got.URI())
	}
	c.notifies("SIP/2.0 200 OK")
	c.ends("connected", 200)
}
