package relay

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// gone is a phone to which no connection leads, and none is opened.
func gone(to netip.AddrPort, way string) Target {
	t := Target{URI: fmt.Appendf(nil, "sip:bob@%v;transport=%s", to, way), Phone: true}
	t.NoConnect = way == "tcp"
	return t
}

// TestFailureRouteGoesRoundForNobody: a failure route that arms itself and goes to a phone that
// nobody is at, again and again, ends where one ends that is refused for ever, and the router is there
// for everybody else.
func TestFailureRouteGoesRoundForNobody(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"tcp", "ws"} {
		t.Run(way, func(t *testing.T) {
			b, alice, phones := prepare(t, 1, fast)
			to := closedPort(t)
			var ran atomic.Int64
			var last atomic.Value
			send := func(r *Request) {
				r.SetTarget(gone(to, way))
				r.OnFailure = 1
				if err := r.Relay(); err != nil {
					last.Store(err)
				}
			}
			well := b.hooks.request
			b.hooks.request = func(r *Request) {
				if string(r.Msg.CallID()) == "round" {
					send(r)
					return
				}
				well(r)
			}
			b.hooks.failure = func(r *Request, _ int) {
				if ran.Add(1) < 1000 { // else the test itself would not end
					send(r)
				}
			}
			b.start()
			alice.invite("round")
			alice.expect("SIP/2.0 480")
			if n := ran.Load(); n != MaxBranches {
				t.Errorf("the route ran %d times", n)
			}
			if err, _ := last.Load().(error); !errors.Is(err, ErrTooManyBranches) {
				t.Errorf("the route was told %v", err)
			}
			alice.ack("round")
			alice.invite("other")
			phones[0].answer(phones[0].expect("INVITE"), 486, "bt")
			alice.expect("SIP/2.0 486")
			alice.ack("other")
			b.empty()
		})
	}
}

// TestManyGonePhonesBeforeTheMailbox: the phones of somebody of whom nobody is there cost one round, be
// they as many as a request has branches: the call goes on to the mailbox.
func TestManyGonePhonesBeforeTheMailbox(t *testing.T) {
	t.Parallel()
	b, alice, phones := prepare(t, 1, fast)
	to := closedPort(t)
	b.hooks.request = func(r *Request) {
		r.SetTarget(gone(to, "tcp"))
		for range MaxBranches - 1 {
			if err := r.AddTarget(gone(to, "ws")); err != nil {
				t.Error(err)
			}
		}
		r.OnFailure = 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if err := next(r, phones[0]); err != nil {
			t.Error(err)
		}
	}
	b.start()
	alice.invite("mailbox")
	phones[0].answer(phones[0].expect("INVITE"), 200, "bt")
	alice.expect("SIP/2.0 200")
}

// noRoom is a dialog table that takes no dialog.
type noRoom struct{ Dialogs }

var errNoRoom = errors.New("no room")

func (noRoom) Begin(*Request, *Call) (bool, error) { return false, errNoRoom }
func (noRoom) Has(*Request) bool                   { return false }
func (noRoom) Hosts(*Request) (h [MaxHosts]netip.Addr) {
	return h
}

