package acc

import (
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// tell publishes what is new in call_log, once it is there.
func (m *Module) tell(news []ctlproto.CallEvent) {
	if m.cfg.Wanted == nil || !m.cfg.Wanted(ctlproto.TopicCall) {
		return
	}
	for _, e := range news {
		m.cfg.Publish(ctlproto.TopicCall, e)
	}
}

// newsOfAll is what recorded calls are to their two sides.
func newsOfAll(calls []store.Call) []ctlproto.CallEvent {
	news := make([]ctlproto.CallEvent, len(calls))
	for i, c := range calls {
		news[i] = newsOf(c, time.Time{})
	}
	return news
}

// newsOf is what a call is to its two sides; ended is when an answered one did, the zero
// time if that is not what is told.
func newsOf(c store.Call, ended time.Time) ctlproto.CallEvent {
	e := ctlproto.CallEvent{CallID: c.CallID, State: ctlproto.CallUnanswered, At: c.Ended, Callee: c.Callee.String()}
	switch {
	case !ended.IsZero():
		e.State, e.At = ctlproto.CallEnded, ended
	case !c.Answered.IsZero():
		e.State, e.At = ctlproto.CallAnswered, c.Answered
	}
	if !c.Caller.IsZero() {
		e.Caller = c.Caller.String()
	}
	return e
}
