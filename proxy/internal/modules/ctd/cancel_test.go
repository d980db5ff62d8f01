package ctd

import (
	"testing"
	"time"

	"seraph/ctlproto"
)

func (s *stand) cancel(id string) {
	s.t.Helper()
	if err := s.module.Cancel(s.t.Context(), id, "alice"); err != nil {
		s.t.Fatal(err)
	}
}

// refused wants Cancel to do nothing, with this code.
func (s *stand) refused(id string, code ctlproto.Code) {
	s.t.Helper()
	if err := s.module.Cancel(s.t.Context(), id, "alice"); ctlproto.CodeOf(err) != code {
		s.t.Errorf("cancel: %v, want code %d", err, code)
	}
}

func TestCancelWhileTheCallersPhoneRings(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.ring()
	s.cancel(id)
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
	s.alice.answer(s.alice.expect("CANCEL"), 200)
	s.alice.answer(s.alice.invite, 487)
	s.alice.expect("ACK")
	s.refused(id, ctlproto.CodeRefused)
	s.refused("nonsense", ctlproto.CodeNotFound)
}

// TestCancelCrossesTheAnswer: the phone is answered, acknowledged and hung up.
func TestCancelCrossesTheAnswer(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.ring()
	s.cancel(id)
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
	s.alice.answer(s.alice.expect("CANCEL"), 200)
	s.alice.pickUp()
	s.alice.hangUp()
	s.nothingLeft()
	s.alice.silent() // no REFER above all
}

// TestCancelWhileReferring: the leg is ended, and the call that the REFER caused
// all the same is cancelled when it comes.
func TestCancelWhileReferring(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	refer := s.alice.referred()
	s.cancellable(id, true)
	s.cancel(id)
	s.alice.hangUp()
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
	s.alice.answer(refer, 202)
	s.alice.call(outgoing{})
	toBob := s.bob.expect("INVITE")
	s.bob.answer(toBob, 180)
	s.alice.expect("SIP/2.0 180")
	s.bob.answer(s.bob.expect("CANCEL"), 200)
	s.bob.answer(toBob, 487)
	s.bob.expect("ACK")
	s.alice.expect("SIP/2.0 487")
	s.alice.notify("terminated", "487 Request Terminated")
	// Later calls of hers are her own.
	until(t, "the look-out to end", func() bool { return s.module.watching.Load() == 0 })
}

func TestCancelWhileTheCalleesPhoneRings(t *testing.T) {
	s := newStand(t)
	id, toBob := s.calling(outgoing{})
	s.bob.answer(toBob, 180)
	s.alice.expect("SIP/2.0 180")
	s.want(ctlproto.CtdRingingThem)
	s.cancel(id)
	s.refused(id, ctlproto.CodeRefused) // once is enough
	s.bob.answer(s.bob.expect("CANCEL"), 200)
	s.bob.answer(toBob, 487)
	s.bob.expect("ACK")
	s.alice.expect("SIP/2.0 487")
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 487)
	s.alice.silent() // the NOTIFY is waited for
	s.alice.notify("terminated", "487 Request Terminated")
	s.alice.hangUp()
}

// TestCalleeIsFasterThanCancel: a call that stands is connected, not cancelled.
func TestCalleeIsFasterThanCancel(t *testing.T) {
	s := newStand(t)
	id, toBob := s.calling(outgoing{})
	s.bob.answer(toBob, 180)
	s.alice.expect("SIP/2.0 180")
	s.cancel(id)
	s.bob.answer(s.bob.expect("CANCEL"), 200)
	s.bob.answer(toBob, 200, s.bob.contact())
	s.alice.expect("SIP/2.0 200")
	s.ended(id, ctlproto.CtdConnected, "", 200)
	s.alice.notify("terminated", "200 OK")
	s.alice.hangUp()
}

// TestCallThatDoesNotPassUsCannotBeCancelled: only NOTIFY tells of it.
func TestCallThatDoesNotPassUsCannotBeCancelled(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.answer(s.alice.referred(), 202)
	s.alice.notify("active", "180 Ringing")
	if e := s.want(ctlproto.CtdRingingThem); e.Cancellable {
		t.Error("it is said that it can be cancelled")
	}
	s.refused(id, ctlproto.CodeRefused)
	s.alice.notify("terminated", "603 Decline")
	s.ended(id, ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, 603)
	s.alice.hangUp()
}

func TestClose(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.ring()
	done := make(chan error, 1)
	go func() { done <- s.module.Close(t.Context()) }()
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
	s.alice.answer(s.alice.expect("CANCEL"), 200)
	select {
	case err := <-done:
		t.Errorf("Close did not wait for the phone: %v", err)
	default:
	}
	s.alice.answer(s.alice.invite, 487)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.module.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "alice@example.org", Callee: "bob"}); ctlproto.CodeOf(err) != ctlproto.CodeUnavailable {
		t.Errorf("dial after Close: %v", err)
	}
}

func TestCloseGivesUp(t *testing.T) {
	s := newStand(t)
	id := s.dial()
	s.alice.referred()
	ctx, stop := contextFor(t, 100*time.Millisecond)
	defer stop()
	if err := s.module.Close(ctx); err == nil {
		t.Error("Close says that nothing is left")
	}
	s.ended(id, ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0)
}
