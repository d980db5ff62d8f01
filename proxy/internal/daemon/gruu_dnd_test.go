package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// TestDNDByGRUU: who has learned the address of one phone of hers (RFC 5627) does not ring through "do not disturb"
// there. A call that is transferred to that phone does, and only while the call it replaces is up; a message does,
// and so does she from another phone.
func TestDNDByGRUU(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	alice, mobile, bob, carol := s.phone("alice"), s.phone("alice"), s.phone("bob"), s.phone("carol")
	alice.tryRegister(fmt.Sprintf(`Contact: <sip:alice@127.0.0.1:%d>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`, alice.port()), "Supported: gruu")
	registered := string(alice.expect("SIP/2.0 200").Buf)
	gruu := func(name string) string {
		_, rest, _ := strings.Cut(registered, name+`="`)
		uri, _, _ := strings.Cut(rest, `"`)
		return uri
	}
	uris := []string{gruu("pub-gruu"), gruu("temp-gruu")}
	bob.register()
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleDND})
	n := 0
	calls := func(p *phone, uri string, reaches bool, lines ...string) {
		t.Helper()
		n++
		request, want := p.start("INVITE", uri, fmt.Sprint("gruu-", n), "", lines...), "SIP/2.0 480"
		if reaches {
			alice.answer(alice.expect("INVITE"), 486)
			alice.expect("ACK")
			want = "SIP/2.0 486"
		}
		p.ack(request, toTag(p.expect(want)))
	}
	for i, uri := range uris {
		calls(bob, uri, false)
		calls(bob, uri, false, "Replaces: 1;from-tag=a;to-tag=b")
		calls(mobile, uri, true)
		bob.start("MESSAGE", uri, fmt.Sprint("text-", i), "Hello")
		alice.answer(alice.expect("MESSAGE"), 200)
		bob.expect("SIP/2.0 200")
	}

	alice.start("INVITE", bobURI(), "talk", "")
	invite := bob.expect("INVITE")
	bob.answer(invite, 200)
	ok := alice.expect("SIP/2.0 200")
	to, route := "To: <"+bobURI()+">;tag="+toTag(ok), "Route: "+string(ok.HeaderValue(sip.HdrRecordRoute))
	alice.send(alice.request("ACK", fmt.Sprintf("sip:bob@127.0.0.1:%d", bob.port()), "talk", 2, "", to, route))
	bob.expect("ACK")
	held := fmt.Sprintf("Replaces: talk;to-tag=ftalk;from-tag=%s", toTag(ok))
	for _, uri := range uris {
		calls(carol, uri, true, held)
		calls(carol, uri, false, fmt.Sprintf("Replaces: talk;to-tag=%s;from-tag=ftalk", toTag(ok))) // bob's end of it
		calls(carol, uri, false, held+"x")
		calls(carol, uri, false)
	}
	calls(carol, "sip:alice@"+testDomain, false, held) // her address is no phone
	bob.send(bob.request("BYE", fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port()), "talk", 1, "", "From: "+string(ok.HeaderValue(sip.HdrTo)), "To: "+string(ok.HeaderValue(sip.HdrFrom)),
		"Route: "+string(invite.HeaderValue(sip.HdrRecordRoute))))
	alice.answer(alice.expect("BYE"), 200)
	bob.expect("SIP/2.0 200")
	calls(carol, uris[0], false, held) // it is over
}
