package daemon

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// TestSentBackUnproven: alice, who is authenticated, calls bob by way of an SBC that the script trusts and that sends
// the call back without her proof; he does not answer. It is in her list and in his, as from her, whether or not
// the script has looked him up before, and also if he has one like it sent from elsewhere while it rings.
func TestSentBackUnproven(t *testing.T) {
	for name, x := range map[string]struct{ first, forged string }{
		"not looked up": {"", ""}, "looked up": {`lookup("location");`, ""},
		"forged": {`lookup("location");`, "From: <sip:eve@evil.example>;tag=fback"}, "forged, not looked up": {"", "From: <sip:eve@evil.example>;tag=fback"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
			s := newStand(t, strings.NewReplacer("PORT", port, "FIRST", x.first).Replace(`
				loadmodule "sl.so"
				loadmodule "tm.so"
				loadmodule "textops.so"
				loadmodule "auth.so"
				loadmodule "auth_db.so"
				loadmodule "usrloc.so"
				loadmodule "registrar.so"
				loadmodule "acc.so"
				route {
					if (method=="ACK") { t_relay(); exit; };
					if (from_uri =~ "alice@" && src_port != PORT) {
						if (!proxy_authorize("example.org", "subscriber")) { proxy_challenge("example.org", "0"); exit; };
						consume_credentials();
						FIRST
						if (uri =~ "bob@") { rewritehostport("127.0.0.1:PORT"); t_relay(); exit; };
					};
					lookup("location");
					sl_send_reply("480", "Temporarily Unavailable");
				}`), "alice", "bob")
			sbc, alice := &phone{t: t, s: s, conn: conn, user: "sbc"}, s.phone("alice")
			invite := alice.start("INVITE", bobURI(), "back", "")
			outer := sbc.expect("INVITE ")
			if x.forged != "" {
				eve := s.phone("eve")
				eve.send(eve.request("INVITE", bobURI(), "back", 1, "", x.forged))
				eve.expect("SIP/2.0 480")
			}
			sbc.send(sbc.request("INVITE", bobURI(), "back", 2, "", "From: "+string(outer.HeaderValue(sip.HdrFrom))))
			sbc.expect("SIP/2.0 480")
			sbc.answer(outer, 486)
			alice.ack(invite, toTag(alice.expect("SIP/2.0 486")))
			want := fmt.Sprintf("alice@%s has called bob@%s: 486", testDomain, testDomain)
			s.wait(want, func() bool {
				for _, list := range [][]store.Call{s.ownCallsOf("alice"), s.missedBy("bob")} {
					if len(list) != 1 || fmt.Sprintf("%s has called %s: %d", list[0].Caller, list[0].Callee, list[0].Code) != want {
						return false
					}
				}
				return true
			})
			if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE callid = 'back'"); n != 1 {
				t.Errorf("missed_calls has %d rows of the call, want 1", n)
			}
		})
	}
}
