package relay

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// What a phone does beside answering with a status.
const (
	rings  = 1 // it rings until it is cancelled
	silent = 2
)

// TestRounds: each failure route sees what came of the branches since the request was last
// sent on, and of all of them; the caller gets the best answer there was (RFC 3261 §16.7).
func TestRounds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name   string
		rounds [][]int
		seen   []string // by each failure route: the best status, what timed out, what was answered
		answer int
	}{
		{"busy, then away", [][]int{{486}, {480}}, []string{"486, answered 486", "480, answered 480"}, 480},
		{"away, then busy", [][]int{{480}, {486}}, []string{"480, answered 480", "486, answered 486"}, 480},
		{"no answer, then busy", [][]int{{rings}, {486}}, []string{"408 timed out, any rang", "486, answered 486"}, 486},
		{"busy, then no answer", [][]int{{486}, {rings}}, []string{"486, answered 486", "408 timed out, any rang"}, 486},
		{"silence, then an error", [][]int{{silent}, {500}}, []string{"408 timed out, any", "500, answered 500"}, 408},
		{"busy beside no answer", [][]int{{486, rings}}, []string{"486, any rang, answered 486"}, 486},
		{"busy beside silence", [][]int{{486, silent}}, []string{"486, any, answered 486"}, 486},
		{"stale beside no answer, then busy beside away", [][]int{{404, rings}, {486, 480}},
			[]string{"404, any rang, answered 404", "480, answered 480, answered 486"}, 404},
		{"who declines has the others given up", [][]int{{rings, silent, 603}}, []string{"603, answered 603, answered 487"}, 603},
		{"declined, then a challenge", [][]int{{603}, {407}}, []string{"603, answered 603", "407, answered 407, challenged"}, 603},
		{"a 408 of the phone's", [][]int{{408}, {486}}, []string{"408, answered 408", "486, answered 486"}, 486},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for _, round := range x.rounds {
				n += len(round)
			}
			b, alice, phones := prepare(t, n, calm)
			var mu sync.Mutex
			var at int
			var seen []string
			relayRound := func(r *Request) {
				phones, says := phones, x.rounds[at]
				for _, before := range x.rounds[:at] {
					phones = phones[len(before):]
				}
				for _, p := range phones[:len(says)] {
					if err := r.AddTarget(Target{URI: []byte(p.uri())}); err != nil {
						t.Error(err)
					}
				}
				if at == 0 {
					r.Main, r.More = r.More[0], r.More[1:]
				}
				at++
				r.OnFailure = 1
				r.SetTimers(time.Second, 0)
				if err := r.Relay(); err != nil {
					t.Error(err)
				}
			}
			b.hooks.request = func(r *Request) {
				mu.Lock()
				defer mu.Unlock()
				at = 0
				relayRound(r)
			}
			b.hooks.failure = func(r *Request, _ int) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, sees(r))
				if at < len(x.rounds) {
					relayRound(r)
				}
			}
			b.start()
			i := 0
			for _, round := range x.rounds {
				for _, says := range round {
					go phones[i].says(says)
					i++
				}
			}
			for _, id := range []string{"first", "second"} {
				alice.invite(id)
				alice.expectWithin(20*time.Second, fmt.Sprint("SIP/2.0 ", x.answer))
				alice.ack(id)
				b.empty()
				mu.Lock()
				if diff := cmp.Diff(x.seen, seen); diff != "" {
					t.Errorf("%s call (-want +got):\n%s", id, diff)
				}
				seen = nil
				mu.Unlock()
			}
		})
	}
}

// sees is what a failure route is told.
func sees(r *Request) string {
	text := fmt.Sprint(r.Final)
	if r.TimedOut() {
		text += " timed out"
	}
	if r.AnyTimedOut(false) {
		text += ", any"
	}
	if r.AnyTimedOut(true) {
		text += " rang"
	}
	for _, status := range []int{404, 407, 408, 480, 603, 486, 487, 500} {
		if r.AnyAnswered(status) {
			text += fmt.Sprint(", answered ", status)
		}
	}
	if _, err := r.Challenged(); err == nil {
		text += ", challenged"
	}
	return text
}

