package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// gatewayScript sends calls to numbers through the gateways of set 1, which may ask for
// a password.
const gatewayScript = `
loadmodule "sl.so" loadmodule "tm.so" loadmodule "rr.so" loadmodule "usrloc.so" loadmodule "registrar.so" loadmodule "domain.so"
loadmodule "auth.so" loadmodule "auth_db.so" loadmodule "group.so" loadmodule "textops.so" loadmodule "siputils.so" loadmodule "nathelper.so"
loadmodule "dispatcher.so" loadmodule "uac.so" loadmodule "acc.so"
modparam("tm", "fr_timer", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_ping_timeout", 1)
modparam("uac", "auth_target", "127.0.0.1")
modparam("uac", "credential", "seraph:pstn.example:s3cret")
route {
	if (loose_route()) {
		t_relay();
		break;
	};
	if (method == "OPTIONS" || method == "ACK") {
		t_relay();
		break;
	};
	if (!proxy_authorize("", "subscriber")) {
		proxy_challenge("", "1");
		break;
	};
	consume_credentials();
	record_route();
	if (uri =~ "^sip:0[0-9]+@") {
		if (!is_user_in("Credentials", "ld")) {
			sl_send_reply("403", "No Calls to Numbers");
			break;
		};
		strip(1);
		prefix("+49");
		if (!ds_select_dst("1", "8")) {
			sl_send_reply("503", "No Gateway");
			break;
		};
		t_on_failure("1");
	};
	t_relay();
}
failure_route[1] {
	if (t_check_status("401|407") && uac_auth()) {
		t_on_failure("1");
		t_relay();
		break;
	};
	if (t_check_status("408|5[0-9][0-9]")) {
		ds_mark_dst("ip");
		if (ds_next_dst()) {
			t_on_failure("1");
			t_relay();
		};
	};
}
`

// TestGateways: calls to telephone numbers go to the first of two gateways that works;
// one that is silent is left out until it answers OPTIONS; one that asks for a password
// gets the answer, and the caller, who has another one, hears nothing of it.
func TestGateways(t *testing.T) {
	for name, from := range map[string]string{"asked by the router": "", "asked by another name": "sip:pinger@pstn.example"} {
		t.Run(name, func(t *testing.T) { gateways(t, from) })
	}
}

