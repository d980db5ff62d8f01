package ctlproto

import (
	"encoding/json"
	"fmt"
	"time"
)

// Topics of events.subscribe.
const (
	TopicRegistration = "registration" // data: RegistrationEvent
	TopicCall         = "call"         // data: CallEvent
	TopicCtd          = "ctd"          // data: CtdStatus
	TopicMessage      = "message"      // data: MessageEvent
	TopicMissedCall   = "missed_call"  // data: MissedCallEvent
	TopicDialog       = "dialog"       // data: DialogEvent
)

// Topics that a Subscription makes itself; they cannot be subscribed to.
const (
	// TopicLost: events were dropped because this reader was too slow, or the
	// feed was interrupted. Read the state again; the feed goes on.
	TopicLost = "lost"
	// TopicAway: the proxy cannot be reached (Redialer.Follow only). When it
	// is back, TopicLost follows.
	TopicAway = "away"
)

// SubscribeParams are the parameters of events.subscribe.
type SubscribeParams struct {
	Topics []string `json:"topics"`
}

// SubscribeResult is the result of events.subscribe: events with a higher Seq
// will come.
type SubscribeResult struct {
	Topics []string `json:"topics"`
	Seq    uint64   `json:"seq"`
}

// Event is something that happened. Seq rises from event to event. Gaps in it
// mean nothing, since other topics count too; TopicLost says what is missing.
type Event struct {
	Topic string          `json:"topic"`
	Seq   uint64          `json:"seq"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// Lost are the params of the notification "lost": the feed has ended. Seq is the
// event at which the queue overflowed; it, all that were queued before it, and
// all until the new subscription are missing.
type Lost struct {
	Seq uint64 `json:"seq"`
}

// RegistrationEvent tells that the contacts of an address changed. Status is
// "on line" or "offline" as the location table has it: privacy is not yet
// applied, ask presence.get before you show it to somebody.
type RegistrationEvent struct {
	AoR      string         `json:"aor"`
	Status   PresenceStatus `json:"status"`
	Contacts []Contact      `json:"contacts"` // all that are left
}

// Registration decodes the data of an event of TopicRegistration.
func (e Event) Registration() (RegistrationEvent, error) {
	var r RegistrationEvent
	return r, e.decode(TopicRegistration, &r)
}

// Ctd decodes the data of an event of TopicCtd.
func (e Event) Ctd() (CtdStatus, error) {
	var s CtdStatus
	return s, e.decode(TopicCtd, &s)
}

// MessageEvent tells that messages were stored for an address, delivered,
// deleted or read: how many there are now. It holds nothing of them.
type MessageEvent struct {
	Owner  string `json:"owner"` // user@domain
	Total  int    `json:"total"`
	Unread int    `json:"unread"`
}

// Message decodes the data of an event of TopicMessage.
func (e Event) Message() (MessageEvent, error) {
	var m MessageEvent
	return m, e.decode(TopicMessage, &m)
}

// MissedCallEvent tells that an address missed a call, once that is in the
// table. Caller, Name and Reason are a stranger's text.
type MissedCallEvent struct {
	Owner        string    `json:"owner"`  // user@domain of who missed it
	Caller       string    `json:"caller"` // URI
	Name         string    `json:"name"`   // display name, "" = none
	At           time.Time `json:"at"`     // when the call began, UTC
	Code         int       `json:"code"`   // the final SIP status that the caller got
	Reason       string    `json:"reason"`
	MissedUnseen int       `json:"missed_unseen"` // missed calls not looked at yet, this one included
}

// MissedCall decodes the data of an event of TopicMissedCall.
func (e Event) MissedCall() (MissedCallEvent, error) {
	var m MissedCallEvent
	return m, e.decode(TopicMissedCall, &m)
}

// CallState is what a CallEvent tells.
type CallState string

// The states.
const (
	CallAnswered   CallState = "answered"
	CallEnded      CallState = "ended" // one that was answered
	CallUnanswered CallState = "unanswered"
)

// CallEvent tells that call_log has a new call, or something new of one: who shows the
// lists of its two sides reads them again. An event of TopicDialog comes when something
// happens, this one once it can be read.
type CallEvent struct {
	CallID string    `json:"call_id"`
	State  CallState `json:"state"`
	At     time.Time `json:"at"`     // when it was answered or ended, UTC
	Caller string    `json:"caller"` // user@domain as the From field has it, "" = there is none
	Callee string    `json:"callee"` // user@domain, after aliases
}

// Call decodes the data of an event of TopicCall.
func (e Event) Call() (CallEvent, error) {
	var c CallEvent
	return c, e.decode(TopicCall, &c)
}

func (e Event) decode(topic string, to any) error {
	if e.Topic != topic {
		return fmt.Errorf("event %d is of topic %q, not %q", e.Seq, e.Topic, topic)
	}
	if err := json.Unmarshal(e.Data, to); err != nil {
		return fmt.Errorf("event %d (%s): %w", e.Seq, e.Topic, err)
	}
	return nil
}
