package ctd

import (
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

const (
	bobSDP   = "v=0\r\no=bob 1 1 IN IP4 10.9.8.7\r\ns=-\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	aliceSDP = "v=0\r\no=alice 1 1 IN IP4 10.9.8.6\r\ns=-\r\nc=IN IP4 10.9.8.6\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
)

// answerSDP answers with 200 and a session description.
func (p *phone) answerSDP(m *sip.Message, sdp string) {
	p.s.t.Helper()
	p.write(m.AppendReply(nil, &sip.Reply{
		Status: 200, ToTag: []byte(p.name + "-tag"), RecordRoute: true, Extra: []byte(p.contact() + "\r\n"), ContentType: "application/sdp", Body: []byte(sdp),
	}))
}

// refusing is alice's phone, which has refused the REFER.
func (s *stand) refusing(status int) string {
	s.t.Helper()
	id := s.dial()
	s.alice.answer(s.alice.referred(), status)
	s.want(ctlproto.CtdCallingThem)
	s.cancellable(id, true)
	return id
}

// connected lets bob take the call, and alice's phone his session.
func (s *stand) connected(id string) ctlproto.CtdStatus {
	s.t.Helper()
	invite := s.bob.expect("INVITE sip:bob@10.9.8.7:5060")
	if got := string(invite.HeaderValue(sip.HdrFrom)); !strings.HasPrefix(got, "<sip:alice@example.org>;tag=") || len(invite.Body()) != 0 {
		s.t.Errorf("bob got %q", invite.Buf)
	}
	if first := string(s.alice.invite.HeaderValue(sip.HdrAllow)); strings.Contains(first, "INFO") {
		s.t.Errorf("alone it allows %s", first)
	}
	s.bob.invite = invite
	s.bob.answer(invite, 180)
	s.want(ctlproto.CtdRingingThem)
	s.bob.answerSDP(invite, bobSDP)
	reinvite := s.alice.expect("INVITE sip:alice@10.9.8.7:5060")
	if !strings.Contains(string(reinvite.Body()), "m=audio 4000 RTP/AVP 0") {
		s.t.Errorf("the offer to alice: %q", reinvite.Buf)
	}
	for _, m := range []*sip.Message{invite, reinvite} { // a phone sends DTMF by INFO only where that is allowed
		if allow := string(m.HeaderValue(sip.HdrAllow)); !strings.Contains(allow, "INFO") || !strings.Contains(allow, "BYE") {
			s.t.Errorf("joined it allows %q", allow)
		}
	}
	s.alice.answerSDP(reinvite, aliceSDP)
	s.alice.expect("ACK")
	if ack := s.bob.expect("ACK sip:bob@10.9.8.7:5060"); !strings.Contains(string(ack.Body()), "m=audio 5000 RTP/AVP 0") {
		s.t.Errorf("the answer to bob: %q", ack.Buf)
	}
	return s.ended(id, ctlproto.CtdConnected, "", 200)
}

// TestThirdParty: a phone that refuses REFER, in whatever way, is connected all the
// same, and either side's BYE ends both.
func TestThirdParty(t *testing.T) {
	for _, status := range []int{403, 405, 420, 481, 501, 603} {
		t.Run(sip.ReasonPhrase(status), func(t *testing.T) {
			s := newStand(t)
			id := s.refusing(status)
			e := s.connected(id)
			if !e.ThirdParty || states(e) != "ringing-you answered referring calling-them ringing-them connected" {
				t.Errorf("%+v went through %q", e, states(e))
			}
			s.alice.within("BYE", "")
			s.alice.expect("SIP/2.0 200")
			s.bob.hangUp()
			s.over("bob-tag caller")
		})
	}
	t.Run("by Allow", func(t *testing.T) {
		s := newStand(t)
		id := s.dial()
		s.alice.ring()
		s.alice.answer(s.alice.invite, 200, s.alice.contact(), "Allow: INVITE, ACK, BYE")
		s.alice.expect("ACK")
		e := s.connected(id)
		if states(e) != "ringing-you answered calling-them ringing-them connected" {
			t.Errorf("went through %q", states(e))
		}
		s.bob.within("BYE", "")
		s.bob.expect("SIP/2.0 200")
		s.alice.hangUp()
		s.over("bob-tag callee")
	})
}

// over waits until it was told, once, that the calls to the callee are over.
func (s *stand) over(want ...string) {
	s.t.Helper()
	s.nothingLeft()
	close(s.overs)
	var got []string
	for one := range s.overs {
		got = append(got, one)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("over: %q, want %q", got, want)
	}
}

// TestThirdPartyAnsweredTwice: of two phones that answer, one is the call, and the other one's answer is
// hung up; each is over once. So is an answer that crosses our CANCEL.
func TestThirdPartyAnsweredTwice(t *testing.T) {
	t.Run("two phones", func(t *testing.T) {
		s := newStand(t)
		id := s.refusing(405)
		s.connected(id)
		s.bob.name = "mobile"
		s.bob.answerSDP(s.bob.invite, bobSDP)
		s.bob.expect("ACK sip:mobile@")
		s.bob.hangUp()
		s.alice.within("BYE", "")
		s.alice.expect("SIP/2.0 200")
		s.bob.name = "bob"
		s.bob.hangUp()
		s.over("bob-tag caller", "mobile-tag router")
	})
	t.Run("cancelled", func(t *testing.T) {
		s := newStand(t)
		id := s.refusing(405)
		invite := s.bob.expect("INVITE")
		s.bob.answer(invite, 180)
		s.want(ctlproto.CtdRingingThem)
		if err := s.module.Cancel(t.Context(), id, "alice"); err != nil {
			t.Fatal(err)
		}
		s.alice.hangUp()
		s.bob.answer(s.bob.expect("CANCEL"), 200)
		s.bob.answerSDP(invite, bobSDP)
		s.bob.expect("ACK")
		s.bob.hangUp()
		s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
		s.over("bob-tag router")
	})
}

// TestThirdPartyGlare: alice's phone is busy with a re-INVITE of its own; it is asked again.
func TestThirdPartyGlare(t *testing.T) {
	s := newStand(t)
	id := s.refusing(405)
	s.bob.invite = s.bob.expect("INVITE")
	s.bob.answerSDP(s.bob.invite, bobSDP)
	s.alice.answer(s.alice.expect("INVITE"), 491)
	s.alice.expect("ACK")
	s.alice.answerSDP(s.alice.expect("INVITE"), aliceSDP) // 2.1 s later and more
	s.alice.expect("ACK")
	s.bob.expect("ACK")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	s.bob.within("BYE", "")
	s.bob.expect("SIP/2.0 200")
	s.alice.hangUp()
}

// TestThirdPartyHold: what bob's phone asks of the session is asked of alice's.
func TestThirdPartyHold(t *testing.T) {
	s := newStand(t)
	s.connected(s.refusing(405))
	s.bob.within("INVITE", strings.Replace(bobSDP, "t=0 0\r\n", "t=0 0\r\na=sendonly\r\n", 1), "Content-Type: application/sdp")
	reinvite := s.alice.expect("INVITE")
	if !strings.Contains(string(reinvite.Body()), "a=sendonly") {
		t.Errorf("alice got %q", reinvite.Buf)
	}
	s.alice.answerSDP(reinvite, aliceSDP)
	s.alice.expect("ACK")
	ok := s.bob.expect("SIP/2.0 200")
	if !strings.Contains(string(ok.Body()), "m=audio 5000") || len(ok.HeaderValue(sip.HdrContact)) == 0 {
		t.Errorf("bob got %q", ok.Buf)
	}
	s.bob.cseq-- // the ACK has the INVITE's number
	s.bob.within("ACK", "")
	s.bob.within("BYE", "")
	s.bob.expect("SIP/2.0 200")
	s.alice.hangUp()
}

// TestThirdPartyHoldCancelled: bob's phone cancels its hold, which alice's has not answered. Hers gets a
// CANCEL, and what she says then is his answer: the two are in one session, also where her 200 crosses it.
func TestThirdPartyHoldCancelled(t *testing.T) {
	for name, crosses := range map[string]bool{"in time": false, "too late": true} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.connected(s.refusing(405))
			s.bob.within("INVITE", bobSDP, "Content-Type: application/sdp")
			reinvite := s.alice.expect("INVITE")
			s.alice.answer(reinvite, 100)
			s.bob.cseq-- // a CANCEL and the ACK have the INVITE's number
			s.bob.within("CANCEL", "")
			if m := s.bob.expect("SIP/2.0 200"); m.Method != sip.CANCEL {
				t.Errorf("bob got %q", m.Buf)
			}
			cancel := s.alice.expect("CANCEL")
			if crosses {
				s.alice.answer(cancel, 481)
				s.alice.answerSDP(reinvite, aliceSDP)
				s.alice.expect("ACK")
				if m := s.bob.expect("SIP/2.0 200"); m.Method != sip.INVITE || !strings.Contains(string(m.Body()), "m=audio 5000") {
					t.Errorf("bob got %q", m.Buf)
				}
			} else {
				s.alice.answer(cancel, 200)
				s.alice.answer(reinvite, 487)
				s.alice.expect("ACK")
				if m := s.bob.expect("SIP/2.0 487"); m.Method != sip.INVITE {
					t.Errorf("bob got %q", m.Buf)
				}
			}
			s.bob.cseq--
			s.bob.within("ACK", "")
			s.bob.within("BYE", "")
			if m := s.bob.expect("SIP/2.0 200"); m.Method != sip.BYE {
				t.Errorf("bob got %q", m.Buf)
			}
			s.alice.hangUp()
		})
	}
}

