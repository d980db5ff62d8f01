package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
)

// pass is a router with a phone that a stranger may call.
type pass struct {
	s      *stand.Stand // the router that the stranger uses
	router string       // its address
	phone  *peer.Peer
}

// oldScript is what a script of SER's days looks like, with and without record_route for
// everything. It knows nothing of module dialog.
const oldScript = `
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		break;
	};
	if (loose_route()) {
		if (!t_relay()) { sl_reply_error(); };
		break;
	};
	if (method == "REGISTER") {
		save("location");
		break;
	};
	record_route();
	if (uri != myself || !lookup("location")) {
		sl_send_reply("404", "Not Found");
		break;
	};
	if (!t_relay()) { sl_reply_error(); };
}
`

// theDefault is what the default script is called in tests.
const theDefault = "the default script"

// passScripts are the routers: of the default script, of each example, and of scripts that
// are no example.
func passScripts(t *testing.T) map[string]func(t *testing.T) pass {
	t.Helper()
	plain := func(script func(t *testing.T) string, claim string) func(t *testing.T) pass {
		return func(t *testing.T) pass {
			s := stand.Start(t, stand.Options{Script: script(t), Users: []string{"alice", "bob"}})
			return pass{s, s.Address(), s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), Claim: claim}).Registered()}
		}
	}
	open := func(script func(t *testing.T) string) func(t *testing.T) pass {
		return func(t *testing.T) pass {
			s := stand.Start(t, stand.Options{Script: script(t)})
			return pass{s, s.Address(), s.Peer(peer.Config{Name: "alice"}).Registered()}
		}
	}
	return map[string]func(t *testing.T) pass{
		theDefault:    plain(func(*testing.T) string { return "" }, ""),
		"minimal.cfg": plain(func(t *testing.T) string { return example(t, "minimal.cfg") }, ""),
		"nat.cfg":     plain(func(t *testing.T) string { return example(t, "nat.cfg") }, "10.99.1.98:5060"),
		"pstn-gateway.cfg": func(t *testing.T) pass {
			s, _, _ := pstn(t)
			return pass{s, s.Address(), s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()}
		},
		"multi-domain.cfg": func(t *testing.T) pass {
			ca := stand.NewAuthority(t)
			ca.Issue("example.org", "example.org")
			ca.Issue("example.net", "example.net")
			s := stand.Start(t, stand.Options{Users: []string{"alice"},
				Script: example(t, "multi-domain.cfg", "/etc/seraph/multi-domain.tls.cfg", ca.Config(example(t, "multi-domain.tls.cfg")))})
			return pass{s, s.Address(), s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()}
		},
		"load-balancer.cfg and edge.cfg": func(t *testing.T) pass {
			home := stand.Start(t, stand.Options{IPs: []string{"127.0.0.40"}, Users: []string{"alice"}, Script: example(t, "load-balancer.cfg")})
			front := stand.Start(t, stand.Options{IPs: []string{"127.0.0.41"}, Script: example(t, "edge.cfg")})
			home.Ctl("", "address", "add", "1", "127.0.0.41")
			front.Exec(fmt.Sprintf("INSERT INTO dispatcher (setid, destination, priority) VALUES (1, 'sip:%s', 1)", home.Address()))
			front.Ctl("", "rpc", "dispatcher.reload")
			alice := front.Peer(peer.Config{Name: "alice", Password: stand.Password("alice"), IP: "127.0.0.1", Router: front.Address()})
			return pass{front, front.Address(), alice.Registered()}
		},
		"a script of old": open(func(*testing.T) string { return oldScript }),
		"the script that is measured": open(func(t *testing.T) string {
			raw, err := os.ReadFile("bench/seraph.cfg")
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}),
	}
}

