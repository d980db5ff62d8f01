package ctlproto

import (
	"encoding/json"
	"fmt"
)

// Topics of events.subscribe.
const (
	TopicRegistration = "registration" // data: RegistrationEvent
	TopicCtd          = "ctd"          // data: CtdStatus
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

func (e Event) decode(topic string, to any) error {
	if e.Topic != topic {
		return fmt.Errorf("event %d is of topic %q, not %q", e.Seq, e.Topic, topic)
	}
	if err := json.Unmarshal(e.Data, to); err != nil {
		return fmt.Errorf("event %d (%s): %w", e.Seq, e.Topic, err)
	}
	return nil
}
