package ua

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

func TestInviteOffersHold(t *testing.T) {
	for _, c := range []struct {
		hold Hold
		want []string
	}{
		{HoldZero, []string{"c=IN IP4 0.0.0.0\r\n", "m=audio 9 RTP/AVP 0 8\r\n"}},
		{HoldInactive, []string{"c=IN IP4 192.0.2.1\r\n", "a=inactive\r\n"}},
	} {
		run(t, Config{}, func(s *stand) {
			call := s.call(func(p *Invite) { p.Hold = c.hold })
			m := s.router.invite
			for name, want := range map[string]string{
				"Request-URI": "sip:alice@example.org",
				"From":        `"Bob \"the\" Keller" <sip:controller@example.org>;tag=` + call.fromTag,
				"To":          "<sip:alice@example.org>",
				"Contact":     "<sip:ua-" + call.token + "@192.0.2.1:5060>",
			} {
				got := string(m.RequestURI())
				if name != "Request-URI" {
					got = string(m.Value(m.Named(name)))
				}
				if got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			for _, line := range c.want {
				if !strings.Contains(string(m.Body()), line) {
					t.Errorf("no %q in %q", line, m.Body())
				}
			}
			if s.router.identity != "alice@example.org" {
				t.Errorf("identity %q", s.router.identity)
			}
			call.Hangup()
			synctest.Wait()
			s.router.reply(phoneFlow, 487, "at")
		})
	}
}

func TestAutoAnswerHeaders(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		s.call(func(p *Invite) { p.AutoAnswer = true })
		for _, want := range []string{";answer-after=0\r\n", ";info=alert-autoanswer;delay=0\r\n", "Answer-Mode: Auto\r\n"} {
			if !strings.Contains(string(s.router.invite.Buf), want) {
				t.Errorf("no %q in %q", want, s.router.invite.Buf)
			}
		}
		s.router.reply(phoneFlow, 486, "at")
	})
}

func TestInviteRefusesAddressesThatCannotBeWritten(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		for _, uri := range []string{
			"", "alice", "sip:", "mailto:a@b.example", "sip:a@b>\r\nX: y", "sip:a b@c.example", "sip:ä@example.org", "sip:a\\b@c.example",
			"sip:" + strings.Repeat("a", 1024) + "@example.org",
		} {
			for _, p := range []Invite{{To: uri, From: "sip:c@example.org"}, {To: "sip:c@example.org", From: uri}} {
				if _, err := s.agent.Invite(p, nil); !errors.Is(err, ErrBadAddress) {
					t.Errorf("%+v: %v", p, err)
				}
			}
		}
		if s.router.invite != nil {
			t.Error("something was sent")
		}
	})
}

func TestInviteWithoutRouter(t *testing.T) {
	if _, err := New(Config{}).Invite(Invite{}, nil); !errors.Is(err, ErrNotAttached) {
		t.Error(err)
	}
}

