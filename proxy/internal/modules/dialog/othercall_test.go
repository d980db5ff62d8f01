package dialog_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// changed is the answer to a request with a part of its text replaced.
func changed(m *sip.Message, status int, old, now string) string {
	text := string(m.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte("bt"), RecordRoute: true, Extra: []byte("Contact: <sip:bob@192.0.2.8>\r\n")}))
	return strings.Replace(text, old, now, 1)
}

// TestAnswerToNoRequest: who is called answers with the Call-ID, From tag or CSeq number of another call. That neither
// fills the table, however often it rings, nor makes a call of such a name, nor ends the one that has it.
func TestAnswerToNoRequest(t *testing.T) {
	o := newOffice(t, "max_dialogs 200")
	other := o.invites("other").up()
	c := o.invites("victim")
	for i := range 400 {
		o.router.Receive(bob, changed(c.invite, 180, "Call-ID: victim", fmt.Sprint("Call-ID: made-up-", i)))
	}
	for _, x := range [][2]string{{"Call-ID: victim", "Call-ID: made-up"}, {";tag=at", ";tag=zt"}, {"CSeq: 1 ", "CSeq: 7 "}} {
		if sent := o.router.Receive(bob, changed(c.invite, 200, x[0], x[1])); len(sent) != 0 {
			t.Errorf("%q goes up as %v", x[1], sent)
		}
	}
	if n := o.statistic("records"); n != 2 {
		t.Errorf("%d records", n)
	}
	if len(o.talks) != 1 {
		t.Errorf("told of %q", o.talks)
	}
	c.answers(bob, 200, "bt")
	c.the("ACK ", c.request("ACK", "sip:bob@192.0.2.8", 1, "bt"))
	bye := c.the("BYE ", c.request("BYE", "sip:bob@192.0.2.8", 2, "bt"))
	o.router.Receive(bob, changed(bye, 200, "Call-ID: victim", "Call-ID: other"))
	o.wantStates("a BYE was answered in the name of another call", 0, 0, 0, 2)
	c.reply(bob, bye, 200)
	other.the("INFO ", other.request("INFO", "sip:bob@192.0.2.8", 2, "bt"))
	o.wantStates("the right answer has come", 0, 0, 0, 1)
}

// TestAnswerWithAnotherTag: alice has two calls with one Call-ID and From tag. The answer to the BYE of the one ends
// that one, whatever To tag it has, be it the other's or one that is too long.
func TestAnswerWithAnotherTag(t *testing.T) {
	for _, tag := range []string{"bt", "zz", long(500), ""} {
		o := newOffice(t)
		paid := o.invites("same").up()
		free := paid.twin(alice, 1, carol)
		free.answers(carol, 200, "ct")
		free.the("ACK ", free.request("ACK", "sip:carol@192.0.2.9", 1, "ct"))
		bye := free.the("BYE ", free.request("BYE", "sip:carol@192.0.2.9", 5, "ct"))
		text := strings.Replace(string(bye.AppendReply(nil, &sip.Reply{Status: 200})), ";tag=ct", ";tag="+tag, 1)
		o.the("SIP/2.0 200", o.router.Receive(carol, strings.Replace(text, ";tag=\r\n", "\r\n", 1)))
		o.wantStates("the free one is over", 0, 0, 0, 1)
		paid.the("INFO ", paid.request("INFO", "sip:bob@192.0.2.8", 6, "bt"))
		paid.hangsUp(7)
		o.wantNothingLeft()
	}
}