// TestThirdPartyHoldTooEarly: bob's phone asks for a hold before it has the answer to its first offer. That
// is not granted by the router alone; when the two are joined, alice's phone is asked.
func TestThirdPartyHoldTooEarly(t *testing.T) {
	s := newStand(t)
	id := s.refusing(405)
	s.bob.invite = s.bob.expect("INVITE")
	s.bob.answerSDP(s.bob.invite, bobSDP)
	reinvite := s.alice.expect("INVITE")
	s.bob.within("INVITE", bobSDP, "Content-Type: application/sdp")
	s.bob.expect("SIP/2.0 491")
	s.bob.cseq--
	s.bob.within("ACK", "")
	s.alice.answerSDP(reinvite, aliceSDP)
	s.alice.expect("ACK")
	s.bob.expect("ACK")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	s.bob.within("INVITE", bobSDP, "Content-Type: application/sdp")
	s.alice.answerSDP(s.alice.expect("INVITE"), aliceSDP)
	s.alice.expect("ACK")
	s.bob.expect("SIP/2.0 200")
	s.bob.cseq--
	s.bob.within("ACK", "")
	s.bob.within("BYE", "")
	s.bob.expect("SIP/2.0 200")
	s.alice.hangUp()
}

// TestThirdPartyFails: what bob's phone says is the outcome, and alice's is hung up.
func TestThirdPartyFails(t *testing.T) {
	for status, want := range map[int]ctlproto.CtdOutcome{
		486: ctlproto.OutcomeCalleeBusy, 603: ctlproto.OutcomeCalleeRefused, 480: ctlproto.OutcomeCalleeOffline,
	} {
		t.Run(sip.ReasonPhrase(status), func(t *testing.T) {
			s := newStand(t)
			id := s.refusing(405)
			s.bob.answer(s.bob.expect("INVITE"), status)
			s.bob.expect("ACK")
			s.alice.hangUp()
			s.ended(id, ctlproto.CtdFailed, want, status)
		})
	}
	t.Run("no answer", func(t *testing.T) {
		s := newStand(t)
		s.module.set.calleeRingTimeout = 200 * time.Millisecond
		id := s.refusing(405)
		invite := s.bob.expect("INVITE")
		s.bob.answer(invite, 180)
		s.bob.answer(s.bob.expect("CANCEL"), 200)
		s.bob.answer(invite, 487)
		s.bob.expect("ACK")
		s.alice.hangUp()
		s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, 408)
	})
	t.Run("alice's phone does not take bob's session", func(t *testing.T) {
		s := newStand(t)
		id := s.refusing(405)
		s.bob.answerSDP(s.bob.expect("INVITE"), bobSDP)
		s.alice.answer(s.alice.expect("INVITE"), 488)
		s.alice.expect("ACK")
		s.bob.expect("ACK")
		s.bob.hangUp()
		s.alice.hangUp()
		s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCallerRefused, 488)
	})
	t.Run("alice's phone is silent", func(t *testing.T) {
		s := newStand(t)
		s.module.set.referTimeout = 300 * time.Millisecond
		id := s.refusing(405)
		s.bob.answerSDP(s.bob.expect("INVITE"), bobSDP)
		s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 408)
		s.bob.expect("ACK")
		s.bob.hangUp()
		s.alice.expect("INVITE")
		s.alice.hangUp()
	})
}

// TestThirdPartyCancelled by the page, and by alice's hanging up.
func TestThirdPartyCancelled(t *testing.T) {
	for name, cancel := range map[string]func(s *stand, id string){
		"the page": func(s *stand, id string) {
			if err := s.module.Cancel(s.t.Context(), id, "alice"); err != nil {
				s.t.Fatal(err)
			}
			s.alice.hangUp()
		},
		"the phone": func(s *stand, _ string) {
			s.alice.within("BYE", "")
			s.alice.expect("SIP/2.0 200")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			id := s.refusing(405)
			invite := s.bob.expect("INVITE")
			s.bob.answer(invite, 180)
			s.want(ctlproto.CtdRingingThem)
			cancel(s, id)
			s.bob.answer(s.bob.expect("CANCEL"), 200)
			s.bob.answer(invite, 487)
			s.bob.expect("ACK")
			s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
		})
	}
}