// TestReferStory is the whole of a good call, on the wire.
func TestReferStory(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		s.router.reply(phoneFlow, 100, "")
		s.noEvent()
		s.router.reply(phoneFlow, 180, "at")
		s.router.reply(phoneFlow, 180, "at")
		if e := s.want(Provisional); e.Status != 180 {
			t.Errorf("provisional %d", e.Status)
		}
		s.noEvent() // once each
		s.router.reply(phoneFlow, 200, "at", route, contact, "Allow: REFER, BYE")
		ack := s.expect("ACK sip:alice@10.0.0.5:5062;transport=udp SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK")
		if ack.flow != phoneFlow {
			t.Errorf("ACK went to %v, want the phone's flow", ack.flow)
		}
		if h := ack.msg.Header(sip.HdrRoute); h != nil {
			t.Errorf("our own Route stayed: %q", ack.msg.Buf)
		}
		if got := value(ack.msg, sip.HdrCSeq); got != "1 ACK" {
			t.Errorf("CSeq %q", got)
		}
		if e := s.want(Answered); !e.TakesRefer || e.Flow != phoneFlow {
			t.Errorf("answered %+v", e)
		}
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		refer := s.expect("REFER sip:alice@10.0.0.5:5062;transport=udp SIP/2.0")
		for id, want := range map[sip.HeaderID]string{
			sip.HdrReferTo: "<sip:bob@example.org>", sip.HdrReferredBy: "<sip:alice@example.org>",
			sip.HdrTo: "<sip:alice@example.org>;tag=at", sip.HdrCSeq: "2 REFER",
			sip.HdrContact: "<sip:ua-" + c.token + "@192.0.2.1:5060>",
		} {
			if got := value(refer.msg, id); got != want {
				t.Errorf("%s: %q, want %q", id, got, want)
			}
		}
		if got := s.notify(c, 1, "active;expires=60", "SIP/2.0 100 Trying\r\n"); got.status != 200 {
			t.Errorf("NOTIFY before the 202: %d", got.status)
		}
		s.want(Notified)
		s.answer(refer, 202)
		s.answer(refer, 202) // a second one says nothing new
		if e := s.want(ReferAnswered); e.Status != 202 || e.NoSubscription {
			t.Errorf("refer answered %+v", e)
		}
		s.noEvent()
		if got := s.notify(c, 2, "terminated;reason=reason=noresource", "SIP/2.0 200 OK\r\n"); got.status != 200 {
			t.Errorf("last NOTIFY: %d", got.status)
		}
		if e := s.want(Notified); e.Status != 200 || e.Reason != "OK" || !e.Terminated {
			t.Errorf("notified %+v", e)
		}
		c.Hangup()
		c.Hangup()
		if bye := s.bye(); value(bye.msg, sip.HdrCSeq) != "3 BYE" {
			t.Errorf("CSeq %q", value(bye.msg, sip.HdrCSeq))
		}
		s.want(Ended)
		s.silent()
		if n := s.agent.Dialogs(); n != 0 {
			t.Errorf("%d dialogs after the BYE", n)
		}
	})
}

func TestAnswerIsAcknowledgedAgain(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for range 3 {
			s.router.reply(phoneFlow, 200, "at", route, contact)
			s.expect("ACK")
		}
		s.noEvent()
		c.Hangup()
		s.bye()
		s.router.reply(phoneFlow, 200, "at", route, contact) // the ACKs were lost
		s.expect("ACK")
		s.silent()
	})
}

// TestForkedAnswers: every 2xx is acknowledged, all but the first ended.
func TestForkedAnswers(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for i := range 3 {
			flow := phoneFlow
			flow.Remote = phoneFlow.Remote
			tag := fmt.Sprint("fork", i)
			s.router.reply(flow, 200, tag, route, fmt.Sprintf("Contact: <sip:a@10.0.0.%d>", i))
			ack := s.expect("ACK sip:a@10.0.0.")
			bye := s.expect("BYE sip:a@10.0.0.")
			for _, p := range []packet{ack, bye} {
				if to, _ := p.msg.To(); string(to.Tag) != tag {
					t.Errorf("To tag %q, want %q", to.Tag, tag)
				}
			}
			s.answer(bye, 200)
			if e := s.want(Spare); e.ToTag != tag {
				t.Errorf("%+v is over, want %q", e, tag)
			}
		}
		if n := s.agent.Dialogs(); n != 1 {
			t.Errorf("%d dialogs, want the first one", n)
		}
		c.Hangup()
		s.bye()
		s.want(Ended)
		// One more, after everything was over.
		s.router.reply(phoneFlow, 200, "late", route, contact)
		s.expect("ACK")
		if n := s.agent.Dialogs(); n != 1 {
			t.Errorf("%d dialogs while the late one is ended", n)
		}
		s.bye()
		if e := s.want(Spare); e.ToTag != "late" {
			t.Errorf("%+v is over", e)
		}
		s.noEvent()
	})
}

