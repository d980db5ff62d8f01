package e2e_test

import (
	"fmt"
	"net"
	"strings"
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
	refused("tel:+33155501")
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

	// Her phone does, and she may write the number as one.
	for _, callee := range []string{abroad, "tel:+33-155501"} {
		c = click(t, s, alice, callee)
		alice.Reply(c.refer, 202, "Accepted")
		if got := wholeCall(t, alice, callee, first); !strings.HasPrefix(got.URI(), "sip:+33155501@"+first.Address()) {
			t.Errorf("the gateway is called as %s", got.URI())
		}
		c.notifies("SIP/2.0 200 OK")
		c.ends("connected", 200)
	}
}

// TestExamplePSTNRoute: who may call nobody outside names the gateway in a Route, or his own
// number as where he is reached: neither gets a call to the gateway. And the call of somebody
// who may goes to the gateway, whatever host his Route names.
func TestExamplePSTNRoute(t *testing.T) {
	s, first, _ := pstn(t)
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	bob.Registered("<sip:+1900555@" + bob.Address() + ";transport=tcp>;expires=3600")
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	third := s.Peer(peer.Config{Name: "third", Domain: "third.example", IP: "127.0.0.15", Router: s.Address()})
	for _, route := range []string{"<sip:" + first.Address() + ";lr>", "<sip:0900@" + first.Address() + ">", "<sip:" + s.Address() + ";lr>, <sip:" + first.Address() + ";lr>"} {
		call := bob.Call("sip:bob@"+stand.Domain, func(m *peer.Message) { m.Add("Route", route) })
		bob.Reply(bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID())), 486, "Busy Here") // it is his own phone
		call.AckFailure(call.Expect(peer.Final("INVITE").Of(call.Invite.CallID()).With(cseqOf(call.Invite))))
	}
	if n := first.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("the gateway got %d calls of somebody who may not call", n)
	}
	call := alice.Call("sip:08955501@"+stand.Domain, func(m *peer.Message) { m.Add("Route", "<sip:"+third.Address()+";lr>") })
	takes(t, alice, call, first)
	if n := third.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("a third host got %d calls that were the gateway's", n)
	}
}

// TestExamplePSTNTransfer: who may make a call does not have the gateway make another one;
// the gateway, and our people among themselves, may transfer.
func TestExamplePSTNTransfer(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	for _, c := range []struct {
		to, called string
		callee     *peer.Peer
		passes     bool
	}{
		{"the gateway", "sip:08955501@" + stand.Domain, gateway, false}, {"a colleague", bob.AoR(), bob, true},
	} {
		call := alice.Call(c.called)
		invite := c.callee.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
		answer := c.callee.Reply(invite, 200, "OK")
		a := call.Ack(call.Expects(200))
		c.callee.Expect(peer.Request("ACK").Of(a.CallID))
		for _, method := range []string{"REFER", "INFO"} {
			m := a.New(method)
			if method == "REFER" {
				m.Add("Refer-To", "<sip:+1900555@"+gateway.Address()+">")
			}
			alice.Send(m)
			if passes := c.passes || method == "INFO"; passes {
				c.callee.Reply(c.callee.Expect(peer.Request(method).Of(a.CallID)), 202, "Accepted")
				alice.Expect(peer.Response(202, method).Of(a.CallID))
			} else if final := alice.Expect(peer.Final(method).Of(a.CallID)); final.Status() != 403 {
				t.Errorf("%s to %s is answered %q", method, c.to, final.Start)
			}
		}
		refer := c.callee.DialogAt(invite, answer).New("REFER").Add("Refer-To", "<"+bob.AoR()+">")
		c.callee.Send(refer)
		alice.Reply(alice.Expect(peer.Request("REFER").Of(refer.CallID())), 202, "Accepted")
		c.callee.Expect(peer.Response(202, "REFER").Of(refer.CallID()))
	}
	if n := gateway.Count(peer.Request("REFER")); n != 0 {
		t.Errorf("the gateway got %d REFER", n)
	}
}

