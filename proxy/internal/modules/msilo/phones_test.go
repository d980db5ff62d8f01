package msilo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/ua"
)

// said is the answer where several phones have come to these; it is the first one of them.
func said(statuses ...int) ua.Answer {
	a := ua.Answer{Status: statuses[0], Bound: true, Relayed: true}
	for _, status := range statuses {
		a.Said.Add(status)
	}
	return a
}

// TestWhatPhonesSay: what becomes of a message goes by what each phone has said of it; how the next one goes on, too.
func TestWhatPhonesSay(t *testing.T) {
	for _, x := range []struct {
		said   string
		answer ua.Answer
		phones int
		fate   fate
		tired  fate // when it has failed max_attempts times
	}{
		{"none takes messages", said(405), 2, takesNone, takesNone},
		{"one takes none, one is silent", said(405, 408), 2, stepOver, stepOver},
		{"one takes none, one is busy", said(405, 486), 2, stepOver, stepOver},
		{"one takes none, one is gone", said(405, 480), 2, stepOver, stepOver},
		{"one takes none, one fails", said(405, 500), 2, stepOver, stepOver},
		{"one takes none, to one it is too large", said(405, 413), 2, stepOver, stepOver},
		{"one takes none, one refuses", said(405, 488), 2, stepOver, gone},
		{"one takes none, one declines", said(603, 405), 2, stepOver, gone},
		{"one takes none, one does not know what it is", said(405, 501), 2, stepOver, stepOver},
		{"one takes none, one asks who sends it", said(401, 405), 2, stepOver, stepOver},
		{"it does not know what it is", said(501), 1, stepOver, stepOver},
		{"it fails", said(500), 1, stepOver, stepOver},
		{"it is busy", said(486), 1, later, later},
		{"it refuses", said(415), 1, gone, gone},
		{"both refuse", said(415, 488), 2, stepOver, gone},
		{"the only one that was asked refuses", said(415), 2, stepOver, gone},
		{"one declines for all", said(603), 2, gone, gone},
		{"one declines, one refuses", said(603, 415), 2, gone, gone},
		{"one declines, one is silent", said(603, 408), 2, stepOver, stepOver},
		{"one refuses, one is silent", said(415, 408), 2, stepOver, stepOver},
		{"one refuses, one is busy", said(415, 486), 2, stepOver, stepOver},
		{"one refuses, one is redirected", said(302, 415), 2, later, later},
		{"the failure route answers for one that is busy", ua.Answer{Status: 403, Bound: true, Said: said(486).Said}, 1, stepOver, stepOver},
		{"the failure route takes what the phone refuses", ua.Answer{Status: 202, Bound: true, Said: said(415).Said}, 1, gone, gone},
		{"the failure route says 405, and no phone", ua.Answer{Status: 405, Bound: true}, 1, later, later},
		{"another server says 405", ua.Answer{Status: 405, Relayed: true, Said: said(405).Said}, 1, later, later},
		{"the script says 405", ua.Answer{Status: 405}, 1, later, later},
	} {
		if got, tired := judge(x.answer, nil, x.phones, false), judge(x.answer, nil, x.phones, true); got != x.fate || tired != x.tired {
			t.Errorf("%s: %d, and %d in the end, want %d and %d", x.said, got, tired, x.fate, x.tired)
		}
	}
}

// TestOneMessageBesideADeskPhone: a desk phone says 405 to everything, and the soft phone does not take one message. It
// blocks nothing, be it a known sender's or a stranger's, whatever the soft phone says of it: the others come at the
// first REGISTER.
func TestOneMessageBesideADeskPhone(t *testing.T) {
	for _, status := range []int{408, 413, 486, 488, 493, 500, 501} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprint(status, known), func(t *testing.T) {
				bubble(t, func(b *bench) {
					keep := b.keep
					if !known {
						keep = b.keepForeign
					}
					keep("big", "two", "three")
					b.phones.deaf = 1
					b.wire.fails = map[string]ua.Answer{"big": said(405, status)}
					b.registers()
					synctest.Wait()
					if got := strings.Join(b.wire.bodies(), " "); got != "big two three" {
						t.Errorf("sent %q", got)
					}
					if rows := b.rows(); len(rows) != 1 || rows[0].Attempts != 1 || rows[0].Refused || rows[0].LastCode != 405 {
						t.Errorf("left %+v", rows)
					}
				})
			})
		}
	}
}

