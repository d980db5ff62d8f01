package relay

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
)

// withFailure makes a bench whose calls go to the first phone with failure route 1 armed.
func withFailure(t *testing.T, failure func(phones []*phone, r *Request), change ...func(*Config)) (*bench, *phone, []*phone) {
	t.Helper()
	b, alice, phones := prepare(t, 3, append(change, fast)...)
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		_ = r.SetURI([]byte(phones[0].uri()))
		if err := r.Relay(); err != nil {
			_ = r.Reply(&sip.Reply{Status: 500})
		}
	}
	b.hooks.failure = func(r *Request, _ int) { failure(phones, r) }
	b.start()
	return b, alice, phones
}

// next sends the request on to one more phone.
func next(r *Request, p *phone) error {
	if err := r.AddTarget(Target{URI: []byte(p.uri())}); err != nil {
		return err
	}
	return r.Relay()
}

// TestFailureRouteForwards: the first phone is busy, the route tries the next, and the
// one after it, which answers; the refusals never go up.
func TestFailureRouteForwards(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		n := int(ran.Add(1))
		if n < 2 {
			r.OnFailure = 1
		}
		if r.Final != 486 {
			t.Errorf("run %d with status %d", n, r.Final)
		}
		if err := next(r, phones[n]); err != nil {
			t.Error(err)
		}
	})
	alice.invite("forward")
	for i := range 2 {
		phones[i].answer(phones[i].expect("INVITE "+phones[i].uri()), 486, fmt.Sprint("t", i))
		phones[i].expect("ACK")
	}
	phones[2].answer(phones[2].expect("INVITE"), 200, "t2")
	alice.expect("SIP/2.0 200")
	alice.nothing("SIP/2.0 4", 40*time.Millisecond)
	if n := ran.Load(); n != 2 {
		t.Errorf("the route ran %d times", n)
	}
	b.empty()
}

// TestFailureRouteIsNotRunTwiceAtOnce: while the route still works after it has sent the
// request on and armed itself again, a response of the new branch does not run it.
func TestFailureRouteIsNotRunTwiceAtOnce(t *testing.T) {
	t.Parallel()
	var running, ran atomic.Int32
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		if running.Add(1) > 1 {
			t.Error("the route runs twice at once")
		}
		defer running.Add(-1)
		if ran.Add(1) > 1 {
			return
		}
		if !r.Park() {
			t.Error("no place to wait")
		}
		r.OnFailure = 1
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
		inv := phones[1].expect("INVITE")
		phones[1].answer(inv, 180, "t1")
		alice := r.Call.from.Remote.Port()
		eventually(t, "no 180 went up", func() bool { r.Call.Lock(); defer r.Call.Unlock(); return r.Call.server.Status() == 180 })
		if alice == 0 {
			t.Error("no caller")
		}
		phones[1].answer(inv, 404, "t1")
		phones[1].expect("ACK")
	})
	alice.invite("twice")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	alice.expect("SIP/2.0 180")
	alice.expect("SIP/2.0 404") // the second run did nothing
	if n := ran.Load(); n != 2 {
		t.Errorf("the route ran %d times, want once for each failure", n)
	}
	alice.ack("twice")
	b.empty()
}

// TestFailureRouteThatOnlyArmsItself ends: without a new branch the best reply goes up.
func TestFailureRouteThatOnlyArmsItself(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	b, alice, phones := withFailure(t, func(_ []*phone, r *Request) { ran.Add(1); r.OnFailure = 1 })
	alice.invite("armed")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	alice.expect("SIP/2.0 486")
	if n := ran.Load(); n != 1 {
		t.Errorf("the route ran %d times", n)
	}
	alice.ack("armed")
	b.empty()
}

// TestFailureRouteGoesRoundForever: a route that sends every refusal on again ends at
// MaxBranches with the best reply.
func TestFailureRouteGoesRoundForever(t *testing.T) {
	t.Parallel()
	var last atomic.Value
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		r.OnFailure = 1
		if err := next(r, phones[0]); err != nil {
			last.Store(err)
		}
	})
	alice.invite("round")
	for range MaxBranches {
		phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	}
	alice.expect("SIP/2.0 486")
	if err, _ := last.Load().(error); !errors.Is(err, ErrTooManyBranches) {
		t.Errorf("the route was told %v", err)
	}
	alice.ack("round")
	b.empty()
}

