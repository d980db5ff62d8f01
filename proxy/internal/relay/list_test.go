package relay

import (
	"fmt"
	"strings"
	"testing"

	"seraph/ctlproto"
)

// TestList: what is under way is listed with its branches, the oldest first; of one call,
// and no more than asked for; what has ended is not.
func TestList(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 2, fast)
	if list := b.engine.List("", 10); list == nil || len(list) != 0 {
		t.Errorf("at first: %v", list)
	}
	alice.invite("rings")
	inv := phones[0].expect("INVITE")
	phones[1].expect("INVITE")
	phones[0].answer(inv, 180, "bt")
	alice.expect("SIP/2.0 180")
	alice.request("MESSAGE", "sip:bob@example.org", "later", 7, "later", "")
	for _, p := range phones {
		p.expect("MESSAGE")
	}

	list := b.engine.List("", 10)
	if len(list) != 2 || list[0].CallID != "rings" || list[1].CallID != "later" {
		t.Fatalf("listed are %+v", list)
	}
	one := list[0]
	want := ctlproto.TmTransaction{
		Method: "INVITE", From: one.From, To: one.To, CallID: "rings", CSeq: "1 INVITE", UASRequest: "yes", State: "proceeding", Status: 180,
		Began: one.Began, Age: one.Age, Source: fmt.Sprintf("udp:127.0.0.1:%d", alice.port()), Outgoings: 2,
	}
	for i, state := range []string{"proceeding", "calling"} {
		want.Branches = append(want.Branches, ctlproto.TmBranch{URI: phones[i].uri(), Remote: fmt.Sprintf("udp:127.0.0.1:%d", phones[i].port()), State: state})
	}
	if fmt.Sprint(one) != fmt.Sprint(want) {
		t.Errorf("listed is\n%+v, want\n%+v", one, want)
	}
	if !strings.Contains(one.From, "tag=") || !strings.Contains(one.To, "bob@example.org") || one.Began.IsZero() || one.Age > 60 {
		t.Errorf("listed is %+v", one)
	}
	for callID, n := range map[string]int{"rings": 1, "later": 1, "ring": 0, "RINGS": 0, "nobody's": 0} {
		if got := b.engine.List(callID, 10); len(got) != n {
			t.Errorf("of %q: %+v", callID, got)
		}
	}
	if got := b.engine.List("", 1); len(got) != 1 || got[0].CallID != "rings" {
		t.Errorf("one of two: %+v", got)
	}

	phones[0].answer(inv, 486, "bt")
	phones[1].answer(inv, 486, "bt")
	alice.cancel("rings")
	alice.ack("rings")
	b.empty()
	if list := b.engine.List("", 10); len(list) != 0 {
		t.Errorf("at the end: %+v", list)
	}
}

// TestListOfAnswered: an INVITE that was answered waits without its texts.
func TestListOfAnswered(t *testing.T) {
	b, alice, phones := setup(t, 1)
	alice.invite("up")
	phones[0].answer(phones[0].expect("INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	list := b.engine.List("", 10)
	if len(list) != 1 || list[0].State != "accepted" || list[0].Status != 200 || list[0].CallID != "" || list[0].Method != "INVITE" {
		t.Errorf("listed are %+v", list)
	}
	if got := b.engine.List("up", 10); len(got) != 0 {
		t.Errorf("of its Call-ID: %+v", got)
	}
}

// TestListOfHostile: what a stranger wrote is shown without control characters.
func TestListOfHostile(t *testing.T) {
	b, alice, phones := setup(t, 1, fast)
	alice.send("MESSAGE sip:bob@example.org SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKevil", alice.port()),
		"From: \"\x1b[2J\xff\" <sip:m@elsewhere.example>;tag=1", "To: <sip:bob@example.org>", "Call-ID: evil", "CSeq: 1 MESSAGE", "Max-Forwards: 70", "Content-Length: 0")
	phones[0].expect("MESSAGE")
	list := b.engine.List("", 10)
	if len(list) != 1 || list[0].From != "\"[2J\uFFFD\" <sip:m@elsewhere.example>;tag=1" {
		t.Errorf("listed are %+v", list)
	}
}
