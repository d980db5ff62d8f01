package ua

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
)

// operatorInvite is the INVITE of SER's ctd.sh.
const operatorInvite = "From: <sip:controller@example.org>;tag=ct\nTo: sip:alice@example.org\nCall-ID: ctd1\nCSeq: 5 INVITE\n" +
	"Contact: <sip:caller@somewhere.example>\nContent-Type: application/sdp\n"

// TestWordedClickToDial is SER's click-to-dial script: INVITE, REFER within its
// dialog, BYE, in its own words.
func TestWordedClickToDial(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		sent, err := s.agent.Request(Worded{Method: "INVITE ", URI: "sip:alice@example.org", Headers: operatorInvite, Body: []byte("v=0\r\n")}) // the script has that blank
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		m := s.router.invite
		for name, want := range map[string]string{
			"From": "<sip:controller@example.org>;tag=ct", "To": "sip:alice@example.org", "Call-ID": "ctd1", "CSeq": "5 INVITE", "Content-Type": "application/sdp",
		} {
			if got := string(m.Value(m.Named(name))); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if got := value(m, sip.HdrContact); !strings.HasPrefix(got, "<sip:ua-") {
			t.Errorf("Contact %q is not ours", got)
		}
		s.router.reply(phoneFlow, 200, "at", route, "Record-Route: <sip:edge.example.net;lr>", contact)
		if ack := s.expect("ACK"); value(ack.msg, sip.HdrCSeq) != "5 ACK" {
			t.Errorf("ACK %q", ack.msg.Buf)
		}
		r := wait(s.t, sent)
		if r.Status != 200 || r.Target != "sip:alice@10.0.0.5:5062;transport=udp" || len(r.Routes) != 2 || !strings.Contains(r.Headers, "To: sip:alice@example.org;tag=at\r\n") {
			t.Errorf("reply %+v", r)
		}
		const within = "From: <sip:controller@example.org>;tag=ct\nTo: <sip:alice@example.org>;tag=at\nCall-ID: ctd1\n"
		for _, other := range []string{"<sip:gw.example.com;lr>", r.Routes[0] + ", <sip:gw.example.com;lr>", "<sip:gw.example.com;lr>\nRoute: " + r.Routes[1]} {
			_, err := s.agent.Request(Worded{Method: "REFER", URI: r.Target, Headers: "Route: " + other + "\n" + within + "Refer-To: <sip:bob@example.org>\n"})
			if !errors.Is(err, ErrBadHeaders) {
				t.Errorf("Route %q: %v", other, err)
			}
		}
		inside := "Route: " + strings.Join(r.Routes, ", ") + "\n" + within // as the script copies it
		sent, err = s.agent.Request(Worded{Method: "REFER", URI: r.Target, Headers: inside + "CSeq: 9 REFER\nRefer-To: <sip:bob@example.org>\n"})
		if err != nil {
			t.Fatal(err)
		}
		refer := s.expect("REFER sip:alice@10.0.0.5:5062;transport=udp SIP/2.0")
		if text := string(refer.msg.Buf); strings.Count(text, "Route: ") != 2 || !strings.Contains(text, "Route: "+r.Routes[0]+"\r\nRoute: "+r.Routes[1]+"\r\n") {
			t.Errorf("want the route set %q in %q", r.Routes, text)
		}
		if value(refer.msg, sip.HdrCSeq) != "9 REFER" || !strings.Contains(string(refer.msg.Buf), "Refer-To: <sip:bob@example.org>\r\n") {
			t.Errorf("REFER %q", refer.msg.Buf)
		}
		s.answer(refer, 202)
		if r := wait(s.t, sent); r.Status != 202 {
			t.Errorf("REFER got %+v", r)
		}
		s.agent.mu.Lock()
		var call *Call
		for _, c := range s.agent.calls {
			call = c
		}
		s.agent.mu.Unlock()
		notify := inDialog{method: "NOTIFY", cseq: 1, body: "SIP/2.0 200 OK", lines: []string{"Event: refer", "Subscription-State: terminated", "Content-Type: message/sipfrag"}}
		if got := s.receive(call, notify); got.status != 200 {
			t.Errorf("NOTIFY got %d", got.status)
		}
		if sent, err = s.agent.Request(Worded{Method: "BYE", URI: r.Target, Headers: inside}); err != nil {
			t.Fatal(err)
		}
		bye := s.expect("BYE")
		if value(bye.msg, sip.HdrCSeq) != "10 BYE" {
			t.Errorf("BYE %q", bye.msg.Buf)
		}
		s.answer(bye, 200)
		if r := wait(s.t, sent); r.Status != 200 {
			t.Errorf("BYE got %+v", r)
		}
		if _, err := s.agent.Request(Worded{Method: "BYE", URI: r.Target, Headers: inside}); !errors.Is(err, ErrNoDialog) {
			t.Errorf("a second BYE: %v", err)
		}
	})
}

