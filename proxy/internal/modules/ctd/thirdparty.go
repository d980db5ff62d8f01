package ctd

import (
	"errors"
	"math/rand/v2"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
)

// maxOffers bounds how often the callee's session is offered to a phone that is busy with
// a re-INVITE of its own; glareWait is the least time between two offers.
const (
	maxOffers = 3
	glareWait = 2100 * time.Millisecond
)

// refusesRefer reports whether a final response to the REFER says that the phone does
// not do this. A challenge does not: it would take a digest of the caller's.
func refusesRefer(status int) bool {
	switch status {
	case 401, 407, 408:
		return false
	case 501:
		return true
	}
	return status/100 == 4 || status/100 == 6
}

// thirdParty goes on without REFER: the router calls the callee itself, as the caller,
// and joins the two calls (RFC 3725 §4.4, on a dialog that is held already). False
// says that this is switched off or cannot be begun.
func (a *attempt) thirdParty() bool {
	if !a.m.set.thirdParty || a.second != nil {
		return false
	}
	a.m.unwatch(a)
	a.referred = false
	call, err := a.m.cfg.Agent.Invite(ua.Invite{
		To: a.callee, From: a.caller.URI(), User: a.caller.User, Domain: a.caller.Domain,
		Hold: a.m.set.hold, Offerless: true, Accounted: true,
		Timeout: a.m.set.calleeRingTimeout, MaxLife: a.m.set.maxTalk,
	}, a.secondEvent)
	if err != nil {
		a.m.cfg.Log.Error("click-to-dial: the callee cannot be called", "attempt", a.id, "call_id", a.call.CallID(), "error", err)
		return false
	}
	a.disarm()
	a.second = call
	a.status.ThirdParty = true
	a.m.cfg.Log.Info("click-to-dial by third-party call control", "attempt", a.id, "call_id", a.call.CallID(), "second_call_id", call.CallID())
	a.step(ctlproto.CtdCallingThem)
	return true
}

// secondEvent takes what happens to the call to the callee.
func (a *attempt) secondEvent(e ua.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case ua.Provisional:
		if a.status.State == ctlproto.CtdCallingThem && e.Status/10 == 18 {
			a.step(ctlproto.CtdRingingThem)
		}
	case ua.Answered:
		a.calleeAnswered(e)
	case ua.Failed:
		a.calleeFailed(e)
	case ua.HungUp:
		a.secondOver("callee")
		a.hangup()
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, 0, "The callee hung up")
	case ua.Spare:
		if a.m.cfg.Over != nil {
			a.m.cfg.Over(a.second.CallID(), a.second.FromTag(), e.ToTag, "router")
		}
	case ua.Ended:
		a.secondOver("router")
		a.secondGone = true
		a.release()
	}
}

// calleeAnswered offers the callee's session to the caller's phone.
func (a *attempt) calleeAnswered(e ua.Event) {
	if a.status.Ended {
		return // cancelled meanwhile, and hung up
	}
	a.offer = e.Body
	a.reoffer()
}

// reoffer offers the callee's session to the caller's phone.
func (a *attempt) reoffer() {
	if err := a.call.Offer(a.offer); err != nil {
		a.hangup()
		a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "The caller hung up")
		return
	}
	a.offers++
	a.arm(waitReoffer, a.m.set.referTimeout, func() {
		a.hangup()
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeTimeout, 408, sip.ReasonPhrase(408))
	})
}

// calleeFailed ends the attempt because the callee could not be reached.
func (a *attempt) calleeFailed(e ua.Event) {
	if a.status.Ended {
		return
	}
	a.hangup()
	switch {
	case errors.Is(e.Err, ua.ErrNoAnswer):
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCalleeNoAnswer, 408, "No Answer")
	case errors.Is(e.Err, ua.ErrBadAnswer):
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCalleeRefused, e.Status, e.Reason)
	case e.Err != nil:
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeInternal, e.Status, e.Reason)
	default:
		a.end(ctlproto.CtdFailed, calleeOutcome(e.Status), e.Status, e.Reason)
	}
}

// reoffered joins the two calls when the caller's phone has taken the callee's session.
func (a *attempt) reoffered(e ua.Event) {
	if a.second == nil || a.status.Ended {
		return
	}
	if e.Status == 491 && a.offers < maxOffers {
		// The phone's own re-INVITE crosses ours, whose Call-ID we have made (RFC 3261 §14.1).
		a.arm(waitReoffer, glareWait+time.Duration(rand.IntN(190))*10*time.Millisecond, a.reoffer)
		return
	}
	if e.Status/100 != 2 || e.Body == nil {
		a.hangup()
		if e.Status/100 == 2 || e.Err != nil {
			e.Status, e.Reason = 488, sip.ReasonPhrase(488)
		}
		a.end(ctlproto.CtdFailed, ctlproto.OutcomeCallerRefused, e.Status, e.Reason)
		return
	}
	ua.Join(a.call, a.second) // before the ACK, after which the callee's phone may ask for a hold
	a.second.Answer(e.Body)
	a.call.Extend(a.m.set.maxTalk)
	a.end(ctlproto.CtdConnected, "", 200, sip.ReasonPhrase(200))
}
