package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// bobFlow is the callee's place.
var bobFlow = transport.Flow{
	Proto: transport.UDP, Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.20:5060"),
}

const (
	bobOffer    = "v=0\r\no=bob 1 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	aliceAnswer = "v=0\r\no=alice 7 7 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n"
)

// replySDP answers the INVITE with a session description.
func (r *fakeRouter) replySDP(from transport.Flow, tag, sdp string, lines ...string) {
	rep := sip.Reply{Status: 200, ToTag: []byte(tag), ContentType: sdpType, Body: []byte(sdp)}
	for _, l := range lines {
		rep.Extra = append(rep.Extra, l+"\r\n"...)
	}
	r.send(from, 200, r.invite.AppendReply(nil, &rep))
}

// answerSDP answers a request of ours with a session description.
func (s *stand) answerSDP(p packet, sdp string) {
	s.t.Helper()
	rep := sip.Reply{Status: 200, ContentType: sdpType, Body: []byte(sdp)}
	m := &sip.Message{}
	if err := m.Parse(p.msg.AppendReply(nil, &rep)); err != nil {
		s.t.Fatal(err)
	}
	s.table.Response(m, p.flow, transport.NewDetached(nil, s.net.Send))
}

// media is a session description without its o= line, which is ours to write.
func media(body []byte) string {
	var kept []string
	for line := range strings.SplitSeq(string(body), "\r\n") {
		if !strings.HasPrefix(line, "o=") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n")
}

// ours fails the test unless a description is one of ours with this version, and
// somebody's media.
func (s *stand) ours(what string, body []byte, version int, sdp string) {
	s.t.Helper()
	if media(body) != media([]byte(sdp)) {
		s.t.Errorf("%s has %q, want the media of %q", what, body, sdp)
	}
	if want := fmt.Sprintf(" %d IN IP4 ", version); !strings.Contains(string(body), "\r\no=- ") || !strings.Contains(string(body), want) {
		s.t.Errorf("%s has %q, want an o= line of ours with version %d", what, body, version)
	}
}

// joined connects alice's held call with bob by third-party call control.
func joined(s *stand) (alice, bob *Call) {
	s.t.Helper()
	alice = s.answered(contact)
	bob = s.call(func(p *Invite) {
		p.To, p.From, p.FromName = "sip:bob@example.org", "sip:alice@example.org", ""
		p.Offerless, p.Accounted = true, true
	})
	if len(s.router.invite.Body()) != 0 || !s.router.accounted || s.router.identity != "alice@example.org" {
		s.t.Errorf("the second INVITE, accounted %v for %s: %q", s.router.accounted, s.router.identity, s.router.invite.Buf)
	}
	s.router.replySDP(bobFlow, "bt", bobOffer, "Contact: <sip:bob@198.51.100.20>")
	e := s.want(Answered)
	if string(e.Body) != bobOffer {
		s.t.Fatalf("bob's answer %+v", e)
	}
	s.silent() // the ACK waits
	if err := alice.Offer(e.Body); err != nil {
		s.t.Fatal(err)
	}
	invite := s.expect("INVITE sip:alice@10.0.0.5:5062")
	s.ours("the re-INVITE", invite.msg.Body(), 2, bobOffer)
	s.answerSDP(invite, aliceAnswer)
	if ack := s.expect("ACK sip:alice@"); value(ack.msg, sip.HdrCSeq) != "2 ACK" || len(ack.msg.Body()) != 0 {
		s.t.Errorf("ACK %q", ack.msg.Buf)
	}
	s.answerSDP(invite, aliceAnswer) // the ACK was lost
	s.expect("ACK sip:alice@")
	r := s.want(Reoffered)
	bob.Answer(r.Body)
	ack := s.expect("ACK sip:bob@198.51.100.20")
	s.ours("the ACK", ack.msg.Body(), 1, aliceAnswer)
	s.router.replySDP(bobFlow, "bt", bobOffer, "Contact: <sip:bob@198.51.100.20>") // lost, too
	if again := s.expect("ACK"); string(again.msg.Body()) != string(ack.msg.Body()) {
		s.t.Errorf("the ACK again %q", again.msg.Buf)
	}
	Join(alice, bob)
	return alice, bob
}

// TestThirdPartyCall: RFC 3725's flow on a dialog that is already held, and its end.
func TestThirdPartyCall(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		if got := s.receive(bob, inDialog{method: "BYE", cseq: 1, fromTag: "bt", from: bobFlow}); got.status != 200 {
			t.Errorf("BYE got %d", got.status)
		}
		s.want(HungUp)
		s.want(Ended)
		alice.Hangup()
		if p := s.bye(); value(p.msg, sip.HdrCSeq) != "3 BYE" {
			t.Errorf("BYE %q", p.msg.Buf)
		}
		s.want(Ended)
	})
}

