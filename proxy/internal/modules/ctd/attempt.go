package ctd

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
)

// attempt is one click-to-dial.
type attempt struct {
	m                      *Module
	id, callerText, callee string
	caller                 aor.AOR
	target                 target
	started                time.Time
	queue                  ua.Serial   // what the relay told
	decided                atomic.Bool // the outcome is known
	over                   time.Time   // when nothing was left; guarded by the module's mutex
	sight                  sight       // what the relay sees; guarded by seen.mu

	mu     sync.Mutex
	status ctlproto.CtdStatus
	call   *ua.Call
	timer  *time.Timer
	waits  wait // what the timer stands for
	round  int  // counts the timers, so that one that was stopped too late does nothing

	referred   bool // the REFER is out
	accepted   bool // the phone took it
	heard      bool // something was heard of the call to the callee
	deaf       bool // no NOTIFY will come
	phoneGone  bool // the phone ended its leg
	cancelling bool // the relay was told to cancel the call to the callee
	timedOut   bool // … because the callee did not answer
	running    bool // the call to the callee passes us, and has no final response
	key        txn.Key
	finalCode  int      // of the call to the callee, as the relay saw it
	lastCode   int      // of a NOTIFY after which the phone may call again; 0 for none
	lastReason string   // of the same
	hungUp     bool     // our BYE or CANCEL was sent
	closing    bool     // our BYE is to go after bye_delay
	legGone    bool     // nothing is left of the call to the caller
	second     *ua.Call // third-party call control: the call to the callee
	secondGone bool     // nothing is left of it
	told       bool     // that it is over
	offer      []byte   // the callee's session, for the caller's phone
	offers     int      // how often it was offered
	released   bool
}

// snapshot copies the status.
func (a *attempt) snapshot() ctlproto.CtdStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.copyStatus()
}

func (a *attempt) copyStatus() ctlproto.CtdStatus {
	s := a.status
	s.Steps = slices.Clone(s.Steps)
	return s
}

// step enters a state and tells it.
func (a *attempt) step(state ctlproto.CtdState) {
	now := a.m.cfg.Now()
	a.status.State = state
	a.status.Steps = append(a.status.Steps, ctlproto.CtdStep{
		State: state, At: now.UTC(), ElapsedMS: now.Sub(a.started).Milliseconds(),
	})
	a.status.Cancellable = a.cancellable()
	if a.call != nil {
		a.m.cfg.Log.Info("click-to-dial step", "attempt", a.id, "state", string(state), "elapsed", now.Sub(a.started), "call_id", a.call.CallID())
	}
	a.publish()
}

// refresh tells that an attempt can, or can no longer, be cancelled.
func (a *attempt) refresh() {
	if c := a.cancellable(); c != a.status.Cancellable {
		a.status.Cancellable = c
		a.publish()
	}
}

func (a *attempt) publish() {
	if a.m.cfg.Publish != nil {
		a.m.cfg.Publish(ctlproto.TopicCtd, a.copyStatus())
	}
}

// cancellable reports whether Cancel would do something: until the phone has
// taken the REFER, and then while its call to the callee passes us.
func (a *attempt) cancellable() bool {
	return !a.status.Ended && !a.cancelling && !a.timedOut && (!a.accepted || a.running)
}

// wait is what the attempt's one timer stands for.
type wait uint8

const (
	waitNothing wait = iota
	waitRefer        // for the answer to the REFER
	waitOutcome      // for anything about the call to the callee
	waitRinging      // for that call's end
	waitNotify       // for the NOTIFY about an end that the relay saw
	waitReoffer      // for the caller's phone to take the callee's session
	waitHangup       // to end the leg, or to stop watching
)

// arm starts the timer in place of what it stood for.
func (a *attempt) arm(w wait, d time.Duration, f func()) {
	a.disarm()
	a.waits = w
	round := a.round
	a.timer = time.AfterFunc(d, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.round == round {
			a.waits = waitNothing
			f()
		}
	})
}

