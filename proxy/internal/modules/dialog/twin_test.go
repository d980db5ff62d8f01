package dialog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

// Where a gateway of the calls is, which takes them from us without asking who makes them.
const gw, gwContact, fraud = "udp:203.0.113.41:5060", "sip:gw@203.0.113.41", "sip:0900@203.0.113.41"

// twin is another INVITE with the Call-ID and From tag of a call.
func (c *call) twin(from string, cseq int, target string) *call {
	c.t.Helper()
	c.targets = []string{target}
	text := strings.NewReplacer("z9hG4bK-INVITE", fmt.Sprintf("z9hG4bK-twin-%d-%s", cseq, target), "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", cseq)).Replace(c.fresh(c.id))
	x := &call{office: c.office, id: c.id}
	x.invite = c.the("INVITE ", c.router.Receive(from, text))
	return x
}

// comesBack is the INVITE of a call as another router sends it back, or who seems to be one, and
// has it go to another target; further lines go with it. The change is to its text.
func (c *call) comesBack(from, target string, change ...string) *call {
	c.t.Helper()
	c.targets = []string{target}
	_, host, _ := strings.Cut(from, ":")
	text := strings.Replace(string(c.invite.Buf), "Via:", "Via: SIP/2.0/UDP "+host+";branch=z9hG4bK-back-"+target+"\r\nVia:", 1)
	text = strings.NewReplacer(append(change, "\r\n", "\n")...).Replace(text)
	x := &call{office: c.office, id: c.id}
	x.invite = c.the("INVITE ", c.router.Receive(from, text))
	return x
}

// callsOut makes alice call a number by the gateway, which rings.
func (o *office) callsOut(id string) *call {
	o.t.Helper()
	o.targets = []string{gw}
	c := o.invites(id)
	c.answers(gw, 183, "bt", "Contact: <"+gwContact+">")
	return c
}

// TestAnswerOfATwin: a phone that answers another INVITE with the gateway's To tag does not
// name a number at the gateway in its name, whether the CSeq is the same or not, nor one that
// is called beside the gateway.
func TestAnswerOfATwin(t *testing.T) {
	for _, cseq := range []int{0, 1, 2} {
		for _, status := range []int{183, 200} {
			t.Run(fmt.Sprint(cseq, status), func(t *testing.T) {
				o := newOffice(t)
				var c, x *call
				if cseq == 0 {
					o.targets = []string{gw, carol}
					sent := o.router.Receive(alice, (&call{office: o}).fresh("out"))
					c, x = &call{office: o, id: "out"}, &call{office: o, id: "out"}
					c.invite, x.invite = sentTo(t, sent, "203.0.113.41:5060"), sentTo(t, sent, "192.0.2.9:5060")
					c.answers(gw, 183, "bt", "Contact: <"+gwContact+">")
				} else {
					c = o.callsOut("out")
					x = c.twin(alice, cseq, carol)
				}
				x.answers(carol, status, "bt", "Contact: <"+fraud+">")
				if status == 183 {
					c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
				}
				for i, method := range []string{"INVITE", "UPDATE", "INFO", "BYE"} {
					o.refuses(method, c.request(method, fraud, 10+i, "bt"))
				}
				c.the("INVITE ", c.request("INVITE", gwContact, 20, "bt"))
			})
		}
	}
}

// sentTo is what was sent to an address.
func sentTo(t *testing.T, sent []moduletest.Packet, address string) *sip.Message {
	t.Helper()
	for _, p := range sent {
		m := &sip.Message{}
		if p.To.Remote.String() == address && m.Parse([]byte(p.Text)) == nil {
			return m
		}
	}
	t.Fatalf("nothing to %s: %v", address, sent)
	return nil
}