// TestJoinedReinvite: bob's phone holds; alice's is asked, and her answer is his.
func TestJoinedReinvite(t *testing.T) {
	hold := strings.Replace(bobOffer, "m=audio", "a=sendonly\r\nm=audio", 1)
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		q := inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow, body: hold, lines: []string{"Content-Type: application/sdp", "Contact: <sip:bob@198.51.100.20:5070>"}}
		rec := s.begin(bob, q)
		invite := s.expect("INVITE sip:alice@")
		s.ours("the re-INVITE", invite.msg.Body(), 3, hold)
		if got := s.receive(bob, inDialog{method: "INVITE", cseq: 6, fromTag: "bt", from: bobFlow, body: hold, lines: q.lines}); got.status != 491 {
			t.Errorf("a second one meanwhile got %d", got.status)
		}
		if got := s.receive(alice, inDialog{method: "INVITE", cseq: 9, body: hold, lines: q.lines}); got.status != 491 {
			t.Errorf("alice's meanwhile got %d", got.status)
		}
		s.answerSDP(invite, aliceAnswer)
		s.expect("ACK sip:alice@")
		if rec.last.status != 200 {
			t.Fatalf("bob got %d", rec.last.status)
		}
		s.ours("bob's 200", rec.last.msg.Body(), 2, aliceAnswer)
		s.receive(bob, inDialog{method: "ACK", cseq: 5, fromTag: "bt", from: bobFlow})
		s.silent()
		bob.Hangup()
		alice.Hangup()
		for range 2 {
			s.bye()
		}
	})
}

// TestReinviteBeforeJoin: while two calls are being joined neither phone is put on hold, whatever it asks
// for: it is to ask again. What it asks before that, or when its own request was in our way, is answered.
func TestReinviteBeforeJoin(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice := s.answered(contact)
		hers, his := 4, 4
		asks := func(who *Call, cseq *int, want int) {
			t.Helper()
			*cseq++
			q := inDialog{method: "INVITE", cseq: *cseq, body: aliceAnswer, lines: []string{"Content-Type: application/sdp"}}
			if who != alice {
				q.fromTag, q.from, q.body = "bt", bobFlow, bobOffer
			}
			got := s.receive(who, q)
			if got.status != want {
				t.Errorf("a re-INVITE got %d, want %d", got.status, want)
			}
			if q.method, q.body, q.lines = "ACK", "", nil; got.status == 200 {
				s.receive(who, q)
			}
		}
		asks(alice, &hers, 200)
		bob := s.call(func(p *Invite) { p.To, p.Offerless = "sip:bob@example.org", true })
		s.router.replySDP(bobFlow, "bt", bobOffer, "Contact: <sip:bob@198.51.100.20>")
		offer := s.want(Answered).Body
		asks(bob, &his, 491)
		if err := alice.Offer(offer); err != nil {
			t.Fatal(err)
		}
		invite := s.expect("INVITE sip:alice@")
		asks(alice, &hers, 491)
		s.answer(invite, 491)
		s.expect("ACK sip:alice@")
		s.want(Reoffered)
		asks(alice, &hers, 200)
		if err := alice.Offer(offer); err != nil {
			t.Fatal(err)
		}
		s.answerSDP(s.expect("INVITE sip:alice@"), aliceAnswer)
		s.expect("ACK sip:alice@")
		answer := s.want(Reoffered).Body
		asks(alice, &hers, 491)
		asks(bob, &his, 491)
		Join(alice, bob)
		asks(bob, &his, 491)
		asks(alice, &hers, 491)
		s.silent() // no ACK yet
		bob.Answer(answer)
		s.expect("ACK sip:bob@")
		his++
		s.begin(bob, inDialog{method: "INVITE", cseq: his, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}})
		s.answer(s.expect("INVITE sip:alice@"), 488)
		s.expect("ACK sip:alice@")
		bob.Hangup()
		alice.Hangup()
		for range 2 {
			s.bye()
		}
	})
}