// TestExamplePSTNNamed: a gateway that the table has by its name is kept from phones like
// another, from the first call on: bob, who may call nobody outside, names it as where his
// phone has moved to.
func TestExamplePSTNNamed(t *testing.T) {
	s, _, _ := pstn(t)
	named := gatewayAt(s, "gw3", "127.0.0.1")
	_, port, err := net.SplitHostPort(named.Address())
	if err != nil {
		t.Fatal(err)
	}
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), IP: "127.0.0.31", Router: s.Address()}).Registered()
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	s.Exec("INSERT INTO dispatcher (setid, destination, priority, flags) VALUES (1, 'sip:localhost:" + port + "', 1, 0)")
	s.Ctl("", "rpc", "dispatcher.reload")
	for range 2 {
		call := eve.Call(bob.AoR())
		invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
		there := "sip:0900555@" + named.Address()
		bob.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+there+">") })
		again := call.Ack(call.Expects(200)).New("INVITE")
		again.Start = "INVITE " + there + " SIP/2.0"
		eve.Send(again)
		if final := eve.Expect(peer.Final("INVITE").Of(again.CallID()).With(cseqOf(again))); final.Status() != 481 {
			t.Errorf("the call is moved to the gateway: %q", final.Start)
		}
	}
	if n := named.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("the named gateway got %d INVITE", n)
	}
}

// TestExamplePSTNRedirected: a phone that a gateway calls says where to call instead, and the
// gateway does not hear where: it would call there at our cost. Our people among themselves do.
func TestExamplePSTNRedirected(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	elsewhere := func(m *peer.Message) { m.Set("Contact", "<sip:+1900555@pstn.example>") }
	number := "sip:+49301234@" + stand.Domain
	for _, c := range []struct {
		caller         *peer.Peer
		uri            string
		status, passes int
	}{
		{gateway, number, 300, 480}, {gateway, number, 302, 480}, {gateway, number, 305, 480}, {gateway, number, 380, 480},
		{gateway, number, 486, 486}, {bob, alice.AoR(), 302, 302},
	} {
		call := c.caller.Call(c.uri)
		alice.Reply(alice.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID())), c.status, "Elsewhere", elsewhere)
		final := call.Expect(peer.Final("INVITE").Of(call.Invite.CallID()).With(cseqOf(call.Invite)))
		call.AckFailure(final)
		if final.Status() != c.passes || strings.Contains(final.Get("Contact"), "1900555") != (c.status == c.passes) {
			t.Errorf("%d to %s: it gets %q, Contact: %s", c.status, c.caller.Name, final.Start, final.Get("Contact"))
		}
	}
	// The call is held, which the phone answers in the same way.
	call := gateway.Call(number)
	invite := alice.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	alice.Reply(invite, 200, "OK")
	dialog := call.Ack(call.Expects(200))
	hold := dialog.Send("INVITE")
	alice.Reply(alice.Expect(peer.Request("INVITE").Of(hold.CallID()).With(cseqOf(hold))), 302, "Elsewhere", elsewhere)
	final := gateway.Expect(peer.Final("INVITE").Of(hold.CallID()).With(cseqOf(hold)))
	if final.Status() != 488 || final.Get("Contact") != "" {
		t.Errorf("within a call the gateway gets %q, Contact: %s", final.Start, final.Get("Contact"))
	}
	dialog.Send("ACK")
	hangup(dialog, alice)
}

// TestExamplePSTNNames: a gateway hears from nobody who calls, pays or is served, and believes none
// of it; whom a gateway names, our people see.
func TestExamplePSTNNames(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	names := []string{"P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "P-Charge-Info", "P-Charging-Vector",
		"P-Charging-Function-Addresses", "P-Served-User"}
	all := []string{"Diversion", "History-Info"}
	all = append(all, names...)
	claims := func(m *peer.Message) {
		for _, name := range all {
			m.Add(name, "<sip:+49110@pstn.example>")
		}
	}
	invite := wholeCall(t, alice, "sip:08955501@"+stand.Domain, gateway, claims)
	for _, name := range all {
		if got := invite.Get(name); got != "" {
			t.Errorf("the gateway gets %s: %s", name, got)
		}
	}
	invite = wholeCall(t, gateway, "sip:+49301234@"+stand.Domain, alice, claims)
	for _, name := range names {
		if invite.Get(name) == "" {
			t.Errorf("of a gateway's call our people do not get %s", name)
		}
	}
}
