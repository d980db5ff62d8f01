package dialog_test

import (
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// The gateways that the router knows.
var gatewayAt, otherGatewayAt = netip.MustParseAddr("203.0.113.41"), netip.MustParseAddr("203.0.113.42")

// TestGatewayAsContact: who calls his own other phone and names a gateway as where he is
// reached has that phone send nothing there: not a re-INVITE, which would make a call in
// the router's name, nor anything else. Another host that is not the phone's gets it, as
// ever.
func TestGatewayAsContact(t *testing.T) {
	for _, contact := range []string{"sip:0900@203.0.113.41", "sip:0900@198.51.100.1;maddr=203.0.113.41", "sip:0900@203.0.113.41:5099", "sip:0900@[::ffff:203.0.113.41]"} {
		t.Run(contact, func(t *testing.T) {
			o := newOffice(t)
			text := strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <"+contact+">"), "call-1\n", "fraud\n", 1)
			c := &call{office: o, id: "fraud"}
			c.invite = o.the("INVITE ", o.router.Receive(alice, text))
			c.up()
			for i, method := range []string{"INVITE", "INFO", "UPDATE", "BYE"} {
				o.refuses(method, o.router.Receive(bob, c.text(method, contact, 1+i, "bt", "at", c.back)))
			}
			c.the("UPDATE ", c.request("UPDATE", bobContact, 2, "bt", "Contact: <sip:alice@198.51.100.9>"))
			c.the("INVITE ", o.router.Receive(bob, c.text("INVITE", "sip:alice@198.51.100.9", 9, "bt", "at", c.back)))
		})
	}
}

// TestGatewayAsRoute: nor does a Record-Route help that names one.
func TestGatewayAsRoute(t *testing.T) {
	o := newOffice(t)
	c := o.invites("fraud", "Record-Route: <sip:203.0.113.41;lr>")
	c.answers(bob, 200, "bt")
	o.refuses("along it", o.router.Receive(bob, c.text("INVITE", "sip:alice@192.0.2.7", 1, "bt", "at", c.back)))
}

// TestGatewayInACall: a gateway in a call gets its requests, and may say that the call goes
// on at another one.
func TestGatewayInACall(t *testing.T) {
	for _, contact := range []string{"sip:gw@203.0.113.41", "sip:gw@203.0.113.42"} {
		o := newOffice(t)
		o.targets = []string{"udp:203.0.113.41:5060"}
		c := o.invites("out")
		c.answers("udp:203.0.113.41:5060", 200, "bt", "Contact: <"+contact+">")
		c.the("ACK ", c.request("ACK", contact, 1, "bt"))
		c.the("INVITE ", c.request("INVITE", contact, 2, "bt"))

		text := strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <"+contact+">"), "call-1\n", "in\n", 1)
		o.targets = nil
		in := &call{office: o, id: "in"}
		in.invite = o.the("INVITE ", o.router.Receive("udp:203.0.113.41:5060", text))
		in.answers(bob, 200, "bt")
		in.the("INVITE ", o.router.Receive(bob, in.text("INVITE", contact, 1, "bt", "at", in.back)))
	}
}