func TestForksAreBounded(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for i := range 3 * maxForks {
			s.router.reply(phoneFlow, 200, fmt.Sprint("fork", i), route, contact)
		}
		s.net.mu.Lock()
		n := len(s.net.sent)
		s.net.mu.Unlock()
		if want := 2 * (maxForks - 1); n != want { // ACK and BYE each
			t.Errorf("%d messages, want %d", n, want)
		}
		c.Hangup()
		synctest.Wait()
		time.Sleep(33 * time.Second) // the BYEs are not answered
	})
}

// TestAnswerCrossesCancel: RFC 3261 §9.1, §15.
func TestAnswerCrossesCancel(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		s.router.reply(phoneFlow, 180, "at")
		s.want(Provisional)
		c.Hangup()
		synctest.Wait()
		if s.router.cancelled != 1 || !strings.HasPrefix(s.router.extra, "Reason: SIP;cause=487") {
			t.Fatalf("%d CANCELs with %q", s.router.cancelled, s.router.extra)
		}
		s.router.reply(phoneFlow, 200, "at", route, contact)
		s.expect("ACK")
		s.bye()
		if e := s.want(Failed); e.Status != 487 || e.Err != nil {
			t.Errorf("failed %+v", e)
		}
		if e := s.want(Spare); e.ToTag != "at" {
			t.Errorf("%+v is over", e)
		}
		s.want(Ended)
		c.Hangup()
		s.silent()
	})
}

func TestCancelIsAnswered(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		c.Hangup()
		c.Hangup()
		synctest.Wait()
		s.router.reply(phoneFlow, 487, "at")
		if e := s.want(Failed); e.Status != 487 {
			t.Errorf("failed %+v", e)
		}
		s.want(Ended)
		if s.router.cancelled != 1 {
			t.Errorf("%d CANCELs", s.router.cancelled)
		}
		s.silent()
	})
}

func TestCancelWithoutAnswerIsGivenUp(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		c.Hangup()
		time.Sleep(34 * time.Second)
		s.want(Failed)
		s.want(Ended)
		s.router.reply(phoneFlow, 487, "at") // so that the fake's transaction ends
	})
}

func TestNobodyAnswersInTime(t *testing.T) {
	for _, crossing := range []bool{false, true} {
		run(t, Config{}, func(s *stand) {
			s.call(func(p *Invite) { p.Timeout = 20 * time.Second })
			s.router.reply(phoneFlow, 180, "at")
			s.want(Provisional)
			time.Sleep(19 * time.Second)
			s.noEvent()
			time.Sleep(2 * time.Second)
			if s.router.cancelled != 1 {
				t.Fatalf("%d CANCELs", s.router.cancelled)
			}
			if crossing {
				s.router.reply(phoneFlow, 200, "at", route, contact)
				s.expect("ACK")
				s.bye()
			} else {
				s.router.reply(phoneFlow, 487, "at")
			}
			if e := s.want(Failed); !errors.Is(e.Err, ErrNoAnswer) {
				t.Errorf("failed %+v", e)
			}
			if crossing {
				s.want(Spare)
			}
			s.want(Ended)
		})
	}
}

func TestInviteIsRefused(t *testing.T) {
	for _, status := range []int{302, 401, 404, 407, 480, 486, 503, 603} {
		run(t, Config{}, func(s *stand) {
			s.call()
			s.router.reply(phoneFlow, status, "at", `WWW-Authenticate: Digest realm="x", nonce="y"`)
			if e := s.want(Failed); e.Status != status || e.Reason != sip.ReasonPhrase(status) {
				t.Errorf("failed %+v", e)
			}
			s.want(Ended)
			s.silent() // a challenge above all is not answered
		})
	}
}

