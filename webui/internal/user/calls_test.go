package user

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

func TestCalls(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := newCalls(func() time.Time { return now })
	ringing := attemptAt("1", alice, ctlproto.CtdRingingYou)
	answered := attemptAt("1", alice, ctlproto.CtdRingingYou, ctlproto.CtdAnswered)
	next := attemptAt("2", alice, ctlproto.CtdRingingYou)
	for i, step := range []struct {
		put  ctlproto.CtdStatus
		news bool
	}{{ringing, true}, {ringing, false}, {answered, true}, {ringing, false}, {next, true}, {answered, false}} {
		if got := c.put(alice, step.put); got != step.news {
			t.Errorf("put %d: news %v, want %v", i, got, step.news)
		}
	}
	if got, _ := c.current(alice); !cmp.Equal(got, next) {
		t.Errorf("current: %+v", got)
	}
	if _, ok := c.current(bob); ok {
		t.Error("bob sees an attempt of alice's")
	}
	if c.hide(bob, "2") || c.hide(alice, "1") || !c.hide(alice, "2") || c.hide(alice, "2") {
		t.Error("hide hides what it should not, or not what it should")
	}
	if _, ok := c.current(alice); ok {
		t.Error("a hidden card is shown")
	}
	if got, closed, ok := c.last(alice); !ok || !closed || got.ID != "2" {
		t.Error("a hidden attempt that goes on cannot be reached")
	}
	if !c.put(alice, attemptAt("2", alice, ctlproto.CtdRingingYou, ctlproto.CtdAnswered)) {
		t.Error("no news of a hidden attempt: its own page stands still")
	}
	if _, ok := c.current(alice); ok {
		t.Error("news of a hidden card show it again")
	}
	c.reopen(alice, "2")
	if _, ok := c.current(alice); !ok {
		t.Error("a reopened card is not shown")
	}
	c.hide(alice, "2")
	c.put(alice, attemptAt("2", alice, ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdFailed))
	if _, ok := c.current(alice); ok {
		t.Error("the end of a hidden attempt shows its card again")
	}

	c.put(bob, attemptAt("1", bob, ctlproto.CtdRingingYou, ctlproto.CtdConnected))
	c.put(carol, attemptAt("1", carol, ctlproto.CtdRingingYou))
	for _, step := range []struct {
		after       time.Duration
		bob, others bool
	}{{showEnded - time.Second, true, true}, {showEnded, false, true}, {staleCall, false, false}} {
		now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(step.after)
		_, ended := c.current(bob)
		_, running := c.current(carol)
		if ended != step.bob || running != step.others {
			t.Errorf("after %v: ended one shown %v, running one %v", step.after, ended, running)
		}
	}
	for i := range maxCalls + 10 {
		c.put(aor.AOR{User: fmt.Sprint(i), Domain: "example.org"}, ringing)
	}
	if len(c.byOwner) > maxCalls {
		t.Errorf("%d attempts are remembered, want at most %d", len(c.byOwner), maxCalls)
	}
}
