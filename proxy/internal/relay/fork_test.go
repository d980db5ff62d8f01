package relay

import (
	"fmt"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// TestBestReply is RFC 3261 §16.7 step 6: each status is preferred to all behind it.
func TestBestReply(t *testing.T) {
	order := []int{600, 603, 300, 302, 401, 415, 400, 404, 486, 487, 408, 500, 503, 0}
	for i, a := range order {
		for j, b := range order {
			if got, want := better(a, b), i < j; got != want && a != b {
				t.Errorf("%d is better than %d: %v", a, b, got)
			}
		}
	}
}

// TestDeclineEndsTheFork: after a 6xx the open branches are cancelled and the 6xx goes
// up when they have ended (RFC 3261 §16.7 step 5).
func TestDeclineEndsTheFork(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 2)
	alice.invite("decline")
	first, second := phones[0].expect("INVITE"), phones[1].expect("INVITE")
	phones[1].answer(second, 180, "t1")
	alice.expect("SIP/2.0 180")
	phones[0].answer(first, 603, "t0")
	phones[0].expect("ACK")
	cancel := phones[1].expect("CANCEL")
	alice.nothing("SIP/2.0 6", 50*time.Millisecond)
	phones[1].answer(cancel, 200, "t1")
	phones[1].answer(second, 487, "t1")
	phones[1].expect("ACK")
	alice.expect("SIP/2.0 603")
	alice.ack("decline")
	b.empty()
}

// TestAnswerAfterDecline: a 2xx that crosses the CANCEL of a 6xx wins (RFC 3261 §16.7 step 5).
func TestAnswerAfterDecline(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 2, fast)
	alice.invite("crossed")
	first, second := phones[0].expect("INVITE"), phones[1].expect("INVITE")
	phones[1].answer(second, 180, "t1")
	phones[0].answer(first, 603, "t0")
	cancel := phones[1].expect("CANCEL")
	phones[1].answer(second, 200, "t1")
	alice.expect("SIP/2.0 200")
	phones[1].answer(cancel, 481, "t1")
	b.empty()
}

// TestNotFoundWaitsForTheOthers: a refusal goes up when all branches have ended, and the
// best of them.
func TestNotFoundWaitsForTheOthers(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 3)
	alice.invite("best")
	alice.expect("SIP/2.0 100") // the router's own
	for i, status := range []int{480, 302, 404} {
		phones[i].answer(phones[i].expect("INVITE"), status, fmt.Sprint("t", i), fmt.Sprintf("X-From: phone-%d", i))
		phones[i].expect("ACK")
		if i < 2 {
			alice.nothing("SIP/2.0", 20*time.Millisecond)
		}
	}
	up := alice.expect("SIP/2.0 302")
	if h := up.Named("X-From"); h == nil || string(up.Value(h)) != "phone-1" {
		t.Errorf("not the reply of the phone that sent it: %s", up.Buf)
	}
	alice.ack("best")
	b.empty()
}

// TestLateAnswerIsForwarded: a 2xx of the other branch, and a repeated one, go up while
// Timer L and Timer M run (RFC 6026 §7.1), and nowhere after that (§8.3).
func TestLateAnswerIsForwarded(t *testing.T) {
	t.Parallel()
	b, alice, phones := setup(t, 2, fast)
	alice.invite("late")
	first, second := phones[0].expect("INVITE"), phones[1].expect("INVITE")
	for _, i := range []int{0, 1} {
		phones[i].answer([]*sip.Message{first, second}[i], 180, fmt.Sprint("t", i))
	}
	phones[0].answer(first, 200, "t0")
	alice.expect("SIP/2.0 200")
	phones[1].expect("CANCEL")
	phones[1].answer(second, 200, "t1") // it crossed the CANCEL
	if to, _ := alice.expect("SIP/2.0 200").To(); string(to.Tag) != "t1" {
		t.Errorf("the second answer has tag %q", to.Tag)
	}
	phones[0].answer(first, 200, "t0") // no ACK came
	if to, _ := alice.expect("SIP/2.0 200").To(); string(to.Tag) != "t0" {
		t.Errorf("the repeated answer has tag %q", to.Tag)
	}
	phones[0].answer(first, 486, "t0") // nonsense
	alice.nothing("SIP/2.0 4", 50*time.Millisecond)
	b.empty()
	stray := b.engine.Counters().StrayReplies.Load()
	phones[0].answer(first, 200, "t0")
	alice.nothing("SIP/2.0", 50*time.Millisecond)
	if got := b.engine.Counters().StrayReplies.Load() - stray; got != 1 {
		t.Errorf("%d stray replies were counted, want 1", got)
	}
}

// progress is an Observer that notes what it is told.
type progress struct{ ch chan int }

func (p progress) Relayed(*Request, *Call) {}
func (p progress) Progress(_ *Call, s int) { p.ch <- s }

// TestAnswerAfterRefusal: when the script has answered, a 2xx of a branch that crosses
// its CANCEL is neither sent nor told to the observer.
func TestAnswerAfterRefusal(t *testing.T) {
	t.Parallel()
	told := make(chan int, 100)
	b, alice, phones := prepare(t, 1, fast, func(c *Config) { c.Observer = progress{told} })
	relay := b.hooks.request
	b.hooks.request = func(r *Request) {
		relay(r)
		_ = r.Reply(&sip.Reply{Status: 480}) // the script changed its mind
	}
	b.start()
	alice.invite("refused")
	inv := phones[0].expect("INVITE")
	alice.expect("SIP/2.0 480")
	alice.ack("refused")
	phones[0].answer(inv, 200, "bt")
	alice.nothing("SIP/2.0 2", 60*time.Millisecond)
	if first := <-told; first != 480 {
		t.Errorf("the observer was told %d", first)
	}
	select {
	case s := <-told:
		t.Errorf("the observer was told %d of a call that ended with 480", s)
	default:
	}
	if n := b.engine.Counters().Class[2].Load(); n != 0 {
		t.Errorf("%d answers were counted", n)
	}
	b.empty()
}
