package ctd

import (
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

// TestStory is click-to-dial as phone A does it (docs/click-to-dial.md).
func TestStory(t *testing.T) {
	s := newStand(t)
	start := time.Now()
	id := s.dial()
	s.want(ctlproto.CtdRingingYou)
	invite := s.alice.expect("INVITE sip:alice@10.9.8.7:5060")
	if got := string(invite.HeaderValue(sip.HdrFrom)); !strings.HasPrefix(got, `"Bob Keller" <sip:controller@example.org>;tag=`) {
		t.Errorf("From %q", got)
	}
	if !strings.Contains(string(invite.Body()), "c=IN IP4 0.0.0.0\r\n") {
		t.Errorf("body %q", invite.Body())
	}
	s.alice.invite = invite
	s.alice.answer(invite, 180)
	s.cancellable(id, true)
	s.alice.pickUp()
	s.want(ctlproto.CtdAnswered)
	refer := s.alice.expect("REFER")
	if got := string(refer.HeaderValue(sip.HdrReferTo)); got != "<sip:bob@example.org>" {
		t.Errorf("Refer-To %q", got)
	}
	if got := string(refer.HeaderValue(sip.HdrReferredBy)); got != "<sip:alice@example.org>" {
		t.Errorf("Referred-By %q", got)
	}
	s.want(ctlproto.CtdReferring)
	s.alice.answer(refer, 202)
	s.alice.notify("active;expires=60", "100 Trying")
	s.cancellable(id, false) // nothing is known yet of the call to bob

	callID := s.alice.call(outgoing{user: "-"})
	s.alice.expect("SIP/2.0 407")
	s.cancellable(id, false)
	s.alice.call(outgoing{callID: callID})
	toBob := s.bob.expect("INVITE")
	s.cancellable(id, true)
	s.bob.answer(toBob, 180)
	s.alice.expect("SIP/2.0 180")
	s.want(ctlproto.CtdRingingThem)
	s.bob.answer(toBob, 200, s.bob.contact())
	s.alice.expect("SIP/2.0 200")
	s.want(ctlproto.CtdConnected)
	s.alice.silent() // no BYE before the NOTIFY
	s.alice.notify("terminated;reason=reason=noresource", "200 OK")
	s.alice.hangUp()

	got, ok := s.module.Status(id)
	if !ok || states(got) != "ringing-you answered referring ringing-them connected" {
		t.Errorf("went through %q", states(got))
	}
	if got.Code != 200 || got.Reason != "OK" || got.Message != "" || got.Callee != "sip:bob@example.org" || got.Caller != "alice@example.org" || got.CalleeName != "Bob Keller" {
		t.Errorf("status %+v", got)
	}
	for i, step := range got.Steps {
		if step.At.Before(start) || step.At.After(time.Now()) || i > 0 && step.ElapsedMS < got.Steps[i-1].ElapsedMS {
			t.Errorf("step %d: %+v", i, step)
		}
	}
	s.nothingLeft()
	s.alice.silent()
	if n := s.statistic("connected"); n != 1 {
		t.Errorf("ctd:connected %d", n)
	}
}

// TestStoryWithReinvite is phone B: it puts us on hold before it follows.
func TestStoryWithReinvite(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	refer := s.alice.referred()
	s.alice.answer(refer, 200)
	s.alice.within("INVITE", "v=0\r\no=- 1 2 IN IP4 10.9.8.7\r\ns=-\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
		"Content-Type: application/sdp")
	ok := s.alice.expect("SIP/2.0 200")
	if !strings.Contains(string(ok.Body()), "m=audio 9 RTP/AVP 0\r\na=inactive\r\n") {
		t.Errorf("answer %q", ok.Body())
	}
	s.alice.cseq--
	s.alice.within("ACK", "")
	s.alice.notify("active", "100 Trying")
	s.alice.notify("active", "180 Ringing")
	s.want(ctlproto.CtdRingingThem)
	s.alice.notify("terminated;reason=noresource", "200 OK")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	s.alice.hangUp()
}

// TestStoryOnTCP: everything goes over the connection that the phone opened.
func TestStoryOnTCP(t *testing.T) {
	s := newStand(t)
	alice := s.phoneOn("alice", "tcp")
	id := s.dial()
	refer := alice.referred()
	alice.answer(refer, 202)
	alice.notify("active", "100 Trying")
	alice.call(outgoing{})
	toBob := s.bob.expect("INVITE")
	s.bob.answer(toBob, 200, s.bob.contact())
	alice.expect("SIP/2.0 200")
	alice.notify("terminated", "200 OK")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	alice.hangUp()
}

// TestConnectionIsLost: the phone on TCP goes away with its REFER.
func TestConnectionIsLost(t *testing.T) {
	s := newStand(t)
	alice := s.phoneOn("alice", "tcp")
	id := s.dial()
	alice.referred()
	alice.conn.Close()
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 0)
}

