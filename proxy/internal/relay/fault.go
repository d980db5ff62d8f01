package relay

import (
	"runtime/debug"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// fault is told of a panic on a goroutine of the transaction table's: it costs the call
// that met it, and nothing else. The call is not locked.
func (e *Engine) fault(o txn.Owner, fault any, stack []byte) {
	c, ok := o.(*Call)
	if !ok {
		e.Log.Error("panic in a timer", "fault", fault, "stack", string(stack))
		return
	}
	defer func() {
		if again := recover(); again != nil {
			e.Log.Error("panic while a call was ended", "fault", again, "stack", string(debug.Stack()))
		}
	}()
	c.Lock()
	defer c.Unlock()
	e.Log.Error("panic in a timer", "call_id", c.callID(), "fault", fault, "stack", string(stack))
	c.collapse(e.layer)
}

// collapse ends a call whose state cannot be trusted: its branches are given up, and the
// caller is told. The call is locked.
func (c *Call) collapse(out txn.Out) {
	for _, b := range c.branches {
		b.timerC.Disarm()
		b.client.GiveUp()
	}
	c.onFailure, c.failure = 0, failureIdle
	if !c.answered {
		c.relayed = true
		c.replyOwn(500, out)
	}
}

// callID is the Call-ID of the request, for the log; empty once it is answered.
func (c *Call) callID() string {
	m := &sip.Message{}
	if c.req == nil || m.Parse(c.req.B) != nil {
		return ""
	}
	return string(m.CallID())
}

// failureRoute runs a failure route; one that panics is at its end.
func (c *Call) failureRoute(r *Request, route int) {
	defer func() {
		if fault := recover(); fault != nil {
			c.engine.Log.Error("panic in failure route", "call_id", string(r.Msg.CallID()), "fault", fault, "stack", string(debug.Stack()))
		}
	}()
	r.routed().Failure(r, route)
}

// Faulted ends the request whose handling on a worker was cut short by a panic: its
// transaction, if it was neither answered nor sent on, is answered 500.
func (e *Engine) Faulted(w *transport.Worker) {
	r, ok := w.Scratch().(*Request)
	if !ok || r.Call == nil {
		return
	}
	if r.route != inRequest {
		r.Call = nil // a reply route refers to its call without a reference
		return
	}
	c := r.Call
	c.Lock()
	if !c.relayed && !c.answered {
		c.collapse(r.out())
	}
	c.Unlock()
	r.finishCall()
}
