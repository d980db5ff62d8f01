package e2e_test

import (
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// names are the header lines by which somebody says who he is, beside From.
var names = []string{"P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"}

// boasts adds all of them to a message.
func boasts(m *peer.Message) {
	for _, n := range names {
		m.Add(n, `"The Boss" <sip:boss@`+stand.Domain+`>`)
	}
}

// isBare checks that a message has none of them.
func isBare(t *testing.T, what string, m *peer.Message) *peer.Message {
	t.Helper()
	for _, n := range names {
		if got := m.All(n); len(got) != 0 {
			t.Errorf("%s has %s: %q", what, n, got)
		}
	}
	return m
}

// TestNobodyNamesHimself: who a stranger says he is beside From, and who a phone that he calls
// says it is, goes no further, at the begin of a call and within it (RFC 3325 §5).
func TestNobodyNamesHimself(t *testing.T) {
	for name, set := range passScripts(t) {
		if !strings.HasSuffix(name, ".cfg") && name != theDefault {
			continue // these take nothing off
		}
		t.Run(name, func(t *testing.T) {
			x := set(t)
			eve := x.s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: x.router})
			call := eve.Call(x.phone.AoR(), boasts)
			invite := isBare(t, "the INVITE", x.phone.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID())))
			x.phone.Reply(invite, 180, "Ringing", boasts)
			isBare(t, "180", call.Expects(180))
			answer := x.phone.Reply(invite, 200, "OK", boasts)
			caller := call.Ack(isBare(t, "200", call.Expects(200)))
			x.phone.Expect(peer.Request("ACK").Of(invite.CallID()))
			callee := x.phone.DialogAt(invite, answer)
			for _, way := range []struct {
				from, to *peer.Peer
				dialog   *peer.Dialog
			}{{eve, x.phone, caller}, {x.phone, eve, callee}} {
				for _, method := range []string{"INVITE", "UPDATE", "INFO"} {
					m := way.dialog.New(method)
					boasts(m)
					way.from.Send(m)
					what := way.from.Name + "'s " + method + " within the call"
					got := isBare(t, what, way.to.Expect(peer.Request(method).Of(m.CallID())))
					way.to.Reply(got, 200, "OK", boasts)
					isBare(t, "200 to "+what, way.from.Expect(peer.Response(200, method).Of(m.CallID()).With(cseqOf(m))))
					if method == "INVITE" {
						ack := way.dialog.New("ACK").Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "ACK", 1))
						boasts(ack)
						way.from.Send(ack)
						isBare(t, "the ACK", way.to.Expect(peer.Request("ACK").Of(m.CallID()).With(cseqOf(m))))
					}
				}
			}
			x.phone.Reply(x.phone.Expect(peer.Request("BYE").Of(caller.Send("BYE").CallID())), 200, "OK")
			eve.Expect(peer.Response(200, "BYE"))
			m := eve.NewRequest("MESSAGE", x.phone.AoR())
			boasts(m)
			eve.Send(m)
			x.phone.Reply(isBare(t, "the MESSAGE", x.phone.ExpectWithin(20*time.Second, peer.Request("MESSAGE").Of(m.CallID()))), 200, "OK")
		})
	}
}

// TestTrustedPeerNames: whom a peer that the operator trusts names as the caller and the called
// is believed, also within the call, unless they want to stay unknown.
func TestTrustedPeerNames(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"bob"}})
	s.Ctl("", "address", "add", "1", "127.0.0.42")
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	carrier := s.Peer(peer.Config{Name: "0049301234", Domain: "carrier.example", IP: "127.0.0.42", Router: s.Address()})
	call := carrier.Call(bob.AoR(), boasts)
	invite := bob.Expect(peer.Request("INVITE").Of(call.Invite.CallID()))
	answer := bob.Reply(invite, 200, "OK", boasts)
	caller := call.Ack(isBare(t, "bob's answer", call.Expects(200)))
	bob.Expect(peer.Request("ACK").Of(invite.CallID()))
	m := caller.New("INFO")
	boasts(m)
	carrier.Send(m)
	info := bob.Expect(peer.Request("INFO").Of(m.CallID()))
	bob.Reply(info, 200, "OK")
	m = bob.DialogAt(invite, answer).New("INFO")
	bob.Send(m)
	carrier.Reply(carrier.Expect(peer.Request("INFO").Of(m.CallID())), 200, "OK", boasts)
	ok := bob.Expect(peer.Response(200, "INFO").Of(m.CallID()))
	for what, got := range map[string]*peer.Message{"the INVITE": invite, "an INFO": info, "an answer": ok} {
		for _, n := range names {
			if got.Get(n) != `"The Boss" <sip:boss@`+stand.Domain+`>` {
				t.Errorf("%s of the peer has %s: %q", what, n, got.Get(n))
			}
		}
	}
	m = bob.DialogAt(invite, answer).New("INFO")
	bob.Send(m)
	carrier.Reply(carrier.Expect(peer.Request("INFO").Of(m.CallID()).With(cseqOf(m))), 200, "OK", boasts, func(m *peer.Message) { m.Add("Privacy", "id") })
	if got := bob.Expect(peer.Response(200, "INFO").Of(m.CallID()).With(cseqOf(m))).Get("P-Asserted-Identity"); got != "" {
		t.Errorf("of one who wants to stay unknown bob is told %q", got)
	}
}

