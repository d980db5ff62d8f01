package e2e_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestContactLeadsToAPhone: nobody adds a contact that is a colleague's phone, where calls
// would come past what that one says of them, or a gateway, where they would cost money. Those
// of before, in the database, ring nobody; click-to-dial has no hand-added phone pick up.
func TestContactLeadsToAPhone(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob", "carol"}})
	gateway, err := net.ListenPacket("udp", "127.0.0.77:0")
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	s.Ctl("", "address", "add", "1", "127.0.0.77")
	toBob, toGateway := "sip:bob@"+stand.Domain, "sip:+33155501@"+gateway.LocalAddr().String()
	for _, contact := range []string{toBob, "sip:bob@" + stand.Domain + ":5099", "sip:bob@" + s.Address(), toGateway, "sip:x@192.0.2.7;maddr=127.0.0.77"} {
		out, code := s.TryCtl("", "ul", "add", "alice", contact)
		if code == 0 || !strings.Contains(out, "leads to a gateway, to the router or into a domain of ours") {
			t.Errorf("ul add of %s: exit %d\n%s", contact, code, out)
		}
	}
	s.Ctl("", "rule", "add", "bob", "block", "carol@"+stand.Domain)
	s.Ctl("", "rule", "add", "bob", "dnd")
	// What was added when the router took it yet.
	s.Ctl("", "ul", "add", "alice", "sip:old@192.0.2.7", "--expires", "0")
	s.Ctl("", "ul", "add", "alice", "sip:older@192.0.2.7", "--expires", "0")
	s.KillProxy()
	for old, contact := range map[string]string{"sip:old@192.0.2.7": toBob, "sip:older@192.0.2.7": toGateway} {
		if n := s.Exec("UPDATE location SET contact = ? WHERE contact = ?", contact, old); n != 1 {
			t.Fatalf("%d rows of %s", n, old)
		}
	}
	s.Launch()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	carol := s.Peer(peer.Config{Name: "carol", Password: stand.Password("carol")})
	call := carol.Call("sip:alice@" + stand.Domain)
	call.AckFailure(call.Expects(480))
	s.Exec("INSERT INTO profile (username, domain, auto_answer) VALUES ('alice', '" + stand.Domain + "', 1)")
	out, _ := s.TryCtl("", "dial", "alice", "sip:spy@elsewhere.example")
	if !strings.Contains(out, "has no phone registered (480") {
		t.Errorf("dial says %q", out)
	}
	bob.Quiet(time.Second, peer.Request("INVITE"))
	_ = gateway.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _, err := gateway.ReadFrom(make([]byte, 65536)); err == nil {
		t.Errorf("the gateway got %d bytes", n)
	}
	// The phone that stands beside them does ring.
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	call = carol.Call("sip:alice@" + stand.Domain)
	alice.Reply(alice.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	s.NothingLeft()
}
