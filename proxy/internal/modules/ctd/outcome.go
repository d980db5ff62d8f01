package ctd

import "seraph/ctlproto"

// callerOutcome words the final response of the caller's phone, or of the script
// in its place.
func callerOutcome(status int) ctlproto.CtdOutcome {
	switch status {
	case 404, 410, 480, 604:
		return ctlproto.OutcomeCallerOffline
	case 408, 487:
		return ctlproto.OutcomeCallerNoAnswer
	case 486, 600:
		return ctlproto.OutcomeCallerBusy
	}
	return ctlproto.OutcomeCallerRefused
}

// calleeOutcome words the final response to the caller's INVITE to the callee.
func calleeOutcome(status int) ctlproto.CtdOutcome {
	switch status {
	case 404, 410, 480, 604:
		return ctlproto.OutcomeCalleeOffline
	case 408, 487:
		return ctlproto.OutcomeCalleeNoAnswer
	case 486, 600:
		return ctlproto.OutcomeCalleeBusy
	}
	return ctlproto.OutcomeCalleeRefused
}