// TestGatewayIsToldOurNumber: whatever a subscriber calls himself, the gateway is told our number and
// no name; whom the gateway names as the caller, our people see.
func TestGatewayIsToldOurNumber(t *testing.T) {
	s, gateway, _ := pstn(t)
	alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
	poses := func(m *peer.Message) {
		boasts(m)
		m.Set("From", `"+4911011011" `+m.Get("From")).Add("Diversion", "<sip:+4911011011@pstn.example>;reason=unconditional").
			Add("History-Info", "<sip:+4911011011@pstn.example>;index=1")
	}
	isOurs := func(what string, m *peer.Message) {
		t.Helper()
		isBare(t, what, m)
		if text := string(m.Bytes()); strings.Contains(text, "4911011011") || !strings.HasPrefix(m.Get("From"), "<sip:+49301230@pstn.example>") {
			t.Errorf("%s names another caller:\n%s", what, text)
		}
	}
	call := alice.Call("sip:08955501@"+stand.Domain, poses)
	invite := gateway.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
	isOurs("the INVITE", invite)
	gateway.Reply(invite, 200, "OK", boasts)
	ok := call.Expects(200)
	if got := ok.Get("P-Asserted-Identity"); !strings.Contains(got, "boss") {
		t.Errorf("whom the gateway says that it has reached arrives as %q", got)
	}
	caller := call.Ack(ok)
	gateway.Expect(peer.Request("ACK").Of(invite.CallID()))
	for _, method := range []string{"INVITE", "UPDATE"} {
		m := caller.New(method)
		boasts(m)
		alice.Send(m)
		got := gateway.Expect(peer.Request(method).Of(m.CallID()).With(cseqOf(m)))
		isOurs("the "+method+" within the call", got)
		gateway.Reply(got, 200, "OK")
		alice.Expect(peer.Response(200, method).Of(m.CallID()).With(cseqOf(m)))
		if method == "INVITE" {
			alice.Send(caller.New("ACK").Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "ACK", 1)))
		}
	}
	hangup(caller, gateway)

	in := gateway.Call("sip:+49301234@"+stand.Domain, boasts)
	invite = alice.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(in.Invite.CallID()))
	if got := invite.Get("P-Asserted-Identity"); !strings.Contains(got, "boss") {
		t.Errorf("whom the gateway names as the caller arrives as %q", got)
	}
	alice.Reply(invite, 486, "Busy Here", boasts)
	in.AckFailure(isBare(t, "alice's answer", in.Expects(486)))

	// Who writes so long a name that it cannot be put away does not get there with it.
	call = alice.Call("sip:08955501@"+stand.Domain, func(m *peer.Message) { m.Set("From", `"`+strings.Repeat("4911", 120)+`" `+m.Get("From")) })
	final := call.Expect(peer.Final("INVITE").Of(call.Invite.CallID()).With(cseqOf(call.Invite)))
	call.AckFailure(wantStatus(t, final, 400))
	hearsNothing(t, gateway, call.Invite.CallID())
}

// TestFromIsOneAddress: a From that one reader may take for a stranger's and another for one of
// ours is refused (RFC 3261 §20.20). What phones write against the grammar and nobody can
// misread passes; so do headers in its URI, which count for nothing (§19.1.1).
func TestFromIsOneAddress(t *testing.T) {
	s := stand.Start(t, stand.Options{Users: []string{"alice", "bob"}})
	bob := s.Peer(peer.Config{Name: "bob", Password: stand.Password("bob")}).Registered()
	eve := s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: s.Address()})
	const hers, his = "<sip:eve@elsewhere.example>", "<sip:alice@" + stand.Domain + ">"
	for _, c := range []struct {
		from   string
		status int
	}{
		{hers + ";tag=a, " + his + ";tag=b", 400},
		{hers + ";tag=a," + his, 400},
		{"sip:eve@elsewhere.example;tag=a, " + his, 400},
		{"sip:alice@" + stand.Domain + ", " + hers + ";tag=a", 400},
		{"sip:alice@" + stand.Domain + " " + hers + ";tag=a", 400},
		{"sip:alice@" + stand.Domain + ";x=" + hers + ";tag=a", 400},
		{his + " " + hers + ";tag=a", 400},
		{hers + `;x=",` + his + `";tag=a`, 200},
		{`"alice, ` + stand.Domain + `" ` + hers + ";tag=a", 200},
		{"alice@" + stand.Domain + " " + hers + ";tag=a", 200},
		{"Bell, Alexander " + hers + ";tag=a", 200},
		{"<sip:eve@elsewhere.example?From=sip:alice@" + stand.Domain + ">;tag=a", 200},
		{"<sip:alice@" + stand.Domain + "?From=sip:eve@elsewhere.example>;tag=a", 407},
	} {
		for _, field := range []string{"From", "f"} {
			m := eve.NewRequest("MESSAGE", bob.AoR()).Del("From").Add(field, c.from)
			eve.Send(m)
			if c.status == 200 {
				got := bob.Expect(peer.Request("MESSAGE").Of(m.CallID()))
				if got.Get("From") != c.from && got.Get("f") != c.from {
					t.Errorf("%s: %s arrives as %s", field, c.from, got)
				}
				bob.Reply(got, 200, "OK")
			}
			if final := eve.Expect(peer.Final("MESSAGE").Of(m.CallID())); final.Status() != c.status {
				t.Errorf("%s: %s was answered %q, want %d", field, c.from, final.Start, c.status)
			}
		}
	}
	got := bob.Count(peer.Request("MESSAGE"))
	if want := 10; got != want {
		t.Errorf("bob got %d messages, want %d", got, want)
	}
}
