package ua

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

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
