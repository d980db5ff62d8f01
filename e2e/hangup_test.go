package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestEndOfAChallengedCall: a gateway that wants the password for a BYE gets it from the router that
// hangs up; what it refuses all the same is not said to be over.
func TestEndOfAChallengedCall(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	for _, takes := range []bool{true, false} {
		call := alice.Call("sip:08955501@" + stand.Domain)
		id := call.Invite.CallID()
		gateway.Reply(gateway.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(id)), 200, "OK")
		call.Ack(call.Expects(200))
		gateway.Expect(peer.Request("ACK").Of(id))
		done := make(chan string)
		go func() { out, code := s.TryCtl("", "dlg", "end", id); done <- fmt.Sprint(code, " ", out) }()
		gateway.Reply(gateway.ExpectWithin(20*time.Second, peer.Request("BYE").Of(id)), 407, "Who Is It", func(m *peer.Message) {
			m.Add("Proxy-Authenticate", `Digest realm="pstn.example", nonce="abc", algorithm=MD5, qop="auth"`)
		})
		alice.Reply(alice.ExpectWithin(20*time.Second, peer.Request("BYE").Of(id)), 200, "OK")
		bye := gateway.ExpectWithin(20*time.Second, peer.Request("BYE").Of(id))
		if line := bye.Get("Proxy-Authorization"); !strings.Contains(line, `nonce="abc"`) || !strings.Contains(line, `uri="`+bye.URI()+`"`) {
			t.Errorf("the second BYE has the credentials %q", line)
		}
		want := "0 the call " + id + " is hung up: caller 200 OK, callee 200 OK"
		if takes {
			gateway.Reply(bye, 200, "OK")
		} else {
			gateway.Reply(bye, 500, "Never")
			want = "1 the call " + id + " is NOT hung up: caller 200 OK, callee 500 Never"
		}
		if got := <-done; !strings.HasPrefix(got, want) {
			t.Errorf("seraphctl says %q, want %q", got, want)
		}
		if listed := strings.Contains(s.Ctl("", "dlg", "list", "-o", "json"), id); listed == takes {
			t.Errorf("the gateway takes the BYE: %v; the call is listed: %v", takes, listed)
		}
	}
}