// TestWordedDialogEnds: where the phone never says how the REFER has ended, the dialog of a script is
// over 64·T1 after its BYE, or the phone's; until then a NOTIFY is answered.
func TestWordedDialogEnds(t *testing.T) {
	for name, byPhone := range map[string]bool{"the script's BYE": false, "the phone's": true} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				if _, err := s.agent.Request(Worded{Method: "INVITE", URI: "sip:alice@example.org", Headers: operatorInvite}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				s.router.reply(phoneFlow, 200, "at", route, contact)
				s.expect("ACK")
				const within = "From: <sip:controller@example.org>;tag=ct\nTo: <sip:alice@example.org>;tag=at\nCall-ID: ctd1\n"
				if _, err := s.agent.Request(Worded{Method: "REFER", Headers: within + "Refer-To: <sip:bob@example.org>\n", URI: "sip:alice@10.0.0.5:5062"}); err != nil {
					t.Fatal(err)
				}
				s.answer(s.expect("REFER"), 202)
				var call *Call
				s.agent.mu.Lock()
				for _, c := range s.agent.calls {
					call = c
				}
				s.agent.mu.Unlock()
				if byPhone {
					s.receive(call, inDialog{method: "BYE", cseq: 1})
				} else {
					if _, err := s.agent.Request(Worded{Method: "BYE", Headers: within, URI: "sip:alice@10.0.0.5:5062"}); err != nil {
						t.Fatal(err)
					}
					s.answer(s.expect("BYE"), 200)
				}
				time.Sleep(10 * time.Second)
				news := inDialog{method: "NOTIFY", cseq: 2, body: "SIP/2.0 100 Trying", lines: []string{"Event: refer", "Subscription-State: active", "Content-Type: message/sipfrag"}}
				if got := s.receive(call, news); got.status != 200 {
					t.Errorf("NOTIFY got %d", got.status)
				}
				time.Sleep(s.agent.longest())
				if n := s.agent.stats.dialogs.Load(); n != 0 {
					t.Errorf("%d dialogs are left", n)
				}
			})
		})
	}
}

// wait waits for the final response.
func wait(t *testing.T, r *Requested) Reply {
	t.Helper()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := r.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestWordedInviteRefusedAndCancelled(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		invite := Worded{Method: "INVITE", URI: "sip:alice@example.org", Headers: operatorInvite}
		sent, err := s.agent.Request(invite)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := s.agent.Request(invite); !errors.Is(err, ErrUsed) {
			t.Errorf("the same INVITE again: %v", err)
		}
		s.router.reply(phoneFlow, 180, "at")
		if s.agent.CancelRequest("ctd1", 6) || !s.agent.CancelRequest("ctd1", 5) || s.agent.CancelRequest("ctd1", 5) {
			t.Error("CANCEL went to the wrong INVITE")
		}
		synctest.Wait()
		if s.router.cancelled != 1 {
			t.Errorf("%d CANCELs", s.router.cancelled)
		}
		s.router.reply(phoneFlow, 487, "at")
		if r := wait(s.t, sent); r.Status != 487 {
			t.Errorf("reply %+v", r)
		}
	})
}

