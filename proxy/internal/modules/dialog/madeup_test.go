package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// serStyle makes the script one that knows no has_totag(), as scripts of SER 0.9 are: what follows no
// Route of ours is handled like a new call, to from the port of a phone or a gateway.
func (o *office) serStyle(to *string, recordRoute bool) {
	o.before = func(c *module.Ctx) int {
		if c.LooseRoute() {
			return 1
		}
		if c.RecordRouted = recordRoute && opensCall(c); opensCall(c) {
			c.Callee = []byte("bob@example.org")
			c.Auth = relay.Identity{User: []byte("alice"), Domain: []byte("example.org")}
		}
		if to != nil && *to != "" {
			c.Main.Flow = o.router.Flow(*to)
		}
		return 1
	}
}

func opensCall(c *module.Ctx) bool { return c.Msg.Method == sip.INVITE }

// withTag is a call of alice whose INVITE has a To tag, and no Route.
func (o *office) withTag(id, tag string, cseq int) (*call, []moduletest.Packet) {
	o.t.Helper()
	c := &call{office: o, id: id}
	sent := o.router.Receive(alice, c.text("INVITE", "sip:bob@example.org", cseq, "at", tag, "", "Contact: <sip:alice@192.0.2.7>"))
	for _, p := range sent {
		if strings.HasPrefix(p.Text, "INVITE ") {
			c.invite = c.the("INVITE ", sent)
		}
	}
	return c, sent
}

// TestMadeUpTag: a call whose INVITE has a To tag that its caller has made up is a call like others,
// whether the answer has that tag or another one.
func TestMadeUpTag(t *testing.T) {
	for _, tag := range []string{"made-up", "bt"} {
		o := newOffice(t)
		to := bob
		o.serStyle(&to, true)
		c, _ := o.withTag("made-up", "made-up", 1)
		o.wantStates("begins", 1, 0, 0, 0)
		text := strings.Replace(string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, RecordRoute: true})), ";tag=made-up", ";tag="+tag, 1)
		text = strings.Replace(text, "From:", "Contact: <"+bobContact+">\r\nFrom:", 1)
		ok := c.the("SIP/2.0 200", o.router.Receive(bob, text))
		values := ok.Values(sip.HdrRecordRoute)
		c.routes = "Route: " + string(values.Next()) + "\n"
		o.wantBusy("answered", "alice bob")
		c.the("ACK ", c.request("ACK", bobContact, 1, tag))
		o.wantStates("up", 0, 0, 0, 1)
		o.refuses("elsewhere", c.request("INFO", gateway, 2, tag))
		c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 3, tag)), 200)
		o.wantNothingLeft()
		if len(o.talks) != 2 || !strings.HasPrefix(o.talks[1], "ended made-up "+tag) {
			t.Errorf("told of it: %v", o.talks)
		}
	}
}

// TestTagOfAnotherCall: an INVITE without a Route that has the tags of a call is that call's, and
// nothing else: not a second one, to somebody else, that nobody counts. Nor is one that would be taken for
// an INVITE which is not answered yet.
func TestTagOfAnotherCall(t *testing.T) {
	o := newOffice(t)
	c := o.invites("mine").up()
	to := gw
	o.serStyle(&to, true)
	_, sent := o.withTag("mine", "bt", 5)
	o.refuses("to a gateway", sent)
	if got := o.router.Receive(bob, c.text("INVITE", "sip:bob@example.org", 5, "bt", "at", "")); len(got) != 1 || !strings.HasPrefix(got[0].Text, "SIP/2.0 481") {
		t.Errorf("by the other end: %v", got)
	}
	_, sent = o.withTag("pending", "xt", 1)
	c.the("INVITE ", sent)
	_, sent = o.withTag("pending", "xt", 2)
	if last := sent[len(sent)-1].Text; !strings.HasPrefix(last, "SIP/2.0 481") {
		t.Errorf("a second one: %v", sent)
	}
	_, sent = o.withTag("pending", "yt", 3)
	if last := sent[len(sent)-1].Text; !strings.HasPrefix(last, "SIP/2.0 481") {
		t.Errorf("one with another tag: %v", sent)
	}
}

// TestRequestsWithoutOurRoute: of a call that is in the table, what comes without our Route is held to it
// all the same, and tells of it.
func TestRequestsWithoutOurRoute(t *testing.T) {
	o := newOffice(t)
	to := bob
	o.serStyle(&to, true)
	c, _ := o.withTag("bare", "bt", 1)
	c.answers(bob, 200, "bt", "Contact: <"+bobContact+">")
	c.routes = "" // a phone does not change its route set within a dialog (RFC 3261 §12.2)
	to = ""
	for i, method := range []string{"INVITE", "INFO", "BYE"} {
		o.refuses(method+" elsewhere", c.request(method, gateway, 10+i, "bt"))
	}
	c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
	o.wantStates("acknowledged", 0, 0, 0, 1)
	hold := c.the("INVITE ", c.request("INVITE", bobContact, 20, "bt"))
	if hold.Header(sip.HdrRecordRoute) != nil {
		t.Error("there is a Route to be had within a call")
	}
	c.reply(bob, hold, 200, "Contact: <"+bobContact+">")
	c.the("ACK ", c.request("ACK", bobContact, 20, "bt"))
	o.wantStates("on hold", 0, 0, 0, 1)
	c.reply(alice, c.the("BYE ", o.router.Receive(bob, c.text("BYE", "sip:alice@192.0.2.7", 1, "bt", "at", ""))), 200)
	o.wantStates("over", 0, 0, 0, 0)
	if len(o.talks) != 2 || !strings.HasSuffix(o.talks[1], `by "callee"`) {
		t.Errorf("told of it: %v", o.talks)
	}
}

// TestHoldOfAnotherRoutersCall: what is within a call that does not pass here, by phones that send
// everything by us, passes as the script says, if there is no record_route, and leaves nothing behind.
func TestHoldOfAnotherRoutersCall(t *testing.T) {
	o := newOffice(t)
	to := bob
	o.serStyle(&to, false)
	c, _ := o.withTag("elsewhere", "bt", 7)
	c.reply(bob, c.invite, 200, "Contact: <"+bobContact+">")
	c.the("ACK ", c.request("ACK", bobContact, 7, "bt"))
	c.the("BYE ", c.request("BYE", bobContact, 8, "bt"))
	o.wantNothingLeft()
	if len(o.talks) != 0 {
		t.Errorf("told of it: %v", o.talks)
	}
}

// TestScriptChoosesForBareRequest: who is in a call leaves our Route out and names as the other end's
// what that has called its Contact; where the script makes something else of that, the call is no way there.
func TestScriptChoosesForBareRequest(t *testing.T) {
	const contact, carrier = "sip:+1900@example.org", "udp:203.0.113.99:5060"
	o := newOffice(t)
	c := o.invites("mine")
	c.answers(bob, 200, "bt", "Contact: <"+contact+">")
	to := carrier
	o.serStyle(&to, true)
	c.routes = ""
	o.refuses("to the carrier", c.request("INVITE", contact, 5, "bt"))
	to = bob
	c.the("INVITE ", c.request("INVITE", contact, 6, "bt"))
}
