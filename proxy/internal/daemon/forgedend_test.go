package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestForgedEnd: nobody ends a call of alice's, in acc, in call_log or in the table, by what a friend's phone answers: to
// a BYE of hers without a To tag, to the BYE of another call, or to that of one with the same Call-ID.
func TestForgedEnd(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
	bob.register()
	carol.register()
	to := func(p *phone) string { return "To: <sip:" + p.user + "@" + testDomain + ">;tag=t" + p.user }
	at := func(p *phone) string { return fmt.Sprintf("sip:%s@127.0.0.1:%d", p.user, p.port()) }
	call := func(p *phone, id string) (route string) {
		alice.start("INVITE", "sip:"+p.user+"@"+testDomain, id, "")
		p.answer(p.expect("INVITE "), 200)
		route = "Route: " + string(alice.expect("SIP/2.0 200").HeaderValue(sip.HdrRecordRoute))
		alice.send(alice.request("ACK", at(p), id, 2, "", route, to(p)))
		p.expect("ACK ")
		return route
	}
	paid := call(bob, "paid")
	goesOn := func(cseq int) {
		t.Helper()
		alice.send(alice.request("INFO", at(bob), "paid", cseq, "", paid, to(bob)))
		bob.answer(bob.expect("INFO "), 200)
		alice.expect("SIP/2.0 200")
	}

	alice.start("BYE", "sip:carol@"+testDomain, "paid", "", "To: <sip:bob@"+testDomain+">")
	carol.send(carol.expect("BYE ").AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("tbob")}))
	alice.expect("SIP/2.0 200")
	goesOn(20)

	free := call(carol, "free")
	alice.send(alice.request("BYE", at(carol), "free", 5, "", free, to(carol)))
	bye := carol.expect("BYE ")
	text := string(bye.AppendReply(nil, &sip.Reply{Status: 200}))
	carol.send([]byte(strings.NewReplacer(";tag=tcarol", ";tag=tbob", ";tag=ffree", ";tag=fpaid", "Call-ID: free", "Call-ID: paid").Replace(text)))
	goesOn(21)
	carol.answer(bye, 200)
	alice.expect("SIP/2.0 200")

	twin := call(carol, "paid")
	alice.send(alice.request("BYE", at(carol), "paid", 30, "", twin, to(carol)))
	text = string(carol.expect("BYE ").AppendReply(nil, &sip.Reply{Status: 200}))
	carol.send([]byte(strings.Replace(text, ";tag=tcarol", ";tag=tbob", 1)))
	alice.expect("SIP/2.0 200")
	goesOn(31)

	s.wait("the rows of the others", func() bool {
		return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND to_tag = 'tcarol' AND callid IN ('free', 'paid')") == 2
	})
	if n := s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = 'paid' AND to_tag <> 'tcarol'"); n != 0 {
		t.Errorf("%d rows of a BYE of the call that is up", n)
	}
	s.wait("call_log", func() bool { return s.rows("SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL") == 2 })
	if n := s.rows("SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL AND callee_username = 'bob'"); n != 0 {
		t.Error("call_log says that it has ended")
	}
	alice.send(alice.request("BYE", at(bob), "paid", 40, "", paid, to(bob)))
	bob.answer(bob.expect("BYE "), 200)
	alice.expect("SIP/2.0 200")
	s.wait("its own row", func() bool {
		return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND to_tag = 'tbob' AND callid = 'paid'") == 1
	})
}
