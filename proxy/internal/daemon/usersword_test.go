package daemon

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"seraph/sql/store"
)

// wordScript is what scripts do around lookup; REQUEST and FAILURE are the case's.
const wordScript = `
	gateway.host = "127.0.0.2" desc "where calls to telephones go"
	gateway.port = "GWPORT" desc "its port"
	alias="example.org"
	loadmodule "sl.so"
	loadmodule "tm.so"
	loadmodule "textops.so"
	loadmodule "auth.so"
	loadmodule "auth_db.so"
	loadmodule "usrloc.so"
	loadmodule "registrar.so"
	loadmodule "nathelper.so"
	loadmodule "dispatcher.so"
	modparam("dispatcher|auth_db", "db_url", "DBURL")
	route {
		if (method=="REGISTER") { save("location"); exit; };
		if (method=="ACK") { t_relay(); exit; };
		if (!proxy_authorize("example.org", "subscriber")) { proxy_challenge("example.org", "0"); exit; };
		$avp(number) = $rU;
		if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; };
		t_on_failure("1");
		REQUEST
		if (!t_relay()) { sl_reply_error(); };
	}
	failure_route[1] { FAILURE }
	branch_route[1] { $du = "sip:" + $rd + ":" + $rp; }
`

// TestUsersWord: whoever registers a gateway as his contact is not called there in the router's name, whatever a script
// has made of that contact and wherever it has kept it. A script that names a gateway itself reaches it, also where
// the phone's contact has the same address, as private ones have.
func TestUsersWord(t *testing.T) {
	const (
		parts    = `$ru = "sip:" + $rU + "@" + $rd + ":" + $rp;`
		next     = `$du = "sip:" + $rd + ":" + $rp;`
		gateway  = "<sip:0900@GW>"
		beside   = "<sip:0900@GW;maddr=127.0.0.9>"
		private  = "<sip:bob@127.0.0.2:5060>"
		nat      = "<sip:0900@127.0.0.2:PHONE>"
		alias    = "<sip:0900@127.0.0.1:PHONE;alias=127.0.0.2~GWPORT~1>"
		fromNAT  = "127.0.0.2"
		atHome   = "127.0.0.1"
		thenSend = " t_relay();"
	)
	for _, x := range []struct {
		name, contact, from string
		request, failure    string // with a failure route bob is busy first, or the office is
		reached             bool
	}{
		{"its parts", gateway, atHome, parts, "", false},
		{"next hop of its parts", gateway, atHome, next, "", false},
		{"by a variable", gateway, atHome, `$var(h) = $rd + ":" + $rp; $ru = "sip:x@198.51.100.1"; $du = "sip:" + $var(h);`, "", false},
		{"in a branch route", gateway, atHome, `t_on_branch("1");`, "", false},
		{"maddr beside it, its parts", beside, atHome, parts, "", false},
		{"maddr beside it, next hop", beside, atHome, next, "", false},
		{"maddr beside it, a branch", beside, atHome, `append_branch("sip:$rU@$rd:$rp"); $du = "sip:127.0.0.1:OFFICE";`, `t_reply("486", "Busy Here");`, false},
		{"maddr beside it, rewriteuri", beside, atHome, `rewriteuri("sip:$rU@$rd:$rp");`, "", false},
		{"maddr beside it, subst_uri", beside, atHome, `subst_uri("/;maddr=.*$//");`, "", false},
		{"maddr beside it, in a branch route", beside, atHome, `t_on_branch("1");`, "", false},
		{"kept for the failure route", gateway, atHome, `$avp(c) = $ru; rewritehostport("127.0.0.1:OFFICE");`, `$ru = $avp(c);` + thenSend, false},
		{"its parts, kept for the failure route", gateway, atHome, `$avp(c) = $rd + ":" + $rp; rewritehostport("127.0.0.1:OFFICE");`, `$ru = "sip:9@" + $avp(c);` + thenSend, false},
		{"next hop, kept for the failure route", gateway, atHome, `$avp(c) = $ru; $ru = $ou; $du = "sip:127.0.0.1:OFFICE";`, `$du = $avp(c);` + thenSend, false},
		{"another port behind one NAT, next hop", nat, fromNAT, `$du = "sip:" + $rd + ":GWPORT";`, "", false},
		{"another port behind one NAT", nat, fromNAT, `$ru = "sip:" + $rU + "@" + $rd + ":GWPORT";`, "", false},
		{"another port behind one NAT, $rp", nat, fromNAT, `$rp = GWPORT;`, "", false},
		{"another port behind one NAT, forward", nat, fromNAT, `if (!forward(uri:host, GWPORT)) { sl_send_reply("480", "Gone"); }; exit;`, "", false},
		{"over another transport", gateway, atHome, `$avp(c) = $ru; $ru = $ou; $du = $avp(c); if (!t_relay_to_udp()) { sl_reply_error(); }; exit;`, "", false},
		{"over another transport in the failure route", gateway, atHome, `$avp(c) = $ru; $ru = $ou; $du = "sip:127.0.0.1:OFFICE";`, `$du = $avp(c); t_relay_to_udp();`, false},
		{"another port behind one NAT, over another transport", nat, fromNAT, `$du = "sip:" + $rd + ":GWPORT"; if (!t_relay_to_udp()) { sl_reply_error(); }; exit;`, "", false},
		{"another port behind one NAT, then $rp", nat, fromNAT, `$ru = $ru + ";x=y"; $rp = GWPORT;`, "", false},
		{"another port behind one NAT, then next hop", nat, fromNAT, `$ru = $ru + ";x=y"; $du = "sip:" + $rd + ":GWPORT";`, "", false},
		{"another port behind one NAT, a branch", nat, fromNAT, `append_branch("sip:$rU@$rd:GWPORT"); $du = "sip:127.0.0.1:OFFICE";`, `t_reply("486", "Busy Here");`, false},
		{"an alias that the phone has written", alias, atHome, `if (!isdsturiset()) { handle_ruri_alias(); };`, "", false},

		{"voicemail by settings", private, atHome, "", `$ru = "sip:" + $avp(number) + "@" + $sel(cfg_get.gateway.host) + ":" + $sel(cfg_get.gateway.port);` + thenSend, true},
		{"telephones", private, atHome, "", `$ru = "sip:" + $rU + "@GW";` + thenSend, true},
		{"telephones, rewriteuri", private, atHome, "", `rewriteuri("sip:$rU@GW");` + thenSend, true},
		{"telephones, a branch", private, atHome, "", `append_branch("sip:$rU@GW"); $du = "sip:127.0.0.1:OFFICE";` + thenSend, true},
		{"telephones, a variable", private, atHome, "", `$var(gw) = "sip:GW"; $du = $var(gw);` + thenSend, true},
		{"telephones, and a parameter", private, atHome, "", `rewritehostport("GW"); $ru = $ru + ";user=phone";` + thenSend, true},
		{"dispatcher's host, and a parameter", private, atHome, "", `ds_select_domain("1", "4"); $ru = $ru + ";user=phone";` + thenSend, true},
		{"dispatcher's next hop, and a parameter", private, atHome, "", `ds_select_dst("1", "4"); $du = $du + ";transport=udp";` + thenSend, true},
		{"t_relay to the contact's own place", gateway, atHome, `if (!t_relay("127.0.0.2", "GWPORT")) { sl_reply_error(); }; exit;`, "", true},
		{"a gateway that registers itself", nat, fromNAT, `$ru = $ru + ";x=y";`, "", false},
		{"a gateway that registers itself, next hop", nat, fromNAT, next, "", false},
		{"a gateway that registers itself, its port", nat, fromNAT, `$rp = $rp;`, "", false},
		{"a gateway that registers itself, no next hop", nat, fromNAT, `$du = $null;`, "", false},
		{"a gateway that registers itself, dialled number", nat, fromNAT, `$du = $ru; $ru = $ou;`, "", false},
		{"a gateway that registers itself, kept", nat, fromNAT, `$avp(c) = $ru; $ru = $ou; $du = $avp(c);`, "", false},
		{"a gateway that registers itself, its parts kept", nat, fromNAT, `$var(h) = $rd + ":" + $rp; $ru = "sip:9@example.org"; $ru = "sip:9@" + $var(h);`, "", false},
		{"a gateway that registers itself, over UDP", nat, fromNAT, `if (!t_relay_to_udp()) { sl_reply_error(); }; exit;`, "", false},
		{"a gateway that registers itself, reverted", nat, fromNAT, `$avp(c) = $ru; revert_uri(); $ru = $avp(c);`, "", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWord(t, x.from)
			s := w.start(t, x.request, x.failure)
			w.bob.send([]byte(strings.Replace(string(w.bob.request("REGISTER", "sip:"+testDomain, "reg", 1, "", "Contact: "+w.names.Replace(x.contact))),
				"UDP 127.0.0.1", "UDP "+x.from, 1)))
			w.bob.expect("SIP/2.0 200")
			alice := s.phone("alice")
			alice.start("INVITE", bobURI(), "c1", "")
			if strings.HasPrefix(x.name, "a gateway") {
				w.bob.answer(w.bob.expect("INVITE"), 404)
				return
			}
			if x.failure != "" {
				busy := w.bob
				if strings.Contains(x.request, "OFFICE") {
					busy = w.office
				}
				busy.answer(busy.expect("INVITE"), 486)
			}
			if x.reached {
				w.gateway.answer(w.gateway.expect("INVITE"), 404)
				alice.expect("SIP/2.0 404")
				return
			}
			if got := w.gateway.within(200*time.Millisecond, "INVITE"); got != nil {
				t.Errorf("the gateway has got %s", got.RequestURI())
			}
		})
	}
}