func (a *attempt) disarm() {
	a.round++
	a.waits = waitNothing
	if a.timer != nil {
		a.timer.Stop()
	}
}

// end makes the outcome known, once.
func (a *attempt) end(state ctlproto.CtdState, outcome ctlproto.CtdOutcome, code int, reason string) {
	if a.status.Ended {
		return
	}
	a.disarm()
	a.status.Ended, a.status.Message, a.status.Code, a.status.Reason = true, outcome, code, reason
	a.decided.Store(true)
	a.step(state)
	if a.call != nil {
		a.m.cfg.Log.Info("click-to-dial has ended", "attempt", a.id, "state", string(state), "outcome", string(outcome),
			"code", code, "call_id", a.call.CallID())
	}
	if state == ctlproto.CtdCancelled && a.referred && !a.accepted {
		// The REFER may be on its way yet: a call that it causes is cancelled.
		a.arm(waitHangup, a.m.set.notifyWait, func() { a.m.unwatch(a) })
	} else {
		a.m.unwatch(a)
	}
	a.release()
}

// release gives the attempt up when its outcome is known and nothing is left of
// its leg.
func (a *attempt) release() {
	if !a.status.Ended || !a.legGone || a.second != nil && !a.secondGone || a.released {
		return
	}
	a.released = true
	a.disarm()
	a.m.unwatch(a)
	a.m.done(a, &a.status)
}

// secondOver tells, once, that the call to the callee is over.
func (a *attempt) secondOver(by string) {
	if a.second == nil || a.told {
		return
	}
	if callID, fromTag, toTag := a.second.Dialog(); callID != "" && a.m.cfg.Over != nil {
		a.told = true
		a.m.cfg.Over(callID, fromTag, toTag, by)
	}
}

// hangup ends the leg to the caller, and that to the callee if there is one.
func (a *attempt) hangup() {
	if a.call != nil && !a.hungUp {
		a.hungUp = true
		a.call.Hangup()
		if a.second != nil {
			a.second.Hangup()
		}
	}
}

// hangupSoon ends the leg after the last NOTIFY, once our 200 to that is out.
func (a *attempt) hangupSoon() {
	if !a.hungUp && !a.closing && !a.legGone {
		a.closing = true
		a.arm(waitHangup, a.m.set.byeDelay, a.hangup)
	}
}

// hangupAfterNotify ends the leg when the NOTIFY has come, or does not.
func (a *attempt) hangupAfterNotify() {
	switch {
	case a.deaf:
		a.hangupSoon()
	case !a.hungUp && !a.legGone:
		a.arm(waitHangup, a.m.set.notifyWait, a.hangup)
	}
}

// cancel ends the attempt for somebody; see Module.Cancel.
func (a *attempt) cancel(actor string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.status.Ended:
		return ctlproto.Errorf(ctlproto.CodeRefused, "the attempt has ended: %s", a.status.State)
	case !a.cancellable():
		return ctlproto.Errorf(ctlproto.CodeRefused, "the caller's phone makes the call itself now: hang up there")
	}
	a.m.cfg.Log.Info("click-to-dial is cancelled", "attempt", a.id, "actor", actor, "call_id", a.call.CallID())
	// A call that runs says as much as a 202: that may be on its way still.
	if a.accepted || a.running {
		a.cancelling = true
		a.refresh()
		a.cancelCallee()
		return nil
	}
	a.hangup()
	a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "")
	return nil
}

// cancelCallee has the relay cancel the caller's INVITE to the callee. The relay
// answers by way of the attempt's queue, so its locks are no danger.
func (a *attempt) cancelCallee() {
	a.m.cfg.Engine.Cancel(a.key, []byte("Reason: SIP;cause=487;text=\"Click-to-dial ended\"\r\n"))
}

// abandon ends the attempt because the router ends.
func (a *attempt) abandon() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hangup()
	a.end(ctlproto.CtdCancelled, ctlproto.OutcomeCancelled, 0, "The router is being stopped")
}
