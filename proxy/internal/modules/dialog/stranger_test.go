package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

const gateway = "sip:0900123@203.0.113.1"

// refuses checks that a request gets 481 and that nothing else is sent.
func (o *office) refuses(what string, sent []moduletest.Packet) {
	o.t.Helper()
	if len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 481") {
		o.t.Errorf("%s: %v, want 481 and nothing else", what, sent)
	}
}

// TestStrangerWhoIsNotAnswered: a stranger lets a phone ring and takes the Route of its
// 180. It is a way to that phone and to nowhere else, whatever tags he makes up.
func TestStrangerWhoIsNotAnswered(t *testing.T) {
	o := newOffice(t)
	c := o.invites("rings")
	c.answers(bob, 180, "bt")
	for i, method := range []string{"INVITE", "MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE", "PUBLISH", "BYE"} {
		for _, tag := range []string{"zzz", "bt"} {
			o.refuses(method+" with tag "+tag, c.request(method, gateway, 10+i, tag, "X: "+tag))
		}
		o.refuses(method+" from somebody else", o.router.Receive(alice, c.text(method, gateway, 30+i, "zzz", "at", c.routes)))
	}
	if sent := c.request("ACK", gateway, 1, "zzz"); len(sent) != 0 {
		t.Errorf("ACK: %v", sent)
	}
}

// TestStrangerWhoIsBothEnds: who calls knows the tags of both ends and may name any Contact.
// As the other end he does not get to the target that he has named for himself, nor to
// one that he has named for the other end.
func TestStrangerWhoIsBothEnds(t *testing.T) {
	o := newOffice(t)
	text := strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <"+gateway+">"), "call-1\n", "both\n", 1)
	c := &call{office: o, id: "both"}
	c.invite = o.the("INVITE ", o.router.Receive(alice, text))
	c.answers(bob, 180, "bt")
	asBob := func(method, uri string, cseq int, lines ...string) []moduletest.Packet {
		return o.router.Receive(alice, c.text(method, uri, cseq, "bt", "at", c.back, lines...))
	}
	o.refuses("to his own Contact", asBob("INVITE", gateway, 1))
	o.refuses("once more", asBob("INVITE", gateway, 2, "Contact: <"+gateway+">"))
	c.the("UPDATE ", c.request("UPDATE", bobContact, 2, "bt", "Contact: <sip:alice@192.0.2.7>"))
	// To himself he may send, as whomever; it makes nothing true.
	c.reply(alice, c.the("UPDATE ", asBob("UPDATE", "sip:alice@192.0.2.7", 3, "Contact: <"+gateway+">")), 200)
	o.refuses("to the Contact that he gave bob", c.request("INVITE", gateway, 4, "bt"))
	c.the("UPDATE ", c.request("UPDATE", bobContact, 5, "bt", "Contact: <"+gateway+">"))
	o.refuses("to the Contact that he moved to", asBob("INVITE", gateway, 6))
	// Bob's own requests go where the Contact says.
	c.the("UPDATE ", o.router.Receive(bob, c.text("UPDATE", gateway, 7, "bt", "at", c.back, "Contact: <"+bobContact+">")))
	c.the("INFO ", c.request("INFO", bobContact, 8, "bt"))
}

// TestUnlistedIsHeldToo: a call that the script does not want tracked is in no list and
// makes nobody busy, but its Route leads nowhere else either, and ends with it.
func TestUnlistedIsHeldToo(t *testing.T) {
	o := newOffice(t, "dlg_flag 4")
	c := o.invites("secret").up()
	o.wantStates("up", 0, 0, 0, 0)
	o.wantBusy("up", "")
	if n := len(o.dialogs()); n != 0 || o.statistic("records") != 1 || o.statistic("processed_dialogs") != 0 {
		t.Errorf("%d are listed, %d records", n, o.statistic("records"))
	}
	o.refuses("elsewhere", c.request("INFO", gateway, 2, "bt"))
	c.the("INFO ", c.request("INFO", bobContact, 3, "bt"))
	c.hangsUp(4)
	o.refuses("after the end", c.request("INFO", bobContact, 5, "bt"))
	o.wantNothingLeft()
	if len(o.events) != 0 || len(o.talks) != 1 || !strings.HasPrefix(o.talks[0], "ended secret bt ") { // for the row of its BYE
		t.Errorf("told of it: %v %v", o.talks, o.events)
	}
}

