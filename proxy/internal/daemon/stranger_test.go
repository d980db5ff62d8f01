package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestSIPSRingsNoPlainPhone: a call for a sips address does not go to a phone that is
// registered over UDP, and the caller hears why (docs/transports.md).
func TestSIPSRingsNoPlainPhone(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob := s.phone("anne"), s.phone("bob")
	bob.register()
	call := anne.start("INVITE", "sips:bob@"+testDomain, "secure", "")
	refused := anne.expect("SIP/2.0 480")
	to, err := refused.To()
	if err != nil {
		t.Fatal(err)
	}
	anne.ack(call, string(to.Tag))
	if got := string(refused.Value(refused.Named("Warning"))); !strings.HasPrefix(got, "380 ") {
		t.Errorf("the refusal has the Warning %q", got)
	}
	if m := bob.within(50*time.Millisecond, "INVITE"); m != nil {
		t.Errorf("bob got\n%s", m.Buf)
	}
	anne.start("INVITE", "sip:bob@"+testDomain, "plain", "")
	bob.answer(bob.expect("INVITE"), 486)
	anne.expect("SIP/2.0 486")
}

// TestStrangersMayCallAndWrite: what else there is, of whatever spelling, does not reach a
// phone from a stranger. From one of ours it does.
func TestStrangersMayCallAndWrite(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob, eve := s.phone("anne"), s.phone("bob"), s.phone("eve")
	bob.register()
	bobs := "sip:bob@" + testDomain
	const from = "From: <sip:eve@elsewhere.example>;tag=e"
	for _, method := range []string{"SUBSCRIBE", "NOTIFY", "INFO", "PUBLISH", "REFER", "UPDATE", "PRACK", "BYE", "PING", "messages"} {
		eve.send(eve.request(method, bobs, "stranger-"+method, 1, "", from, "Event: check-sync;reboot=true"))
		if got := eve.expect("SIP/2.0 "); got.Status != 403 {
			t.Errorf("a stranger's %s was answered %d, want 403", method, got.Status)
		}
		if m := bob.within(10*time.Millisecond, method); m != nil {
			t.Errorf("bob got a stranger's %s", method)
		}
	}
	for _, method := range []string{"INVITE", "MESSAGE", "OPTIONS"} {
		eve.send(eve.request(method, bobs, "stranger-"+method, 1, "", from))
		bob.answer(bob.expect(method), 486)
		eve.expect("SIP/2.0 486")
	}
	for _, method := range []string{"NOTIFY", "PING"} {
		anne.start(method, bobs, "anne-"+method, "", "Event: check-sync")
		bob.answer(bob.expect(method), 200)
		anne.expect("SIP/2.0 200")
	}
	// Of the router itself.
	router := "sip:" + testDomain
	eve.send(eve.request("OPTIONS", router, "router-1", 1, "", from))
	eve.expect("SIP/2.0 200")
	for _, method := range []string{"ping", "NOTIFY", "PING"} {
		eve.send(eve.request(method, router, "router-"+method, 1, "", from))
		if got := eve.expect("SIP/2.0 405"); got.Header(sip.HdrAllow) == nil {
			t.Errorf("405 without Allow to %s:\n%s", method, got.Buf)
		}
	}
}