// TestRingingIsNoPass: a stranger lets a phone ring and uses the Route of its 180, with tags
// of his own making and in either direction, during the call, after it and after a restart
// of the router. Nothing of that reaches a third host, whatever the script.
func TestRingingIsNoPass(t *testing.T) {
	for name, set := range passScripts(t) {
		t.Run(name, func(t *testing.T) {
			x := set(t)
			x.phone.OnMessage = func(m *peer.Message) { // a Route that leads to its flow may end here: it knows no such call
				if m.IsRequest() && m.ToTag() != "" && m.Method() != "ACK" {
					x.phone.Reply(m, 481, "No Such Call")
				}
			}
			eve := x.s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: x.router})
			victim := x.s.Peer(peer.Config{Name: "victim", Domain: "third.example", IP: "127.0.0.15"})
			there := "sip:0900123@" + victim.Address()
			call := eve.Call(x.phone.AoR(), func(m *peer.Message) { m.Set("Contact", "<"+there+">") })
			invite := x.phone.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
			x.phone.Reply(invite, 180, "Ringing")
			dialog := eve.DialogOf(call.Invite, call.Expects(180))
			if len(dialog.Routes) == 0 {
				t.Fatal("the 180 has no Record-Route")
			}
			tries := func(when string) {
				t.Helper()
				for _, method := range []string{"INVITE", "MESSAGE", "OPTIONS", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "BYE"} {
					for _, end := range []string{"another tag", "the caller", "the callee", "the callee to another tag"} {
						m := dialog.New(method)
						m.Start = method + " " + there + " SIP/2.0"
						switch end {
						case "another tag":
							m.Set("To", "<sip:foo@bar.example>;tag=zzz")
						case "the callee":
							m.Set("From", dialog.Remote).Set("To", dialog.Local)
						case "the callee to another tag":
							m.Set("From", "<sip:alice@example.org>;tag=zzz").Set("To", dialog.Local)
						}
						eve.Send(m)
						final := eve.ExpectWithin(20*time.Second, peer.Final(method).Of(m.CallID()).With(cseqOf(m)))
						if s := final.Status(); s != 403 && s != 481 {
							t.Errorf("%s, %s as %s was answered %q", when, method, end, final.Start)
						}
						if method == "INVITE" {
							ack := m.Clone()
							ack.Start = "ACK " + there + " SIP/2.0"
							eve.Send(ack.Set("To", final.Get("To")).Set("CSeq", fmt.Sprintf("%d ACK", cseqOf(m))))
						}
					}
				}
				ack := dialog.New("ACK")
				ack.Start = "ACK " + there + " SIP/2.0"
				eve.Send(ack)
				victim.Quiet(200*time.Millisecond, peer.Match{Name: "anything", OK: func(*peer.Message) bool { return true }})
				if got := victim.History(); len(got) > 0 {
					t.Fatalf("%s the victim got %s", when, got[0])
				}
			}
			tries("while it rings")
			x.phone.Reply(invite, 486, "Busy Here")
			call.AckFailure(call.Expects(486))
			tries("after the call")
			x.s.KillProxy()
			x.s.Launch()
			tries("after a restart")
		})
	}
}

