package daemon

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"seraph/sql/store"
)

// reaches calls a URI and fails the test unless that arrives at a phone, which is busy, or is refused.
func (p *phone) reaches(at *phone, uri, id string, want bool) {
	p.t.Helper()
	p.seen, at.seen = nil, nil
	request := p.start("INVITE", uri, id, "")
	if !want {
		p.ack(request, toTag(p.expect("SIP/2.0 480")))
		return
	}
	at.answer(at.expect("INVITE"), 486)
	p.ack(request, toTag(p.expect("SIP/2.0 486")))
	at.expect("ACK")
}

// TestPlaceOfSeveral: of those whose phones are at one place (a proxy without Path) each is
// refused for by who the call names; for anybody else the place is open as long as one of them
// takes it.
func TestPlaceOfSeveral(t *testing.T) {
	s := newStand(t, "", "grace", "hans", "bob")
	proxy, bob := s.phone("grace"), s.phone("bob")
	proxy.register()
	place := func(user string) string { return fmt.Sprintf("sip:%s@127.0.0.1:%d", user, proxy.port()) }
	s.rules(store.CallRule{Owner: of("grace"), Kind: store.RuleDND})
	bob.reaches(proxy, place("carl"), "alone", false)
	hans := &phone{t: t, s: s, conn: proxy.conn, user: "hans"}
	hans.register()
	for user, want := range map[string]bool{"carl": true, "hans": true, "grace": false, "gr%61ce": false, "GRACE": false} {
		bob.reaches(proxy, place(user), "of-"+user, want)
	}
	bob.reaches(proxy, strings.Replace(place(""), "@", "", 1), "of-nobody", true)
	s.rules(store.CallRule{Owner: of("hans"), Kind: store.RuleBlock, Pattern: "bob@*"})
	bob.reaches(proxy, place("carl"), "all", false)
}

// TestPlaceOfAProxy: whoever has registered by a proxy (with a Path, RFC 3327, or without), or names a port of his
// host from which his phone does not send, keeps nobody from others there.
func TestPlaceOfAProxy(t *testing.T) {
	s := newStand(t, "", "grace", "ida", "alice", "bob")
	edge, alice, pbx, bob := s.phone("grace"), s.phone("alice"), s.phone("pbx"), s.phone("bob")
	edge.register(fmt.Sprintf("Path: <sip:127.0.0.1:%d;lr>", edge.port()), "Supported: path", "Contact: <sip:grace@10.0.0.7:5062>")
	ida := &phone{t: t, s: s, conn: edge.conn, user: "ida"}
	ida.register("Via: SIP/2.0/UDP 10.0.0.8:5062;branch=z9hG4bKphone", "Contact: <sip:ida@10.0.0.8:5062>")
	alice.register(fmt.Sprintf("Contact: <sip:alice@127.0.0.1:%d>", pbx.port()))
	s.rules(store.CallRule{Owner: of("grace"), Kind: store.RuleDND}, store.CallRule{Owner: of("ida"), Kind: store.RuleDND}, store.CallRule{Owner: of("alice"), Kind: store.RuleDND})
	bob.reaches(edge, fmt.Sprintf("sip:carl@127.0.0.1:%d", edge.port()), "edge", true)
	bob.reaches(pbx, fmt.Sprintf("sip:carl@127.0.0.1:%d", pbx.port()), "host", true)
	bob.reaches(pbx, fmt.Sprintf("sip:alice@127.0.0.1:%d", pbx.port()), "listens", false)
}

// TestPlaceOfTheScript: where the script itself sends calls (a PBX that has an account, too), what
// that account wants does not stop them, by whatever command it says so. A caller who has named the
// place is stopped, whatever else the script has changed.
func TestPlaceOfTheScript(t *testing.T) {
	pbx, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer pbx.Close()
	_, port, _ := net.SplitHostPort(pbx.LocalAddr().String())
	s := newStand(t, strings.NewReplacer("PORT", port).Replace(`
		loadmodule "sl.so"
		loadmodule "tm.so"
		loadmodule "textops.so"
		loadmodule "usrloc.so"
		loadmodule "registrar.so"
		loadmodule "userblock.so"
		modparam("userblock", "db_url", "DBURL")
		route {
			if (method=="REGISTER") { save("location"); exit; };
			ub_heed_phones();
			if (uri =~ "^sip:000") { rewritehostport("127.0.0.1:PORT"); };
			if (uri =~ "^sip:001") { rewritehost("127.0.0.1"); rewriteport("PORT"); };
			if (uri =~ "^sip:002") { $ru = "sip:" + $rU + "@127.0.0.1:PORT"; };
			if (uri =~ "^sip:003") { append_branch("sip:003@127.0.0.1:PORT"); rewritehostport("127.0.0.1:9"); };
			if (uri =~ "^sip:004") { t_relay_to_udp("127.0.0.1", "PORT"); exit; };
			if (uri =~ "^sip:005") { $du = "sip:127.0.0.1:PORT"; };
			if (uri =~ "^sip:006") { subst_uri("/^sip:.*@/sip:office@/"); };
			if (uri =~ "^sip:007") { if (!t_relay_to_udp()) { sl_reply_error(); }; exit; };
			if (uri =~ "^sip:008") { $ru = "sip:" + $rU + "@" + $rd + ":" + $rp; };
			if (!t_relay()) { sl_reply_error(); };
		}
		`), "office", "bob")
	office, bob := &phone{t: t, s: s, conn: pbx, user: "office"}, s.phone("bob")
	office.send(office.request("REGISTER", "sip:"+testDomain, "reg", 1, ""))
	office.expect("SIP/2.0 200")
	s.rules(store.CallRule{Owner: of("office"), Kind: store.RuleDND})
	for _, user := range []string{"000", "001", "002", "003", "004", "005"} {
		bob.send(bob.request("INVITE", "sip:"+user+"@"+testDomain, user, 1, ""))
		office.answer(office.expect("INVITE"), 486)
		office.expect("ACK")
	}
	for _, user := range []string{"006", "007", "008", "009"} {
		bob.send(bob.request("INVITE", "sip:"+user+"@127.0.0.1:"+port, user, 1, ""))
		if m := bob.expect("SIP/2.0 480"); string(m.CallID()) != user {
			t.Errorf("%s has got %.60q", user, m.Buf)
		}
	}
}