// TestFailureRouteThatFailsArmsNothing: where what a failure route sends on is not sent, be it that
// the dialog table takes it not or that it is too large, the route is at its end, whatever it has
// armed: the answer that led there goes up.
func TestFailureRouteThatFailsArmsNothing(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		failure func(phones []*phone, r *Request) error
		want    error
	}{
		"not in the dialog table": {func(phones []*phone, r *Request) error {
			r.RecordRoute()
			return next(r, phones[1])
		}, errNoRoom},
		"too large": {func(phones []*phone, r *Request) error {
			return r.AddTarget(Target{URI: []byte(phones[1].uri()), Extra: fmt.Appendf(nil, "X: %070000d\r\n", 0)})
		}, transport.ErrTooLarge},
		"nowhere":                {func(_ []*phone, r *Request) error { return r.AddTarget(Target{URI: []byte("sip:x@h;transport=sctp")}) }, ErrBadTarget},
		"only what is as before": {func([]*phone, *Request) error { return nil }, ErrNothingNew},
	} {
		t.Run(name, func(t *testing.T) {
			var ran atomic.Int64
			told := make(chan error, 1000)
			b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
				if ran.Add(1) >= 1000 {
					return
				}
				r.OnFailure = 1
				err := x.failure(phones, r)
				if err == nil {
					err = r.Relay()
				}
				told <- err
			}, func(c *Config) { c.Dialogs = noRoom{} })
			alice.invite("armed")
			phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
			alice.expect("SIP/2.0 486")
			if err := <-told; !errors.Is(err, x.want) {
				t.Errorf("the route was told %v, want %v", err, x.want)
			}
			if n := ran.Load(); n != 1 {
				t.Errorf("the route ran %d times", n)
			}
			alice.ack("armed")
			b.empty()
		})
	}
}

// TestFailureRouteOfABranchUnderWay: what fails beside a branch that the same route has sent does not
// take that one's failure route away.
func TestFailureRouteOfABranchUnderWay(t *testing.T) {
	t.Parallel()
	var ran atomic.Int64
	b, alice, phones := withFailure(t, func(phones []*phone, r *Request) {
		if ran.Add(1) > 1 {
			_ = r.Reply(&sip.Reply{Status: 404})
			return
		}
		r.OnFailure = 1
		if err := next(r, phones[1]); err != nil {
			t.Error(err)
		}
		if err := r.AddTarget(Target{URI: []byte(phones[2].uri()), Extra: fmt.Appendf(nil, "X: %070000d\r\n", 0)}); err != nil {
			t.Error(err)
		}
		if err := r.Relay(); !errors.Is(err, transport.ErrTooLarge) {
			t.Error(err)
		}
	})
	alice.invite("beside")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	phones[1].answer(phones[1].expect("INVITE"), 486, "t1")
	alice.expect("SIP/2.0 404")
	alice.ack("beside")
	b.empty()
}

// TestOverlongAnswerCountsOnce: a 2xx that is not taken is repeated, because nobody acknowledges it; what the
// next phone says afterwards is what the failure route sees.
func TestOverlongAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	finals := make(chan int, 3)
	b, alice, phones := prepare(t, 2, calm, func(c *Config) { c.Dialogs = tracksAll{} })
	b.hooks.request = func(r *Request) {
		r.OnFailure = 1
		r.RecordRoute()
		_ = r.SetURI([]byte(phones[0].uri()))
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		if finals <- r.Final; r.Final == 502 {
			r.OnFailure = 1
			if err := next(r, phones[1]); err != nil {
				t.Error(err)
			}
		}
	}
	b.start()
	alice.invite("long")
	inv, tag := phones[0].expect("INVITE"), strings.Repeat("x", 200)
	phones[0].answer(inv, 200, tag)
	second := phones[1].expect("INVITE")
	for range 3 {
		phones[0].answer(inv, 200, tag)
	}
	phones[1].answer(second, 180, "y")
	alice.expect("SIP/2.0 180") // … and so they have been read
	phones[1].answer(second, 503, "y")
	alice.expect("SIP/2.0 5")
	alice.ack("long")
	if first, last := <-finals, <-finals; first != 502 || last != 503 || len(finals) > 0 {
		t.Errorf("the failure routes saw %d, %d and %d more", first, last, len(finals))
	}
}

// tracksAll is a dialog table that takes every INVITE.
type tracksAll struct{ Dialogs }

func (tracksAll) Begin(*Request, *Call) (bool, error)                  { return true, nil }
func (tracksAll) Moved(*Request, *Call)                                {}
func (tracksAll) Replied(*Call, *Branch, *sip.Message, transport.Flow) {}
func (tracksAll) Over(*Call, int)                                      {}
func (tracksAll) Has(*Request) bool                                    { return false }
