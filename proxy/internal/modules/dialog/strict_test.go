package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

// paid is a number that only the gateway's own word may lead to, as a strict router's entry.
const paid = "<sip:+1900555@203.0.113.41>"

// twice is a call to bob that a PBX among the gateways has sent back here. first and second are the
// Route entries of the two passes.
func (o *office) twice() (c *call, first, second string) {
	o.t.Helper()
	o.targets = []string{gw}
	c = o.invites("twice")
	first = ourEntry(o.t, c)
	o.targets = []string{bob}
	back := strings.Replace(string(c.invite.Buf), "Via:", "Via: SIP/2.0/UDP 203.0.113.41:5060;branch=z9hG4bK-home\r\nVia:", 1)
	back = strings.Replace(back, "Record-Route:", "Record-Route: <sip:203.0.113.41;lr>\r\nRecord-Route:", 1)
	c.invite = o.the("INVITE ", o.router.Receive(gw, strings.ReplaceAll(back, "\r\n", "\n")))
	second = ourEntry(o.t, c)
	up := o.the("SIP/2.0 200", o.router.Receive(bob, string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true,
		Extra: []byte("Contact: <" + bobContact + ">\r\n")}))))
	head, rest, _ := strings.Cut(string(up.Buf), "Via: SIP/2.0/UDP 203.0.113.41")
	_, rest, _ = strings.Cut(rest, "\r\n")
	o.the("SIP/2.0 200", o.router.Receive(gw, head+rest))
	return c, first, second
}

