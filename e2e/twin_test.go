package e2e_test

import (
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// twin makes an INVITE one with the Call-ID and From tag of another, and another CSeq.
func twin(of *peer.Message) func(*peer.Message) {
	return func(m *peer.Message) {
		m.Set("Call-ID", of.CallID()).Set("From", "<"+peer.URIOf(m.Get("From"))+">;tag="+of.FromTag()).Set("CSeq", "7000 INVITE")
	}
}

// noneIsListed checks that the router lists no call.
func noneIsListed(t *testing.T, s *stand.Stand) {
	t.Helper()
	if list := dialogs(t, s); len(list) != 0 {
		t.Errorf("listed are %+v", list)
	}
}

// TestSealOfATwin: bob, who may call nobody outside, is called from there. A call to himself
// with the same Call-ID and the gateway's From tag gives him a Route that names no gateway; in the
// gateway's call it has the gateway call nobody either.
func TestSealOfATwin(t *testing.T) {
	s, gateway, _ := pstn(t)
	s.Ctl("", "alias", "add", "+49301235", "bob")
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	in := gateway.NewRequest("INVITE", "sip:+49301235@"+stand.Domain).Add("Contact", "<"+gateway.ContactURI()+">")
	gateway.Send(in)
	invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(in.CallID()))
	answer := bob.Reply(invite, 200, "OK")
	gateway.DialogOf(in, gateway.Expect(peer.Response(200, "INVITE").Of(in.CallID()))).Send("ACK")
	bob.Expect(peer.Request("ACK").Of(in.CallID()))
	b := bob.DialogAt(invite, answer)
	refer := func() *peer.Message { return b.New("REFER").Add("Refer-To", "<sip:+1900555@"+gateway.Address()+">") }
	isRefused(t, bob, refer(), "with the Route of the call")

	call := bob.Call(bob.AoR(), twin(in))
	self := bob.ExpectWithin(20*time.Second, peer.Match{Name: "the INVITE to himself", OK: func(m *peer.Message) bool {
		return m.Method() == "INVITE" && m.Get("Record-Route") != "" && peer.URIOf(m.Get("From")) == bob.AoR()
	}})
	bob.Reply(self, 486, "Busy Here")
	call.AckFailure(call.Expect(peer.Final("INVITE").Of(in.CallID()).With(cseqOf(call.Invite))))
	b.Routes = self.All("Record-Route")
	isRefused(t, bob, refer(), "with the Route of the call to himself")
	if n := gateway.Count(peer.Request("REFER")); n != 0 {
		t.Errorf("the gateway got %d REFER of somebody who may call nobody", n)
	}
	gateway.Reply(gateway.Expect(peer.Request("BYE").Of(b.Send("BYE").CallID())), 200, "OK")
	bob.Expect(peer.Response(200, "BYE").Of(in.CallID()))
	noneIsListed(t, s)
}

// TestSeenAtTheGateway: a datagram within the call of two others that seems to come from the
// gateway's host does not make the gateway a phone of one of them.
func TestSeenAtTheGateway(t *testing.T) {
	s, gateway, _ := pstn(t)
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), IP: "127.0.0.31", Router: s.Address()}).Registered()
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	forger := s.Peer(peer.Config{Name: "forger", IP: "127.0.0.20", Router: s.Address()}) // another socket of the gateway's host
	there := "sip:0900555@" + gateway.Address()
	call := eve.Call(bob.AoR())
	invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := bob.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+there+">") })
	e := call.Ack(call.Expects(200))
	for _, method := range []string{"INFO", "UPDATE"} {
		m := bob.DialogAt(invite, answer).New(method).Set("Via", forger.Via())
		forger.Send(m)
		eve.Reply(eve.ExpectWithin(20*time.Second, peer.Request(method).Of(m.CallID())), 200, "OK")
		again := e.New("INVITE")
		again.Start = "INVITE " + there + " SIP/2.0"
		isRefused(t, eve, again, "after "+method)
	}
	if n := gateway.Count(peer.Request("INVITE")); n != 0 {
		t.Errorf("the gateway got %d INVITEs", n)
	}
}