// TestRingingPhoneObeysNobody: a stranger lets a phone ring once, and it does nothing that he
// says: it does not restart, answer, call somebody or tell of its calls. Nor does his
// phone obey, when it is the one that rings. Once they talk they may transfer the call.
func TestRingingPhoneObeysNobody(t *testing.T) {
	for name, set := range passScripts(t) {
		t.Run(name, func(t *testing.T) {
			x := set(t)
			eve := x.s.Peer(peer.Config{Name: "eve", Domain: "elsewhere.example", IP: "127.0.0.9", Router: x.router})
			asksNobody(t, x, eve)
			if name != "the script that is measured" { // which knows calls only
				subscribes(t, x.phone)
			}
			call := eve.Call(x.phone.AoR())
			invite := x.phone.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
			ringing := x.phone.Reply(invite, 180, "Ringing")
			caller, callee := eve.DialogOf(call.Invite, call.Expects(180)), x.phone.DialogAt(invite, ringing)
			order := func(d *peer.Dialog, method, event string) *peer.Message {
				return d.New(method).Add("Event", event).Add("Subscription-State", "terminated").Add("Refer-To", "<sip:0900@third.example>")
			}
			refused := func(by, to *peer.Peer, d *peer.Dialog, method, event string) {
				t.Helper()
				m := order(d, method, event)
				by.Send(m)
				final := by.ExpectWithin(20*time.Second, peer.Final(method).Of(m.CallID()).With(cseqOf(m)))
				if s := final.Status(); s != 403 && s != 481 {
					t.Errorf("%s's %s of %s was answered %q", by.Name, method, event, final.Start)
				}
				if n := to.Count(peer.Request(method).Of(m.CallID()).With(cseqOf(m))); n != 0 {
					t.Errorf("%s got %s's %s of %s", to.Name, by.Name, method, event)
				}
			}
			for _, method := range []string{"NOTIFY", "REFER", "SUBSCRIBE", "PUBLISH", "MESSAGE"} {
				refused(eve, x.phone, caller, method, "check-sync;reboot=true")
				refused(x.phone, eve, callee, method, "talk")
			}
			passes := func(by, to *peer.Peer, m *peer.Message) {
				t.Helper()
				by.Send(m)
				to.Reply(to.ExpectWithin(20*time.Second, peer.Request(m.Method()).Of(m.CallID()).With(cseqOf(m))), 200, "OK")
				by.Expect(peer.Response(200, m.Method()).Of(m.CallID()).With(cseqOf(m)))
			}
			passes(eve, x.phone, caller.New("UPDATE"))
			passes(x.phone, eve, callee.New("INFO"))
			x.phone.Reply(invite, 200, "OK", func(m *peer.Message) { m.Set("To", ringing.Get("To")) })
			call.Ack(call.Expects(200))
			x.phone.Expect(peer.Request("ACK").Of(invite.CallID()))

			refused(eve, x.phone, caller, "NOTIFY", "check-sync;reboot=true")
			refused(eve, x.phone, caller, "NOTIFY", "refer")
			passes(eve, x.phone, order(caller, "REFER", "refer"))
			passes(x.phone, eve, order(callee, "NOTIFY", "refer"))
			refused(x.phone, eve, callee, "NOTIFY", "check-sync")
			// As the phone, she does not ask for what she then sends.
			forged := order(callee, "SUBSCRIBE", "check-sync")
			eve.Send(forged.Set("Via", eve.Via()))
			refused(eve, x.phone, caller, "NOTIFY", "check-sync")
			hangup(caller, x.phone)
		})
	}
}

// asksNobody: a stranger asks the phone whether it is there (OPTIONS), which makes no dialog.
// There is nothing in its answer by which a notice or a subscription gets to it.
func asksNobody(t *testing.T, x pass, eve *peer.Peer) {
	t.Helper()
	m := eve.NewRequest("OPTIONS", x.phone.AoR()).Add("Contact", "<"+eve.ContactURI()+">")
	eve.Send(m)
	asked := x.phone.ExpectWithin(20*time.Second, peer.Request("OPTIONS").Of(m.CallID()))
	if got := asked.Get("Record-Route"); got != "" {
		t.Errorf("the phone is asked along Record-Route: %s", got)
	}
	x.phone.Reply(asked, 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+x.phone.ContactURI()+">") })
	d := eve.DialogOf(m, eve.Expect(peer.Response(200, "OPTIONS").Of(m.CallID())))
	for _, method := range []string{"NOTIFY", "SUBSCRIBE"} {
		order := d.New(method).Add("Event", "check-sync;reboot=true").Add("Subscription-State", "terminated")
		eve.Send(order)
		if s := eve.Expect(peer.Final(method).Of(m.CallID())).Status(); s != 403 && s != 404 && s != 481 {
			t.Errorf("%s of one who asked whether somebody is there was answered %d", method, s)
		}
		if n := x.phone.Count(peer.Request(method).Of(m.CallID())); n != 0 {
			t.Errorf("the phone got %d %s of one who asked whether it is there", n, method)
		}
	}
}