// TestCallerDoesNotTakeTheCall maps what ends the first leg.
func TestCallerDoesNotTakeTheCall(t *testing.T) {
	for status, want := range map[int]ctlproto.CtdOutcome{
		404: ctlproto.OutcomeCallerOffline, 480: ctlproto.OutcomeCallerOffline, 408: ctlproto.OutcomeCallerNoAnswer,
		486: ctlproto.OutcomeCallerBusy, 600: ctlproto.OutcomeCallerBusy,
		603: ctlproto.OutcomeCallerRefused, 488: ctlproto.OutcomeCallerRefused, 407: ctlproto.OutcomeCallerRefused,
	} {
		t.Run(sip.ReasonPhrase(status), func(t *testing.T) {
			s := newStand(t)
			id := s.dial()
			s.alice.ring()
			s.alice.answer(s.alice.invite, status, `Proxy-Authenticate: Digest realm="gw", nonce="n"`)
			s.alice.expect("ACK")
			s.ended(id, ctlproto.CtdFailed, want, status)
			s.nothingLeft()
			s.alice.silent() // no digest for anybody
		})
	}
}

func TestCallerIsOffLine(t *testing.T) {
	s := newStand(t)
	s.script.mu.Lock()
	delete(s.script.phones, "alice")
	s.script.mu.Unlock()
	s.ended(s.dial(), ctlproto.CtdFailed, ctlproto.OutcomeCallerOffline, 480)
}

func TestScriptDropsTheInvite(t *testing.T) {
	s := newStand(t)
	s.script.mu.Lock()
	s.script.drop = true
	s.script.mu.Unlock()
	s.ended(s.dial(), ctlproto.CtdFailed, ctlproto.OutcomeInternal, 0)
}

func TestCallerDoesNotAnswer(t *testing.T) {
	s := newStand(t)
	s.module.set.ringTimeout = 300 * time.Millisecond
	id := s.dial()
	s.alice.ring()
	cancel := s.alice.expect("CANCEL")
	s.alice.answer(cancel, 200)
	s.alice.answer(s.alice.invite, 487)
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCallerNoAnswer, 408)
}

// TestCallersPhoneIsSilent: not even 100 comes back.
func TestCallersPhoneIsSilent(t *testing.T) {
	s := newStand(t)
	s.ended(s.dial(), ctlproto.CtdFailed, ctlproto.OutcomeCallerNoAnswer, 408)
}

func TestReferIsRefused(t *testing.T) {
	for _, status := range []int{401, 405, 420, 481, 501, 603} {
		t.Run(sip.ReasonPhrase(status), func(t *testing.T) {
			s := newStand(t)
			s.module.set.thirdParty = status == 401 // which is no refusal to be got round
			id := s.dial()
			s.alice.answer(s.alice.referred(), status)
			s.alice.hangUp()
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeReferRefused, status)
		})
	}
	t.Run("by Allow", func(t *testing.T) {
		s := newStand(t)
		s.module.set.thirdParty = false
		id := s.dial()
		s.alice.ring()
		s.alice.answer(s.alice.invite, 200, s.alice.contact(), "Allow: INVITE, ACK, BYE")
		s.alice.expect("ACK")
		s.alice.hangUp()
		e := s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeReferRefused, 405)
		if states(e) != "ringing-you answered failed" {
			t.Errorf("went through %q", states(e))
		}
	})
}

