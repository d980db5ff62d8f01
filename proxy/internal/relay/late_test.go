package relay

import (
	"fmt"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// ringsOut makes a bench whose calls ring at the first phone for a moment, and then, by
// the failure route, at the second one.
func ringsOut(t *testing.T, change ...func(*Config)) (*bench, *phone, []*phone) {
	t.Helper()
	b, alice, phones := prepare(t, 2, change...)
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		r.SetTimers(100*time.Millisecond, 0)
		_ = r.SetURI([]byte(phones[0].uri()))
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 500})
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if r.Final != 408 {
			t.Errorf("status %d", r.Final)
		}
		r.SetTimers(time.Minute, 0)
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
	}
	b.start()
	return b, alice, phones
}

// slow makes 64·T1 half a minute, as it is by default.
func slow(c *Config) { c.Txn.T1 = 500 * time.Millisecond }

// answersOf checks that the caller is answered by the phone with that tag.
func answersOf(alice *phone, tag string) {
	alice.t.Helper()
	if to, err := alice.expect("SIP/2.0 200").To(); err != nil || string(to.Tag) != tag {
		alice.t.Errorf("answered by %s, %v; want %s", to.Tag, err, tag)
	}
}

// TestRingingPhoneDies: after its time to ring the failure route does not wait 64·T1 for a
// phone that rang and has lost its network, whether that takes the CANCEL or not. Should
// it be there all the same, and answer, it has the call.
func TestRingingPhoneDies(t *testing.T) {
	t.Parallel()
	for _, takesCancel := range []bool{false, true} {
		t.Run(fmt.Sprint(takesCancel), func(t *testing.T) {
			_, alice, phones := ringsOut(t, slow)
			alice.invite("dies")
			inv := phones[0].expect("INVITE")
			phones[0].answer(inv, 180, "t0")
			if cancel := phones[0].expect("CANCEL"); takesCancel {
				phones[0].answer(cancel, 200, "t0")
			}
			second := phones[1].expectWithin(20*time.Second, "INVITE")
			phones[1].answer(second, 180, "t1")
			phones[0].answer(inv, 180, "t0", "X-Late: yes")
			phones[0].answer(inv, 200, "t0")
			for {
				if m := alice.expect("SIP/2.0"); m.Named("X-Late") != nil {
					t.Error("a phone that was given up still rings")
				} else if m.Status == 200 {
					break
				}
			}
			phones[1].answer(phones[1].expect("CANCEL"), 200, "t1")
			phones[1].answer(second, 487, "t1")
			phones[1].expect("ACK")
		})
	}
}

// TestAnswerCrossesTheEndOfRinging: who picks up in the moment when the phone is cancelled
// has the call, and the failure route does not run.
func TestAnswerCrossesTheEndOfRinging(t *testing.T) {
	t.Parallel()
	_, alice, phones := ringsOut(t, slow)
	alice.invite("crosses")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "t0")
	cancel := phones[0].expect("CANCEL")
	phones[0].answer(inv, 200, "t0")
	phones[0].answer(cancel, 481, "t0")
	answersOf(alice, "t0")
	phones[1].nothing("INVITE", 2500*time.Millisecond)
}

// TestLateAnswerWhileTheCallIsOpen: as long as the INVITE is open, an answer goes up however
// long its branch has been given up: of a phone that rang, and of one that was silent,
// which is cancelled when it rings after all.
func TestLateAnswerWhileTheCallIsOpen(t *testing.T) {
	t.Parallel()
	for _, rings := range []bool{false, true} {
		t.Run(fmt.Sprint(rings), func(t *testing.T) {
			b, alice, phones := ringsOut(t, calm)
			alice.invite("late")
			inv := phones[0].expect("INVITE")
			if rings {
				phones[0].answer(inv, 180, "t0")
			}
			second := phones[1].expect("INVITE")
			phones[1].answer(second, 180, "t1")
			phones[1].nothing("CANCEL", 1800*time.Millisecond) // more than 64·T1
			phones[0].answer(inv, 183, "t0")
			phones[0].expect("CANCEL")
			alice.nothing("SIP/2.0 183", 50*time.Millisecond)
			phones[0].answer(inv, 200, "t0")
			answersOf(alice, "t0")
			phones[1].answer(phones[1].expect("CANCEL"), 200, "t1")
			phones[1].answer(second, 487, "t1")
			phones[1].expect("ACK")
			b.empty()
		})
	}
}

// TestLateRefusalCountsOnce: what a phone says to its CANCEL when it has been given up is
// acknowledged, and changes nothing.
func TestLateRefusalCountsOnce(t *testing.T) {
	t.Parallel()
	b, alice, phones := ringsOut(t, fast)
	alice.invite("refused")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "t0")
	second := phones[1].expect("INVITE")
	for range 2 {
		phones[0].answer(inv, 603, "t0")
		phones[0].expect("ACK")
	}
	phones[1].answer(second, 486, "t1")
	alice.expect("SIP/2.0 486")
	alice.ack("refused")
	phones[0].answer(inv, 200, "t0")
	alice.nothing("SIP/2.0 2", 100*time.Millisecond)
	b.empty()
}

// TestStaleContactHoldsNobodyUp: the final reply to who has hung up, and of a 603, does not
// wait 64·T1 for a contact that nothing was ever heard of. Should that be a phone which
// rings after all, it is cancelled.
func TestStaleContactHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for _, status := range []int{487, 603} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			_, alice, phones := setup(t, 2, slow)
			alice.invite("stale")
			stale, live := phones[0].expect("INVITE"), phones[1].expect("INVITE")
			phones[1].answer(live, 180, "t1")
			if status == 487 {
				alice.cancel("stale")
				phones[1].answer(phones[1].expect("CANCEL"), 200, "t1")
			}
			phones[1].answer(live, status, "t1")
			alice.expectWithin(20*time.Second, fmt.Sprint("SIP/2.0 ", status))
			alice.ack("stale")
			phones[0].answer(stale, 180, "t0")
			phones[0].answer(phones[0].expect("CANCEL"), 200, "t0")
			phones[0].answer(stale, 487, "t0")
			phones[0].expect("ACK")
			alice.nothing("SIP/2.0 180", 50*time.Millisecond)
		})
	}
}

// TestHungUpSaysNothingOfThePlace: a gateway that had no time to answer, because the caller
// has hung up, is the first choice of the next call, too.
func TestHungUpSaysNothingOfThePlace(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 2, slow)
	b.named(service(phones[0].place(), phones[1].place()), "sip:bob@"+gateway)
	b.start()
	alice.invite("hung-up")
	phones[0].expect("INVITE")
	alice.cancel("hung-up")
	alice.expectWithin(20*time.Second, "SIP/2.0 487")
	alice.ack("hung-up")
	alice.invite("next")
	for string(phones[0].expect("INVITE").CallID()) != "next" {
		continue // the first one, again
	}
	phones[1].nothing("INVITE", 20*time.Millisecond)
}