func TestWordedOutsideADialog(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		sent, err := s.agent.Request(Worded{Method: "MESSAGE", URI: "sip:alice@example.org",
			Headers: "From: sip:me@example.org\r\nTo: sip:alice@example.org\r\nContent-Type: text/plain\r\n", Body: []byte("hi")})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.router.invite; string(got.Body()) != "hi" || !strings.Contains(value(got, sip.HdrFrom), ";tag=") || len(got.CallID()) == 0 {
			t.Errorf("sent %q", got.Buf)
		}
		s.router.reply(phoneFlow, 202, "at")
		if r := wait(s.t, sent); r.Status != 202 || r.Reason == "" {
			t.Errorf("reply %+v", r)
		}
	})
}

// TestWordedContact: what begins no dialog with us has the Contact that was worded; a MESSAGE
// has none.
func TestWordedContact(t *testing.T) {
	const headers = "From: sip:me@example.org\nTo: sip:alice@example.org\nContact: <sip:me@192.0.2.7:5070>\n"
	for _, tc := range []struct{ method, more, want string }{
		{"SUBSCRIBE", "Event: presence\nExpires: 60\n", "<sip:me@192.0.2.7:5070>"}, {"REFER", "Refer-To: sip:bob@example.org\n", "<sip:me@192.0.2.7:5070>"},
		{"MESSAGE", "Content-Type: text/plain\n", ""},
	} {
		run(t, Config{}, func(s *stand) {
			sent, err := s.agent.Request(Worded{Method: tc.method, URI: "sip:alice@example.org", Headers: headers + tc.more})
			if err != nil {
				t.Fatal(err)
			}
			if got := value(s.router.invite, sip.HdrContact); got != tc.want {
				t.Errorf("%s: Contact %q, want %q", tc.method, got, tc.want)
			}
			s.router.reply(phoneFlow, 202, "at")
			if r := wait(s.t, sent); r.Status != 202 {
				t.Errorf("%s: %+v", tc.method, r)
			}
		})
	}
}

func TestWordedRefuses(t *testing.T) {
	const good = "From: <sip:c@example.org>\nTo: <sip:a@example.org>\n"
	run(t, Config{}, func(s *stand) {
		for _, tc := range []struct {
			p    Worded
			want error
		}{
			{Worded{Method: "ACK", URI: "sip:a@example.org", Headers: good}, ErrBadHeaders},
			{Worded{Method: "IN VITE", URI: "sip:a@example.org", Headers: good}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "a", Headers: good}, ErrBadAddress},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: "To: <sip:a@example.org>\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: "From: <sip:a@example.org>\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "Via: SIP/2.0/UDP x\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "Content-Length: 5\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "Route: <sip:x>\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "no colon\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "X: a\rVia: b\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "Call-ID: a b\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: good + "CSeq: many\n"}, ErrBadHeaders},
			{Worded{Method: "INVITE", URI: "sip:a@example.org", Headers: strings.Repeat("X: y\n", 4000)}, ErrBadHeaders},
			{Worded{Method: "REFER", URI: "sip:a@example.org", Headers: "From: <sip:c@example.org>;tag=1\nTo: <sip:a@example.org>;tag=2\nCall-ID: x\n"}, ErrNoDialog},
		} {
			if _, err := s.agent.Request(tc.p); !errors.Is(err, tc.want) {
				t.Errorf("%.80q: %v, want %v", tc.p.Headers, err, tc.want)
			}
		}
		if s.router.invite != nil {
			t.Errorf("sent %q", s.router.invite.Buf)
		}
		s.router.drop = true
		if _, err := s.agent.Request(Worded{Method: "MESSAGE", URI: "sip:a@example.org", Headers: good}); !errors.Is(err, ErrDropped) {
			t.Errorf("dropped by the script: %v", err)
		}
	})
	if _, err := New(Config{}).Request(Worded{}); !errors.Is(err, ErrNotAttached) {
		t.Error(err)
	}
	if token("") || token(strings.Repeat("A", 33)) || !token("PING!") {
		t.Error("token")
	}
	if got := New(Config{}).HostPort(); got != "" {
		t.Errorf("HostPort before Attach: %q", got)
	}
}
