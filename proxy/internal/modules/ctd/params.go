package ctd

import (
	"fmt"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
)

// settings are the parameters.
type settings struct {
	controller string
	hold       ua.Hold

	ringTimeout       time.Duration
	referTimeout      time.Duration
	outcomeTimeout    time.Duration
	calleeRingTimeout time.Duration
	notifyWait        time.Duration
	byeDelay          time.Duration
	keep              time.Duration
	maxTalk           time.Duration
	thirdParty        bool

	maxPerUser, maxAttempts, maxRecords int
}

func defaults() settings {
	return settings{
		controller:  "controller",
		ringTimeout: time.Minute, referTimeout: 10 * time.Second, outcomeTimeout: 30 * time.Second,
		calleeRingTimeout: 2 * time.Minute, notifyWait: 5 * time.Second, byeDelay: 100 * time.Millisecond,
		keep: 24 * time.Hour, maxTalk: 12 * time.Hour, thirdParty: true, maxPerUser: 1, maxAttempts: 1000, maxRecords: 10000,
	}
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	s := &m.set
	return []module.Param{
		{Name: "controller", Kind: module.String, Set: s.setController,
			Doc: `user part of the From of the call to the caller's phone, default "controller"`},
		{Name: "hold", Kind: module.String, Set: s.setHold,
			Doc: `how the offer says that no media flows: "0.0.0.0" (default) or "inactive"`},
		module.SecondsParam("ring_timeout", &s.ringTimeout, 5, 300, "seconds that the caller's phone may ring, default 60"),
		module.SecondsParam("refer_timeout", &s.referTimeout, 1, 32, "seconds that the caller's phone may take to answer the REFER, default 10"),
		module.SecondsParam("outcome_timeout", &s.outcomeTimeout, 1, 300, "seconds after the REFER in which something must be heard of the call to the callee, default 30"),
		module.SecondsParam("callee_ring_timeout", &s.calleeRingTimeout, 5, 600, "seconds that the callee's phone may ring, default 120"),
		module.SecondsParam("notify_wait", &s.notifyWait, 1, 32, "seconds that the last NOTIFY is waited for once the router saw the outcome itself, default 5"),
		module.MillisecondsParam("bye_delay", &s.byeDelay, 0, 5000, "milliseconds from the last NOTIFY to the BYE, default 100"),
		module.SecondsParam("keep", &s.keep, 60, 86400, "seconds that an ended attempt can be asked for, default 86400"),
		module.SwitchParam("third_party", &s.thirdParty,
			"1 (default): where the caller's phone refuses REFER, the router calls the callee itself; 0: such an attempt fails"),
		module.SecondsParam("max_talk", &s.maxTalk, 60, 604800, "seconds that a conversation joined by third_party may last, default 43200"),
		module.NumberParam("max_per_user", &s.maxPerUser, 1, 100, "attempts that one caller may have at once, default 1"),
		module.NumberParam("max_attempts", &s.maxAttempts, 1, 100000, "attempts at once in all, default 1000"),
		module.NumberParam("max_records", &s.maxRecords, 1, 1000000, "ended attempts that are kept, default 10000"),
	}
}

// Init finds nothing to check that Params has not.
func (m *Module) Init() error { return nil }

func (s *settings) setController(str string, _ int) error {
	a, err := aor.New(str, "example.org")
	if err != nil {
		return fmt.Errorf("%q cannot be the user part of an address: %w", str, err)
	}
	s.controller = a.User
	return nil
}

func (s *settings) setHold(str string, _ int) error {
	switch str {
	case "0.0.0.0":
		s.hold = ua.HoldZero
	case "inactive":
		s.hold = ua.HoldInactive
	default:
		return fmt.Errorf(`%q is neither "0.0.0.0" nor "inactive"`, str)
	}
	return nil
}