// TestRouteToAGateway: neither in a call that seems to pass twice, nor along the route set of a
// gateway that is a proxy, does a number that the other end has not named reach a gateway.
func TestRouteToAGateway(t *testing.T) {
	o := newOffice(t)
	c := o.callsOut("twice")
	c.twin(alice, 1, carol)
	c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
	o.refuses("a Route of his own", o.router.Receive(alice, c.text("INVITE", fraud, 9, "at", "bt", c.routes+"Route: <sip:203.0.113.41;lr>\n")))
	c.the("INFO ", c.request("INFO", gwContact, 10, "bt"))

	o = newOffice(t)
	o.targets = []string{gw}
	c = o.invites("proxy")
	c.routes = "Route: " + ourEntry(t, c) + "\nRoute: <sip:203.0.113.41;lr>\n"
	through := &sip.Message{}
	if err := through.Parse([]byte(strings.Replace(string(c.invite.Buf), "Record-Route:", "Record-Route: <sip:203.0.113.41;lr>\r\nRecord-Route:", 1))); err != nil {
		t.Fatal(err)
	}
	routes := c.routes
	c.invite = through
	c.answers(gw, 200, "bt", "Contact: <sip:49301@198.51.100.4>")
	c.routes = routes
	o.refuses("along the gateway's", c.request("INVITE", fraud, 9, "bt"))
	c.the("INVITE ", c.request("INVITE", "sip:49301@198.51.100.4", 10, "bt"))
}

// TestRouteOfATwin: the Route of a call to a gateway is no way there for another call with
// its Call-ID and From tag.
func TestRouteOfATwin(t *testing.T) {
	o := newOffice(t)
	c := o.invites("mine")
	c.answers(bob, 200, "bt", "Contact: <"+fraud+">")
	x := c.twin(alice, 2, gw)
	x.answers(gw, 183, "gt", "Contact: <"+gwContact+">")
	c.routes = x.routes
	for i, method := range []string{"INVITE", "INFO", "BYE"} {
		o.refuses(method, c.request(method, fraud, 10+i, "bt"))
	}
}

// TestSealOfASecondPass: nor where that call seems to be a second pass of the INVITE.
func TestSealOfASecondPass(t *testing.T) {
	o := newOffice(t)
	c := o.invites("mine")
	c.answers(bob, 180, "bt", "Contact: <"+fraud+">")
	x := c.twin(alice, 1, gw)
	x.answers(gw, 183, "gt", "Contact: <"+gwContact+">")
	c.answers(bob, 200, "bt", "Contact: <"+fraud+">")
	c.routes = x.routes
	for i, method := range []string{"INVITE", "INFO", "BYE"} {
		o.refuses(method, c.request(method, fraud, 10+i, "bt"))
	}
}

// TestCallBesideAnother: who has an INVITE ring at his own phone, in whosever name, and sends
// another one with the same CSeq makes a call like any other: it is listed and accounted.
func TestCallBesideAnother(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{carol}
	c := &call{office: o, id: "beside"}
	c.invite = o.the("INVITE ", o.router.Receive(alice, strings.Replace(c.fresh(c.id), "X-User: alice\n", "", 1)))
	c.answers(carol, 180, "ct")
	x := c.twin(alice, 1, gw)
	x.answers(gw, 200, "gt", "Contact: <"+gwContact+">")
	o.wantBusy("answered", "alice bob")
	x.the("ACK ", x.request("ACK", gwContact, 1, "gt"))
	o.wantStates("up", 0, 1, 0, 1)
	if len(o.talks) != 1 || !contains(o.talks[0], "alice@example.org>") {
		t.Errorf("the accounts say %q", o.talks)
	}
}