// word is the people of one case.
type word struct {
	gateway, office, bob *phone
	names                *strings.Replacer
}

// newWord opens their sockets; bob's phone is at an address.
func newWord(t *testing.T, bobAt string) *word {
	open := func(user, ip string) *phone {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return &phone{t: t, conn: conn, user: user}
	}
	w := &word{gateway: open("gateway", "127.0.0.2"), office: open("office", "127.0.0.1"), bob: open("bob", bobAt)}
	port := fmt.Sprint(w.gateway.port())
	w.names = strings.NewReplacer("GWPORT", port, "GW", "127.0.0.2:"+port, "OFFICE", fmt.Sprint(w.office.port()), "PHONE", fmt.Sprint(w.bob.port()))
	return w
}

// start starts a router with the script of a case, which knows the gateway.
func (w *word) start(t *testing.T, request, failure string) *stand {
	script := strings.NewReplacer("REQUEST", request, "FAILURE", failure).Replace(wordScript)
	s := newStand(t, w.names.Replace(script), "bob", "alice")
	if err := s.db.Dispatcher.Add(t.Context(), store.Gateway{Set: 1, URI: w.names.Replace("sip:GW")}); err != nil {
		t.Fatal(err)
	}
	if err := s.d.modules.Calls.Dispatcher.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.gateway.s, w.office.s, w.bob.s = s, s, s
	return s
}
