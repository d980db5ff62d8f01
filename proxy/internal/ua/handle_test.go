package ua

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
)

func TestRequestsForNoDialogAre481(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for name, q := range map[string]inDialog{
			"unknown token":   {method: "BYE", uri: "sip:ua-0123456789abcdef01234567@192.0.2.1:5060"},
			"wrong Call-ID":   {method: "BYE", callID: "other"},
			"wrong From tag":  {method: "BYE", fromTag: "other"},
			"no From tag":     {method: "BYE", noFromTag: true},
			"wrong To tag":    {method: "BYE", toTag: "other"},
			"wrong INVITE":    {method: "INVITE", toTag: "other"},
			"NOTIFY, no subs": {method: "NOTIFY", lines: []string{"Event: refer"}},
		} {
			if got := s.receive(c, q); got.status != 481 {
				t.Errorf("%s: %d, want 481", name, got.status)
			}
		}
		for name, q := range map[string]inDialog{
			"unknown token": {method: "ACK", uri: "sip:ua-0123456789abcdef01234567@192.0.2.1:5060"},
			"wrong To tag":  {method: "ACK", toTag: "other"},
			"stray":         {method: "ACK"},
		} {
			if got := s.receive(c, q); got.status != 0 {
				t.Errorf("ACK, %s: answered with %d", name, got.status)
			}
		}
		s.noEvent()
		c.Hangup()
		s.bye()
		if got := s.receive(c, inDialog{method: "BYE", cseq: 9}); got.status != 481 {
			t.Errorf("after the end: %d", got.status)
		}
	})
}

func TestOwnsOnlyItsContacts(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		for uri, want := range map[string]bool{
			"sip:ua-0123456789abcdef01234567@192.0.2.1:5060":  true,
			"sip:ua-0123456789abcdef01234567@192.0.2.1":       true,
			"sip:ua-0123456789abcdef01234567@192.0.2.1:5061":  false,
			"sip:ua-0123456789abcdef01234567@example.org":     false,
			"sip:ua-0123456789abcdef0123456@192.0.2.1:5060":   false,
			"sip:ua-0123456789abcdef012345678@192.0.2.1:5060": false,
			"sip:UA-0123456789abcdef01234567@192.0.2.1:5060":  false,
			"sip:alice@192.0.2.1:5060":                        false,
			"sip:192.0.2.1:5060":                              false,
			"tel:+49123":                                      false,
			"urn:x":                                           false,
		} {
			m := &sip.Message{}
			if err := m.Parse([]byte("OPTIONS " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n" +
				"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")); err != nil {
				t.Fatal(uri, err)
			}
			if got := s.agent.Owns(m); got != want {
				t.Errorf("%s: %v", uri, got)
			}
			if n := testing.AllocsPerRun(100, func() { s.agent.Owns(m) }); n != 0 {
				t.Errorf("%s: %v allocations", uri, n)
			}
		}
	})
}

func TestSequenceNumbers(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for _, q := range []struct{ cseq, want int }{{0, 200}, {7, 200}, {7, 200}, {6, 500}, {0, 500}, {9, 200}, {1<<31 - 1, 200}, {9, 500}} {
			if got := s.receive(c, inDialog{method: "OPTIONS", cseq: q.cseq}); got.status != q.want {
				t.Errorf("CSeq %d: %d, want %d", q.cseq, got.status, q.want)
			}
		}
		c.Hangup()
		s.bye()
	})
}

func TestRequestsInTheDialog(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for i, q := range []struct {
			inDialog
			want  int
			lines []string
		}{
			{inDialog{method: "OPTIONS"}, 200, []string{"Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, OPTIONS", "Accept: application/sdp, message/sipfrag"}},
			{inDialog{method: "INFO"}, 405, []string{"Allow: INVITE"}},
			{inDialog{method: "UPDATE"}, 405, []string{"Allow: INVITE"}},
			{inDialog{method: "REFER"}, 405, nil},
			{inDialog{method: "PRACK"}, 405, nil},
			{inDialog{method: "WHATEVER"}, 405, nil},
			{inDialog{method: "INVITE", lines: []string{"Require: 100rel, replaces"}}, 420, []string{"Unsupported: 100rel, replaces"}},
			{inDialog{method: "NOTIFY", lines: []string{"Event: presence"}}, 489, []string{"Allow-Events: refer"}},
			{inDialog{method: "NOTIFY"}, 489, nil},
		} {
			q.cseq = i + 1
			got := s.receive(c, q.inDialog)
			if got.status != q.want {
				t.Errorf("%s %q: %d, want %d", q.method, q.inDialog.lines, got.status, q.want)
				continue
			}
			for _, line := range q.lines {
				if !strings.Contains(string(got.msg.Buf), line) {
					t.Errorf("%s: no %q in %q", q.method, line, got.msg.Buf)
				}
			}
		}
		c.Hangup()
		s.bye()
	})
}

const offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 101\r\na=sendonly\r\n"

// TestReinviteIsServed: a phone that puts us on hold before it follows the REFER.
func TestReinviteIsServed(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		reinvite := inDialog{method: "INVITE", cseq: 5, body: offer,
			lines: []string{"Content-Type: application/sdp", "Contact: <sip:alice@10.0.0.6>"}}
		got := s.receive(c, reinvite)
		if got.status != 200 {
			t.Fatalf("re-INVITE: %d", got.status)
		}
		for _, want := range []string{
			"Contact: <sip:ua-" + c.token + "@192.0.2.1:5060>", "Content-Type: application/sdp",
			" 2 IN IP4 192.0.2.1\r\n", // the version after that of the INVITE
			"c=IN IP4 0.0.0.0\r\n", "m=audio 9 RTP/AVP 9 101\r\na=inactive\r\n",
		} {
			if !strings.Contains(string(got.msg.Buf), want) {
				t.Errorf("no %q in %q", want, got.msg.Buf)
			}
		}
		// The 2xx is repeated until the ACK comes (RFC 3261 §13.3.1.4).
		time.Sleep(1600 * time.Millisecond) // after 0.5 and 1.5 s
		for range 2 {
			again := s.expect("SIP/2.0 200 OK")
			if string(again.msg.Buf) != string(got.msg.Buf) || again.flow != phoneFlow {
				t.Errorf("repeated as %q", again.msg.Buf)
			}
		}
		s.receive(c, inDialog{method: "ACK", cseq: 4}) // of something else
		time.Sleep(2 * time.Second)
		s.expect("SIP/2.0 200 OK")
		s.receive(c, inDialog{method: "ACK", cseq: 5})
		time.Sleep(10 * time.Second)
		s.silent()
		c.Hangup()
		if bye := s.bye(); string(bye.msg.RequestURI()) != "sip:alice@10.0.0.6" {
			t.Errorf("BYE to %q, want the new Contact", bye.msg.RequestURI())
		}
	})
}

func TestReinviteWithoutAck(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if got := s.receive(c, inDialog{method: "INVITE", cseq: 1}); got.status != 200 ||
			!strings.Contains(string(got.msg.Body()), "m=audio 9 RTP/AVP 0 8\r\n") {
			t.Fatalf("re-INVITE without an offer: %+v", got)
		}
		if got := s.receive(c, inDialog{method: "INVITE", cseq: 2}); got.status != 200 {
			t.Fatalf("a second one: %d", got.status)
		}
		time.Sleep(40 * time.Second)
		s.net.mu.Lock()
		if n := len(s.net.sent); n < 8 || n > 11 {
			t.Errorf("%d repetitions in 64·T1", n)
		}
		s.net.sent = nil
		s.net.mu.Unlock()
		c.Hangup()
		s.bye()
	})
}

func TestReinviteOffers(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for i, q := range []struct {
			kind, body string
			want       int
			answer     string
		}{
			{"application/sdp", offer + "m=video 4002 RTP/AVP 31\r\n", 200, "m=audio 9 RTP/AVP 9 101\r\na=inactive\r\nm=video 0 RTP/AVP 31\r\n"},
			{"Application/SDP ; charset=utf-8", "v=0\nm=video 1 RTP/AVP 31\nm=audio 0 RTP/AVP 0\nm=audio 1/2 RTP/SAVP 0\nm=audio 5 RTP/AVP 0\n", 200,
				"m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\nm=audio 9 RTP/SAVP 0\r\na=inactive\r\nm=audio 0 RTP/AVP 0\r\n"},
			{"application/sdp", "v=0\r\nm=video 4002 RTP/AVP 31\r\n", 488, ""},
			{"application/sdp", "v=0\r\n", 488, ""},
			{"application/sdp", "hello", 488, ""},
			{"application/sdp", "v=0\r\nm=audio 1\r\n", 488, ""},
			{"application/sdp", "v=0\r\nm=audio 1 RTP/AVP 0\rm=x\r\n", 488, ""},
			{"application/sdp", "v=0\r\n" + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxMedia+1), 488, ""},
			{"text/plain", offer, 415, ""},
			{"", offer, 415, ""},
		} {
			lines := []string{}
			if q.kind != "" {
				lines = append(lines, "Content-Type: "+q.kind)
			}
			got := s.receive(c, inDialog{method: "INVITE", cseq: i + 1, body: q.body, lines: lines})
			if got.status != q.want || !strings.HasSuffix(string(got.msg.Buf), q.answer) {
				t.Errorf("%s %q: %d %q, want %d %q", q.kind, q.body, got.status, got.msg.Body(), q.want, q.answer)
			}
			s.receive(c, inDialog{method: "ACK", cseq: i + 1})
		}
		c.Hangup()
		s.bye()
	})
}