// TestMethodInSmallLetters: what a phone that ignores case would take for a BYE, and the router
// for a method that it does not know, gets to nobody.
func TestMethodInSmallLetters(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob := s.phone("anne"), s.phone("bob")
	bob.register()
	anne.start("INVITE", "sip:bob@"+testDomain, "small", "")
	invite := bob.expect("INVITE")
	bob.answer(invite, 200)
	anne.expect("SIP/2.0 200")
	route := "Route: " + string(invite.HeaderValue(sip.HdrRecordRoute))
	from, to := "From: <sip:bob@"+testDomain+">;tag=tbob", "To: "+string(invite.HeaderValue(sip.HdrFrom))
	annes := string(invite.HeaderValue(sip.HdrContact))
	for i, method := range []string{"bye", "Bye", "BYe", "invite", "update", "refer", "notify"} {
		bob.send(bob.request(method, annes[1:len(annes)-1], "small", 10+i, "", from, to, route))
		if got := bob.expect("SIP/2.0 "); got.Status != 400 || string(got.Reason()) != "Bad Request: method is not in capital letters" {
			t.Errorf("%s is answered %d %s", method, got.Status, got.Reason())
		}
		if m := anne.within(10*time.Millisecond, method); m != nil {
			t.Errorf("anne got\n%s", m.Buf)
		}
	}
	bob.send(bob.request("BYE", annes[1:len(annes)-1], "small", 30, "", from, to, route))
	anne.answer(anne.expect("BYE"), 200)
	bob.expect("SIP/2.0 200")
}

// TestFromThatCannotBeRead: where the router cannot tell whether somebody claims to be one of
// ours, he is neither that nor a stranger, of whatever script.
func TestFromThatCannotBeRead(t *testing.T) {
	s := newStand(t, `
		loadmodule "sl.so" loadmodule "tm.so" loadmodule "rr.so" loadmodule "siputils.so" loadmodule "domain.so"
		loadmodule "auth.so" loadmodule "auth_db.so" loadmodule "usrloc.so" loadmodule "registrar.so"
		route {
			if (method == "REGISTER") {
				if (!www_authorize("", "subscriber")) { www_challenge("", "1"); break; };
				save("location");
				break;
			};
			if (is_from_local() || from_uri == myself) { sl_send_reply("407", "Prove It"); break; };
			if (!lookup("location")) { sl_send_reply("480", "Away"); break; };
			t_relay();
		}`, "bob")
	bob, eve := s.phone("bob"), s.phone("eve")
	bob.register()
	for i, c := range []struct {
		from   string
		status int
	}{
		{"<sip:bob@" + testDomain + "@evil.example>", 400}, {"<sip:eve@evil.example@" + testDomain + ">", 400},
		{"<sip:bob@" + strings.Replace(testDomain, ".", "%2E", 1) + ">", 400}, {"<sips:bob@" + testDomain + "%00>", 400},
		{"<sip:@" + testDomain + ">", 400}, {"<" + testDomain + ">", 400}, {"<sip:bob@" + testDomain + ":99999>", 400},
		{"<sip:bob@" + testDomain + ">", 407}, {"<SIPS:%62ob@" + strings.ToUpper(testDomain) + ".>", 407},
		{"<sip:bob%40" + testDomain + "@evil.example>", 200}, {"<tel:+49301234>", 200}, {"<sip:evil.example>", 200},
	} {
		eve.send(eve.request("OPTIONS", "sip:bob@"+testDomain, fmt.Sprintf("read-%d", i), 1, "", "From: "+c.from+";tag=e"))
		if c.status == 200 {
			bob.answer(bob.expect("OPTIONS"), 200)
		}
		if got := eve.expect("SIP/2.0 "); got.Status != c.status {
			t.Errorf("%s is answered %d, want %d", c.from, got.Status, c.status)
		}
	}
	// Where somebody is called, nobody claims anything.
	for i, uri := range []string{"sip:bob@" + testDomain + "@evil.example", "sip:bob@" + strings.Replace(testDomain, ".", "%2E", 1)} {
		eve.send(eve.request("OPTIONS", "sip:bob@"+testDomain, fmt.Sprintf("to-%d", i), 1, "", "From: <sip:eve@evil.example>;tag=e", "To: <"+uri+">"))
		bob.answer(bob.expect("OPTIONS"), 200)
		eve.expect("SIP/2.0 200")
		eve.send(eve.request("OPTIONS", uri, fmt.Sprintf("uri-%d", i), 1, "", "From: <sip:eve@evil.example>;tag=e", "To: <sip:bob@"+testDomain+">"))
		if got := eve.expect("SIP/2.0 "); got.Status < 400 {
			t.Errorf("%s is answered %d", uri, got.Status)
		}
	}
}
