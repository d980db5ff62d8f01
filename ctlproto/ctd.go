package ctlproto

import "time"

// CtdState is a step of a click-to-dial attempt.
type CtdState string

// The states, in the order in which a good attempt goes through them; Failed
// and Cancelled end it at any step, Connected ends a good one.
const (
	CtdRingingYou  CtdState = "ringing-you"  // INVITE to the caller is out
	CtdAnswered    CtdState = "answered"     // the caller's phone took it
	CtdReferring   CtdState = "referring"    // REFER is out
	CtdCallingThem CtdState = "calling-them" // the router itself calls the callee: the phone takes no REFER
	CtdRingingThem CtdState = "ringing-them" // the callee's phone rings
	CtdConnected   CtdState = "connected"
	CtdFailed      CtdState = "failed"
	CtdCancelled   CtdState = "cancelled"
)

// CtdOutcome says in a symbol how an attempt ended; pages word it.
type CtdOutcome string

// The outcomes. "" while the attempt runs, and of a connected one.
const (
	OutcomeCallerOffline  CtdOutcome = "caller-offline"   // the caller has no phone registered (404, 480)
	OutcomeCallerNoAnswer CtdOutcome = "caller-no-answer" // it rang and nobody took it (408, our own limit)
	OutcomeCallerBusy     CtdOutcome = "caller-busy"      // 486, 600
	OutcomeCallerRefused  CtdOutcome = "caller-refused"   // 603 and every other refusal
	OutcomeReferRefused   CtdOutcome = "refer-refused"    // the caller's phone takes no REFER
	OutcomeCalleeOffline  CtdOutcome = "callee-offline"
	OutcomeCalleeNoAnswer CtdOutcome = "callee-no-answer"
	OutcomeCalleeBusy     CtdOutcome = "callee-busy"
	OutcomeCalleeRefused  CtdOutcome = "callee-refused"
	OutcomeNoOutcome      CtdOutcome = "no-outcome" // the phone took the REFER and never said how it went
	OutcomeTimeout        CtdOutcome = "timeout"    // a step took too long
	OutcomeCancelled      CtdOutcome = "cancelled"  // somebody cancelled it
	OutcomeInternal       CtdOutcome = "internal"   // our own fault; the log has it
)

// CtdDialParams are the parameters of ctd.dial.
type CtdDialParams struct {
	Caller     string `json:"caller"`                // AoR whose phones ring first: user@domain
	Callee     string `json:"callee"`                // SIP, SIPS or tel URI, or user@domain
	CalleeName string `json:"callee_name,omitempty"` // shown on the caller's phone while it rings
	Device     string `json:"device,omitempty"`      // the contact of the caller's that is to ring, or its ruid; all if empty
	Actor      string `json:"actor,omitempty"`       // who clicked, for the audit; not a permission
	// NoAutoAnswer, if 1, has the caller's phone ring even where it is to answer clicks by
	// itself: somebody else clicked.
	NoAutoAnswer int `json:"no_auto_answer,omitempty"`
	// Visitor, if 1, says that a stranger chose the callee: it must then be user@domain of
	// ours, or of a domain that leads to the public network and to no gateway.
	Visitor int `json:"visitor,omitempty"`
}

// CtdDialResult is the result of ctd.dial.
type CtdDialResult struct {
	ID string `json:"id"`
}

// CtdListParams are the parameters of ctd.list.
type CtdListParams struct {
	Caller string `json:"caller,omitempty"` // AoR; empty = everybody's
	Limit  int    `json:"limit,omitempty"`  // 1 to MaxCtdList, default 100
}

// MaxCtdList is the largest number of attempts that ctd.list returns.
const MaxCtdList = 1000

// CtdStatus is the result of ctd.status and the data of events of topic "ctd".
type CtdStatus struct {
	ID          string     `json:"id"`
	Caller      string     `json:"caller"`
	Callee      string     `json:"callee"`
	CalleeName  string     `json:"callee_name"`
	State       CtdState   `json:"state"`
	Steps       []CtdStep  `json:"steps"` // oldest first, State is the last one's
	Code        int        `json:"code"`  // the final SIP status that decided it, 0 = none yet
	Reason      string     `json:"reason"`
	Message     CtdOutcome `json:"message"`
	Cancellable bool       `json:"cancellable"` // ctd.cancel would do something now
	ThirdParty  bool       `json:"third_party"` // the router holds both calls and joins them (RFC 3725)
	Ended       bool       `json:"ended"`
	Actor       string     `json:"actor,omitempty"` // who clicked, as ctd.dial was told
}

// VisitorActor begins the actor of an attempt that a visitor of a public page asked
// for; the visitor's IP address follows.
const VisitorActor = "visitor at "

// CtdStep is one state that an attempt reached.
type CtdStep struct {
	State     CtdState  `json:"state"`
	At        time.Time `json:"at"`         // UTC, RFC 3339 with nanoseconds
	ElapsedMS int64     `json:"elapsed_ms"` // since ctd.dial
}