// TestPhoneHangsUpFirst: its leg gets 200, and NOTIFYs are answered until
// terminated.
func TestPhoneHangsUpFirst(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("REFER"), 200)
		s.want(ReferAnswered)
		if got := s.receive(c, inDialog{method: "BYE", cseq: 3}); got.status != 200 {
			t.Errorf("BYE: %d", got.status)
		}
		s.want(HungUp)
		if got := s.receive(c, inDialog{method: "INVITE", cseq: 4, body: offer, lines: []string{"Content-Type: application/sdp"}}); got.status != 481 {
			t.Errorf("re-INVITE after the BYE: %d", got.status)
		}
		time.Sleep(time.Minute)
		if got := s.notify(c, 5, "active", "SIP/2.0 180 Ringing\r\n"); got.status != 200 {
			t.Errorf("NOTIFY: %d", got.status)
		}
		s.want(Notified)
		if got := s.notify(c, 6, "terminated", "SIP/2.0 603 Decline\r\n"); got.status != 200 {
			t.Errorf("last NOTIFY: %d", got.status)
		}
		if e := s.want(Notified); e.Status != 603 || !e.Terminated {
			t.Errorf("notified %+v", e)
		}
		s.want(Ended)
		if got := s.notify(c, 7, "terminated", "SIP/2.0 200 OK\r\n"); got.status != 481 {
			t.Errorf("NOTIFY after the last: %d", got.status)
		}
		c.Hangup()
		s.silent()
	})
}

func TestByesCross(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		c.Hangup()
		bye := s.expect("BYE")
		if got := s.receive(c, inDialog{method: "BYE", cseq: 1}); got.status != 200 {
			t.Errorf("their BYE: %d", got.status)
		}
		s.answer(bye, 481)
		s.want(Ended)
		s.silent()
	})
}

// TestByeBeforeAck: the dialog is there as soon as the 2xx has come.
func TestByeBeforeAck(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call()
		rep := sip.Reply{Status: 200, ToTag: []byte("at"), Extra: []byte(route + "\r\n" + contact + "\r\n")}
		s.net.mu.Lock() // nothing can be sent meanwhile
		s.router.cell.Lock()
		s.router.from = phoneFlow
		s.router.server.Reply(200, s.router.invite.AppendReply(nil, &rep), nil)
		s.router.cell.Unlock()
		if e := s.receiveWhileBlocked(c, inDialog{method: "BYE", cseq: 1}); e.status != 200 {
			t.Errorf("BYE: %d", e.status)
		}
		s.net.mu.Unlock()
		s.expect("ACK")
		s.want(Answered)
		s.want(HungUp)
		s.want(Ended)
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != ErrNotUp { //nolint:errorlint // returned as it is
			t.Errorf("REFER after the end: %v", err)
		}
	})
}

// TestSubscriptionLingers: after our BYE the NOTIFYs are answered for 64·T1.
func TestSubscriptionLingers(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("REFER"), 202)
		s.want(ReferAnswered)
		c.Hangup()
		s.bye()
		time.Sleep(31 * time.Second)
		if got := s.notify(c, 1, "active", "SIP/2.0 100 Trying\r\n"); got.status != 200 {
			t.Errorf("NOTIFY after the BYE: %d", got.status)
		}
		s.want(Notified)
		time.Sleep(2 * time.Second)
		s.want(Ended)
		if got := s.notify(c, 2, "active", "SIP/2.0 100 Trying\r\n"); got.status != 481 {
			t.Errorf("NOTIFY after 64·T1: %d", got.status)
		}
	})
}

func TestReferIsRefused(t *testing.T) {
	for _, status := range []int{401, 405, 407, 420, 481, 501, 603} {
		run(t, Config{}, func(s *stand) {
			c := s.answered()
			if err := c.Refer("tel:+491234", "sip:alice@example.org"); err != nil {
				t.Fatal(err)
			}
			s.answer(s.expect("REFER"), status, `Proxy-Authenticate: Digest realm="x", nonce="y"`)
			if e := s.want(ReferAnswered); e.Status != status {
				t.Errorf("refer answered %+v", e)
			}
			s.silent() // a challenge above all is not answered
			if got := s.notify(c, 1, "active", "SIP/2.0 100 Trying\r\n"); got.status != 481 {
				t.Errorf("NOTIFY of no subscription: %d", got.status)
			}
			c.Hangup()
			s.bye()
			s.want(Ended)
		})
	}
}