func TestScriptDropsTheInvite(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		s.router.drop = true
		s.call()
		if e := s.want(Failed); !errors.Is(e.Err, ErrDropped) {
			t.Errorf("failed %+v", e)
		}
		s.want(Ended)
	})
	run(t, Config{}, func(s *stand) {
		s.router.err = errors.New("no")
		s.call()
		if e := s.want(Failed); e.Err != s.router.err { //nolint:errorlint // the very error is passed on
			t.Errorf("failed %+v", e)
		}
		s.want(Ended)
	})
}

// TestOddAnswers are 2xx that a careless or hostile phone sends.
func TestOddAnswers(t *testing.T) {
	t.Run("no To tag", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			c := s.call()
			s.router.reply(phoneFlow, 200, "", route, contact)
			if ack := s.expect("ACK"); value(ack.msg, sip.HdrTo) != "<sip:alice@example.org>" {
				t.Errorf("To %q", value(ack.msg, sip.HdrTo))
			}
			s.want(Answered)
			if got := s.receive(c, inDialog{method: "BYE", cseq: 1, noFromTag: true}); got.status != 200 {
				t.Errorf("BYE without tag: %d", got.status)
			}
			s.want(HungUp)
			s.want(Ended)
		})
	})
	t.Run("no Contact", func(t *testing.T) {
		run(t, Config{}, func(s *stand) {
			c := s.call()
			s.router.reply(phoneFlow, 200, "at", route)
			s.expect("ACK sip:alice@example.org SIP/2.0")
			s.want(Answered)
			c.Hangup()
			s.bye()
		})
	})
	for name, line := range map[string]string{
		"Contact that is no URI": "Contact: <bogus>",
		"Contact of a web page":  "Contact: <http://example.org/>",
		"Contact in UTF-8":       "Contact: <sip:ä@example.org>",
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				c := s.call()
				s.router.reply(phoneFlow, 200, "at", route, line)
				s.expect("ACK sip:alice@example.org SIP/2.0")
				c.Hangup()
				s.bye()
			})
		})
	}
	for name, change := range map[string]func(m string) string{
		"no Via":         func(m string) string { return cutLine(m, "Via: ") },
		"no CSeq or Via": func(m string) string { return cutLine(cutLine(m, "Via: "), "CSeq: ") },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				c := s.call()
				rep := sip.Reply{Status: 200, ToTag: []byte("at"), Extra: []byte(route + "\r\n" + contact + "\r\n")}
				s.router.send(phoneFlow, 200, []byte(change(string(s.router.invite.AppendReply(nil, &rep)))))
				s.expect("ACK sip:alice@10.0.0.5:5062")
				c.Hangup()
				s.bye()
			})
		})
	}
	for name, change := range map[string]func(m string) string{
		"no To":           func(m string) string { return cutLine(m, "To: ") },
		"foreign Call-ID": func(m string) string { return strings.Replace(m, "Call-ID: ", "Call-ID: x", 1) },
		"garbage":         func(string) string { return "SIP/2.0 200 OK\r\n\r\n" },
		"endless route": func(m string) string {
			return strings.Replace(m, "To: ", strings.Repeat("Record-Route: <sip:a@b;lr>\r\n", maxRoutes+1)+"To: ", 1)
		},
		"long route": func(m string) string {
			return strings.Replace(m, "To: ", "Record-Route: <sip:"+strings.Repeat("a", maxRouteText)+";lr>\r\nTo: ", 1)
		},
		"bad route": func(m string) string { return strings.Replace(m, "To: ", "Record-Route: <:>\r\nTo: ", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				s.call()
				rep := sip.Reply{Status: 200, ToTag: []byte("at"), Extra: []byte(contact + "\r\n")}
				s.router.send(phoneFlow, 200, []byte(change(string(s.router.invite.AppendReply(nil, &rep)))))
				if e := s.want(Failed); !errors.Is(e.Err, ErrBadAnswer) {
					t.Errorf("failed %+v", e)
				}
				s.want(Ended)
				s.silent()
			})
		})
	}
}

