package dialog_test

import (
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

const pbxAt, pbxHop = "udp:203.0.113.51:5060", "<sip:203.0.113.51;lr>"

// throughPBX is a call of alice that a router behind us, which record-routes, has taken on to where contact
// says, on a way of its own.
func (o *office) throughPBX(id, contact string) *call {
	o.t.Helper()
	o.targets = []string{pbxAt}
	c := o.invites(id)
	text := string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true}))
	text = strings.Replace(text, "Record-Route:", "Record-Route: "+pbxHop+"\r\nRecord-Route:", 1)
	ok := c.the("SIP/2.0 200", o.router.Receive(pbxAt, strings.Replace(text, "From:", "Contact: <"+contact+">\r\nFrom:", 1)))
	routes := slices.Collect(func(yield func(string) bool) {
		values := ok.Values(sip.HdrRecordRoute)
		for v := values.Next(); v != nil && yield("Route: "+string(v)+"\n"); v = values.Next() {
		}
	})
	slices.Reverse(routes)
	c.routes = strings.Join(routes, "")
	c.the("ACK ", c.request("ACK", contact, 1, "bt"))
	return c
}

// holds is alice's hold of such a call, as the router behind us has got it.
func (c *call) holds(contact string, cseq int) *sip.Message {
	c.t.Helper()
	hold := c.the("INVITE ", c.request("INVITE", contact, cseq, "bt"))
	if value := string(hold.HeaderValue(sip.HdrRoute)); value != pbxHop {
		c.t.Fatalf("to the PBX it goes with the Route %s", value)
	}
	return hold
}

// sentBack is a request as that router sends it back without a Route of ours.
func sentBack(m *sip.Message) string {
	text := strings.Replace(string(m.Buf), "Route: "+pbxHop+"\r\n", "", 1)
	text = strings.Replace(text, "Via:", "Via: SIP/2.0/UDP 203.0.113.51:5060;branch=z9hG4bK-pbx-"+string(m.MethodText())+"\r\nVia:", 1)
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// hasSent reports whether something that was sent begins so.
func hasSent(packets []moduletest.Packet, start string) bool {
	return slices.ContainsFunc(packets, func(p moduletest.Packet) bool { return strings.HasPrefix(p.Text, start) })
}

// TestComesBackWithoutOurRoute: a hold that a router behind us sends back here without our Route is one of its call, and
// no call more, if it goes where the other end has said that it is. What the script sends elsewhere is
// refused, before or after it has failed there, and what gets to a gateway, which makes a call of it, whatever the
// other end has called its Contact: the BYE of the call that is known would be that of a call which is not.
func TestComesBackWithoutOurRoute(t *testing.T) {
	const elsewhere = "sip:+1900@192.0.2.9"
	for name, x := range map[string]struct {
		contact, uri string
		script       func(c *module.Ctx)
		want         bool
	}{
		"to the other end":     {bobContact, bobContact, nil, true},
		"to its former place":  {bobContact, "sip:bob@192.0.2.9", nil, false},
		"to somebody else":     {bobContact, "sip:carol@192.0.2.9", nil, false},
		"the script's URI":     {bobContact, bobContact, func(c *module.Ctx) { _ = c.SetURI([]byte(elsewhere)) }, false},
		"the script's proxy":   {bobContact, bobContact, func(c *module.Ctx) { c.SetNext([]byte("sip:192.0.2.9")) }, false},
		"beside the other end": {bobContact, bobContact, func(c *module.Ctx) { _ = c.AddTarget(relay.Target{URI: []byte(elsewhere)}) }, true},
		"to a gateway":         {fraud, fraud, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.throughPBX("held", x.contact)
			hold := c.holds(x.contact, 2)
			o.before = func(c *module.Ctx) int {
				if x.script != nil && c.Msg.Header(sip.HdrRoute) == nil {
					x.script(c)
				}
				return 1
			}
			sent := o.router.Receive(pbxAt, strings.Replace(sentBack(hold), "INVITE "+x.contact, "INVITE "+x.uri, 1))
			if hasSent(sent, "INVITE "+elsewhere) {
				t.Errorf("it goes elsewhere: %v", sent)
			}
			if !x.want {
				o.refuses(name, sent)
			} else {
				back := c.the("INVITE "+x.uri, sent)
				if back.Header(sip.HdrRecordRoute) != nil {
					t.Error("there is a Route to be had within a call")
				}
				c.reply(bob, back, 200, "Contact: <"+x.contact+">")
			}
			o.wantStates("held", 0, 0, 0, 1)
			if o.rows != 1 { // the call's INVITE
				t.Errorf("%d calls are in the accounts", o.rows)
			}
		})
	}
}

