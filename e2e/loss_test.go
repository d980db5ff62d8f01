package e2e_test

import (
	"os"
	"testing"
	"time"

	"seraph/e2e/lossy"
	"seraph/e2e/peer"
	"seraph/e2e/sipp"
	"seraph/e2e/stand"
)

// TestCallsOverLossyLine: between the phones and the router every fifth datagram is lost,
// each way; both phones sit behind a NAT. Retransmission brings every call through: it rings,
// is answered and is hung up. A part of `make test-all`.
func TestCallsOverLossyLine(t *testing.T) {
	if os.Getenv("SERAPH_E2E") != "all" {
		return
	}
	s := stand.Start(t, stand.Options{})
	callers, callees := lossy.New(t, s.Address(), 0.2, 1), lossy.New(t, s.Address(), 0.2, 2)
	name := newUser(s)
	bob := s.Peer(peer.Config{Name: name, Password: stand.Password(name), Router: callees.Address()})
	registerOverLoss(t, bob)
	port := bob.LocalPort()
	bob.Close()
	// SIPp takes an INVITE that comes again after it has repeated its 200 for an unexpected one.
	uas, err := sipp.Start(sipp.Job{Scenario: "call_uas_lossy", Service: name, Port: port, Dir: s.Dir, Name: "uas",
		Args: []string{"-default_behaviors", "all,-abortunexp"}})
	if err != nil {
		t.Fatal(err)
	}
	defer uas.Kill()
	const calls = 500
	// SIPp gives an INVITE up after five repetitions and others after nine; RFC 3261 §17.1 has six and ten.
	uac, err := sipp.Start(sipp.Job{Scenario: "call_uac_lossy", Remote: callers.Address(), Service: name, Domain: stand.Domain,
		Caller: "walter@elsewhere.example", Rate: 25, Calls: calls, Limit: 400, Timeout: 3 * time.Minute, Dir: s.Dir, Name: "uac",
		Args: []string{"-max_invite_retrans", "6", "-max_non_invite_retrans", "10"}})
	if err != nil {
		t.Fatal(err)
	}
	counts, err := uac.Finish()
	if err != nil {
		t.Fatal(err)
	}
	passed, lost := callers.Counts()
	t.Logf("%+v; before the router %d datagrams passed and %d were lost", counts, passed, lost)
	if lost*10 < passed {
		t.Errorf("%d of %d datagrams were lost: this is no lossy line", lost, passed+lost)
	}
	if counts.Successful != calls || counts.Failed != 0 {
		t.Errorf("%d of %d calls succeeded, %d failed\n%s", counts.Successful, calls, counts.Failed, uac.Log.Tail(60))
	}
	s.NothingLeft()
}

// registerOverLoss repeats a REGISTER as a phone does: each try is one with a new branch, so
// that what the router thinks of an old one does not matter.
func registerOverLoss(t *testing.T, p *peer.Peer) {
	t.Helper()
	for range 20 {
		m := p.NewRegister("<" + p.ContactURI() + ">;expires=3600")
		challenged, ok := tries(p, m)
		if !ok {
			continue
		}
		if final, ok := tries(p, p.Answer(m, challenged, peer.Credentials{User: p.Name, Password: p.Password})); ok && final.Status() == 200 {
			return
		}
	}
	t.Fatalf("%s cannot register over the lossy line", p.Name)
}

// tries sends a request up to ten times, each 100 ms.
func tries(p *peer.Peer, m *peer.Message) (final *peer.Message, ok bool) {
	for range 10 {
		p.Send(m)
		if final, ok = p.Within(100*time.Millisecond, peer.Final("REGISTER").Of(m.CallID())); ok {
			return final, true
		}
	}
	return nil, false
}

// TestNATForgets: the NAT before a phone gives it another port after a silence. What came by
// the old one is lost; when the phone registers again with the same contact, calls find it.
func TestNATForgets(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	nat := lossy.New(t, s.Address(), 0, 1)
	name := newUser(s)
	bob := s.Peer(peer.Config{Name: name, Password: stand.Password(name), Router: nat.Address(), Claim: "192.168.1.20:5060"}).Registered()
	alice := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	call := alice.Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	call.AckFailure(call.Expects(486))
	bob.Expect(peer.Request("ACK"))

	nat.Forget()
	lost := alice.Call(bob.AoR())
	bob.Quiet(300*time.Millisecond, peer.Request("INVITE"))
	lost.Cancel()
	bob.Registered()
	call = alice.Call(bob.AoR())
	invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 200, "OK")
	d := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK"))
	hangup(d, bob)
	if n := s.QueryInt("SELECT COUNT(*) FROM location WHERE username = '" + name + "'"); n != 1 {
		t.Errorf("the phone has %d bindings, want the one whose address changed", n)
	}
}