// TestAckAfterBye: the ACK of a 2xx gets through although the call is over: bob would repeat
// his 200 for 32 seconds (RFC 3261 §13.3.1.4).
func TestAckAfterBye(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	hangsUp := func(b *peer.Dialog) {
		bye := b.Send("BYE")
		alice.Reply(alice.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
		bob.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
		noneIsListed(t, s)
	}

	call := alice.Call(bob.AoR())
	invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := bob.Reply(invite, 200, "OK")
	hangsUp(bob.DialogAt(invite, answer))
	call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(invite.CallID()))

	call = alice.Call(bob.AoR())
	invite = bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	answer = bob.Reply(invite, 200, "OK")
	a := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(invite.CallID()))
	again := a.Send("INVITE")
	bob.Reply(bob.Expect(peer.Request("INVITE").Of(invite.CallID()).With(cseqOf(again))), 200, "OK")
	alice.Expect(peer.Response(200, "INVITE").Of(invite.CallID()).With(cseqOf(again)))
	hangsUp(bob.DialogAt(invite, answer))
	a.Send("ACK")
	bob.Expect(peer.Request("ACK").Of(invite.CallID()).With(cseqOf(again)))
	isRefused(t, alice, a.New("INVITE"), "after the call")
	isRefused(t, alice, a.New("REFER").Add("Refer-To", "<sip:carol@"+stand.Domain+">"), "after the call")
}

// TestNotifyAfterBye: who transfers a call hangs up and hears all the same what becomes of it
// (RFC 5359 §2.4).
func TestNotifyAfterBye(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	call := alice.Call(bob.AoR())
	invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := bob.Reply(invite, 200, "OK")
	a := call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(a.CallID))
	b := bob.DialogAt(invite, answer)
	refer := b.New("REFER").Add("Refer-To", "<sip:carol@"+stand.Domain+">")
	bob.Send(refer)
	alice.Reply(alice.Expect(peer.Request("REFER").Of(a.CallID)), 202, "Accepted")
	bob.Expect(peer.Response(202, "REFER").Of(a.CallID))
	b.Send("BYE")
	alice.Reply(alice.Expect(peer.Request("BYE").Of(a.CallID)), 200, "OK")
	bob.Expect(peer.Response(200, "BYE").Of(a.CallID))
	noneIsListed(t, s)

	notify := func(event string) *peer.Message {
		m := a.New("NOTIFY").Add("Event", event).Add("Subscription-State", "terminated;reason=noresource").Add("Content-Type", "message/sipfrag;version=2.0")
		m.Body = []byte("SIP/2.0 200 OK\r\n")
		return m
	}
	m := notify("refer")
	alice.Send(m)
	bob.Reply(bob.Expect(peer.Request("NOTIFY").Of(a.CallID)), 200, "OK")
	alice.Expect(peer.Response(200, "NOTIFY").Of(a.CallID).With(cseqOf(m)))
	isRefused(t, alice, notify("check-sync;reboot=true"), "what nobody asked for")
	s.NothingLeft("dialog:records")
}

// TestFailureOfATwin: an INVITE with the Call-ID and From tag of a call that rings, to another phone,
// fails, and takes nothing away from that call.
func TestFailureOfATwin(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob", "dave"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), IP: "127.0.0.31", Router: s.Address()}).Registered()
	alice := s.Peer(peer.Config{Name: "alice", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	eve := s.Peer(peer.Config{Name: "eve", Domain: "third.example", IP: "127.0.0.12", Router: s.Address()})
	dave := s.Peer(peer.Config{Name: "dave", Password: stand.Password("dave"), IP: "127.0.0.13", Router: s.Address()}).Registered()
	other := s.Peer(peer.Config{Name: "alice", Domain: "elsewhere.example", IP: "127.0.0.77", Router: s.Address()}) // where calls to alice go
	call := alice.Call(bob.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+other.ContactURI()+">") })
	invite := bob.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	bob.Reply(invite, 180, "Ringing")
	call.Expects(180)
	x := eve.Call(dave.AoR(), twin(call.Invite))
	dave.Reply(dave.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(invite.CallID())), 486, "Busy Here")
	x.AckFailure(x.Expect(peer.Final("INVITE").Of(invite.CallID()).With(cseqOf(x.Invite))))
	if list := dialogs(t, s); len(list) != 1 || list[0].CallID != invite.CallID() {
		t.Errorf("while bob's phone rings, listed are %+v", list)
	}
	answer := bob.Reply(invite, 200, "OK")
	call.Ack(call.Expects(200))
	bob.Expect(peer.Request("ACK").Of(invite.CallID()))
	bye := bob.DialogAt(invite, answer).Send("BYE")
	other.Reply(other.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
	bob.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
}