// cutLine removes the first line that begins so.
func cutLine(m, start string) string {
	before, after, _ := strings.Cut(m, "\r\n"+start)
	_, rest, _ := strings.Cut(after, "\r\n")
	return before + "\r\n" + rest
}

func TestAllowWithoutRefer(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		s.router.reply(phoneFlow, 200, "at", route, contact, "Allow: INVITE, ACK", "Allow: BYE")
		s.expect("ACK")
		if e := s.want(Answered); e.TakesRefer {
			t.Error("the phone does not take REFER and said so")
		}
		c.Hangup()
		s.bye()
	})
}

// TestRoutes: requests go along the route set less our own entry.
func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		name         string
		record       []string
		uri, to      string
		routes       []string
		proto        transport.Proto
		noWay, loops bool
	}{
		{name: "loose", record: []string{"<sip:198.51.100.1;lr>", "<sip:192.0.2.1:5060;lr>"},
			uri: "sip:alice@10.0.0.5:5062;transport=udp", to: "198.51.100.1:5060", routes: []string{"<sip:198.51.100.1;lr>"}},
		{name: "two, by name and TCP", record: []string{"<sip:far.example.net;lr>, <sip:edge.example.net:5070;transport=tcp;lr>", "<sip:192.0.2.1;lr>"},
			uri: "sip:alice@10.0.0.5:5062;transport=udp", to: "198.51.100.7:5070", proto: transport.TCP,
			routes: []string{"<sip:edge.example.net:5070;transport=tcp;lr>", "<sip:far.example.net;lr>"}},
		{name: "strict", record: []string{"<sip:198.51.100.1>", "<sip:192.0.2.1:5060;lr>"},
			uri: "sip:198.51.100.1", to: "198.51.100.1:5060", routes: []string{"<sip:alice@10.0.0.5:5062;transport=udp>"}},
		{name: "a loop of the script's", record: []string{"<sip:192.0.2.1:5060;lr;srm=2>", "<sip:192.0.2.1:5060;lr;srm=1>"},
			uri: "sip:alice@10.0.0.5:5062;transport=udp", to: "192.0.2.1:5060", routes: []string{"<sip:192.0.2.1:5060;lr;srm=2>"}},
		{name: "foreign first", record: []string{"<sip:198.51.100.1;lr>"},
			uri: "sip:alice@10.0.0.5:5062;transport=udp", to: "198.51.100.1:5060", routes: []string{"<sip:198.51.100.1;lr>"}},
		{name: "unknown host", record: []string{"<sip:nowhere.example;lr>"}, noWay: true},
		{name: "no socket for it", record: []string{"<sip:198.51.100.1;transport=tls;lr>"}, noWay: true},
		{name: "no transport at all", record: []string{"<sip:198.51.100.1;transport=pigeon;lr>"}, noWay: true},
		{name: "sips", record: []string{"<sips:198.51.100.1;lr>"}, noWay: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				call := s.call()
				lines := []string{contact}
				for _, r := range c.record {
					lines = append(lines, "Record-Route: "+r)
				}
				s.router.reply(phoneFlow, 200, "at", lines...)
				if c.noWay {
					call.Hangup() // the BYE fails like the ACK, and that ends the dialog
					synctest.Wait()
					if n := s.agent.Dialogs(); n != 0 {
						t.Errorf("%d dialogs", n)
					}
					s.silent()
					return
				}
				ack := s.expect("ACK " + c.uri + " SIP/2.0")
				if ack.flow.Remote.String() != c.to || c.proto != 0 && ack.flow.Proto != c.proto {
					t.Errorf("went to %+v, want %s", ack.flow, c.to)
				}
				var routes []string
				for h := ack.msg.Header(sip.HdrRoute); h != nil; h = ack.msg.Next(h) {
					routes = append(routes, string(ack.msg.Value(h)))
				}
				if got, want := strings.Join(routes, "|"), strings.Join(c.routes, "|"); got != want {
					t.Errorf("Route %q, want %q", got, want)
				}
				call.Hangup()
				s.bye()
			})
		})
	}
}

