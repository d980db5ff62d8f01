package daemon

import (
	"fmt"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// TestPlaceOfAPhoneRedirected: what ub_heed_phones has said counts where a failure route sends the
// request on, to the place that somebody has named in a 302. Whom nobody refuses is led there.
func TestPlaceOfAPhoneRedirected(t *testing.T) {
	s := newStand(t, `
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "rr.so"
		loadmodule "usrloc.so"
		loadmodule "registrar.so"
		loadmodule "userblock.so"
		loadmodule "uac_redirect.so"
		modparam("userblock", "db_url", "DBURL")
		route {
			if (method=="REGISTER") { save("location"); exit; };
			record_route();
			ub_heed_phones();
			if (uri == myself) { if (!lookup("location")) { sl_send_reply("404", "Not here"); exit; }; };
			t_on_failure("1");
			if (!t_relay()) { sl_reply_error(); };
		}
		failure_route[1] { if (t_check_status("^3") && get_redirects("4")) { t_relay(); }; }
		`, "alice", "bob", "carol")
	alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
	for _, p := range []*phone{alice, carol} {
		p.send(p.request("REGISTER", "sip:"+testDomain, "reg-"+p.user, 1, ""))
		p.expect("SIP/2.0 200")
	}
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: "bob@*"})
	place := fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
	led := func(p *phone, id string) {
		p.send(p.request("INVITE", "sip:carol@"+testDomain, id, 1, ""))
		carol.send(carol.expect("INVITE ").AppendReply(nil, &sip.Reply{Status: 302, ToTag: []byte("tc"), Extra: []byte("Contact: <" + place + ">\r\n")}))
		carol.expect("ACK ")
	}
	led(bob, "blocked")
	bob.expect("SIP/2.0 302")
	walter := s.phone("walter")
	led(walter, "welcome")
	alice.answer(alice.expect("INVITE "), 486)
	walter.expect("SIP/2.0 486")
}
