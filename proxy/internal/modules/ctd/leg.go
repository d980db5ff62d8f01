package ctd

import (
	"errors"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
)

// event takes what happens to the call to the caller.
func (a *attempt) event(e ua.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case ua.Answered:
		a.answered(e)
	case ua.Failed:
		a.callerFailed(e)
	case ua.ReferAnswered:
		a.referAnswered(e)
	case ua.Notified:
		a.notified(e)
	case ua.Reoffered:
		a.reoffered(e)
	case ua.HungUp:
		a.phoneHungUp()
	case ua.Ended:
		a.legGone = true
		a.release()
	}
}

// answered sends the REFER.
func (a *attempt) answered(e ua.Event) {
	if a.status.Ended {
		return // cancelled meanwhile, and hung up
	}
	a.step(ctlproto.CtdAnswered)
	if !e.TakesRefer && a.thirdParty() {
		return
	}
	if !e.TakesRefer {
		a.hangup()
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeReferRefused, 405, "The phone does not allow REFER")
		return
	}
	a.referred = true
	a.m.watch(a, e.Flow)
	a.step(ctlproto.CtdReferring)
	err := a.call.Refer(a.callee, a.caller.URI())
	switch {
	case errors.Is(err, ua.ErrNotUp):
		a.referred = false // the phone was faster; its HungUp comes
	case err != nil:
		a.m.cfg.Log.Error("click-to-dial: REFER not made", "attempt", a.id, "call_id", a.call.CallID(), "error", err)
		a.hangup()
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeInternal, 0, "")
	default:
		a.arm(waitRefer, a.m.set.referTimeout, func() { a.referFailed(ua.Event{Err: txn.ErrTimeout}) })
	}
}

// callerFailed ends an attempt whose caller could not be reached.
func (a *attempt) callerFailed(e ua.Event) {
	switch {
	case a.status.Ended:
	case errors.Is(e.Err, ua.ErrNoAnswer):
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCallerNoAnswer, 408, "No Answer")
	case e.Err != nil:
		a.m.cfg.Log.Error("click-to-dial: caller cannot be called", "attempt", a.id, "error", e.Err)
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeInternal, e.Status, e.Reason)
	default:
		a.end(ctlproto.CtdFailed, callerOutcome(e.Status), e.Status, e.Reason)
	}
}

// referAnswered takes the final response to the REFER.
func (a *attempt) referAnswered(e ua.Event) {
	if a.status.Ended || a.accepted {
		return
	}
	if e.Status/100 != 2 {
		a.referFailed(e)
		return
	}
	a.deaf = a.deaf || e.NoSubscription
	a.accept()
}

// accept notes that the phone took the REFER: its response says so, or, should
// that be lost, what it does.
func (a *attempt) accept() {
	if a.accepted || a.status.Ended {
		return
	}
	a.accepted = true
	switch {
	case a.finalCode != 0:
		a.observedFinal()
	case a.heard:
		a.arm(waitRinging, a.m.set.calleeRingTimeout, a.calleeTimeout)
	default:
		a.arm(waitOutcome, a.m.set.outcomeTimeout, a.noOutcome)
	}
	a.refresh()
}

// referFailed ends an attempt whose REFER was refused or got no answer.
func (a *attempt) referFailed(e ua.Event) {
	if a.heard && e.Err != nil {
		a.accept()
		return
	}
	if refusesRefer(e.Status) && !a.phoneGone && a.thirdParty() {
		return
	}
	a.hangup()
	switch {
	case a.phoneGone && (e.Status == 481 || e.Err != nil):
		a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, e.Status, e.Reason)
	case errors.Is(e.Err, txn.ErrTimeout):
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 408, sip.ReasonPhrase(408))
	case e.Err != nil:
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 0, "The phone cannot be reached any more")
	default:
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeReferRefused, e.Status, e.Reason)
	}
}

// notified takes a NOTIFY about the call to the callee. A status after which phones go on with
// another INVITE is the last one only if the subscription is over, and that INVITE is not here.
func (a *attempt) notified(e ua.Event) {
	again := retried(e.Status) && (!e.Terminated || a.running)
	final := e.Status >= 200 && !again
	if a.status.Ended {
		if final || e.Terminated {
			a.hangupSoon()
		}
		return
	}
	a.heard = true
	a.deaf = a.deaf || e.Terminated
	a.accept()
	switch {
	case final:
		a.decide(e.Status, e.Reason)
		a.hangupSoon()
	case e.Terminated:
		a.lastWord()
	case again:
		a.triesAgain(e.Status, e.Reason)
	default:
		a.calleeProgress(e.Status)
	}
}

// triesAgain takes a NOTIFY of a status that may have the phone call again: with a digest, or
// elsewhere. If nothing more is heard, this was the outcome.
func (a *attempt) triesAgain(status int, reason string) {
	a.lastCode, a.lastReason = status, reason
	if !a.running && a.waits != waitNotify {
		a.arm(waitOutcome, a.patience(), a.noOutcome)
	}
}

// lastWord goes on without a phone that ends its subscription and has not told
// how the call went.
func (a *attempt) lastWord() {
	switch {
	case a.finalCode != 0:
		a.decide(a.finalCode, sip.ReasonPhrase(a.finalCode))
		a.hangupSoon()
	case !a.running:
		a.arm(waitOutcome, a.patience(), a.noOutcome)
	}
}

// patience is how long something may still be heard of the call to the callee: not long
// of a phone that has hung up and ended its subscription.
func (a *attempt) patience() time.Duration {
	if a.phoneGone && a.deaf {
		return a.m.set.notifyWait
	}
	return a.m.set.outcomeTimeout
}

// phoneHungUp takes the phone's BYE. Once it has the REFER, the outcome is still
// to come.
func (a *attempt) phoneHungUp() {
	a.phoneGone = true
	if a.second != nil {
		a.secondOver("caller")
		a.hangup()
	}
	if !a.referred {
		a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "The caller hung up")
		return
	}
	if a.deaf && a.waits == waitOutcome {
		a.arm(waitOutcome, a.patience(), a.noOutcome)
	}
}
