package e2e_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// edgeScript is a proxy between the phones and their registrar.
const edgeScript = `loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "path.so"
route {
	if (src_ip == %[1]s) {
		follow_path();
	};
	if (loose_route()) {
		if (method == "INVITE") {
			record_route();
		};
		t_relay();
		break;
	};
	if (method == "REGISTER") {
		add_path();
	};
	if (method == "INVITE") {
		record_route();
	};
	t_relay("%[1]s", "%[2]s");
}
`

// trustsPath switches Path on, at a router that has such a proxy before it.
const trustsPath = `modparam("registrar", "use_path", 1)`

// edge starts such a proxy in front of a stand.
func edge(t *testing.T, home *stand.Stand) *stand.Stand {
	t.Helper()
	host, port, err := net.SplitHostPort(home.Address())
	if err != nil {
		t.Fatal(err)
	}
	return stand.Start(t, stand.Options{Engine: stand.Memory, Script: fmt.Sprintf(edgeScript, host, port)})
}

// flow registers one flow of a phone.
func flow(t *testing.T, p *peer.Peer, regID int, edit ...func(*peer.Message)) *peer.Message {
	t.Helper()
	contact := fmt.Sprintf(`<%s;ob>;reg-id=%d;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";expires=600`, p.ContactURI(), regID)
	m := p.NewRegister(contact).Add("Supported", "path, outbound")
	for _, e := range edit {
		e(m)
	}
	return p.Do(p.Answer(m, wantStatus(t, p.Do(m), 401), peer.Credentials{User: p.Name, Password: p.Password}))
}

// TestPathAndOutbound: phones behind an edge proxy, on flows that are the only way to
// them: their contacts lead nowhere.
func TestPathAndOutbound(t *testing.T) {
	home := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}, IPs: []string{"127.0.0.44"}, Script: defaultScript(t, trustsPath)})
	front := edge(t, home)
	phone := func(network string) *peer.Peer {
		return front.Peer(peer.Config{Name: "bob", Password: stand.Password("bob"), Network: network, Claim: "192.0.2.99:5060"})
	}
	udp, tcp := phone("udp"), phone("tcp")
	ok := wantStatus(t, flow(t, udp, 1), 200)
	if ok.Get("Require") != "outbound" || !strings.Contains(ok.Get("Path"), ";lr;ob>") {
		t.Errorf("the 200 says Require: %q, Path: %q", ok.Get("Require"), ok.Get("Path"))
	}
	nextSecond(t) // the flow that came later is tried first
	wantStatus(t, flow(t, tcp, 2), 200)
	if n := home.QueryInt("SELECT COUNT(*) FROM location WHERE username = 'bob' AND path LIKE '%;ob>'"); n != 2 {
		t.Errorf("%d flows are in the database, want 2", n)
	}
	alice := home.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")})

	// A whole call on the TCP flow, both ways.
	caller, callee := connect(t, alice, tcp)
	udp.Quiet(200*time.Millisecond, peer.Request("INVITE"))
	caller.Send("INFO")
	tcp.Reply(tcp.Expect(peer.Request("INFO")), 200, "OK")
	alice.Expect(peer.Response(200, "INFO"))
	bye := callee.Send("BYE")
	alice.Reply(alice.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
	tcp.Expect(peer.Response(200, "BYE"))

	// The flow breaks: the edge says 430, and the other flow gets the call.
	tcp.Hangup()
	caller, _ = connect(t, alice, udp)
	hangup(caller, udp)
	alice.Expect(peer.Response(200, "BYE"))

	// Nobody else follows the route that the phone was told, and nobody invents one.
	stranger := front.Peer(peer.Config{Name: "eve"})
	path := peer.URIOf(ok.Get("Path"))
	forged := strings.Replace(path, "sip:", "sip:A", 1)
	m := stranger.NewRequest("OPTIONS", "sip:victim@"+stranger.Address()).Add("Route", "<"+forged+">")
	stranger.Send(m)
	stranger.Quiet(300*time.Millisecond, peer.Request("OPTIONS"))

	// Nor does a stranger reach the phone unasked by the true one.
	stranger = front.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"})
	for _, method := range []string{"INVITE", "REFER", "NOTIFY", "MESSAGE"} {
		m := stranger.NewRequest(method, "sip:bob@192.0.2.99").Add("Route", "<"+path+">")
		stranger.Send(m)
		if final := stranger.Expect(peer.Final(method).Of(m.CallID())); final.Status() != 403 {
			t.Errorf("a stranger's %s along the Path was answered %q", method, final.Start)
		}
	}
	udp.Quiet(300*time.Millisecond, peer.Match{Name: "anything", OK: func(*peer.Message) bool { return true }})
}

// directScript is a registrar that has no other way to a phone behind NAT than its flow.
const directScript = `loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("registrar", "flow_timer", 120)
route {
	force_rport();
	if (loose_route()) {
		t_relay();
		break;
	};
	if (method == "REGISTER") {
		save("location");
		break;
	};
	if (has_totag()) {
		break;
	};
	record_route();
	if (!lookup("location")) {
		sl_send_reply("480", "Temporarily Unavailable");
		break;
	};
	t_relay();
}
`