func TestReferIsNotAnswered(t *testing.T) {
	for _, notified := range []bool{false, true} {
		run(t, Config{}, func(s *stand) {
			c := s.answered()
			if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
				t.Fatal(err)
			}
			s.expect("REFER")
			if notified {
				s.notify(c, 1, "", "SIP/2.0 100 Trying\r\n")
				s.want(Notified)
			}
			time.Sleep(33 * time.Second)
			s.net.mu.Lock()
			s.net.sent = nil
			s.net.mu.Unlock()
			e := s.want(ReferAnswered)
			if notified && e.Status != 202 || !notified && (e.Status != 0 || e.Err == nil) {
				t.Errorf("refer answered %+v", e)
			}
			c.Hangup()
			s.bye()
		})
	}
}

func TestReferWithoutSubscription(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("REFER"), 202, "Refer-Sub: false")
		if e := s.want(ReferAnswered); !e.NoSubscription {
			t.Errorf("refer answered %+v", e)
		}
		c.Hangup()
		s.bye()
		s.want(Ended)
	})
}

func TestReferRefusesWhatCannotBeWritten(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		for _, uri := range []string{"", "bob", "http://example.org/", "sip:b@c>\r\nX: y", "sip:b@c>,<sip:d@e", `sip:b"@c`, "sip:b c@d"} {
			if err := c.Refer(uri, "sip:alice@example.org"); err != ErrBadAddress { //nolint:errorlint // returned as it is
				t.Errorf("%q: %v", uri, err)
			}
			if err := c.Refer("sip:alice@example.org", uri); err != ErrBadAddress { //nolint:errorlint // returned as it is
				t.Errorf("by %q: %v", uri, err)
			}
		}
		s.silent()
		c.Hangup()
		s.bye()
	})
}

func TestOddNotifies(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("REFER"), 202)
		s.want(ReferAnswered)
		for i, q := range []struct {
			state, body string
			want        Event
		}{
			{"active", "garbage", Event{}},
			{"active", "", Event{}},
			{"active", strings.Repeat("\r\n", 30000), Event{}},
			{"active;expires=x", "SIP/2.0 180\r\n", Event{Status: 180}},
			{"", "SIP/2.0 100 Trying", Event{Status: 100, Reason: "Trying"}},
			{"pending", "sip/2.0 183 \x00\xffA\u200bB\r\nX: y\r\n", Event{Status: 183, Reason: "A B"}},
			{"Terminated ;reason=reason=noresource", "SIP/2.0 486 Busy Here\r\n", Event{Status: 486, Reason: "Busy Here", Terminated: true}},
		} {
			if got := s.notify(c, i+1, q.state, q.body); got.status != 200 {
				t.Errorf("%q %.40q: %d", q.state, q.body, got.status)
				continue
			}
			q.want.Kind = Notified
			if got := s.want(Notified); !reflect.DeepEqual(got, q.want) {
				t.Errorf("%q %.40q: %+v, want %+v", q.state, q.body, got, q.want)
			}
		}
		c.Hangup()
		s.bye()
	})
}

// TestNotifyFloodIsBounded: who does not keep up is not buried.
func TestNotifyFloodIsBounded(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		block := make(chan struct{})
		var took int
		c, err := s.agent.Invite(Invite{To: "sip:alice@example.org", From: "sip:c@example.org"}, func(e Event) {
			if e.Kind == Notified {
				<-block
				took++
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.router.reply(phoneFlow, 200, "at", route, contact)
		s.expect("ACK")
		if err := c.Refer("sip:bob@example.org", "sip:alice@example.org"); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("REFER"), 202)
		refused := 0
		for i := range 3 * maxPending {
			switch got := s.notify(c, i+1, "active", "SIP/2.0 180 Ringing\r\n"); got.status {
			case 200:
			case 503:
				refused++
			default:
				t.Fatalf("NOTIFY: %d", got.status)
			}
		}
		if want := 2*maxPending - 1; refused != want { // one is being handled
			t.Errorf("%d refused, want %d", refused, want)
		}
		close(block)
		synctest.Wait()
		if took != maxPending+1 {
			t.Errorf("%d taken", took)
		}
		c.Hangup()
		s.bye()
	})
}

func TestStatistics(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		got := map[string]int64{}
		read := func() {
			s.agent.Statistics(func(group, name string, value int64) {
				if group != "ua" {
					t.Errorf("group %q", group)
				}
				got[name] = value
			})
		}
		read()
		if got["dialogs"] != 1 || got["invites"] != 1 || got["answered"] != 1 {
			t.Errorf("%v", got)
		}
		c.Hangup()
		s.bye()
		read()
		if got["dialogs"] != 0 || got["byes_sent"] != 1 {
			t.Errorf("%v", got)
		}
	})
}
