package daemon

import (
	"fmt"
	"strings"
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// TestImSendIsRefused: who is blocked does not get through from the portal either, whoever is named
// and wherever his phone is; nothing is kept for later, and his page hears what his phone would. What
// was stored before he was blocked arrives, and so does what others write.
func TestImSendIsRefused(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	client, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	writes := func(from, to string) ctlproto.ImSendResult {
		t.Helper()
		r, err := client.ImSend(t.Context(), ctlproto.ImSendParams{From: from + "@" + testDomain, To: to, Text: "Hello"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	refused := ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 480, Reason: "Temporarily Unavailable"}
	if r := writes("bob", "alice"); r.Result != ctlproto.ImStored {
		t.Errorf("before he is blocked: %+v", r)
	}
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: "bob@*"})
	if r := writes("bob", "alice"); r != refused {
		t.Errorf("while she is away: %+v", r)
	}
	alice := s.phone("alice")
	alice.register()
	m := alice.expect("MESSAGE")
	if !strings.Contains(string(m.HeaderValue(sip.HdrFrom)), "<sip:bob@") {
		t.Errorf("stored before he was blocked: %.200q", m.Buf)
	}
	alice.answer(m, 200)
	s.emptySilo("alice")
	place := fmt.Sprintf("sip:alice@127.0.0.1:%d", alice.port())
	for _, to := range []string{"alice", "sip:alice@" + testDomain, place, strings.Replace(place, "alice", "x", 1)} {
		if r := writes("bob", to); r != refused {
			t.Errorf("to %s: %+v", to, r)
		}
	}
	for _, to := range []string{"alice", place} {
		go func() { alice.answer(alice.expect("MESSAGE"), 200) }()
		if r := writes("carol", to); r.Result != ctlproto.ImDelivered {
			t.Errorf("carol to %s: %+v", to, r)
		}
	}
	if l := s.siloOf("alice"); len(l) != 0 {
		t.Errorf("there is kept %+v", l)
	}
}

// TestGRUUOfWhoRefuses: the addresses of one phone of hers (RFC 5627) lead nobody past whom she blocks,
// the temporary one neither; whom she does not block they lead to that phone. One that was never given is none.
func TestGRUUOfWhoRefuses(t *testing.T) {
	s := newStand(t, "", "alice", "bob", "carol")
	alice, bob, carol := s.phone("alice"), s.phone("bob"), s.phone("carol")
	alice.tryRegister(fmt.Sprintf(`Contact: <sip:alice@127.0.0.1:%d>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`, alice.port()), "Supported: gruu")
	ok := string(alice.expect("SIP/2.0 200").Buf)
	gruu := func(name string) string {
		_, rest, _ := strings.Cut(ok, name+`="`)
		uri, _, _ := strings.Cut(rest, `"`)
		return uri
	}
	public, temporary := gruu("pub-gruu"), gruu("temp-gruu")
	if !strings.HasPrefix(temporary, "sip:tgruu.") {
		t.Fatalf("no temporary GRUU in %s", ok)
	}
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: "bob@*"}, store.CallRule{Owner: of("alice"), Kind: store.RuleAlways, Target: bobURI()})
	for i, uri := range []string{public, temporary} {
		carol.reaches(alice, uri, fmt.Sprint("carol-", i), true)
		bob.reaches(alice, uri, fmt.Sprint("bob-", i), false)
		for p, want := range map[*phone]string{bob: "SIP/2.0 480", carol: "SIP/2.0 200"} {
			p.start("MESSAGE", uri, fmt.Sprint("text-", p.user, i), "Hello")
			if want == "SIP/2.0 200" {
				alice.answer(alice.expect("MESSAGE"), 200)
			}
			p.expect(want)
		}
	}
	s.probe(alice)
	if n := s.rows("SELECT COUNT(*) FROM missed_calls WHERE dst_user = 'alice'"); n != 2 {
		t.Errorf("%d calls are missed, want carol's two", n)
	}
	made := bob.start("INVITE", strings.Replace(temporary, "tgruu.", "tgruu.A", 1), "made-up", "")
	bob.ack(made, toTag(bob.expect("SIP/2.0 404")))
	// By a rule of his own neither.
	s.rules(store.CallRule{Owner: of("bob"), Kind: store.RuleAlways, Target: public})
	bob.reaches(alice, bobURI(), "forwarded", false)
	carol.reaches(alice, bobURI(), "forwarded-other", true)
}

// TestOwnAddress: nobody refuses himself, whether his other phone calls his address or the place of a phone.
func TestOwnAddress(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	desk, mobile, bob := s.phone("alice"), s.phone("alice"), s.phone("bob")
	desk.register()
	s.rules(store.CallRule{Owner: of("alice"), Kind: store.RuleBlock, Pattern: "*@" + testDomain}, store.CallRule{Owner: of("alice"), Kind: store.RuleDND})
	for i, uri := range []string{"sip:alice@" + testDomain, fmt.Sprintf("sip:alice@127.0.0.1:%d", desk.port())} {
		mobile.reaches(desk, uri, fmt.Sprint("own-", i), true)
		mobile.start("MESSAGE", uri, fmt.Sprint("note-", i), "Hello")
		desk.answer(desk.expect("MESSAGE"), 200)
		mobile.expect("SIP/2.0 200")
		bob.reaches(desk, uri, fmt.Sprint("bob-", i), false)
		bob.start("MESSAGE", uri, fmt.Sprint("bob-note-", i), "Hello")
		bob.expect("SIP/2.0 480")
	}
}