// TestOutboundDirect: two phones behind NAT whose contacts lead nowhere, registered here
// without a proxy between: the whole call goes on their flows.
func TestOutboundDirect(t *testing.T) {
	s := stand.Start(t, stand.Options{Script: strings.Replace(directScript, "loadmodule \"rr.so\"", "loadmodule \"rr.so\"\nloadmodule \"siputils.so\"", 1)})
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := s.For(t)
			phone := func(name string) *peer.Peer {
				return s.Peer(peer.Config{Name: name, Network: network, Claim: "192.0.2.99:5060"})
			}
			alice, bob := phone("alice-"+network), phone("bob-"+network)
			contact := fmt.Sprintf(`<%s;ob>;reg-id=1;+sip.instance="<urn:uuid:1>"`, bob.ContactURI())
			ok := wantStatus(t, bob.Do(bob.NewRegister(contact).Add("Supported", "path, outbound")), 200)
			if ok.Get("Require") != "outbound" || ok.Get("Flow-Timer") != "120" {
				t.Errorf("the 200 says Require: %q, Flow-Timer: %q", ok.Get("Require"), ok.Get("Flow-Timer"))
			}
			call := alice.Call(bob.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+alice.ContactURI()+";ob>") })
			invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
			answer := bob.Reply(invite, 200, "OK")
			caller := call.Ack(call.Expects(200))
			bob.Expect(peer.Request("ACK").Of(call.Invite.CallID()))
			caller.Send("INFO")
			bob.Reply(bob.Expect(peer.Request("INFO")), 200, "OK")
			alice.Expect(peer.Response(200, "INFO"))
			callee := bob.DialogAt(invite, answer)
			callee.Send("BYE")
			alice.Reply(alice.Expect(peer.Request("BYE")), 200, "OK")
			bob.Expect(peer.Response(200, "BYE"))
		})
	}
}

// TestOutboundRefused: a first hop that keeps no flows.
func TestOutboundRefused(t *testing.T) {
	home := stand.Start(t, stand.Options{Users: []string{"bob"}, Script: defaultScript(t, trustsPath)})
	bob := home.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	hop := func(m *peer.Message) {
		m.Add("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"+peer.Token())
	}
	wantStatus(t, flow(t, bob, 1, hop), 439)
	without := func(m *peer.Message) { hop(m); m.Add("Path", "<sip:127.0.0.1;lr>") }
	wantStatus(t, flow(t, bob, 1, without), 439)
	foreign := func(m *peer.Message) { hop(m); m.Add("Path", "<sip:192.0.2.1;lr;ob>") }
	wantStatus(t, flow(t, bob, 1, foreign), 403)
	with := func(m *peer.Message) { hop(m); m.Add("Path", "<sip:127.0.0.1;lr;ob>") }
	wantStatus(t, flow(t, bob, 1, with), 200)
}

// TestPathOfAUser: with the router's own script nobody aims calls for himself at a gateway by a
// Path of his own making.
func TestPathOfAUser(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob"}})
	gateway := s.Peer(peer.Config{Name: "gateway", Domain: "elsewhere.example"})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")})
	m := bob.NewRegister("<sip:+1900555@"+gateway.Address()+">;expires=600").Add("Supported", "path").
		Add("Path", "<sip:"+gateway.Address()+";lr>").Add("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"+peer.Token())
	ok := wantStatus(t, bob.Do(bob.Answer(m, wantStatus(t, bob.Do(m), 401), peer.Credentials{User: "bob", Password: bob.Password})), 200)
	if ok.Get("Path") != "" {
		t.Errorf("the 200 says Path: %s", ok.Get("Path"))
	}
	s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example"}).Call(bob.AoR())
	bob.Reply(bob.Expect(peer.Request("INVITE")), 486, "Busy Here")
	gateway.Quiet(200*time.Millisecond, peer.Request("INVITE"))
}

// TestRecordRouteIsNoPass: a stranger who was called by a phone that keeps its flow has read the
// phone's token. It leads him nowhere without a call, not even after a restart.
func TestRecordRouteIsNoPass(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "mallory"}})
	phone := func(name string) *peer.Peer {
		return s.Peer(peer.Config{Name: name, Password: stand.Password(name)}).Registered()
	}
	alice, mallory := phone("alice"), phone("mallory")
	call := alice.Call(mallory.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+alice.ContactURI()+";ob>") })
	invite := mallory.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	mallory.Reply(invite, 603, "Decline")
	call.AckFailure(call.Expects(603))
	route := peer.URIOf(invite.Get("Record-Route"))
	token, rest, found := strings.Cut(route, "@")
	if !found || !strings.Contains(route, ";ob") {
		t.Fatalf("Record-Route %s has no token", route)
	}
	stranger := s.Peer(peer.Config{Name: "alice", Domain: "elsewhere.example"})
	for range 2 {
		for _, r := range []string{route, token + "@" + s.Address() + ";lr", strings.Replace(route, "@"+rest, "@"+s.Address()+";lr;ob", 1)} {
			for _, method := range []string{"INVITE", "REFER", "NOTIFY", "MESSAGE"} {
				m := stranger.NewRequest(method, "sip:alice@192.0.2.9").Add("Route", "<"+r+">")
				stranger.Send(m)
				if final := stranger.Expect(peer.Final(method).Of(m.CallID())); final.Status() != 403 {
					t.Errorf("a stranger's %s along %s was answered %q", method, r, final.Start)
				}
			}
		}
		for _, method := range []string{"INVITE", "REFER", "NOTIFY", "MESSAGE"} {
			alice.Quiet(50*time.Millisecond, peer.Request(method))
		}
		s.KillProxy()
		s.Launch()
	}
}