func gateways(t *testing.T, from string) {
	script := gatewayScript
	if from != "" {
		script = strings.Replace(script, "route {", "modparam(\"dispatcher\", \"ds_ping_from\", \""+from+"\")\nroute {", 1)
	}
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}, Script: script})
	first, second := s.Peer(peer.Config{Name: "gw1", Domain: "pstn.example"}), s.Peer(peer.Config{Name: "gw2", Domain: "pstn.example"})
	for i, g := range []*peer.Peer{first, second} {
		s.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', %d)", g.Address(), 9-i))
	}
	s.Ctl("", "rpc", "dispatcher.reload")
	s.Ctl("", "acl", "grant", "alice@"+stand.Domain, "ld")
	alice := s.Peer(peer.Config{Name: "alice", Domain: stand.Domain, Password: stand.Password("alice")})
	number := "sip:0301234@" + stand.Domain

	// Who may not call numbers does not.
	bob := s.Peer(peer.Config{Name: "bob", Domain: stand.Domain, Password: stand.Password("bob")})
	call := bob.Call(number)
	call.AckFailure(call.Expects(403))

	// The first one asks for a password.
	call = alice.Call(number)
	invite := first.Expect(peer.Request("INVITE"))
	if invite.URI() != "sip:+49301234@"+stand.Domain {
		t.Errorf("called %s", invite.URI())
	}
	first.Reply(invite, 407, "Proxy Authentication Required", func(m *peer.Message) {
		m.Add("Proxy-Authenticate", `Digest realm="pstn.example", nonce="n1", qop="auth", algorithm=SHA-256`)
	})
	first.Expect(peer.Request("ACK"))
	invite = first.Expect(peer.Request("INVITE"))
	answer := invite.Get("Proxy-Authorization")
	challenge := peer.Challenge{Realm: "pstn.example", Nonce: "n1", Algorithm: "SHA-256", QOP: "auth"}
	_, cnonce, _ := strings.Cut(answer, `cnonce="`)
	cnonce, _, _ = strings.Cut(cnonce, `"`)
	want := challenge.Answer(peer.Credentials{User: "seraph", Password: "s3cret", CNonce: cnonce}, "INVITE", invite.URI())
	if response := want[strings.LastIndex(want, "response="):]; cnonce == "" || !strings.Contains(answer, response) {
		t.Errorf("the gateway gets %s, want %s", answer, want)
	}
	first.Reply(invite, 200, "OK", tag(first))
	dialog := call.Ack(call.Expects(200))
	first.Expect(peer.Request("ACK"))
	hangup(dialog, first)
	if alice.Count(peer.Response(407, "INVITE")) != 1 { // the router's own
		t.Error("the caller was asked for the gateway's password")
	}

	// It is silent, and then it refuses: the second one takes the call.
	for _, silent := range []bool{true, false} {
		call = alice.Call(number)
		invite = first.ExpectWithin(10*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
		if !silent {
			first.Reply(invite, 503, "Service Unavailable")
		}
		invite = second.ExpectWithin(15*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
		if invite.URI() != "sip:+49301234@"+stand.Domain || invite.Get("Proxy-Authorization") != "" {
			t.Errorf("the second gateway gets %s with %q", invite.URI(), invite.Get("Proxy-Authorization"))
		}
		second.Reply(invite, 200, "OK", tag(second))
		dialog = call.Ack(call.Expects(200))
		second.Expect(peer.Request("ACK"))
		hangup(dialog, second)
		gatewayState(t, s, first, "IP")

		// While it is left out, a call goes to the second one at once.
		before := first.Count(peer.Request("INVITE"))
		call = alice.Call(number)
		second.Reply(second.Expect(peer.Request("INVITE").Of(call.Invite.CallID())), 404, "Not Found")
		call.AckFailure(call.Expects(404))
		if n := first.Count(peer.Request("INVITE")); n != before {
			t.Errorf("a gateway that is left out got %d calls", n-before)
		}
		// It is back when it answers OPTIONS.
		wait.For(t, 30*time.Second, "the gateway answers OPTIONS and is back", func() error {
			asked := first.ExpectWithin(20*time.Second, peer.Request("OPTIONS"))
			if asker := peer.URIOf(asked.Get("From")); from == "" && !strings.HasPrefix(asker, "sip:router@") || from != "" && asker != from {
				t.Errorf("asked by %s", asker)
			}
			first.Reply(asked, 200, "OK")
			return stateOf(s, first, "AX", "AP")
		})
		s.Ctl("", "rpc", "dispatcher.set_state", "a", "1", "sip:"+first.Address())
	}

	// Both are disabled.
	s.Ctl("", "rpc", "dispatcher.set_state", "d", "1", "all")
	call = alice.Call(number)
	call.AckFailure(call.Expects(503))
	if strings.Contains(s.Proxy.Log.String(), "s3cret") {
		t.Error("the log has the gateway's password")
	}
}

func gatewayState(t *testing.T, s *stand.Stand, gateway *peer.Peer, want string) {
	t.Helper()
	wait.For(t, 10*time.Second, "the gateway is "+want, func() error { return stateOf(s, gateway, want) })
}

// stateOf is an error unless a gateway has one of the states.
func stateOf(s *stand.Stand, gateway *peer.Peer, want ...string) error {
	list := s.Ctl("", "rpc", "dispatcher.list")
	_, rest, _ := strings.Cut(list, gateway.Address())
	for _, w := range want {
		if strings.Contains(rest[:min(60, len(rest))], `"`+w+`"`) {
			return nil
		}
	}
	return fmt.Errorf("it is none of %q in\n%s", want, list)
}