// subscribes: a phone asks for the state of its own address (message-summary, dialog), is told
// twice, and asks again: that goes on.
func subscribes(t *testing.T, phone *peer.Peer) {
	t.Helper()
	for _, event := range []string{"message-summary", "dialog"} {
		m := phone.NewRequest("SUBSCRIBE", phone.AoR()).Add("Contact", "<"+phone.ContactURI()+">").Add("Event", event).Add("Expires", "600")
		phone.Send(m)
		if phone.Password != "" {
			challenged := phone.Expect(peer.Response(407, "SUBSCRIBE").Of(m.CallID()))
			m = phone.Send(phone.Answer(m, challenged, peer.Credentials{User: phone.Name, Password: phone.Password}))
		}
		asked := phone.ExpectWithin(20*time.Second, peer.Request("SUBSCRIBE").Of(m.CallID()))
		ok := phone.Reply(asked, 200, "OK", func(m *peer.Message) { m.Set("Contact", "<"+phone.ContactURI()+">") })
		subscriber := phone.DialogOf(m, phone.Expect(peer.Response(200, "SUBSCRIBE").Of(m.CallID())))
		notifier := phone.DialogAt(asked, ok)
		goesOn := func(m *peer.Message) {
			t.Helper()
			phone.Send(m)
			phone.Reply(phone.Expect(peer.Request(m.Method()).Of(m.CallID()).With(cseqOf(m))), 200, "OK")
			phone.Expect(peer.Response(200, m.Method()).Of(m.CallID()).With(cseqOf(m)))
		}
		goesOn(notifier.New("NOTIFY").Add("Event", event).Add("Subscription-State", "active"))
		goesOn(subscriber.New("SUBSCRIBE").Add("Event", event))
		goesOn(notifier.New("NOTIFY").Add("Event", event).Add("Subscription-State", "terminated"))
	}
}

// TestCallOutlivesTheRouter: a call that is up goes on after a restart of the router: it is
// renewed, and either side hangs up.
func TestCallOutlivesTheRouter(t *testing.T) {
	for _, byCaller := range []bool{true, false} {
		t.Run(fmt.Sprintf("the caller hangs up %v", byCaller), func(t *testing.T) {
			s, gateway, _ := pstn(t)
			alice := s.Peer(peer.Config{Name: "alice", Password: stand.Password("alice")}).Registered()
			call := alice.Call("sip:08955501@" + stand.Domain)
			invite := gateway.ExpectWithin(20*time.Second, peer.Request("INVITE").Of(call.Invite.CallID()))
			answer := gateway.Reply(invite, 200, "OK")
			a := call.Ack(call.Expects(200))
			gateway.Expect(peer.Request("ACK"))
			g := gateway.DialogAt(invite, answer)
			s.KillProxy()
			s.Launch()
			renew := func(by *peer.Dialog, caller, callee *peer.Peer) {
				t.Helper()
				re := by.Send("INVITE")
				callee.Reply(callee.ExpectWithin(20*time.Second, peer.Request("INVITE").With(cseqOf(re))), 200, "OK")
				caller.Expect(peer.Response(200, "INVITE").Of(re.CallID()).With(cseqOf(re)))
				by.Send("ACK")
				callee.Expect(peer.Request("ACK").With(cseqOf(re)))
			}
			renew(a, alice, gateway)
			renew(g, gateway, alice)
			by, caller, callee := a, alice, gateway
			if !byCaller {
				by, caller, callee = g, gateway, alice
			}
			bye := by.Send("BYE")
			callee.Reply(callee.Expect(peer.Request("BYE").Of(bye.CallID())), 200, "OK")
			caller.Expect(peer.Response(200, "BYE").Of(bye.CallID()))
		})
	}
}