// TestJoinedReinviteWithoutOffer: alice's phone asks for an offer; bob's makes it, and
// her ACK has the answer.
func TestJoinedReinviteWithoutOffer(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		rec := s.begin(alice, inDialog{method: "INVITE", cseq: 5})
		invite := s.expect("INVITE sip:bob@")
		if len(invite.msg.Body()) != 0 {
			t.Errorf("an offer went to bob: %q", invite.msg.Buf)
		}
		s.answerSDP(invite, bobOffer)
		s.silent() // the ACK waits for alice's
		if rec.last.status != 200 {
			t.Fatalf("alice got %d", rec.last.status)
		}
		s.ours("alice's 200", rec.last.msg.Body(), 3, bobOffer)
		s.receive(alice, inDialog{method: "ACK", cseq: 5, body: aliceAnswer, lines: []string{"Content-Type: application/sdp"}})
		ack := s.expect("ACK sip:bob@")
		s.ours("bob's ACK", ack.msg.Body(), 2, aliceAnswer)
		bob.Hangup()
		alice.Hangup()
		for range 2 {
			s.bye()
		}
	})
}

// TestJoinedReinviteRefused: what the other phone says to it is the answer.
func TestJoinedReinviteRefused(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		rec := s.begin(bob, inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}})
		s.answer(s.expect("INVITE sip:alice@"), 488)
		s.expect("ACK") // the transaction's
		if rec.last.status != 488 || rec.last.msg.HeaderValue(sip.HdrCSeq) == nil {
			t.Errorf("bob got %+v", rec.last)
		}
		if got := s.receive(bob, inDialog{method: "INVITE", cseq: 6, fromTag: "bt", from: bobFlow, body: "x", lines: []string{"Content-Type: text/plain"}}); got.status != 488 {
			t.Errorf("another body got %d", got.status)
		}
		alice.Hangup()
		s.bye()
		if got := s.receive(bob, inDialog{method: "INVITE", cseq: 7, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}}); got.status != 491 {
			t.Errorf("with alice gone it got %d", got.status)
		}
		bob.Hangup()
		s.bye()
	})
}

