package dialog_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

const aliceContact = "sip:alice@192.0.2.7"

// TestRingingPhoneObeysNobody: a dialog is there with the first ring. Until it is answered
// no request passes, in either direction, but those that set up a call or end it.
func TestRingingPhoneObeysNobody(t *testing.T) {
	o := newOffice(t)
	c := o.invites("obeys")
	c.answers(bob, 180, "bt")
	both := func(method string, cseq int, lines ...string) [2][]moduletest.Packet {
		return [2][]moduletest.Packet{
			c.request(method, bobContact, cseq, "bt", lines...),
			o.router.Receive(bob, c.text(method, aliceContact, cseq, "bt", "at", c.back, lines...)),
		}
	}
	n := 100
	for _, method := range []string{"SUBSCRIBE", "REFER", "NOTIFY", "PUBLISH", "MESSAGE", "OPTIONS", "PING"} {
		for _, event := range []string{"check-sync;reboot=true", "talk", "refer", "telephone-event"} {
			n++
			for end, sent := range both(method, n, "Event: "+event) {
				o.refuses(fmt.Sprintf("%s of %s from end %d", method, event, end), sent)
			}
		}
	}
	for i, method := range []string{"PRACK", "UPDATE", "INFO"} {
		for _, sent := range both(method, 200+i) {
			c.the(method+" ", sent)
		}
	}
	c.the("BYE ", c.request("BYE", bobContact, 300, "bt"))
}

// TestNobodyIsToldUnasked: in a call that is up NOTIFY passes to who has asked for the event
// himself, and of no other event. What is for those in the call passes.
func TestNobodyIsToldUnasked(t *testing.T) {
	o := newOffice(t)
	c := o.invites("asked").up()
	n := 10
	notify := func(event string) []moduletest.Packet {
		n++
		return c.request("NOTIFY", bobContact, n, "bt", event)
	}
	unknown := []string{"Event: check-sync;reboot=true", "Event: talk", "Event: refer", "o: refer", "X: no event", "Event: ;id=1"}
	for _, event := range unknown {
		o.refuses(event, notify(event))
	}
	c.the("NOTIFY ", notify("Event: telephone-event;rate=1000"))
	for i, method := range []string{"MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE"} {
		c.the(method+" ", c.request(method, bobContact, 30+i, "bt", "Event: dialog"))
	}
	// She has asked, and not he.
	o.refuses("refer to bob", notify("Event: refer"))
	c.the("NOTIFY ", o.router.Receive(bob, c.text("NOTIFY", aliceContact, 1, "bt", "at", c.back, "Event: refer;id=32")))
	c.the("NOTIFY ", o.router.Receive(bob, c.text("NOTIFY", aliceContact, 2, "bt", "at", c.back, "o : dialog ;id=7")))
	o.refuses("talk to alice", o.router.Receive(bob, c.text("NOTIFY", aliceContact, 3, "bt", "at", c.back, "Event: talk")))
	o.refuses("two events", o.router.Receive(bob, c.text("NOTIFY", aliceContact, 4, "bt", "at", c.back, "Event: refer", "Event: talk")))
	// Nor does she ask in his name: she knows his tag, and is not where he is.
	for i, method := range []string{"REFER", "SUBSCRIBE"} {
		o.router.Receive(alice, c.text(method, aliceContact, 5+i, "bt", "at", c.back, "Event: check-sync"))
	}
	o.refuses("check-sync", notify("Event: check-sync"))
	o.refuses("refer", notify("Event: refer"))
	c.the("REFER ", o.router.Receive(bob, c.text("REFER", aliceContact, 9, "bt", "at", c.back)))
	c.the("NOTIFY ", notify("Event: refer"))
}

// TestEventsAskedForAreFew: of a phone that asks for more and more events the last ones count.
func TestEventsAskedForAreFew(t *testing.T) {
	o := newOffice(t)
	c := o.invites("many").up()
	for i := range 6 {
		c.the("SUBSCRIBE ", c.request("SUBSCRIBE", bobContact, 2+i, "bt", fmt.Sprintf("Event: e%d", i)))
		c.the("SUBSCRIBE ", c.request("SUBSCRIBE", bobContact, 20+i, "bt", fmt.Sprintf("Event: e%d;again", i)))
	}
	for i := range 6 {
		sent := o.router.Receive(bob, c.text("NOTIFY", aliceContact, 1+i, "bt", "at", c.back, fmt.Sprintf("Event: e%d", i)))
		if passed := strings.HasPrefix(sent[0].Text, "NOTIFY "); passed != (i >= 2) {
			t.Errorf("NOTIFY of event %d: passed is %v", i, passed)
		}
	}
}