// TestFailureRouteKeepsItsRequest: the route may read the request after it has answered
// it, or after a branch has, though the call has given its copy back by then.
func TestFailureRouteKeepsItsRequest(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	b, alice, phones := withFailure(t, func(_ []*phone, r *Request) {
		if err := r.Reply(&sip.Reply{Status: 480}); err != nil {
			t.Error(err)
		}
		for range 20 { // takes what is free
			other := r.Engine.Table().Buffers.Copy([]byte(strings.Repeat("other call ", 40)))
			defer r.Engine.Table().Buffers.Give(other)
		}
		m := &sip.Message{}
		if err := m.Parse(append([]byte(nil), r.Msg.Buf...)); err != nil {
			t.Errorf("%v in %.80q", err, r.Msg.Buf)
		}
		seen <- string(r.Msg.CallID())
	})
	alice.invite("keeps")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	alice.expect("SIP/2.0 480")
	if got := <-seen; got != "keeps" {
		t.Errorf("after its reply the route read Call-ID %q", got)
	}
	alice.nothing("SIP/2.0 486", 40*time.Millisecond)
	alice.ack("keeps")
	b.empty()
}

// TestFailureRouteAfterTimeout runs for a silent phone, on a goroutine of its own.
func TestFailureRouteAfterTimeout(t *testing.T) {
	t.Parallel()
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		if r.Final != 408 {
			t.Errorf("status %d", r.Final)
		}
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
	})
	alice.invite("silent-1")
	phones[1].answer(phones[1].expect("INVITE"), 200, "t1")
	alice.expect("SIP/2.0 200")
	b.empty()
}

// TestCancelDuringFailureRoute: the route's new branch is not begun; the caller gets 487.
func TestCancelDuringFailureRoute(t *testing.T) {
	t.Parallel()
	waiting, goOn := make(chan bool), make(chan bool)
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		r.Park()
		waiting <- true
		<-goOn
		_ = next(r, phones[1])
	})
	alice.invite("changed")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	<-waiting
	alice.cancel("changed")
	alice.expect("SIP/2.0 200")
	close(goOn)
	alice.expect("SIP/2.0 487")
	phones[1].nothing("INVITE", 40*time.Millisecond)
	alice.ack("changed")
	b.empty()
}

// TestCancelledCallHasNoFailureRoute: the 487 of the callee goes up.
func TestCancelledCallHasNoFailureRoute(t *testing.T) {
	t.Parallel()
	b, alice, phones := withFailure(t, func(_ []*phone, _ *Request) { t.Error("the failure route ran") })
	alice.invite("no-route")
	inv := phones[0].expect("INVITE")
	phones[0].answer(inv, 180, "t0")
	alice.cancel("no-route")
	phones[0].answer(phones[0].expect("CANCEL"), 200, "t0")
	phones[0].answer(inv, 487, "t0")
	alice.expect("SIP/2.0 487")
	alice.ack("no-route")
	b.empty()
}

// TestManyTimeoutsAtOnce: a dead gateway makes the failure routes of all its calls due in
// the same moment; each runs, and no more than maxFailures workers are made for them.
func TestManyTimeoutsAtOnce(t *testing.T) {
	t.Parallel()
	const calls = maxFailures + 50
	var at, most atomic.Int32
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		_ = r.Reply(&sip.Reply{Status: 480})
		at.Add(-1)
	})
	for i := range calls {
		alice.invite(fmt.Sprint("dead-", i))
		phones[0].expect("INVITE")
	}
	b.empty()
	if n := most.Load(); n > maxFailures {
		t.Errorf("%d failure routes ran at once", n)
	}
	if got := b.engine.Counters().Class[4].Load(); got != calls {
		t.Errorf("%d calls were answered, want %d", got, calls)
	}
}