// TestJoinedReinviteCancelled: bob's phone cancels what it asked for. Alice's is told, and what becomes of
// that is his answer: 487, or her 2xx that was faster. So both are in one session, whatever crosses.
func TestJoinedReinviteCancelled(t *testing.T) {
	for name, x := range map[string]struct {
		want   int // bob's answer
		during func(s *stand, rec *recorder, invite packet)
	}{
		"before alice's phone has said anything": {487, func(s *stand, rec *recorder, invite packet) {
			rec.cancel()
			s.silent() // RFC 3261 §9.1
			s.answer(invite, 100)
			s.cancelled(invite)
		}},
		"then": {487, func(s *stand, rec *recorder, invite packet) {
			s.answer(invite, 100)
			rec.cancel()
			s.cancelled(invite)
			s.answer(invite, 180)
		}},
		"and alice's phone refuses it": {487, func(s *stand, rec *recorder, invite packet) {
			s.answer(invite, 100)
			rec.cancel()
			s.answer(s.expect("CANCEL "), 481)
			s.answer(invite, 488)
			s.expect("ACK sip:alice@")
		}},
		"and alice's phone takes it all the same": {200, func(s *stand, rec *recorder, invite packet) {
			s.answer(invite, 100)
			rec.cancel()
			s.answer(s.expect("CANCEL "), 481)
			s.answerSDP(invite, aliceAnswer)
			s.expect("ACK sip:alice@")
		}},
		"and alice's phone has taken it without a 100": {200, func(s *stand, rec *recorder, invite packet) {
			rec.cancel()
			s.answerSDP(invite, aliceAnswer)
			s.expect("ACK sip:alice@")
		}},
		"and alice's phone says no more": {487, func(s *stand, rec *recorder, invite packet) {
			s.answer(invite, 100)
			rec.cancel()
			s.answer(s.expect("CANCEL "), 200)
			time.Sleep(33 * time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				alice, bob := joined(s)
				q := inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}}
				rec := s.begin(bob, q)
				x.during(s, rec, s.expect("INVITE sip:alice@"))
				s.answeredWith(rec, x.want)
				if x.want == 200 {
					s.ours("bob's 200", rec.last.msg.Body(), 2, aliceAnswer)
					s.receive(bob, inDialog{method: "ACK", cseq: 5, fromTag: "bt", from: bobFlow})
				}
				q.cseq++
				rec = s.begin(bob, q) // he may ask again
				s.answer(s.expect("INVITE sip:alice@"), 488)
				s.expect("ACK sip:alice@")
				s.answeredWith(rec, 488)
				rec.cancel() // too late
				s.silent()
				s.answeredWith(rec, 488)
				bob.Hangup()
				alice.Hangup()
				for range 2 {
					s.bye()
				}
			})
		})
	}
}

// answeredWith fails the test unless a re-INVITE has this answer.
func (s *stand) answeredWith(rec *recorder, status int) {
	s.t.Helper()
	synctest.Wait()
	if rec.last.status != status {
		s.t.Errorf("bob got %d, want %d", rec.last.status, status)
	}
}

// TestReinviteCancelledAtOnce: another worker handles the CANCEL before this one has asked alice's phone,
// which then is not asked at all. Where it is alice's phone that may not be asked now, the answer is the same.
func TestReinviteCancelledAtOnce(t *testing.T) {
	for name, prepare := range map[string]func(alice *Call){
		"alice's phone is there": func(*Call) {},
		"and it hangs up":        (*Call).Hangup,
	} {
		t.Run(name, func(t *testing.T) {
			run(t, Config{}, func(s *stand) {
				alice, bob := joined(s)
				prepare(alice)
				synctest.Wait()
				q := inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}, cancelled: true}
				s.answeredWith(s.begin(bob, q), 487)
				bob.Hangup()
				alice.Hangup()
				for range 2 {
					s.bye() // and no INVITE before
				}
			})
		})
	}
}

// TestReinviteCancelledUnsent: the CANCEL comes while alice's re-INVITE waits to be sent, as for the look-up
// of a Route's host. It goes out, and is cancelled at her first word.
func TestReinviteCancelledUnsent(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		resolved := make(chan struct{})
		alice.queue.Post(func() { <-resolved })
		rec := s.begin(bob, inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}})
		rec.cancel()
		s.silent()
		close(resolved)
		invite := s.expect("INVITE sip:alice@")
		s.answer(invite, 100)
		s.cancelled(invite)
		s.answeredWith(rec, 487)
		bob.Hangup()
		alice.Hangup()
		for range 2 {
			s.bye()
		}
	})
}

