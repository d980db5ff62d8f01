package e2e_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// TestStrayAnswersStayAtHome: a phone that gets an ACK, and with it the router's branch, cannot
// have an answer of its own making sent to anybody but the caller, nor over another transport.
func TestStrayAnswersStayAtHome(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	third := s.Peer(peer.Config{Name: "third", Domain: "third.example", IP: "127.0.0.15", Router: s.Address()})
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	call := eve.Call(bob.AoR())
	bob.Reply(bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID())), 200, "OK")
	d := call.Ack(call.Expects(200))
	back := bob.Expect(peer.Request("ACK"))
	vias := back.All("Via")
	to := func(address, transport string) string {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		v := strings.Replace(vias[1], "UDP", transport, 1)
		for _, param := range []string{";received=", ";rport"} {
			if i := strings.Index(v, param); i >= 0 {
				rest := v[i+1:]
				if v = v[:i]; strings.Contains(rest, ";") {
					v += rest[strings.Index(rest, ";"):]
				}
			}
		}
		return v + ";received=" + host + ";rport=" + port
	}
	answer := func(via, reason string) {
		m := &peer.Message{Start: "SIP/2.0 200 " + reason}
		m.Add("Via", vias[0]).Add("Via", via).Add("From", back.Get("From")).Add("To", back.Get("To")).Add("Call-ID", back.CallID())
		m.Add("CSeq", strings.Replace(back.Get("CSeq"), "ACK", "INVITE", 1))
		bob.SendRaw(m.Bytes())
	}
	answer(to(third.Address(), "UDP"), "Third")
	answer(to(service.Addr().String(), "TCP"), "Service")
	answer(vias[1], "Home") // after the others, so that they were looked at
	if m := eve.Expect(peer.Response(200, "INVITE")); !strings.HasSuffix(m.Start, " Home") {
		t.Errorf("the caller got %q", m.Start)
	}
	if n := third.Count(peer.Response(200, "INVITE")); n != 0 {
		t.Errorf("a third host got %d answers", n)
	}
	_ = service.(*net.TCPListener).SetDeadline(time.Now().Add(200 * time.Millisecond))
	if c, err := service.Accept(); err == nil {
		_ = c.Close()
		t.Error("a service of the router's host was connected to")
	}
	hangup(d, bob)
}
