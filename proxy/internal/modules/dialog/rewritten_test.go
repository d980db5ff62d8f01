package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// rewritten are targets as a party names them, and as phones write them anew (RFC 3261 §19.1.4).
var rewritten = []struct{ named, written string }{
	{"sip:%2B4930123@192.0.2.8", "sip:+4930123@192.0.2.8"},
	{"sip:+4930123@192.0.2.8", "sip:%2b4930123@192.0.2.8"},
	{"sip:4930;tgrp=TG-1;trunk-context=x@192.0.2.8", "sip:4930%3Btgrp%3DTG-1%3Btrunk-context%3Dx@192.0.2.8"},
	{"sip:b%c3%bcro@192.0.2.8", "sip:b%C3%BCro@192.0.2.8"},
}

// TestTargetWithOtherEscapes: a target leads where it did however its user is escaped, and goes out
// as it was written; what does not decode to the same leads nowhere.
func TestTargetWithOtherEscapes(t *testing.T) {
	for _, x := range rewritten {
		t.Run(x.named, func(t *testing.T) {
			o := newOffice(t)
			c := o.invites("escaped")
			c.answers(bob, 180, "bt", "Contact: <"+x.named+">")
			c.answers(bob, 200, "bt", "Contact: <"+x.named+">")
			ack := c.the("ACK ", c.request("ACK", x.written, 1, "bt"))
			if got := string(ack.RequestURI()); got != x.written {
				t.Errorf("the ACK goes to %s, was for %s", got, x.written)
			}
			o.refuses("escaped twice", c.request("INFO", strings.Replace(strings.ReplaceAll(x.named, "%", "%25"), "sip:", "sip:%25", 1), 2, "bt"))
			o.refuses("another user", c.request("INFO", strings.Replace(x.written, "@", "1@", 1), 3, "bt"))
			c.reply(bob, c.the("BYE ", c.request("BYE", x.written, 4, "bt")), 200)
			o.wantNothingLeft()
		})
	}
}

// TestGatewayTargetWithOtherEscapes: so does a gateway's, along a route and after a restart.
func TestGatewayTargetWithOtherEscapes(t *testing.T) {
	const at = "udp:203.0.113.41:5060"
	for _, x := range rewritten {
		named, written := strings.Replace(x.named, "192.0.2.8", "203.0.113.41", 1), strings.Replace(x.written, "192.0.2.8", "203.0.113.41", 1)
		before := newOffice(t)
		before.targets = []string{at}
		c := before.invites("old")
		c.answers(at, 200, "gt", "Contact: <"+named+">")
		c.the("ACK ", c.request("ACK", written, 1, "gt"))
		c.the("INVITE ", c.request("INVITE", written, 2, "gt"))
		c.office = newOfficeAt(t, 1)
		c.routes = strings.ReplaceAll(c.routes, before.router.Address(), c.router.Address())
		c.the("INVITE ", c.request("INVITE", written, 3, "gt"))
		c.refuses("another number", c.request("INVITE", strings.Replace(written, "@", "1@", 1), 4, "gt"))
	}
}

// TestAliasedTargetWithOtherEscapes: behind another router an alias is that one's affair, and what the
// party has named is known whatever the escapes.
func TestAliasedTargetWithOtherEscapes(t *testing.T) {
	const at, hop = "udp:203.0.113.41:5060", "<sip:203.0.113.41;lr>"
	o := newOffice(t)
	o.targets = []string{at}
	c := o.invites("behind")
	text := string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("gt"), RecordRoute: true}))
	text = strings.Replace(text, "Record-Route:", "Record-Route: "+hop+"\r\nRecord-Route:", 1)
	text = strings.Replace(text, "From:", "Contact: <sip:%2B4930@10.0.0.8;alias=198.51.100.7~5060~1>\r\nFrom:", 1)
	ok := c.the("SIP/2.0 200", o.router.Receive(at, text))
	values := ok.Values(sip.HdrRecordRoute)
	for v := values.Next(); v != nil; v = values.Next() {
		c.routes = "Route: " + string(v) + "\n" + c.routes
	}
	c.the("INFO ", c.request("INFO", "sip:+4930@10.0.0.8;alias=198.51.100.7~5060~1", 2, "gt"))
	o.refuses("another alias", c.request("INFO", "sip:+4930@10.0.0.8;alias=198.51.100.6~5060~1", 3, "gt"))
}

// TestMovedWithAlias: a phone that has moved to another network is reached where it was seen also by an
// alias beside the address that it has there (add_contact_alias, handle_ruri_alias). By the address
// itself, which anybody may name, nobody is reached, nor another user, nor a place where it was not seen.
func TestMovedWithAlias(t *testing.T) {
	const now, to = "sip:alice@100.64.3.9:5060", "198.51.100.9"
	o := newOffice(t)
	follows := false // the script reads the alias
	o.before = func(c *module.Ctx) int {
		if u, err := c.URI(); err == nil && follows {
			if alias, has := u.Param("alias"); has {
				host, rest, _ := strings.Cut(string(alias), "~")
				port, _, _ := strings.Cut(rest, "~")
				c.Main.Next = c.Keep([]byte("sip:" + host + ":" + port))
			}
		}
		return 1
	}
	c := o.invitesFrom(alice, "moved", "sip:alice@10.0.0.7:5060", "X-User: alice").up()
	re := c.the("INVITE ", o.router.Receive("udp:198.51.100.9:40000", c.text("INVITE", bobContact, 2, "at", "bt", c.routes, "Contact: <"+now+">")))
	c.reply(bob, re, 200, "Contact: <"+bobContact+">")
	o.refuses("the script does not read the alias", o.router.Receive(bob, c.text("INFO", now+";alias="+to+"~40000~1", 1, "bt", "at", c.back)))
	follows = true
	sent := o.router.Receive(bob, c.text("INFO", now+";alias="+to+"~40000~1", 2, "bt", "at", c.back))
	c.the("INFO ", sent)
	if got := sent[0].To.Remote.String(); got != "198.51.100.9:40000" {
		t.Errorf("it is sent to %s", got)
	}
	for i, target := range []string{
		now + ";alias=" + to + "~40001~1", now + ";alias=198.51.100.8~40000~1", "sip:0900@100.64.3.9:5060;alias=" + to + "~40000~1",
		now + ";transport=tcp;alias=" + to + "~40000~1",
	} {
		o.refuses(target, o.router.Receive(bob, c.text("INFO", target, 3+i, "bt", "at", c.back)))
	}
}

// TestGatewaysAlias: an alias names no target for a gateway, which may go by the Request-URI.
func TestGatewaysAlias(t *testing.T) {
	const at = "udp:203.0.113.41:5060"
	o := newOffice(t)
	o.targets = []string{at}
	o.before = func(c *module.Ctx) int {
		if c.Msg.Method == sip.INFO {
			c.Main.Next = []byte("sip:203.0.113.41")
		}
		return 1
	}
	c := o.invites("out")
	c.answers(at, 200, "gt", "Contact: <sip:gw@203.0.113.41>")
	c.the("ACK ", c.request("ACK", "sip:gw@203.0.113.41", 1, "gt"))
	c.the("INFO ", c.request("INFO", "sip:gw@203.0.113.41;alias=203.0.113.41~5060~1", 2, "gt"))
	o.refuses("to another host", c.request("INFO", "sip:gw@203.0.113.99;alias=203.0.113.41~5060~1", 3, "gt"))
}
