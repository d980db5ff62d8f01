package ctd

import (
	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// decide takes the final status of the call to the callee as the outcome.
func (a *attempt) decide(status int, reason string) {
	switch {
	case status/100 == 2:
		a.end(ctlproto.CtdConnected, "", status, reason)
	case a.cancelling:
		a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, status, reason)
	case a.timedOut:
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, status, reason)
	default:
		a.end(ctlproto.CtdFailed, calleeOutcome(status), status, reason)
	}
}

// calleeProgress takes a provisional response of the callee, by NOTIFY or as the
// relay saw it.
func (a *attempt) calleeProgress(status int) {
	a.heard, a.lastCode = true, 0
	if a.status.State == ctlproto.CtdReferring && status/10 == 18 {
		a.step(ctlproto.CtdRingingThem)
	}
	if a.waits == waitOutcome {
		a.arm(waitRinging, a.m.set.calleeRingTimeout, a.calleeTimeout)
	}
}

// recognised takes the caller's INVITE to the callee, seen in the relay.
func (a *attempt) recognised(key txn.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key, a.running, a.heard, a.finalCode, a.lastCode = key, true, true, 0, 0
	if a.status.Ended {
		a.cancelCallee() // it was watched for, so it was cancelled before it came
		return
	}
	if a.waits == waitOutcome || a.waits == waitNotify {
		a.arm(waitRinging, a.m.set.calleeRingTimeout, a.calleeTimeout)
	}
	a.refresh()
}

// relaySaw takes a response to that INVITE.
func (a *attempt) relaySaw(key txn.Key, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if key != a.key || a.status.Ended {
		return
	}
	if status < 200 {
		a.calleeProgress(status)
		return
	}
	a.running = false
	switch {
	case status/100 == 2:
		a.decide(status, sip.ReasonPhrase(status))
		a.hangupAfterNotify()
	case retried(status):
		// The phone tries again: with a digest, or elsewhere. If it does not, and will not say how
		// that went, this was the outcome.
		if a.deaf {
			a.lastCode, a.lastReason = status, sip.ReasonPhrase(status)
		}
		a.refresh()
		if a.accepted {
			a.arm(waitOutcome, a.m.set.outcomeTimeout, a.noOutcome)
		}
	default:
		a.finalCode = status
		a.refresh()
		if a.accepted {
			a.observedFinal()
		}
	}
}

// retried reports whether a phone may go on with another INVITE after this
// final response: a challenge, a redirection, a session timer too short.
func retried(status int) bool {
	return status == 401 || status == 407 || status/100 == 3 || status == 422
}

// observedFinal ends the attempt by what the relay saw, unless a NOTIFY says
// more within notify_wait.
func (a *attempt) observedFinal() {
	code := a.finalCode
	if a.cancelling || a.timedOut || a.deaf {
		a.decide(code, sip.ReasonPhrase(code))
		a.hangupAfterNotify()
		return
	}
	a.arm(waitNotify, a.m.set.notifyWait, func() {
		a.decide(code, sip.ReasonPhrase(code))
		a.hangup()
	})
}

// calleeTimeout ends the ringing at the callee.
func (a *attempt) calleeTimeout() {
	if a.running {
		a.timedOut = true
		a.refresh()
		a.cancelCallee()
		a.arm(waitNotify, a.m.set.notifyWait, func() {
			a.decide(408, sip.ReasonPhrase(408))
			a.hangup()
		})
		return
	}
	if a.status.State != ctlproto.CtdRingingThem {
		a.noOutcome()
		return
	}
	a.end(ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, 408, sip.ReasonPhrase(408))
	a.hangup()
}

// noOutcome ends an attempt of whose second call nothing was heard, or nothing more.
func (a *attempt) noOutcome() {
	if a.lastCode != 0 {
		a.decide(a.lastCode, a.lastReason)
	} else {
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeNoOutcome, 0, "")
	}
	a.hangup()
}
