package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// rings has eve call a phone that rings; the Contact that she names is contact.
func rings(t *testing.T, eve, phone *peer.Peer, contact string, twice bool) *peer.Dialog {
	t.Helper()
	call := eve.Call(phone.AoR(), func(m *peer.Message) {
		if contact != "" {
			m.Set("Contact", "<"+contact+">")
		}
	})
	invite := phone.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	if twice {
		eve.Send(call.Invite.Clone().Set("Via", eve.Via()))
		phone.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	}
	phone.Reply(invite, 180, "Ringing")
	return eve.DialogOf(call.Invite, call.Expects(180))
}

// asOther swaps the ends of a request within a dialog.
func asOther(m *peer.Message, d *peer.Dialog) *peer.Message {
	return m.Set("From", d.Remote).Set("To", d.Local)
}

// isRefused sends a request within a dialog and wants it refused.
func isRefused(t *testing.T, by *peer.Peer, m *peer.Message, what string) {
	t.Helper()
	by.Send(m)
	final := by.ExpectWithin(20*time.Second, peer.Final(m.Method()).Of(m.CallID()).With(cseqOf(m)))
	if s := final.Status(); s != 403 && s != 480 && s != 481 {
		t.Errorf("%s, %s: %q", what, m.Method(), final.Start)
	}
	if m.Method() == "INVITE" {
		ack := m.Clone().Set("To", final.Get("To")).Set("CSeq", fmt.Sprintf("%d ACK", cseqOf(m)))
		ack.Start = "ACK " + m.URI() + " SIP/2.0"
		by.Send(ack)
	}
}

// hearsNothing checks that nothing has come to a peer, but for what it registered with.
func hearsNothing(t *testing.T, p *peer.Peer, callIDs ...string) {
	t.Helper()
	for _, id := range callIDs {
		p.Quiet(200*time.Millisecond, peer.Match{Name: "anything of " + id, OK: func(m *peer.Message) bool { return m.CallID() == id }})
	}
}

// TestImpostorsTarget: a stranger who is in a call names a third host as where the other end is,
// in its name. That leads nowhere, also when the other end has refreshed the call by itself.
func TestImpostorsTarget(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		for _, refresh := range []string{"UPDATE", "INVITE"} {
			t.Run(network+" "+refresh, func(t *testing.T) {
				s := stand.Start(t, stand.Options{Users: []string{"bob"}})
				bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), Network: network}).Registered()
				eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address(), Network: network})
				victim := s.Peer(peer.Config{Name: "victim", Domain: "third.example", IP: "127.0.0.15", Router: s.Address(), Network: network})
				there := "sip:0900123@" + victim.Address() + ";transport=" + network
				call := eve.Call(bob.AoR())
				invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
				answer := bob.Reply(invite, 200, "OK")
				e := call.Ack(call.Expects(200))
				bob.Expect(peer.Request("ACK"))
				spoof := asOther(e.New("UPDATE"), e).Set("Contact", "<"+there+">").Set("CSeq", "7 UPDATE")
				spoof.Start = "UPDATE " + eve.ContactURI() + " SIP/2.0"
				eve.Send(spoof)
				eve.Expect(peer.Request("UPDATE").With(7))
				b := bob.DialogAt(invite, answer)
				re := b.Send(refresh)
				eve.Reply(eve.Expect(peer.Request(refresh).With(cseqOf(re))), 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+eve.ContactURI()+">") })
				bob.Expect(peer.Response(200, refresh).With(cseqOf(re)))
				if refresh == "INVITE" {
					b.Send("ACK")
				}
				for _, method := range []string{"MESSAGE", "REFER", "INVITE", "OPTIONS"} {
					m := e.New(method)
					m.Start = method + " " + there + " SIP/2.0"
					isRefused(t, eve, m, "to the impostor's target")
				}
				hearsNothing(t, victim, e.CallID)
				bye := e.Send("BYE")
				bob.Reply(bob.Expect(peer.Request("BYE")), 200, "OK")
				eve.Expect(peer.Response(200, "BYE").With(cseqOf(bye)))
			})
		}
	}
}

// TestNeighbourIsNoPhone: who is behind the NAT of the phone that he calls has its address and
// is not the phone.
func TestNeighbourIsNoPhone(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := stand.Start(t, stand.Options{Users: []string{"bob"}})
			bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), IP: "127.0.0.33", Router: s.Address(), Network: network}).Registered()
			eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.33", Router: s.Address(), Network: network})
			victim := s.Peer(peer.Config{Name: "victim", Domain: "third.example", IP: "127.0.0.15", Router: s.Address()})
			there := "sip:0900123@" + victim.Address()
			e := rings(t, eve, bob, there, false)
			for _, method := range []string{"MESSAGE", "REFER", "INVITE"} {
				m := asOther(e.New(method), e)
				m.Start = method + " " + there + " SIP/2.0"
				isRefused(t, eve, m, "as the phone")
			}
			hearsNothing(t, victim, e.CallID)
		})
	}
}

// TestRoundTheRouter: a phone on the router's own host (a PBX, a voice mail) is not whatever
// comes round by the router itself.
func TestRoundTheRouter(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	victim := s.Peer(peer.Config{Name: "victim", Domain: "third.example", IP: "127.0.0.15", Router: s.Address()})
	there := "sip:0900123@" + victim.Address()
	e := rings(t, eve, bob, there, false)
	for n := 1; n <= 3; n++ {
		m := asOther(e.New("MESSAGE"), e).Del("Route")
		m.Start = "MESSAGE " + there + " SIP/2.0"
		for range n {
			m.Add("Route", e.Routes[0])
		}
		isRefused(t, eve, m, fmt.Sprintf("%d Routes", n))
	}
	hearsNothing(t, victim, e.CallID)
}

