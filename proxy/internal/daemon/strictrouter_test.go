package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestRoutesOfOddPhones: with the script as it comes, a call ends by the BYE of a strict router before us, which has
// our entry as the Request-URI and the target in the Route, and by that of a phone that puts its outbound proxy
// before the route set or behind it; and nobody else is reached in these ways.
func TestRoutesOfOddPhones(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	alice.register()
	bob.register()
	uri, toBob, toAlice := "sip:bob@"+testDomain, fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
	proxy := fmt.Sprintf("<sip:%v;lr>", s.addr)
	for id, of := range map[string]func(ours string) (uri, route string){
		"strict": func(ours string) (string, string) { return strings.Trim(ours, "<>"), "<" + toBob + ">" },
		"before": func(ours string) (string, string) { return toBob, proxy + ", " + ours },
		"behind": func(ours string) (string, string) { return toBob, ours + ", " + proxy },
	} {
		alice.start("INVITE", uri, id, "")
		bob.answer(bob.expect("INVITE "), 200)
		ours := string(alice.expect("SIP/2.0 200").HeaderValue(sip.HdrRecordRoute))
		to := "To: <" + uri + ">;tag=tbob"
		target, route := of(ours)
		alice.send(alice.request("ACK", target, id, 2, "", "Route: "+route, to))
		if ack := bob.expect("ACK "); string(ack.RequestURI()) != toBob || ack.Header(sip.HdrRoute) != nil {
			t.Errorf("%s: bob gets %s", id, ack.Buf)
		}
		elsewhere := strings.ReplaceAll(route, toBob, toAlice)
		alice.send(alice.request("BYE", strings.ReplaceAll(target, toBob, toAlice), id, 3, "", "Route: "+elsewhere, to))
		alice.expect("SIP/2.0 4")
		alice.send(alice.request("BYE", target, id, 4, "", "Route: "+route, to))
		bob.answer(bob.expect("BYE "+toBob+" "), 200)
		alice.expect("SIP/2.0 200")
		s.wait("the row of "+id, func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE method = 'BYE' AND callid = ?", id) == 1 })
	}
}
