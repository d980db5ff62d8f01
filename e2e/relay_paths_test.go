package e2e_test

import (
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/sipp"
	"seraph/e2e/stand"
)

// TestRelayAcross plays a call between phones of different transports and address
// families. Where the two sockets differ the router puts itself into the route set
// twice (RFC 5658), once for each side.
func TestRelayAcross(t *testing.T) {
	s := stand.Start(t, stand.Options{IPs: []string{"127.0.0.1", "::1"}})
	for _, leg := range []struct {
		name             string
		callerIP, callee string
		callerNet, net   string
	}{
		{"UDP to TCP", "127.0.0.1", "127.0.0.1", "udp", "tcp"},
		{"TCP to UDP", "127.0.0.1", "127.0.0.1", "tcp", "udp"},
		{"IPv6 UDP", "::1", "::1", "udp", "udp"},
		{"IPv6 TCP", "::1", "::1", "tcp", "tcp"},
		{"IPv4 to IPv6", "127.0.0.1", "::1", "udp", "udp"},
		{"IPv6 TCP to IPv4 UDP", "::1", "127.0.0.1", "tcp", "udp"},
	} {
		t.Run(leg.name, func(t *testing.T) {
			s := s.For(t)
			name := newUser(s)
			bob := s.Peer(peer.Config{Name: name, Password: stand.Password(name), IP: leg.callee, Network: leg.net}).Registered()
			alice := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example", IP: leg.callerIP, Network: leg.callerNet})
			call := alice.Call(bob.AoR())
			invite := bob.Expect(peer.Request("INVITE"))
			if n, crosses := len(invite.All("Record-Route")), leg.callerIP != leg.callee || leg.callerNet != leg.net; crosses && n != 2 {
				t.Errorf("Record-Route has %d entries, want 2: %q", n, invite.All("Record-Route"))
			}
			answer := bob.Reply(invite, 200, "OK")
			caller := call.Ack(call.Expects(200))
			bob.Expect(peer.Request("ACK"))
			callee := bob.DialogAt(invite, answer)
			bob.Send(callee.New("INFO"))
			alice.Reply(alice.Expect(peer.Request("INFO")), 200, "OK")
			bob.Expect(peer.Response(200, "INFO"))
			hangup(caller, bob)
			alice.Expect(peer.Response(200, "BYE"))
		})
	}
	s.NothingLeft()
}