// TestBYESentBack: what comes back tells the table nothing beside what its first pass does.
func TestBYESentBack(t *testing.T) {
	o := newOffice(t)
	c := o.throughPBX("over", bobContact)
	hold := c.holds(bobContact, 2)
	back := c.the("INVITE ", o.router.Receive(pbxAt, sentBack(hold)))
	inner := c.the("SIP/2.0 200", c.reply(bob, back, 200, "Contact: <"+bobContact+">"))
	_, rest, _ := strings.Cut(string(inner.Buf), "Via: ")
	_, rest, _ = strings.Cut(rest, "\r\n")
	c.the("SIP/2.0 200", o.router.Receive(pbxAt, "SIP/2.0 200 OK\r\n"+rest))
	c.the("ACK ", o.router.Receive(pbxAt, sentBack(c.the("ACK ", c.request("ACK", bobContact, 2, "bt")))))
	bye := c.the("BYE ", c.request("BYE", bobContact, 3, "bt"))
	back = c.the("BYE ", o.router.Receive(pbxAt, sentBack(bye)))
	c.reply(bob, back, 200)
	o.wantStates("the last pass is answered", 0, 0, 0, 1)
	c.reply(pbxAt, bye, 200)
	o.wantNothingLeft()
	if len(o.talks) != 2 || !strings.HasSuffix(o.talks[1], `by "caller"`) {
		t.Errorf("told of it: %v", o.talks)
	}
}

// TestNotSentBack: an INVITE that has the tags of a call, and comes from the host of a router behind us, is
// none that passes here again, if it bears no Via that shows it: who is called may name a router that is
// himself, and the caller sit beside him.
func TestNotSentBack(t *testing.T) {
	for name, change := range map[string]func(c *call, hold *sip.Message, text string) string{
		"without our Via": func(_ *call, _ *sip.Message, text string) string {
			at := strings.Index(text, "\nVia:")
			second := at + 1 + strings.Index(text[at+1:], "\nVia:")
			return text[:second] + text[second+1+strings.Index(text[second+1:], "\n"):]
		},
		"another request": func(_ *call, _ *sip.Message, text string) string {
			return strings.Replace(text, "CSeq: 2 ", "CSeq: 9 ", 1)
		},
		"by the other name": func(_ *call, _ *sip.Message, text string) string {
			return strings.NewReplacer("tag=at", "tag=bt", "tag=bt", "tag=at").Replace(text)
		},
		"the first pass is over": func(c *call, hold *sip.Message, text string) string {
			c.reply(pbxAt, hold, 488)
			return text
		},
		"of another call": func(c *call, _ *sip.Message, text string) string {
			o := c.office
			o.targets = []string{pbxAt}
			other := o.invites("other")
			via := func(s string) string {
				at := strings.Index(s, "Via: SIP/2.0/UDP "+o.router.Address())
				return s[at : at+strings.Index(s[at:], "\n")]
			}
			return strings.Replace(text, via(text), via(strings.ReplaceAll(string(other.invite.Buf), "\r\n", "\n")), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.throughPBX("held", bobContact)
			hold := c.holds(bobContact, 2)
			text := change(c, hold, sentBack(hold))
			to := gw
			for _, to = range []string{gw, carol, ""} {
				o.serStyle(&to, true)
				sent := o.router.Receive(pbxAt, strings.Replace(text, "z9hG4bK-pbx", "z9hG4bK-pbx"+strings.NewReplacer(":", "", ".", "").Replace(to), 1))
				o.refuses("to "+to, sent)
			}
			if a := o.m.Active(); a.Ongoing != 1 || o.rows != 1 {
				t.Errorf("%+v, %d calls", a, o.rows)
			}
		})
	}
}