func TestReferIsNotAnswered(t *testing.T) {
	s := newStand(t)
	s.module.set.referTimeout = 200 * time.Millisecond
	id := s.dial()
	s.alice.referred()
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 408)
	s.alice.hangUp()
}

// TestCalleeDoesNotTakeTheCall maps what the final NOTIFY tells.
func TestCalleeDoesNotTakeTheCall(t *testing.T) {
	for status, want := range map[string]ctlproto.CtdOutcome{
		"404 Not Found": ctlproto.OutcomeCalleeOffline, "480 Temporarily Unavailable": ctlproto.OutcomeCalleeOffline,
		"408 Request Timeout": ctlproto.OutcomeCalleeNoAnswer, "487 Request Terminated": ctlproto.OutcomeCalleeNoAnswer,
		"486 Busy Here": ctlproto.OutcomeCalleeBusy, "600 Busy Everywhere": ctlproto.OutcomeCalleeBusy,
		"603 Decline": ctlproto.OutcomeCalleeRefused, "403 Forbidden": ctlproto.OutcomeCalleeRefused,
	} {
		t.Run(status, func(t *testing.T) {
			s := newStand(t)
			id := s.dial()
			s.alice.answer(s.alice.referred(), 202)
			s.alice.notify("terminated;reason=noresource", status)
			code, reason, _ := strings.Cut(status, " ")
			n, _ := sip.ParseUint([]byte(code), 699)
			if e := s.ended(id, ctlproto.CtdFailed, want, int(n)); e.Reason != reason {
				t.Errorf("reason %q", e.Reason)
			}
			s.alice.hangUp()
		})
	}
}

// TestPhoneHangsUpFirst: its BYE is no outcome.
func TestPhoneHangsUpFirst(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.alice.notify("active", "100 Trying")
	s.alice.within("BYE", "")
	s.alice.expect("SIP/2.0 200")
	s.alice.notify("active", "180 Ringing")
	s.want(ctlproto.CtdRingingThem)
	s.alice.notify("terminated", "200 OK")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	s.nothingLeft()
	s.alice.silent()
}

func TestCallerHangsUpBeforeTheReferIsTaken(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	refer := s.alice.referred()
	s.alice.within("BYE", "")
	s.alice.expect("SIP/2.0 200")
	s.alice.answer(refer, 481)
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 481)
}

// TestPhoneSaysNothing: it takes the REFER, and is never heard of again.
func TestPhoneSaysNothing(t *testing.T) {
	s := newStand(t)
	s.module.set.outcomeTimeout = 200 * time.Millisecond
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0)
	s.alice.hangUp()
}

// TestLastNotifyTellsNothing: terminated, but with no final status.
func TestLastNotifyTellsNothing(t *testing.T) {
	for _, body := range []string{"100 Trying", "garbage"} {
		t.Run(body, func(t *testing.T) {
			s := newStand(t)
			s.module.set.outcomeTimeout = 200 * time.Millisecond
			id := s.dial()
			s.alice.answer(s.alice.referred(), 202)
			s.alice.notify("terminated;reason=noresource", body)
			s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0)
			s.alice.hangUp()
		})
	}
}

// TestNobodyAnswersAtTheCallee: NOTIFY tells of ringing, and then no more.
func TestNobodyAnswersAtTheCallee(t *testing.T) {
	s := newStand(t)
	s.module.set.calleeRingTimeout = 300 * time.Millisecond
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.alice.notify("active", "180 Ringing")
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, 408)
	s.alice.hangUp()
}