// TestJoinedOfferlessReinviteCancelled: alice's phone has made an offer for bob's, which has cancelled that.
// He gets it, and his ACK has the answer for her.
func TestJoinedOfferlessReinviteCancelled(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		rec := s.begin(bob, inDialog{method: "INVITE", cseq: 5, fromTag: "bt", from: bobFlow})
		invite := s.expect("INVITE sip:alice@")
		rec.cancel()
		s.answerSDP(invite, aliceAnswer)
		s.silent() // the ACK waits for his
		s.answeredWith(rec, 200)
		s.ours("bob's 200", rec.last.msg.Body(), 2, aliceAnswer)
		s.receive(bob, inDialog{method: "ACK", cseq: 5, fromTag: "bt", from: bobFlow, body: bobOffer, lines: []string{"Content-Type: application/sdp"}})
		ack := s.expect("ACK sip:alice@")
		s.ours("alice's ACK", ack.msg.Body(), 3, bobOffer)
		s.silent()
		bob.Hangup()
		alice.Hangup()
		for range 2 {
			s.bye()
		}
	})
}

// cancelled expects the CANCEL of a request, which is answered.
func (s *stand) cancelled(invite packet) {
	s.t.Helper()
	p := s.expect("CANCEL sip:alice@")
	if value(p.msg, sip.HdrVia) != value(invite.msg, sip.HdrVia) || value(p.msg, sip.HdrTo) != value(invite.msg, sip.HdrTo) || p.flow != invite.flow {
		s.t.Errorf("CANCEL %q of %q", p.msg.Buf, invite.msg.Buf)
	}
	s.answer(p, 200)
	s.answer(invite, 487)
	s.expect("ACK sip:alice@")
}

// TestReinviteUnanswered: a phone that says 100 to a re-INVITE and nothing more holds nothing for ever.
func TestReinviteUnanswered(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.call(func(p *Invite) { p.MaxLife = time.Hour })
		s.router.reply(phoneFlow, 200, "at", contact)
		s.expect("ACK")
		s.want(Answered)
		if err := c.Offer([]byte(bobOffer)); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("INVITE"), 100)
		time.Sleep(maxReinvite + 300*time.Millisecond)
		s.answer(s.expect("CANCEL"), 200)
		time.Sleep(33 * time.Second)
		if e := s.want(Reoffered); e.Err == nil {
			t.Errorf("%+v", e)
		}
		c.Hangup()
		s.bye()
	})
}

// TestReinviteConnectionBreaks: a re-INVITE whose connection breaks holds nothing of its call when that is over.
func TestReinviteConnectionBreaks(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		tcp := phoneFlow
		tcp.Proto, tcp.Conn = transport.TCP, 7
		c := s.call()
		s.router.reply(tcp, 200, "at", contact)
		s.expect("ACK")
		s.want(Answered)
		if err := c.Offer([]byte(bobOffer)); err != nil {
			t.Fatal(err)
		}
		s.answer(s.expect("INVITE"), 180)
		s.table.FlowDown(tcp, transport.ErrFlowGone, s.net)
		if e := s.want(Reoffered); e.Err == nil {
			t.Errorf("%+v", e)
		}
		c.Hangup()
		s.bye()
		held := weak.Make(c)
		s.router.replied = nil
		time.Sleep(time.Minute)
		synctest.Wait()
		runtime.GC()
		if held.Value() != nil {
			t.Error("the call is held still")
		}
	})
}

func TestJoinedInfo(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		info := inDialog{method: "INFO", cseq: 5, body: "Signal=5\r\n", lines: []string{"Content-Type: application/dtmf-relay"}}
		rec := s.begin(alice, info)
		p := s.expect("INFO sip:bob@")
		if string(p.msg.Body()) != "Signal=5\r\n" || value(p.msg, sip.HdrContentType) != "application/dtmf-relay" {
			t.Errorf("INFO %q", p.msg.Buf)
		}
		s.answer(p, 200)
		if rec.last.status != 200 {
			t.Errorf("alice got %d", rec.last.status)
		}
		if got := s.receive(alice, inDialog{method: "OPTIONS", cseq: 6}); got.msg == nil || !strings.Contains(value(got.msg, sip.HdrAllow), "INFO") {
			t.Errorf("OPTIONS is answered %+v", got)
		}
		if got := s.receive(alice, inDialog{method: "INFO", cseq: 7, body: strings.Repeat("5", maxInfo+1)}); got.status != 413 {
			t.Errorf("an INFO too large got %d", got.status)
		}
		bob.Hangup()
		s.bye()
		info.cseq = 8
		if got := s.receive(alice, info); got.status != 481 {
			t.Errorf("with bob gone it got %d", got.status)
		}
		alice.Hangup()
		s.bye()
	})
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if got := s.receive(c, inDialog{method: "INFO", cseq: 5}); got.status != 405 {
			t.Errorf("INFO in a call of one got %d", got.status)
		}
		c.Hangup()
		s.bye()
	})
}

