package daemon

import (
	"fmt"
	"net"
	"testing"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/transport"
	"seraph/sql/store"
)

// TestPhoneWithoutConnection: to a phone whose connection is gone a message is stored, and a
// call goes by the rule for who is not registered, as if it were not: be it that the phone
// cannot be dialled, or that there is nowhere to dial.
func TestPhoneWithoutConnection(t *testing.T) {
	s := newStand(t, "", "alice", "bob")
	if err := s.db.CallRules.Set(t.Context(), store.CallRule{Owner: of("bob"), Kind: store.RuleOffline, Target: "sip:alice@" + testDomain, Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.d.modules.Calls.Userblock.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	at := closed.Addr().(*net.TCPAddr).AddrPort()
	gone := transport.Flow{Proto: transport.TCP, Conn: 1 << 40, Socket: 1, Remote: at}
	carol, alice := s.phone("carol"), s.phone("alice")
	alice.register()
	for i, contact := range []string{fmt.Sprintf("sip:bob@%v;transport=tcp", at), "sip:bob@192.0.2.77:5060;transport=tcp"} {
		reg := &usrloc.Registration{AoR: []byte("bob@" + testDomain), CallID: fmt.Appendf(nil, "gone-%d", i), CSeq: 1, Only: true, Contacts: []usrloc.Contact{{
			URI: []byte(contact), Expires: 3600, Q: usrloc.NoQ, Methods: usrloc.AllMethods, Flow: gone,
		}}}
		if _, err := s.d.modules.Usrloc.Table().Save(reg, nil); err != nil {
			t.Fatal(err)
		}
		foreign := "From: <sip:carol@stranger.example>;tag=c"
		carol.send(carol.request("MESSAGE", bobURI(), fmt.Sprint("gone-message-", i), 1, "are you there?", foreign))
		carol.expect("SIP/2.0 202")
		if l := s.siloOf("bob"); len(l) != i+1 {
			t.Errorf("%s: %d messages are stored, want %d", contact, len(l), i+1)
		}
		carol.send(carol.request("INVITE", bobURI(), fmt.Sprint("gone-call-", i), 1, "", foreign))
		invite := alice.expect("INVITE")
		alice.answer(invite, 486)
		alice.expect("ACK")
		carol.expect("SIP/2.0 486")
	}
}
