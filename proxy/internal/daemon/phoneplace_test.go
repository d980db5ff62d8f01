package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// TestPlaceOfAPhone: who calls or writes to the place of a phone, which every caller learns,
// does not get past what its owner wants, whatever user or host he names, nor by a forward of
// his own. Whom nobody refuses gets through, and so does a call that was transferred to that
// phone; requests within a call are not asked.
func TestPlaceOfAPhone(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
	alice.register()
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: "bob@*"})
	place := fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
	mapped := strings.Replace(place, "127.0.0.1", "[::ffff:127.0.0.1]", 1) // the same one (RFC 4291 §2.5.5.2)
	n := 0
	sends := func(p *phone, method, uri string, reaches bool, lines ...string) {
		t.Helper()
		n++
		id, body := fmt.Sprint("direct-", n), ""
		if method == "MESSAGE" {
			body = "Hello"
		}
		request := p.start(method, uri, id, body, lines...)
		want := "SIP/2.0 480"
		if reaches {
			got := alice.expect(method)
			alice.answer(got, 486)
			if method == "INVITE" {
				alice.expect("ACK")
			}
			want = "SIP/2.0 486"
		}
		end := p.expect(want)
		if method == "INVITE" {
			p.ack(request, toTag(end))
		}
		if string(end.CallID()) != id {
			t.Errorf("%s of %s to %s: another request has got %s", method, p.user, uri, want)
		}
	}
	for _, uri := range []string{
		place, strings.Replace(place, "alice@", "x@", 1), strings.Replace(place, "alice@", "", 1), place + ";transport=udp;x=y",
		fmt.Sprintf("sip:alice@example.invalid:%d;maddr=127.0.0.1", alice.port()), strings.Replace(place, "127.0.0.1", "localhost", 1),
		mapped, strings.Replace(place, "127.0.0.1", "[::FFFF:7f00:1]", 1), strings.Replace(mapped, "alice@", "x@", 1),
		fmt.Sprintf("sip:alice@example.invalid:%d;maddr=[0:0::ffff:127.0.0.1]", alice.port()),
	} {
		sends(bob, "INVITE", uri, false)
	}
	sends(bob, "MESSAGE", place, false)
	sends(bob, "MESSAGE", mapped, false)
	sends(bob, "INVITE", place, false, "Replaces: 1;from-tag=a;to-tag=b")
	sends(carol, "INVITE", place, true)
	sends(carol, "MESSAGE", place, true)
	sends(carol, "INVITE", mapped, true)

	for _, target := range []string{place, mapped} {
		s.rules(store.CallRule{Owner: of("bob"), Kind: store.RuleAlways, Target: target})
		sends(bob, "INVITE", bobURI(), false)
		sends(carol, "INVITE", bobURI(), true)
	}
	if err := s.db.CallRules.Remove(t.Context(), of("bob"), store.RuleAlways, ""); err != nil {
		t.Fatal(err)
	}
	s.rules()
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.UlAdd(t.Context(), ctlproto.UlAddParams{AoR: "bob@" + testDomain, Contact: mapped, Expires: 60}); err != nil {
		t.Fatal(err)
	}
	sends(bob, "INVITE", bobURI(), false)
	sends(carol, "INVITE", bobURI(), true)
	if err := client.UlRmContact(t.Context(), "bob@"+testDomain, mapped); err != nil {
		t.Fatal(err)
	}

	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleDND})
	sends(carol, "INVITE", place, false)
	sends(carol, "INVITE", mapped, false)
	for _, madeUp := range []string{"1;from-tag=a;to-tag=b", "1", "", ";;=", "1;from-tag=a;to-tag=b, talk;from-tag=a;to-tag=b"} {
		sends(carol, "INVITE", place, false, "Replaces: "+madeUp)
	}
	sends(carol, "MESSAGE", place, true)
	sends(alice, "MESSAGE", place, true)

	bob.register()
	alice.start("INVITE", bobURI(), "talk", "") // she calls him, and he hangs up
	invite := bob.expect("INVITE")
	bob.answer(invite, 200)
	ok := alice.expect("SIP/2.0 200")
	to, route := "To: <"+bobURI()+">;tag="+toTag(ok), "Route: "+string(ok.HeaderValue(sip.HdrRecordRoute))
	alice.send(alice.request("ACK", fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), "talk", 2, "", to, route))
	bob.expect("ACK")
	// Bob, who is blocked, may hand that call over to carol (RFC 3891). It is a call of this phone.
	held := fmt.Sprintf("Replaces: talk;to-tag=ftalk;from-tag=%s", toTag(ok))
	sends(carol, "INVITE", place, true, held)
	sends(carol, "INVITE", mapped, true, held+";early-only")
	sends(carol, "INVITE", place, false, fmt.Sprintf("Replaces: talk;to-tag=%s;from-tag=ftalk", toTag(ok))) // bob's end of it
	sends(carol, "INVITE", place, false, held+"x")
	sends(carol, "INVITE", place, false, held, "Replaces: 1;from-tag=a;to-tag=b")
	bob.send(bob.request("BYE", place, "talk", 1, "", "From: "+string(ok.HeaderValue(sip.HdrTo)), "To: "+string(ok.HeaderValue(sip.HdrFrom)),
		"Route: "+string(invite.HeaderValue(sip.HdrRecordRoute))))
	alice.answer(alice.expect("BYE"), 200)
	bob.expect("SIP/2.0 200")
	sends(carol, "INVITE", place, false, held) // it is over
}