// TestPassesByAGateway: a PBX among the gateways that sends the INVITE back gets the requests of
// the call, whoever sends them, and the call ends with the BYE that has passed both times.
func TestPassesByAGateway(t *testing.T) {
	for _, hangsUp := range []string{alice, bob} {
		o := newOffice(t)
		o.targets = []string{gw}
		c := o.invites("twice")
		first := ourEntry(t, c)
		o.targets = []string{bob}
		back := strings.Replace(string(c.invite.Buf), "Via:", "Via: SIP/2.0/UDP 203.0.113.41:5060;branch=z9hG4bK-home\r\nVia:", 1)
		back = strings.Replace(back, "Record-Route:", "Record-Route: <sip:203.0.113.41;lr>\r\nRecord-Route:", 1)
		c.invite = o.the("INVITE ", o.router.Receive(gw, strings.ReplaceAll(back, "\r\n", "\n")))
		second := ourEntry(t, c)
		through := func(m *sip.Message) {
			up := strings.SplitN(string(m.Buf), "Via: SIP/2.0/UDP 203.0.113.41", 2)
			_, rest, _ := strings.Cut(up[1], "\r\n")
			o.the("SIP/2.0 200", o.router.Receive(gw, up[0]+rest))
		}
		through(o.the("SIP/2.0 200", o.router.Receive(bob, string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true,
			Extra: []byte("Contact: <" + bobContact + ">\r\n")})))))
		o.wantStates("answered", 0, 0, 1, 0)

		there, uri, from, to := "Route: "+first+"\nRoute: <sip:203.0.113.41;lr>\nRoute: "+second+"\n", bobContact, "at", "bt"
		onward, end := "Route: "+second+"\n", bob
		if hangsUp == bob {
			there, uri, from, to = "Route: "+second+"\nRoute: <sip:203.0.113.41;lr>\nRoute: "+first+"\n", "sip:alice@192.0.2.7", "bt", "at"
			onward, end = "Route: "+first+"\n", alice
		}
		bye := o.the("BYE ", o.router.Receive(hangsUp, c.text("BYE", uri, 2, from, to, there)))
		text := strings.Replace(string(bye.Buf), "Via:", "Via: SIP/2.0/UDP 203.0.113.41:5060;branch=z9hG4bK-bye\r\nVia:", 1)
		for strings.Contains(text, "\r\nRoute:") {
			head, rest, _ := strings.Cut(text, "\r\nRoute:")
			_, rest, _ = strings.Cut(rest, "\r\n")
			text = head + "\r\n" + rest
		}
		text = strings.Replace(text, "\r\nCall-ID:", "\r\n"+strings.TrimSpace(onward)+"\r\nCall-ID:", 1)
		last := o.the("BYE ", o.router.Receive(gw, strings.ReplaceAll(text, "\r\n", "\n")))
		o.wantStates("the BYE is on its way", 0, 0, 1, 0)
		through(o.the("SIP/2.0 200", c.reply(end, last, 200)))
		o.wantNothingLeft()
	}
}

// TestFailureOfATwin: another INVITE that fails ends no call that rings, and takes nothing of it.
func TestFailureOfATwin(t *testing.T) {
	for _, cseq := range []int{1, 900} {
		o := newOffice(t)
		c := o.invites("rings")
		c.answers(bob, 180, "bt")
		x := c.twin(carol, cseq, "udp:192.0.2.55:5060")
		x.answers("udp:192.0.2.55:5060", 486, "et")
		o.wantStates("after the failure", 0, 1, 0, 0)
		c.answers(bob, 200, "bt")
		c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
		c.reply(alice, c.the("BYE ", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
		if cseq != 1 { // or it is one that passes twice, whose BYE has to come from both
			o.wantNothingLeft()
		}
	}
}

// TestBYEOfATwin: who has his call pass twice does not end it in the accounts by a BYE that his
// own phone takes.
func TestBYEOfATwin(t *testing.T) {
	o := newOffice(t)
	c := o.callsOut("cheap")
	x := c.comesBack(alice, carol)
	x.answers(carol, 183, "ct")
	mine := "Route: " + ourEntry(t, x) + "\n"
	c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
	c.the("ACK ", c.request("ACK", gwContact, 1, "bt"))
	for i, status := range []int{200, 481} {
		sent := o.router.Receive(alice, c.text("BYE", gwContact, 5+i, "at", "bt", mine+"Route: <sip:192.0.2.9;lr>\n"))
		c.reply(carol, c.the("BYE ", sent), status)
		o.wantBusy("after the BYE", "alice bob")
	}
	if len(o.talks) != 1 {
		t.Errorf("the accounts say %q", o.talks)
	}
	c.reply(gw, c.the("BYE ", c.request("BYE", gwContact, 9, "bt")), 200)
	o.wantBusy("after the gateway's", "")
}

// TestSeenAtAGateway: one datagram that seems to come from a gateway's host has nobody reach
// the gateway as a phone.
func TestSeenAtAGateway(t *testing.T) {
	for _, method := range []string{"INFO", "UPDATE", "INVITE"} {
		for _, from := range []string{gw, "udp:203.0.113.42:7000"} {
			o := newOffice(t)
			c := o.invites("moved")
			c.answers(bob, 200, "bt", "Contact: <"+fraud+">")
			c.the(method+" ", c.as(from, "bob", method, "sip:alice@192.0.2.7", 1, "Contact: <"+fraud+">"))
			for i, then := range []string{"INVITE", "INFO", "BYE"} {
				o.refuses(then, c.request(then, fraud, 10+i, "bt"))
				o.refuses(then+" from elsewhere", c.as("udp:192.0.2.77:5060", "alice", then, fraud, 20+i))
			}
		}
	}
}

// TestAfterTheEnd: what is still on its way gets through for 32 seconds after the end, and the
// news that somebody has asked for a while longer; nothing else does, and it is no call any more.
func TestAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		stop := o.run()
		defer stop()
		c := o.invites("crossed")
		c.answers(bob, 200, "bt")
		c.reply(alice, c.the("BYE ", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
		o.wantNothingLeft()
		c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
		c.the("BYE ", c.request("BYE", bobContact, 2, "bt")) // they cross
		o.refuses("a second one", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 2))
		for i, method := range []string{"INVITE", "REFER", "INFO", "UPDATE", "NOTIFY", "MESSAGE"} {
			o.refuses(method, c.request(method, bobContact, 3+i, "bt", "Event: refer"))
		}
		o.refuses("elsewhere", c.request("BYE", "sip:x@203.0.113.9", 20, "bt"))

		x := o.invites("transfer").up()
		x.reply(alice, x.the("REFER ", x.as(bob, "bob", "REFER", "sip:alice@192.0.2.7", 1)), 202)
		x.reply(alice, x.the("BYE ", x.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 2)), 200)
		o.wantNothingLeft()
		time.Sleep(34 * time.Second)
		if sent := c.request("ACK", bobContact, 1, "bt", "X: late"); len(sent) != 0 {
			t.Errorf("after 34 s: %v", sent)
		}
		x.reply(bob, x.the("NOTIFY ", x.request("NOTIFY", bobContact, 5, "bt", "Event: refer")), 200)
		o.refuses("of what nobody asked for", x.request("NOTIFY", bobContact, 6, "bt", "Event: check-sync"))
		o.refuses("by who has asked", x.as(bob, "bob", "NOTIFY", "sip:alice@192.0.2.7", 7, "Event: refer"))
		time.Sleep(200 * time.Second)
		o.refuses("much later", x.request("NOTIFY", bobContact, 8, "bt", "Event: refer"))
		if n := len(o.talks); n != 4 {
			t.Errorf("the accounts say %q", o.talks)
		}
	})
}