// asked is the router's own request to the agent's end of the call with bob, in his name.
func asked(c *Call, method sip.Method, change ...func(*Within)) Within {
	w := Within{
		Method: method, CallID: c.callID, From: "sip:bob@example.org", FromTag: "bt", To: "sip:alice@example.org", ToTag: c.fromTag,
		Target: "sip:ua-" + c.token + "@192.0.2.1:5060", Flow: transport.Flow{Proto: transport.Local}, CSeq: 1,
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

// TestJoinedOptions: who asks the router's end of the call with bob, as module dialog does by ka_timer, asks
// alice's phone. Only that it knows nothing of the call, or is silent, is an answer of its own.
func TestJoinedOptions(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		s.receive(bob, inDialog{method: "OPTIONS", cseq: 50, fromTag: "bt", from: bobFlow}) // his own is not passed on
		s.silent()
		for status, want := range map[int]int{200: 200, 405: 200, 501: 200, 503: 200, 408: 408, 481: 481} {
			done := s.sending(s.t.Context(), asked(bob, sip.OPTIONS))
			p := s.expect("OPTIONS sip:alice@10.0.0.5:5062")
			if p.flow != phoneFlow || value(p.msg, sip.HdrCallID) != alice.callID {
				t.Errorf("%v to %v", p.msg, p.flow)
			}
			s.answer(p, status)
			if got := <-done; got.err != nil || got.Status != want {
				t.Errorf("at %d: %+v, want %d", status, got, want)
			}
		}
		began := time.Now()
		done := s.sending(s.t.Context(), asked(bob, sip.OPTIONS))
		if got := <-done; got.Status != 408 || time.Since(began) < 31*time.Second {
			t.Errorf("a silent phone: %+v after %v", got, time.Since(began))
		}
		s.net.mu.Lock()
		s.net.sent, s.net.dead = nil, map[transport.Flow]bool{phoneFlow: true}
		s.net.mu.Unlock()
		alice.mu.Lock()
		alice.main.target = "sip:alice@nowhere.invalid"
		alice.mu.Unlock()
		if got := <-s.sending(s.t.Context(), asked(bob, sip.OPTIONS)); got.Status != 200 {
			t.Errorf("a phone whose connection is gone may come back: %+v", got)
		}
		alice.Hangup()
		synctest.Wait()
		if got := <-s.sending(s.t.Context(), asked(bob, sip.OPTIONS)); got.Status != 200 {
			t.Errorf("while the call ends: %+v", got)
		}
		s.silent()
		bob.Hangup()
		if p := s.bye(); p.flow != bobFlow {
			t.Errorf("bob's BYE goes to %v", p.flow)
		}
	})
}

// TestOptionsOfNoJoinedCall: of a call of one phone the agent answers itself, and of another dialog with 481.
func TestOptionsOfNoJoinedCall(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		fromAlice := func(w *Within) { w.FromTag = "at" }
		for want, change := range map[int][]func(*Within){
			200: {fromAlice},
			481: {fromAlice, func(w *Within) { w.CallID = "another" }},
		} {
			if got := <-s.sending(s.t.Context(), asked(c, sip.OPTIONS, change...)); got.err != nil || got.Status != want {
				t.Errorf("%+v, want %d", got, want)
			}
		}
		s.net.mu.Lock()
		s.net.dead = map[transport.Flow]bool{{Proto: transport.Local}: true} // as in the network
		s.net.mu.Unlock()
		if got := <-s.sending(s.t.Context(), asked(c, sip.OPTIONS, fromAlice, func(w *Within) { w.Target = "sip:nobody@nowhere.invalid" })); !errors.Is(got.err, ErrNoWay) {
			t.Errorf("somebody else's: %+v", got)
		}
		s.silent()
		c.Hangup()
		s.bye()
	})
}