// TestCallWithoutRoom: a call beyond max_dialogs goes on between its two phones, by the
// methods of a call, and nowhere else.
func TestCallWithoutRoom(t *testing.T) {
	o := newOffice(t, "max_dialogs 16")
	o.fills(16)
	c := o.invites("more")
	c.answers(bob, 200, "bt")
	c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
	c.the("INVITE ", c.request("INVITE", bobContact, 2, "bt"))
	c.the("INVITE ", o.router.Receive(bob, c.text("INVITE", "sip:alice@192.0.2.7", 1, "bt", "at", c.back)))
	for i, method := range []string{"INVITE", "BYE", "INFO"} {
		o.refuses(method+" elsewhere", c.request(method, gateway, 3+i, "bt"))
	}
	for i, method := range []string{"MESSAGE", "REFER", "SUBSCRIBE", "PUBLISH"} {
		o.refuses(method, c.request(method, bobContact, 10+i, "bt"))
	}
	c.hangsUp(20)
	if n := o.statistic("untracked"); n != 1 {
		t.Errorf("%d untracked", n)
	}
}

// TestSubscriptionLeadsNowhereElse: who has subscribed gets no further than to whom.
func TestSubscriptionLeadsNowhereElse(t *testing.T) {
	o := newOffice(t)
	c := &call{office: o, id: "sub"}
	text := strings.Replace(moduletest.Request("SUBSCRIBE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.7>", "Event: x"), "call-1\n", "sub\n", 1)
	c.invite = o.the("SUBSCRIBE ", o.router.Receive(alice, text))
	c.answers(bob, 200, "bt")
	for i, method := range []string{"SUBSCRIBE", "NOTIFY"} {
		o.refuses(method, c.request(method, gateway, 2+i, "bt"))
	}
	c.the("SUBSCRIBE ", c.request("SUBSCRIBE", bobContact, 4, "bt"))
}

// TestAnswerWithoutTag: a 2xx without a To tag makes no dialog, and leaves none behind
// that seems to ring.
func TestAnswerWithoutTag(t *testing.T) {
	for name, tag := range map[string]string{"no tag": "", "a tag that is not kept": long(129)} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.invites("tagless")
			o.wantStates("the INVITE is out", 1, 0, 0, 0)
			c.answers(bob, 200, tag)
			o.wantNothingLeft()
		})
	}
}

// TestCallThatPassesTwice: where another router sends an INVITE back to us, each of the two
// passes is bound to the hosts between which it went.
func TestCallThatPassesTwice(t *testing.T) {
	const home = "udp:192.0.2.30:5060"
	o := newOffice(t)
	o.targets = []string{home}
	c := o.invites("twice")
	first := ourEntry(t, c)
	o.targets = []string{bob}
	back := strings.Replace(string(c.invite.Buf), "Via:", "Via: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK-home\r\nVia:", 1)
	back = strings.Replace(back, "Record-Route:", "Record-Route: <sip:192.0.2.30;lr>\r\nRecord-Route:", 1)
	c.invite = o.the("INVITE ", o.router.Receive(home, strings.ReplaceAll(back, "\r\n", "\n")))
	second := ourEntry(t, c)
	answer := o.the("SIP/2.0 200", o.router.Receive(bob, string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true,
		Extra: []byte("Contact: <" + bobContact + ">\r\n")}))))
	up := strings.SplitN(string(answer.Buf), "Via: SIP/2.0/UDP 192.0.2.30", 2)
	_, rest, _ := strings.Cut(up[1], "\r\n")
	o.the("SIP/2.0 200", o.router.Receive(home, up[0]+rest))

	lines := "Route: " + first + "\nRoute: <sip:192.0.2.30;lr>\nRoute: " + second + "\n"
	reaches := func(what, from, method, uri, routes, host string, n int) {
		t.Helper()
		sent := o.router.Receive(from, c.text(method, uri, n, "at", "bt", routes))
		if host == "" {
			o.refuses(what, sent)
			return
		}
		if len(sent) == 0 || !strings.HasPrefix(sent[0].Text, method+" ") || sent[0].To.Remote.String() != host {
			t.Errorf("%s: %v", what, sent)
		}
	}
	reaches("the first pass", alice, "ACK", bobContact, lines, "192.0.2.30:5060", 1)
	reaches("the second pass", home, "ACK", bobContact, "Route: "+second+"\n", "192.0.2.8:5060", 1)
	reaches("round the other router", alice, "INFO", gateway, "Route: "+second+"\n", "", 2)
	reaches("without it", alice, "INFO", gateway, "Route: "+first+"\n", "", 3)
	reaches("by another", alice, "INFO", bobContact, "Route: "+first+"\nRoute: <sip:203.0.113.1;lr>\n", "", 4)
}