// says has a phone answer INVITEs with a status, or do what that stands for, until its socket is
// closed.
func (p *phone) says(what int) {
	var invite *sip.Message
	for buf := make([]byte, 65536); ; {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m := &sip.Message{}
		if m.Parse(append([]byte(nil), buf[:n]...)) != nil || what == silent {
			continue
		}
		switch m.Method {
		case sip.INVITE:
			if invite = m; what == rings {
				p.answer(m, 180, "t")
			} else {
				p.answer(m, what, "t", `Proxy-Authenticate: Digest realm="r", nonce="n"`)
			}
		case sip.CANCEL:
			p.answer(m, 200, "t")
			p.answer(invite, 487, "t")
		}
	}
}

// TestFailedRelayIsNoRound: what a failure route could not send on takes nothing away from what
// led to it.
func TestFailedRelayIsNoRound(t *testing.T) {
	t.Parallel()
	b, alice, phones := withFailure(t, func(_ []*phone, r *Request) {
		_ = r.AddTarget(Target{URI: []byte("sip:bob@127.0.0.1:9;transport=sctp")})
		if err := r.Relay(); err == nil {
			t.Error("it was sent on")
		}
		if got := sees(r); got != "486, answered 486" {
			t.Errorf("the failure route sees %s", got)
		}
	})
	alice.invite("nowhere")
	phones[0].answer(phones[0].expect("INVITE"), 486, "t0")
	alice.expect("SIP/2.0 486")
	alice.ack("nowhere")
	b.empty()
}

// TestRecordsAreUsedAgain: a call knows nothing of the one whose record it has.
func TestRecordsAreUsedAgain(t *testing.T) {
	e := newBench(t, &hooks{}).engine
	c := e.takeCall()
	c.branches = append(c.branches, e.takeBranch(c))
	c.branches[0].timedOut = true
	c.note(c.branches[0], 486, true)
	c.round.first, c.secured = 1, true
	c.Release()
	for range 100 {
		if x := e.takeCall(); x == c {
			b := e.takeBranch(x)
			if x.round != (round{}) || x.secured || b.timedOut || b.status != 0 {
				t.Errorf("it begins with %+v, secured %v", x.round, x.secured)
			}
			return
		}
	}
	t.Error("the record is not used again")
}

// TestRangOutBesideGone: a phone that rang out and nobody came leads to the failure route, not one
// beside it whose connection is gone, though both count alike as an answer.
func TestRangOutBesideGone(t *testing.T) {
	b, alice, phones := prepare(t, 1, calm)
	gone := closedPort(t)
	seen := make(chan string, 1)
	b.hooks.request = func(r *Request) {
		r.Main = Target{URI: fmt.Appendf(nil, "sip:bob@%v;transport=tcp", gone), Phone: true,
			Flow: transport.Flow{Proto: transport.TCP, Conn: 1 << 40, Socket: 1, Remote: gone}}
		r.OnFailure = 1
		r.SetTimers(time.Second, 0)
		if err := errors.Join(r.AddTarget(Target{URI: []byte(phones[0].uri()), Phone: true}), r.Relay()); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) { seen <- sees(r) }
	b.start()
	go phones[0].says(rings)
	alice.invite("x")
	if got, want := <-seen, "408 timed out, any rang"; got != want {
		t.Errorf("the failure route sees %q, want %q", got, want)
	}
}

// TestForgetsOnce: a failure route that sends on twice forgets what was before its first time, not
// what has come since.
func TestForgetsOnce(t *testing.T) {
	b, alice, phones := prepare(t, 3, calm)
	b.hooks.request = func(r *Request) {
		r.Main, r.OnFailure = Target{URI: []byte(phones[0].uri())}, 1
		if err := r.Relay(); err != nil {
			t.Error(err)
		}
	}
	b.hooks.failure = func(r *Request, _ int) {
		r.ForgetOld = true
		for _, p := range phones[1:] {
			r.OnFailure = 0
			if err := errors.Join(r.AddTarget(Target{URI: []byte(p.uri())}), r.Relay()); err != nil {
				t.Error(err)
			}
			r.Park()
			eventually(t, "the first one does not answer", func() bool { return r.AnyAnswered(486) })
		}
	}
	b.start()
	go phones[0].says(480)
	go phones[1].says(486)
	go phones[2].says(503)
	alice.invite("x")
	alice.expect("SIP/2.0 486")
}