// TestRelayRefuses: what must not go through the router.
func TestRelayRefuses(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	victim := s.Peer(peer.Config{Name: "victim", Domain: "elsewhere.example"})
	stranger := s.Peer(peer.Config{Name: "mallory", Domain: "elsewhere.example"})
	anything := peer.Match{Name: "anything", OK: func(*peer.Message) bool { return true }}
	router, target := "<sip:"+s.Address()+";lr>", "sip:victim@"+victim.Address()

	t.Run("routes that we never gave", func(t *testing.T) {
		if stand.OnKamailio() {
			return // it believes that any Route naming it is its own
		}
		for _, method := range []string{"INVITE", "BYE", "INFO", "MESSAGE", "ACK"} {
			for _, routes := range [][]string{{router}, {router, "<" + target + ";lr>"}, {"<" + target + ";lr>"}} {
				m := stranger.NewRequest(method, target).Set("To", "<"+target+">;tag=never-given")
				for _, r := range routes {
					m.Add("Route", r)
				}
				stranger.Send(m)
				if method == "ACK" {
					continue // never answered
				}
				if final := stranger.Expect(peer.Final(method).Of(m.CallID())); final.Status() < 400 {
					t.Errorf("%s to a foreign target along Route %q was answered %q", method, routes, final.Start)
				}
			}
		}
		victim.Quiet(700*time.Millisecond, anything)
	})
	t.Run("preloaded route", func(t *testing.T) {
		name := newUser(s.For(t))
		bob := s.For(t).Peer(peer.Config{Name: name, Password: stand.Password(name)}).Registered()
		m := stranger.NewRequest("OPTIONS", bob.AoR()).Add("Route", router).Add("Route", "<"+target+";lr>")
		stranger.Send(m)
		victim.Quiet(700*time.Millisecond, peer.Request("OPTIONS"))
	})
	t.Run("foreign both ways", func(t *testing.T) {
		if stand.OnKamailio() {
			return // its test script does not look at the target's domain
		}
		final := stranger.Do(stranger.NewRequest("MESSAGE", target))
		if final.Status() != 403 {
			t.Errorf("a MESSAGE from outside to outside was answered %q, want 403", final.Start)
		}
		victim.Quiet(300*time.Millisecond, anything)
	})
	t.Run("off line and unknown are told alike", func(t *testing.T) {
		for _, name := range []string{newUser(s.For(t)), "nobody-of-that-name"} {
			if final := stranger.Call("sip:" + name + "@" + stand.Domain).Expects(480); final.ToTag() == "" {
				t.Errorf("480 for %s has no To tag", name)
			}
		}
	})
	t.Run("too many hops", func(t *testing.T) {
		m := stranger.NewRequest("OPTIONS", "sip:x@"+stand.Domain).Set("Max-Forwards", "0")
		if final := stranger.Do(m); final.Status() != 483 && final.Status() != 200 {
			t.Errorf("Max-Forwards 0 was answered %q", final.Start)
		}
		c := stranger.Call("sip:x@"+stand.Domain, func(m *peer.Message) { m.Set("Max-Forwards", "0") })
		c.AckFailure(c.Expects(483))
	})
	t.Run("CANCEL of nothing", func(t *testing.T) {
		m := stranger.NewRequest("CANCEL", "sip:x@"+stand.Domain)
		if stand.OnKamailio() {
			return // its script drops it
		}
		if final := stranger.Do(m); final.Status() != 481 {
			t.Errorf("a CANCEL that matches nothing was answered %q, want 481", final.Start)
		}
	})
	s.NothingLeft()
}

// TestRelaySIPp sends many calls at once through the router: none may fail.
func TestRelaySIPp(t *testing.T) {
	s := stand.Start(t, stand.Options{})
	for _, load := range []struct {
		name, transport string
		authenticates   bool
	}{
		{"UDP", "u1", false},
		{"TCP", "t1", false},
		{"authenticating", "u1", true},
	} {
		t.Run(load.name, func(t *testing.T) {
			s := s.For(t)
			callee := newUser(s)
			// The callee takes UDP: a phone on TCP is called on the connection that it
			// registered over, and this one is SIPp's predecessor on the port.
			bob := s.Peer(peer.Config{Name: callee, Password: stand.Password(callee)}).Registered()
			port := bob.LocalPort()
			bob.Close()
			uas, err := sipp.Start(sipp.Job{Scenario: "call_uas", Service: callee, Port: port, Dir: s.Dir,
				Name: "uas-" + load.name})
			if err != nil {
				t.Fatal(err)
			}
			defer uas.Kill()
			job := sipp.Job{Scenario: "call_uac", Remote: s.Address(), Service: callee, Domain: stand.Domain,
				Caller: "walter@elsewhere.example", Transport: load.transport, Rate: 100, Calls: 500, Limit: 400,
				Timeout: 40 * time.Second, Dir: s.Dir, Name: "uac-" + load.name}
			if load.authenticates {
				caller := newUser(s)
				job.Scenario, job.Caller = "call_uac_auth", caller+"@"+stand.Domain
				job.User, job.Password = caller, stand.Password(caller)
			}
			uac, err := sipp.Start(job)
			if err != nil {
				t.Fatal(err)
			}
			counts, err := uac.Finish()
			if err != nil {
				t.Fatal(err)
			}
			if counts.Successful != job.Calls || counts.Failed != 0 {
				t.Errorf("%d of %d calls succeeded, %d failed, %d retransmissions\n%s",
					counts.Successful, counts.Created, counts.Failed, counts.Retransmissions, uac.Log.Tail(5))
			}
		})
	}
	s.NothingLeft()
}