// TestStrictRouteToAGateway: the entry of a strict router becomes the Request-URI. So neither in
// a call of the gateway's, nor in one that has passed twice, nor further on, does a number get to a
// gateway in that way.
func TestStrictRouteToAGateway(t *testing.T) {
	o := newOffice(t)
	c, first, second := o.twice()
	honest := "Route: " + first + "\nRoute: <sip:203.0.113.41;lr>\nRoute: " + second + "\n"
	c.the("INVITE ", o.router.Receive(alice, c.text("INVITE", bobContact, 2, "at", "bt", honest)))
	for i, more := range []string{
		paid, "<sip:203.0.113.41;lr>\nRoute: " + paid, "<sip:203.0.113.41;lr>\nRoute: " + second + "\nRoute: " + paid, "<sip:203.0.113.41;lr>, " + paid,
		"<sip:203.0.113.41;lr>\nRoute: <sip:+1900555@198.51.100.7>",
	} {
		o.refuses("twice, "+more, o.router.Receive(alice, c.text("INVITE", bobContact, 3+i, "at", "bt", "Route: "+first+"\nRoute: "+more+"\n")))
	}

	// Bob is called by the gateway, and has its INVITE ring at his own phone once more.
	text := strings.NewReplacer("call-1\n", "in\n", ";tag=at", ";tag=gt").Replace(moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <"+gwContact+">"))
	in := &call{office: o, id: "in"}
	in.invite = o.the("INVITE ", o.router.Receive(gw, text))
	in.answers(bob, 180, "bt")
	o.targets = []string{carol}
	o.router.Receive(bob, strings.Replace(text, "z9hG4bK-INVITE", "z9hG4bK-again", 1))
	in.answers(bob, 200, "bt")
	o.refuses("called by the gateway", o.router.Receive(bob, in.text("INVITE", gwContact, 1, "bt", "gt", in.back+"Route: "+paid+"\n")))
	in.the("INVITE ", o.router.Receive(bob, in.text("INVITE", gwContact, 2, "bt", "gt", in.back)))
}

// TestStrictRouterOfAGateway: a gateway that is a strict router itself is still one.
func TestStrictRouterOfAGateway(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{gw}
	c := o.invites("strict")
	ours := "Route: " + ourEntry(t, c) + "\n"
	through := &sip.Message{}
	if err := through.Parse([]byte(strings.Replace(string(c.invite.Buf), "Record-Route:", "Record-Route: <sip:line1@203.0.113.41>\r\nRecord-Route:", 1))); err != nil {
		t.Fatal(err)
	}
	c.invite = through
	c.answers(gw, 200, "bt", "Contact: <sip:49301@198.51.100.4>")
	send := func(route, uri string, cseq int) []moduletest.Packet {
		return o.router.Receive(alice, c.text("INVITE", uri, cseq, "at", "bt", ours+"Route: "+route+"\n"))
	}
	if m := c.the("INVITE ", send("<sip:line1@203.0.113.41>", "sip:49301@198.51.100.4", 2)); string(m.RequestURI()) != "sip:line1@203.0.113.41" {
		t.Errorf("sent for %s", m.RequestURI())
	}
	o.refuses("another line", send("<sip:line2@203.0.113.41>", "sip:49301@198.51.100.4", 3))
	o.refuses("for another number", send("<sip:line1@203.0.113.41>", "sip:+1900555@198.51.100.4", 4))
	o.refuses("by one more", send("<sip:line1@203.0.113.41>, "+paid, "sip:49301@198.51.100.4", 5))
}

// TestStrictRouteAfterARestart: nor is the gateway's word for its own target one for a strict router's
// entry, which would take the target's place; nor for what the router itself cannot read.
func TestStrictRouteAfterARestart(t *testing.T) {
	before := newOffice(t)
	before.targets = []string{gw}
	c := before.invites("old")
	c.answers(gw, 200, "gt", "Contact: <"+gwContact+">")
	o := newOfficeAt(t, 1)
	c.office = o
	routes := strings.ReplaceAll(c.routes, before.router.Address(), o.router.Address())
	for i, more := range []string{paid, "<sip:203.0.113.41;lr>, " + paid, "<sip:203.0.113.41;lr>, <sip:+1900555@198.51.100.7>", "<sip:+1900555@203.0.113.41:99999>"} {
		m := o.the("SIP/2.0 4", o.router.Receive(alice, c.text("INVITE", gwContact, 2+i, "at", "gt", routes+"Route: "+more+"\n")))
		if m.Status != 481 && m.Status != 478 {
			t.Errorf("%s: %d", more, m.Status)
		}
	}
	c.the("INVITE ", o.router.Receive(alice, c.text("INVITE", gwContact, 20, "at", "gt", routes)))
	c.the("INVITE ", o.router.Receive(alice, c.text("INVITE", gwContact, 21, "at", "gt", routes+"Route: <sip:203.0.113.41;lr>\n")))
}

// TestWordOfOneGatewayToAnother: what one gateway has named is not what another one gets, though both
// calls have the same Call-ID and From tag and their Routes stand in one request.
func TestWordOfOneGatewayToAnother(t *testing.T) {
	const other, otherContact = "udp:203.0.113.42:5060", "sip:dear@203.0.113.42"
	before := newOffice(t)
	before.targets = []string{gw}
	c := before.invites("mixed")
	c.answers(gw, 200, "gt", "Contact: <"+gwContact+">")
	x := c.twin(alice, 2, other)
	x.answers(other, 200, "xt", "Contact: <"+otherContact+">")
	o := newOfficeAt(t, 1)
	c.office, x.office = o, o
	here := strings.NewReplacer(before.router.Address(), o.router.Address())
	c.routes, x.routes = here.Replace(c.routes), here.Replace(x.routes)
	first := strings.Replace(c.routes, ";lr;", ";lr;r2=on;", 1)
	if first == c.routes {
		t.Fatalf("the Route is %q", first)
	}
	o.refuses("both Routes", o.router.Receive(alice, c.text("INVITE", gwContact, 5, "at", "gt", first+x.routes+"Route: <sip:203.0.113.42;lr>\n")))
	x.the("INVITE ", o.router.Receive(alice, x.text("INVITE", otherContact, 6, "at", "xt", first+x.routes)))
}