// TestRoutersBye: the router's BYE in bob's name ends the agent's end of the call. After requests of the
// agent's own, bob's phone may have refused the router's for its CSeq, and gets one that follows these.
func TestRoutersBye(t *testing.T) {
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		s.receive(bob, inDialog{method: "OPTIONS", cseq: 50, fromTag: "bt", from: bobFlow})
		if got := <-s.sending(s.t.Context(), asked(bob, sip.BYE)); got.Status != 200 {
			t.Errorf("%+v", got)
		}
		s.silent()
		s.want(HungUp)
		s.want(Ended)
		alice.Hangup()
		s.bye()
	})
	run(t, Config{}, func(s *stand) {
		alice, bob := joined(s)
		s.begin(alice, inDialog{method: "INFO", cseq: 5, body: "Signal=5\r\n", lines: []string{"Content-Type: application/dtmf-relay"}})
		s.answer(s.expect("INFO sip:bob@"), 200)
		if got := <-s.sending(s.t.Context(), asked(bob, sip.BYE)); got.Status != 200 {
			t.Errorf("%+v", got)
		}
		s.want(HungUp)
		if p := s.bye(); value(p.msg, sip.HdrCSeq) != "3 BYE" || p.flow != bobFlow {
			t.Errorf("%v to %v", p.msg, p.flow)
		}
		s.want(Ended)
		alice.Hangup()
		s.bye()
	})
}

// TestOfferlessInvite: an answer without an offer is no call; a spare one is answered
// on hold and ended; who hangs up before Answer acknowledges first.
func TestOfferlessInvite(t *testing.T) {
	offerless := func(p *Invite) { p.Offerless = true }
	run(t, Config{}, func(s *stand) {
		s.call(offerless)
		s.router.reply(bobFlow, 200, "bt", "Contact: <sip:bob@198.51.100.20>")
		s.expect("ACK")
		s.bye()
		if e := s.want(Failed); e.Status != 488 || !errors.Is(e.Err, ErrBadAnswer) {
			t.Errorf("%+v", e)
		}
		s.want(Spare)
		s.want(Ended)
	})
	run(t, Config{}, func(s *stand) {
		c := s.call(offerless)
		s.router.replySDP(bobFlow, "one", bobOffer, "Contact: <sip:bob@198.51.100.20>")
		s.want(Answered)
		s.router.replySDP(bobFlow, "two", bobOffer, "Contact: <sip:bob@198.51.100.20>")
		if ack := s.expect("ACK"); !strings.Contains(string(ack.msg.Body()), "a=inactive") {
			t.Errorf("the spare one's ACK %q", ack.msg.Buf)
		}
		s.bye()
		if err := c.Offer([]byte(bobOffer)); !errors.Is(err, ErrNotUp) {
			t.Errorf("a re-INVITE before the ACK: %v", err)
		}
		c.Hangup()
		s.expect("ACK")
		s.bye()
	})
	run(t, Config{}, func(s *stand) {
		c := s.answered()
		if err := c.Offer([]byte(bobOffer)); err != nil {
			t.Fatal(err)
		}
		if err := c.Offer([]byte(bobOffer)); !errors.Is(err, ErrNotUp) {
			t.Errorf("two at once: %v", err)
		}
		s.answer(s.expect("INVITE"), 603)
		s.expect("ACK")
		if e := s.want(Reoffered); e.Status != 603 || e.Body != nil {
			t.Errorf("%+v", e)
		}
		c.Hangup()
		s.bye()
		if err := c.Offer([]byte(bobOffer)); !errors.Is(err, ErrNotUp) {
			t.Errorf("after the end: %v", err)
		}
	})
}
