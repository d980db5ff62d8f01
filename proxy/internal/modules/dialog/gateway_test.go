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

// TestGatewayCallOfBefore: of a call that the table does not know, because it began before the
// process did or there was no room for it, a gateway gets an INVITE only for the To tag and the
// target that it has given itself, whichever way the call was made; BYE and ACK reach it in any case.
func TestGatewayCallOfBefore(t *testing.T) {
	const target, gateway = "sip:gw@203.0.113.41", "udp:203.0.113.41:5060"
	type end struct {
		c                     *call
		from, fromTag, routes string
	}
	kinds := map[string]func(o *office) end{
		"to the gateway": func(o *office) end {
			o.targets = []string{gateway}
			c := o.invites("old")
			c.answers(gateway, 180, "gt", "Contact: <"+target+">")
			c.answers(gateway, 200, "gt", "Contact: <"+target+";x=1>")
			return end{c, alice, "at", c.routes}
		},
		"from the gateway": func(o *office) end {
			text := strings.NewReplacer("call-1\n", "old\n", ";tag=at", ";tag=gt").Replace(moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <"+target+">"))
			c := &call{office: o, id: "old"}
			c.invite = o.the("INVITE ", o.router.Receive(gateway, text))
			c.answers(bob, 200, "bt")
			return end{c, bob, "bt", c.back}
		},
	}
	for name, begin := range kinds {
		for where, after := range map[string]func(o *office) *office{
			"after a restart": func(*office) *office { return newOfficeAt(t, 1) },
			"with no room":    func(o *office) *office { return o },
		} {
			t.Run(name+" "+where, func(t *testing.T) {
				before := newOffice(t, "max_dialogs 16")
				if where == "with no room" {
					before.fills(16)
				}
				x := begin(before)
				o := after(before)
				x.c.office = o
				x.routes = strings.ReplaceAll(x.routes, before.router.Address(), o.router.Address())
				send := func(method, uri string, cseq int, toTag string) []moduletest.Packet {
					return o.router.Receive(x.from, x.c.text(method, uri, cseq, x.fromTag, toTag, x.routes))
				}
				x.c.the("INVITE ", send("INVITE", target+";y=2", 2, "gt"))
				for i, y := range []struct{ uri, tag string }{
					{target, "xt"}, {"sip:0900123@203.0.113.41", "gt"}, {"sip:gw@203.0.113.41:5099", "gt"}, {"sip:gw@198.51.100.1", "gt"},
				} {
					if sent := send("INVITE", y.uri, 3+i, y.tag); len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 4") {
						t.Errorf("%s, To tag %s: %v", y.uri, y.tag, sent)
					}
				}
				stolen := strings.Replace(x.routes, "srg=", "srh=", 1)
				o.refuses("without the gateway's word", o.router.Receive(x.from, x.c.text("INVITE", target, 20, x.fromTag, "gt", stolen)))
				x.c.the("BYE ", send("BYE", target, 30, "gt"))
			})
		}
	}
}

// TestOtherGatewaysWord: what a gateway has given in one call is worth nothing in another one,
// nor is what a phone has.
func TestOtherGatewaysWord(t *testing.T) {
	const gateway = "udp:203.0.113.41:5060"
	before := newOffice(t)
	word := func(id, at, contact string) (*call, string) {
		before.targets = []string{at}
		c := before.invites(id)
		c.answers(at, 200, "gt", "Contact: <"+contact+">")
		_, rest, _ := strings.Cut(c.routes, ";srg=")
		word, _, _ := strings.Cut(rest, ";")
		return c, word
	}
	cheap, wordOfCheap := word("cheap", gateway, "sip:0900@203.0.113.41")
	_, wordOfPhone := word("phone", bob, "sip:0900@203.0.113.41")
	dear, wordOfDear := word("dear", gateway, "sip:gw@203.0.113.41")
	if wordOfCheap == "" || wordOfDear == "" || wordOfPhone != "" {
		t.Fatalf("words %q and %q of a gateway, %q of a phone", wordOfCheap, wordOfDear, wordOfPhone)
	}
	o := newOfficeAt(t, 1)
	for _, c := range []*call{cheap, dear} {
		c.office = o
		c.routes = strings.ReplaceAll(c.routes, before.router.Address(), o.router.Address())
	}
	mixed := strings.Replace(dear.routes, wordOfDear, wordOfCheap, 1)
	o.refuses("another call's word", o.router.Receive(alice, dear.text("INVITE", "sip:0900@203.0.113.41", 2, "at", "gt", mixed)))
	dear.the("INVITE ", dear.request("INVITE", "sip:gw@203.0.113.41", 3, "gt"))
}
