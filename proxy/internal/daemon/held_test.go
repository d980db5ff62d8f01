package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
)

// TestHeldCallInTheAccounts: with a script that knows no has_totag(), a hold that comes without our Route is
// in no account: not where a PBX behind us sends it back here on its way to the phone, and not as a missed
// call where the script refuses it.
func TestHeldCallInTheAccounts(t *testing.T) {
	s := newStand(t, `
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "rr.so"
		loadmodule "usrloc.so"
		loadmodule "registrar.so"
		loadmodule "acc.so"
		modparam("acc", "db_url", "DBURL")
		route {
			if (loose_route()) { t_relay(); exit; };
			if (uri =~ "sip:bob@`+testDomain+`") { lookup("location"); sl_send_reply("488", "Not Acceptable Here"); exit; };
			record_route();
			t_relay();
		}`, "alice", "bob")
	alice, bob, pbx := s.phone("alice"), s.phone("bob"), s.phone("pbx")
	toBob, toPBX := fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), fmt.Sprintf("sip:bob@127.0.0.1:%d", pbx.port())
	hop := fmt.Sprintf("<sip:127.0.0.1:%d;lr>", pbx.port())
	calls := func(id string) (route string) {
		t.Helper()
		alice.send(alice.request("INVITE", toPBX, id, 1, ""))
		reply := string(pbx.expect("INVITE ").AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("tbob"), RecordRoute: true,
			Extra: []byte("Contact: <" + toBob + ">\r\n")}))
		pbx.send([]byte(strings.Replace(reply, "Record-Route: ", "Record-Route: "+hop+"\r\nRecord-Route: ", 1)))
		values := alice.expect("SIP/2.0 200").Values(sip.HdrRecordRoute)
		for v := values.Next(); v != nil; v = values.Next() {
			route = "Route: " + string(v) + "\r\n" + route
		}
		route = strings.TrimSuffix(route, "\r\n")
		alice.send(alice.request("ACK", toBob, id, 1, "", route, "To: <"+toPBX+">;tag=tbob"))
		pbx.expect("ACK ")
		return route
	}
	to := "To: <" + toPBX + ">;tag=tbob"
	route := calls("held")
	alice.send(alice.request("INVITE", toBob, "held", 2, "", route, to))
	hold := pbx.expect("INVITE ")
	vias := ""
	for h := hold.Header(sip.HdrVia); h != nil; h = hold.Next(h) {
		vias += "\r\nVia: " + string(hold.Value(h))
	}
	pbx.send(pbx.request("INVITE", toBob, "held", 2, "", to, "From: "+string(hold.HeaderValue(sip.HdrFrom)), strings.TrimPrefix(vias, "\r\n")))
	bob.answer(bob.expect("INVITE "), 200)
	pbx.expect("SIP/2.0 200")
	pbx.answer(hold, 200)
	alice.expect("SIP/2.0 200")

	alice.send(alice.request("INVITE", "sip:bob@"+testDomain, "held", 3, "", to))
	alice.expect("SIP/2.0 488")
	alice.send(alice.request("INVITE", "sip:bob@"+testDomain, "missed", 1, "", "To: <sip:bob@"+testDomain+">;tag=made-up"))
	alice.expect("SIP/2.0 488")
	calls("last") // rows are written in their order
	s.wait("the last row", func() bool { return s.rows("SELECT COUNT(*) FROM acc WHERE callid = 'last'") == 1 })
	if n := s.rows("SELECT COUNT(*) FROM acc WHERE callid = 'held'"); n != 1 {
		t.Errorf("%d rows of the call", n)
	}
	for id, want := range map[string]int{"held": 0, "missed": 1} {
		if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE callid = ?", id); n != want {
			t.Errorf("%s: missed %d times, want %d", id, n, want)
		}
	}
}