// TestBalancerIsNoPass: behind a balancer everybody comes from its host. While the phone rings a
// stranger gets no further by any part of the route, as either end.
func TestBalancerIsNoPass(t *testing.T) {
	home := stand.Start(t, stand.Options{IPs: []string{"127.0.0.40"}, Users: []string{"alice"}, Script: example(t, "load-balancer.cfg")})
	front := stand.Start(t, stand.Options{IPs: []string{"127.0.0.41"}, Script: example(t, "edge.cfg")})
	home.Ctl("", "address", "add", "1", "127.0.0.41")
	front.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', 1)", home.Address()))
	front.Ctl("", "rpc", "dispatcher.reload")
	phone := front.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), IP: "127.0.0.1", Router: front.Address()}).Registered()
	phone.OnMessage = func(m *peer.Message) {
		if m.IsRequest() && m.ToTag() != "" && m.Method() != "ACK" {
			phone.Reply(m, 481, "No Such Call")
		}
	}
	eve := front.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: front.Address()})
	victim := front.Peer(peer.Config{Name: "victim", Domain: "third.example", IP: "127.0.0.15", Router: front.Address()})
	there := "sip:0900123@" + victim.Address()
	e := rings(t, eve, phone, there, false)
	if len(e.Routes) < 3 {
		t.Fatalf("the route is %q", e.Routes)
	}
	ways := [][]string{e.Routes[:1], e.Routes[:2], e.Routes, {e.Routes[0], e.Routes[1], e.Routes[1]}, {e.Routes[2], e.Routes[1]}, {e.Routes[2]}}
	for i, way := range ways {
		for _, other := range []bool{false, true} {
			for _, method := range []string{"MESSAGE", "REFER"} {
				m := e.New(method).Del("Route")
				if m.Start = method + " " + there + " SIP/2.0"; other {
					asOther(m, e)
				}
				for _, r := range way {
					m.Add("Route", r)
				}
				isRefused(t, eve, m, fmt.Sprintf("way %d, as the other end %v", i, other))
			}
		}
	}
	hearsNothing(t, victim, e.CallID)
}

// TestGRUUOfAnother: within a call, the address of one phone (GRUU) of somebody who is not in it
// leads nowhere: not when the INVITE came twice, not after a restart, and not with a Route to a
// gateway.
func TestGRUUOfAnother(t *testing.T) {
	s, gateway, _ := pstn(t)
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	carol := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), IP: "127.0.0.33", Router: s.Address(), Network: "tcp"})
	m := carol.NewRegister(own(carol, `;+sip.instance="<urn:uuid:7>"`)).Add("Supported", "gruu")
	ok := wantStatus(t, carol.Do(carol.Answer(m, wantStatus(t, carol.Do(m), 401), peer.Credentials{User: "alice", Password: carol.Password})), 200)
	gruu := quoted(ok.Get("Contact"), "pub-gruu")
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	tries := func(e *peer.Dialog, what, route string, methods ...string) {
		t.Helper()
		for _, method := range methods {
			for _, other := range []bool{false, true} {
				x := e.New(method)
				if x.Start = method + " " + gruu + " SIP/2.0"; other {
					asOther(x, e)
				}
				if route != "" {
					x.Add("Route", route)
				}
				isRefused(t, eve, x, what)
			}
		}
		hearsNothing(t, carol, e.CallID)
		hearsNothing(t, gateway, e.CallID)
	}
	e := rings(t, eve, bob, "", false)
	tries(e, "once", "", "REFER", "NOTIFY", "INVITE")
	own := rings(t, eve, bob, gruu, false)
	tries(own, "as her own", "", "REFER", "NOTIFY", "INVITE")
	twice := rings(t, eve, bob, "", true)
	tries(twice, "twice", "", "REFER", "NOTIFY", "INVITE")
	s.KillProxy()
	s.Launch()
	tries(e, "after a restart", "", "INVITE", "INFO", "BYE", "REFER")
	carol.Hangup()
	last := rings(t, eve, bob, "", true)
	tries(last, "along a Route to the gateway", "<sip:"+gateway.Address()+";lr>", "INVITE", "REFER")
}

// TestCallerForgesTheOtherEnd: what a caller sends himself as the gateway ends nothing in the table
// and in the accounts, and the router's BYE gets to the gateway all the same.
func TestCallerForgesTheOtherEnd(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	call := alice.Call("sip:08955501@" + stand.Domain)
	invite := gateway.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	gateway.Reply(invite, 200, "OK")
	a := call.Ack(call.Expects(200))
	gateway.Expect(peer.Request("ACK"))
	for _, method := range []string{"INFO", "BYE"} {
		x := asOther(a.New(method), a).Set("CSeq", "7 "+method)
		x.Start = method + " " + alice.ContactURI() + " SIP/2.0"
		alice.Send(x)
		alice.Reply(alice.Expect(peer.Request(method).Of(a.CallID).With(7)), 200, "OK")
		alice.Expect(peer.Final(method).Of(a.CallID))
	}
	if n := s.QueryInt("SELECT COUNT(*) FROM call_log WHERE ended IS NOT NULL"); n != 0 {
		t.Errorf("%d calls have ended", n)
	}
	gateway.Quiet(200*time.Millisecond, peer.Request("BYE"))
	done := make(chan struct{})
	go func() { defer close(done); s.Ctl("", "dlg", "end", a.CallID) }()
	gateway.Reply(gateway.ExpectWithin(20*time.Second, peer.Request("BYE").Of(a.CallID)), 200, "OK")
	alice.Reply(alice.ExpectWithin(20*time.Second, peer.Request("BYE").Of(a.CallID)), 200, "OK")
	<-done
	alice.Quiet(200*time.Millisecond, peer.Request("BYE"))
}