// TestAliasIsNotSentBack: what nathelper put into the Contact stays here.
func TestAliasIsNotSentBack(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		s.router.reply(phoneFlow, 200, "at", route, "Contact: <sip:alice@10.0.0.5:5062;alias=203.0.113.9~41000~1;transport=udp>")
		s.expect("ACK sip:alice@10.0.0.5:5062;transport=udp SIP/2.0")
		c.Hangup()
		s.bye()
	})
	for uri, want := range map[string]string{
		"sip:a@b;alias=1~2~1":       "sip:a@b",
		"sip:a@b;alias=x;y":         "sip:a@b;alias=x;y",
		"sip:a;alias=1~2~1@b":       "sip:a;alias=1~2~1@b",
		"sip:b;alias=1~2~1":         "sip:b",
		"sip:a@b;x;alias=1~2~3;y=z": "sip:a@b;x;y=z",
	} {
		if got := withoutAlias(uri); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}

// TestFlowFollowsThePhone: a phone behind NAT that got another port, or opened a
// new connection, is reached where it was heard last.
func TestFlowFollowsThePhone(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		moved := phoneFlow
		moved.Remote = phoneFlow.Remote
		moved.Conn, moved.Proto = 7, transport.TCP
		if got := s.receive(c, inDialog{method: "OPTIONS", cseq: 1, from: moved}); got.status != 200 {
			t.Fatalf("OPTIONS: %d", got.status)
		}
		c.Hangup()
		if bye := s.bye(); bye.flow != moved {
			t.Errorf("BYE went to %v, want %v", bye.flow, moved)
		}
	})
}

// TestBrokenFlow: with the connection gone the Contact is tried.
func TestBrokenFlow(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		s.net.mu.Lock()
		s.net.dead = map[transport.Flow]bool{phoneFlow: true}
		s.net.mu.Unlock()
		c.Hangup()
		if bye := s.bye(); bye.flow.Remote.String() != "10.0.0.5:5062" {
			t.Errorf("BYE went to %v", bye.flow)
		}
	})
}

func TestByeIsNeverAnswered(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		c.Hangup()
		s.expect("BYE")
		time.Sleep(33 * time.Second)
		s.want(Ended)
		s.net.mu.Lock()
		if n := len(s.net.sent); n != 10 { // Timer E over 64·T1
			t.Errorf("%d retransmissions", n)
		}
		s.net.sent = nil
		s.net.mu.Unlock()
	})
}

func TestForgottenCallIsEnded(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		s.call(func(p *Invite) { p.MaxLife = time.Minute })
		s.router.reply(phoneFlow, 200, "at", route, contact)
		s.expect("ACK")
		time.Sleep(61 * time.Second)
		s.bye()
	})
}

func TestDialogsAreBounded(t *testing.T) {
	run(t, Config{MaxDialogs: 1}, func(s *stand) {
		c := s.answered()
		if _, err := s.agent.Invite(c.invite, nil); !errors.Is(err, ErrLimit) {
			t.Errorf("a second call: %v", err)
		}
		c.Hangup()
		s.bye()
	})
}

func TestCloseHangsUp(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		done := make(chan error, 1)
		go func() { done <- s.agent.Close(s.t.Context()) }()
		bye := s.expect("BYE")
		select {
		case err := <-done:
			t.Errorf("Close did not wait for the BYE's answer: %v", err)
		default:
		}
		s.answer(bye, 200)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := s.agent.Invite(c.invite, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("a call after Close: %v", err)
		}
		if err := s.agent.Close(s.t.Context()); err != nil {
			t.Error(err)
		}
	})
	run(t, Config{}, func(s *stand) {
		s.answered()
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		if err := s.agent.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close with a phone that does not answer: %v", err)
		}
	})
}
