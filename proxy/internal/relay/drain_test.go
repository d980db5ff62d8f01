package relay

import (
	"context"
	"errors"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestDrain: when the router ends, what rings is cancelled and its callers are told; what
// is answered stays as it is; nothing new begins.
func TestDrain(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 3, fast, func(c *Config) { c.Txn.FrTimer = 20 * time.Second })
	all := b.hooks.request
	one := func(p *phone) func(r *Request) {
		return func(r *Request) {
			_ = r.SetURI([]byte(p.uri()))
			if err := r.Relay(); err != nil {
				_ = r.Reply(&sip.Reply{Status: 503})
			}
		}
	}
	b.hooks.request = func(r *Request) {
		switch string(r.Msg.CallID()) {
		case "answered", "late":
			one(phones[0])(r)
		default:
			all(r)
		}
	}
	b.start()
	alice.invite("answered")
	phones[0].answer(phones[0].expect("INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
	alice.invite("rings")
	var invites []*sip.Message
	for i, p := range phones {
		inv := p.expect("INVITE")
		invites = append(invites, inv)
		if i < 2 {
			p.answer(inv, 180, "x")
			alice.expect("SIP/2.0 180")
		}
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		ended <- b.engine.Drain(ctx)
	}()
	refused := alice.expect("SIP/2.0 503")
	if value(refused, sip.HdrCallID) != "rings" || refused.Header(sip.HdrRetryAfter) == nil {
		t.Errorf("the caller got\n%s", refused.Buf)
	}
	alice.ack("rings")
	for i, p := range phones[:2] {
		p.answer(p.expect("CANCEL"), 200, "x")
		p.answer(invites[i], 487, "x")
		p.expect("ACK")
	}
	// The third has said nothing so far: its CANCEL goes as soon as it does (RFC 3261 §9.1).
	phones[2].nothing("CANCEL", 30*time.Millisecond)
	phones[2].answer(invites[2], 100, "")
	phones[2].answer(phones[2].expect("CANCEL"), 200, "x")
	phones[2].answer(invites[2], 487, "x")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	alice.invite("late")
	alice.expect("SIP/2.0 503")
	alice.ack("late")
	alice.nothing("SIP/2.0 487", 20*time.Millisecond)
	for _, p := range phones {
		p.nothing("INVITE", 0)
	}
	b.empty()
}

// TestDrainEndsInTime: a phone that does not answer its CANCEL holds nothing up for longer.
func TestDrainEndsInTime(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 1, fast)
	alice.invite("mute")
	phones[0].answer(phones[0].expect("INVITE"), 180, "x")
	alice.expect("SIP/2.0 180")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.engine.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	alice.expect("SIP/2.0 503")
	alice.ack("mute")
	phones[0].expect("CANCEL")
	b.empty()
}

// TestDrainOfNothing ends at once.
func TestDrainOfNothing(t *testing.T) {
	b, _, _ := setup(t, 1, fast)
	if err := b.engine.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