// TestUnknownBodies: two messages that the only phone answers 501 for go behind the others at max_attempts, as what it says
// nothing to does; they are refused never.
func TestUnknownBodies(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("x1", "x2", "two", "three")
		b.wire.fails = map[string]ua.Answer{"x1": said(501), "x2": said(501)}
		for range 4 {
			b.registers()
			synctest.Wait()
		}
		if got := strings.Join(b.wire.bodies(), " "); got != "x1 x2 x1 x2 x1 x2 two three x1 x2" {
			t.Errorf("sent %q", got)
		}
		if rows := b.rows(); len(rows) != 2 || rows[0].Attempts != 4 || rows[0].Refused {
			t.Errorf("left %+v", rows)
		}
	})
}

// TestSeveralPhonesRefuse: what every phone refuses is tried max_attempts times, in case one is away that would take it, and
// not without end; a 6xx speaks for all of them. While one is silent or busy nothing is refused for good, and another phone
// gets it.
func TestSeveralPhonesRefuse(t *testing.T) {
	for _, x := range []struct {
		answer ua.Answer
		deaf   int // phones, beside the one that takes messages
		sent   int // of ten REGISTERs
	}{
		{said(415), 1, 3}, {said(415, 488), 1, 3}, {said(488, 405), 1, 3}, {said(603), 1, 1}, {said(603, 404), 1, 1}, {said(415), 0, 1},
		{said(415, 408), 1, 10}, {said(415, 486), 1, 10}, {said(603, 480), 1, 10}, {said(405), 1, 10},
	} {
		t.Run(fmt.Sprint(slices.Collect(x.answer.Said.All), x.deaf), func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.keepForeign("one")
				b.phones.deaf = x.deaf
				b.wire.answers = []ua.Answer{x.answer}
				for range 10 {
					b.registers()
					synctest.Wait()
				}
				refused := x.sent < 10
				if rows := b.rows(); len(b.wire.bodies()) != x.sent || len(rows) != 1 || rows[0].Refused != refused {
					t.Errorf("sent %d times, want %d, left %+v", len(b.wire.bodies()), x.sent, rows)
				}
				b.wire.answers = []ua.Answer{taken()}
				b.registers()
				synctest.Wait()
				if rows := b.rows(); (len(rows) != 0) != refused {
					t.Errorf("then left %+v", rows)
				}
			})
		})
	}
}

// TestPhoneWithoutMessages: 405 of all phones speaks of these. Nothing is refused for good or loses its place by it, not with
// the lowest max_attempts either, while their owner sees the code; another phone gets all in order.
func TestPhoneWithoutMessages(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("one", "two", "three")
		b.wire.answers = []ua.Answer{said(405)}
		for range 5 {
			b.wire.sent = nil
			b.registers()
			synctest.Wait()
			if got := strings.Join(b.wire.bodies(), " "); got != "one" {
				t.Errorf("sent %q", got)
			}
		}
		if rows := b.rows(); len(rows) != 3 || rows[0].Refused || rows[0].Attempts != 1 || rows[0].LastCode != 405 {
			t.Errorf("left %+v", rows)
		}
		b.logged("attempts=1", 5)
		b.logged("attempts=2", 0)
		b.wire.answers, b.wire.sent = []ua.Answer{taken()}, nil
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "one two three" || len(b.rows()) != 0 {
			t.Errorf("then sent %q, left %+v", got, b.rows())
		}
	}, [2]string{"max_attempts", "2"})
}

// TestScriptRefusesBetween: what the script refuses for good, and what its owner deletes meanwhile, says nothing of the phone:
// one that takes nothing is asked no more often for it.
func TestScriptRefusesBetween(t *testing.T) {
	bubble(t, func(b *bench) {
		b.keep("k1", "large", "k2", "large", "k3", "large", "k4")
		b.wire.fails = map[string]ua.Answer{"large": {Status: 513}}
		b.wire.answers = []ua.Answer{ignored()}
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "k1 large k2" {
			t.Errorf("sent %q", got)
		}
	})
	bubble(t, func(b *bench) {
		b.keep("k1", "deleted", "k2", "k3")
		b.wire.answers, b.wire.delay = []ua.Answer{ignored()}, time.Second
		b.registers()
		synctest.Wait()
		b.silo.mu.Lock()
		b.silo.rows = slices.Delete(b.silo.rows, 1, 2)
		b.silo.mu.Unlock()
		time.Sleep(time.Minute)
		if got := strings.Join(b.wire.bodies(), " "); got != "k1 k2" {
			t.Errorf("with one deleted sent %q", got)
		}
	})
	bubble(t, func(b *bench) { // a phone's own refusal says that it is there
		b.keep("k1", "bad", "k2", "bad", "k3")
		b.wire.fails = map[string]ua.Answer{"bad": said(415)}
		b.wire.answers = []ua.Answer{ignored()}
		b.registers()
		synctest.Wait()
		if got := strings.Join(b.wire.bodies(), " "); got != "k1 bad k2 bad k3" {
			t.Errorf("with refusals sent %q", got)
		}
	})
}
