package ua

import "seraph/proxy/internal/transport"

// EventKind says what happened to a Call.
type EventKind uint8

// The events, in the order in which a good call has them.
const (
	// Provisional is a response 101 to 199 to the INVITE. Status.
	Provisional EventKind = iota + 1
	// Answered: the first 2xx, acknowledged. TakesRefer, Flow.
	Answered
	// Failed: the INVITE has ended without a dialog. Status, Reason; Err where it
	// was not a response that ended it.
	Failed
	// ReferAnswered is the final response to the REFER. Status, Reason, NoSubscription;
	// Err, with Status 0, if none came.
	ReferAnswered
	// Notified is a NOTIFY of the REFER's subscription. Status, Reason, Terminated.
	Notified
	// Reoffered is the final response to the re-INVITE of Offer. Status, Reason, Body;
	// Err, with Status 0, if none came.
	Reoffered
	// HungUp: the phone sent BYE. NOTIFYs may still come.
	HungUp
	// Spare: the dialog of an answer that is not the call, of another branch or crossed by our CANCEL,
	// is over. ToTag. It may come after Ended.
	Spare
	// Ended: nothing is left of the call.
	Ended
)

// Event is something that happened to a Call.
type Event struct {
	Kind   EventKind
	Status int    // of the response, or in the NOTIFY's body: 0 if that tells none
	Reason string // reason phrase, at most 128 bytes of printable text
	Err    error

	// TakesRefer is false if the phone's Allow says so.
	TakesRefer bool
	// Flow is where the answer came from.
	Flow transport.Flow
	// Body is the session description in the answer, nil if it has none.
	Body []byte
	// NoSubscription: the phone takes the REFER and will send no NOTIFY (RFC 4488).
	NoSubscription bool
	// Terminated: this was the last NOTIFY.
	Terminated bool
	// ToTag is the tag of the other end of a dialog that is not the call.
	ToTag string
}
