package daemon

import (
	"fmt"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestOneBYERowACall: a call has one row of a BYE in acc. alice hangs up, and bob, who is slow to
// answer, refreshes the session meanwhile; she has left it, so the router hangs up, too.
func TestOneBYERowACall(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	alice.register()
	bob.register()
	uri, toBob, toAlice := "sip:bob@"+testDomain, fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
	// hangsUp is a call that alice has hung up: her BYE as bob has it, and the Route.
	hangsUp := func(id string) (bye *sip.Message, route string) {
		alice.start("INVITE", uri, id, "")
		bob.answer(bob.expect("INVITE "), 200)
		route = "Route: " + string(alice.expect("SIP/2.0 200").HeaderValue(sip.HdrRecordRoute))
		to := "To: <" + uri + ">;tag=tbob"
		alice.send(alice.request("ACK", toBob, id, 2, "", route, to))
		bob.expect("ACK ")
		alice.send(alice.request("BYE", toBob, id, 3, "", route, to))
		return byeOf(bob, id, false), route
	}
	for id, routersFirst := range map[string]bool{"phones-first": false, "routers-first": true} {
		bye, route := hangsUp(id)
		bob.send(bob.request("UPDATE", toAlice, id, 1, "", route, "From: <"+uri+">;tag=tbob", "To: <sip:alice@"+testDomain+">;tag=f"+id))
		alice.send(alice.expect("UPDATE ").AppendReply(nil, &sip.Reply{Status: 481}))
		bob.expect("SIP/2.0 481")
		hers, his := byeOf(alice, id, true), byeOf(bob, id, true)
		routers := func() {
			alice.answer(hers, 200)
			bob.answer(his, 200)
		}
		if routersFirst {
			routers()
			s.wait("the router's row", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = ?", id) == 1 })
		}
		bob.answer(bye, 200)
		alice.expect("SIP/2.0 200")
		if !routersFirst {
			routers()
		}
	}
	last, _ := hangsUp("last") // rows are written in their order
	bob.answer(last, 200)
	alice.expect("SIP/2.0 200")
	s.wait("the last row", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = 'last'") == 1 })
	for _, id := range []string{"phones-first", "routers-first"} {
		if n := s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = ?", id); n != 1 {
			t.Errorf("%s: %d rows", id, n)
		}
	}
}

// byeOf is the next BYE of a call that a phone gets, the router's own or another one; others are repeated.
func byeOf(p *phone, callID string, routers bool) *sip.Message {
	p.t.Helper()
	for {
		bye := p.expect("BYE ")
		if string(bye.CallID()) == callID && (bye.Named("Reason") != nil) == routers {
			return bye
		}
	}
}