// TestManyEnd: dialogs that have ended take no room from others.
func TestManyEnd(t *testing.T) {
	o := newOffice(t, "max_dialogs 16")
	for i := range 100 {
		o.invites(fmt.Sprint("one-", i)).up().hangsUp(2)
	}
	for i := range 40 { // nor within one Call-ID
		c := &call{office: o, id: "same"}
		text := strings.NewReplacer("z9hG4bK-INVITE", fmt.Sprint("z9hG4bK-same-", i), "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", 1000+i)).Replace(c.fresh("same"))
		c.invite = o.the("INVITE ", o.router.Receive(alice, text))
		tag := fmt.Sprint("tag-", i)
		c.answers(bob, 200, tag)
		c.the("ACK ", c.request("ACK", bobContact, 1000+i, tag))
		c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 2000+i, tag)), 200)
	}
	o.wantNothingLeft()
	if n := o.statistic("untracked"); n != 0 {
		t.Errorf("%d INVITEs were not tracked", n)
	}
}

// TestLateForkOfAFullCallID: where an answer comes late, and the dialog that it would be like has
// made room for it, the call is known from the answer.
func TestLateForkOfAFullCallID(t *testing.T) {
	o := newOffice(t)
	c := o.invites("full").up()
	c.hangsUp(2)
	for i := range 15 {
		c.twin(alice, 100+i, bob)
	}
	c.answers(bob, 200, "dt")
	list := o.dialogs()
	i := slices.IndexFunc(list, func(d ctlproto.Dialog) bool { return d.Callee.Tag == "dt" })
	if len(list) != 16 || i < 0 || list[i].CallID != "full" || list[i].Caller.Tag != "at" {
		t.Errorf("listed are %+v", list)
	}
}

// TestFirstSecond: a seal of the first second of this process is its own.
func TestFirstSecond(t *testing.T) {
	o := newOfficeAt(t, 0)
	c := o.invites("now").up()
	o.refuses("a dialog that never was", c.request("INFO", bobContact, 2, "xt"))
}
