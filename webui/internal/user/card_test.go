package user

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

func TestCardSteps(t *testing.T) {
	type line struct{ Key, Mark, Elapsed string }
	for _, c := range []struct {
		name   string
		states []ctlproto.CtdState
		want   []line
	}{
		{"begun", []ctlproto.CtdState{ctlproto.CtdRingingYou}, []line{
			{"call.ringing_you", "now", ""}, {"call.answered.next", "next", ""}, {"call.referring.next", "next", ""},
			{"call.ringing_them", "next", ""}, {"call.connected", "next", ""},
		}},
		{"their phone rings", []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdRingingThem}, []line{
			{"call.ringing_you.past", "done", ""}, {"call.answered", "done", "1.0 s"}, {"call.referring.past", "done", "2.0 s"},
			{"call.ringing_them", "now", "3.0 s"}, {"call.connected", "next", ""},
		}},
		{"a phone that tells of the answer only", []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdConnected}, []line{
			{"call.ringing_you.past", "done", ""}, {"call.answered", "done", "1.0 s"}, {"call.referring.past", "done", "2.0 s"}, {"call.connected", "done", "3.0 s"},
		}},
		{"failed at once", []ctlproto.CtdState{ctlproto.CtdFailed}, nil},
		{"cancelled while it rang", []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdCancelled}, []line{{"call.ringing_you.past", "done", ""}}},
		{"a step of a newer router", []ctlproto.CtdState{ctlproto.CtdRingingYou, "transferring"}, []line{
			{"call.ringing_you", "now", ""}, {"call.answered.next", "next", ""}, {"call.referring.next", "next", ""},
			{"call.ringing_them", "next", ""}, {"call.connected", "next", ""},
		}},
		{"nothing known yet", nil, []line{
			{"call.ringing_you", "next", ""}, {"call.answered.next", "next", ""}, {"call.referring.next", "next", ""},
			{"call.ringing_them", "next", ""}, {"call.connected", "next", ""},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []line
			for _, step := range cardSteps(attemptAt("1", alice, c.states...), "Bob") {
				got = append(got, line{step.Text.Key, step.Mark, step.Elapsed})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCardStepsAfterFailure: what did not come about is not told as if it had.
func TestCardStepsAfterFailure(t *testing.T) {
	toYou := []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdFailed}
	referring := []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdFailed}
	ringing := []ctlproto.CtdState{ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdRingingThem, ctlproto.CtdFailed}
	for _, c := range []struct {
		outcome ctlproto.CtdOutcome
		code    int
		states  []ctlproto.CtdState
		last    string // the last step told, "" for none
	}{
		{ctlproto.OutcomeCallerOffline, 480, toYou, ""},
		{ctlproto.OutcomeCallerBusy, 486, toYou, ""},
		{ctlproto.OutcomeCallerRefused, 488, toYou, ""},
		{ctlproto.OutcomeInternal, 500, toYou, ""},
		{ctlproto.OutcomeCallerRefused, 603, toYou, "call.ringing_you.past"},
		{ctlproto.OutcomeCallerNoAnswer, 408, toYou, "call.ringing_you.past"},
		{ctlproto.OutcomeReferRefused, 603, referring, "call.answered"},
		{ctlproto.OutcomeTimeout, 408, referring, "call.answered"},
		{ctlproto.OutcomeNoOutcome, 0, referring, "call.answered"},
		{ctlproto.OutcomeCancelled, 487, referring, "call.answered"},
		{ctlproto.OutcomeCalleeOffline, 480, referring, "call.referring.past"},
		{ctlproto.OutcomeCalleeBusy, 486, ringing, "call.ringing_them.past"},
		{ctlproto.OutcomeNoOutcome, 0, ringing, "call.ringing_them.past"},
	} {
		status := attemptAt("1", alice, c.states...)
		status.Message, status.Code = c.outcome, c.code
		last := ""
		for _, step := range cardSteps(status, "Bob") {
			if step.Mark != "done" {
				t.Errorf("%s %d: step %s is marked %q", c.outcome, c.code, step.Text.Key, step.Mark)
			}
			last = step.Text.Key
		}
		if last != c.last {
			t.Errorf("%s %d: the last step told is %q, want %q", c.outcome, c.code, last, c.last)
		}
	}
}

// TestVerdictOfAnAddressThatLeadsNowhere: nobody refused it.
func TestVerdictOfAnAddressThatLeadsNowhere(t *testing.T) {
	for _, c := range []struct {
		outcome ctlproto.CtdOutcome
		code    int
		want    string
	}{
		{ctlproto.OutcomeCalleeRefused, 478, "call.verdict.callee_nowhere"},
		{ctlproto.OutcomeCalleeRefused, 484, "call.verdict.callee_nowhere"},
		{ctlproto.OutcomeCalleeOffline, 404, "call.verdict.callee_nowhere"},
		{ctlproto.OutcomeCalleeOffline, 480, "call.verdict.callee_offline"},
		{ctlproto.OutcomeCalleeRefused, 603, "call.verdict.callee_refused"},
		{ctlproto.OutcomeCallerOffline, 404, "call.verdict.caller_offline"},
	} {
		status := attemptAt("1", alice, ctlproto.CtdRingingYou, ctlproto.CtdFailed)
		status.Message, status.Code = c.outcome, c.code
		if text, _ := verdict(status, "Bob", "bob@example.org"); text.Key != c.want {
			t.Errorf("%s %d: %s, want %s", c.outcome, c.code, text.Key, c.want)
		}
	}
}

func TestElapsed(t *testing.T) {
	for _, c := range []struct {
		ms   int64
		want string
	}{{-5, ""}, {0, ""}, {49, ""}, {50, "0.1 s"}, {1249, "1.2 s"}, {59_949, "59.9 s"}, {59_950, "1:00"}, {65_000, "1:05"}, {3_600_000, "60:00"}} {
		if got := elapsed(c.ms); got != c.want {
			t.Errorf("elapsed(%d) = %q, want %q", c.ms, got, c.want)
		}
	}
}

func TestAddressesAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct{ uri, short, plain, key string }{
		{"sip:bob@example.org", "bob@example.org", "bob@example.org", "bob@example.org"},
		{"sip:bob@example.org:5080;transport=tcp", "bob@example.org:5080;transport=tcp", "bob@example.org:5080;transport=tcp", "bob@example.org"},
		{"sips:bob@example.org", "sips:bob@example.org", "sips:bob@example.org", "bob@example.org"},
		{"tel:+420123", "+420123", "tel:+420123", "tel:+420123"},
		{"sip:" + strings.Repeat("b", 65) + "@example.org", strings.Repeat("b", 65) + "@example.org", strings.Repeat("b", 65) + "@example.org", "sip:" + strings.Repeat("b", 65) + "@example.org"},
	} {
		if short, plain, key := shortAddress(c.uri), plainAddress(c.uri), presenceKey(c.uri); short != c.short || plain != c.plain || key != c.key {
			t.Errorf("%s is shown as %q, typed as %q and asked for as %q, want %q, %q and %q", c.uri, short, plain, key, c.short, c.plain, c.key)
		}
		if again, err := aor.CanonicalURI(plainAddress(c.uri), ""); err != nil || again != c.uri {
			t.Errorf("%s is typed as %q and read again as %q, %v", c.uri, plainAddress(c.uri), again, err)
		}
	}
}

func TestCuts(t *testing.T) {
	for most := range 12 {
		if got := cutBytes("añ€😀", most); len(got) > most || !utf8.ValidString(got) {
			t.Errorf("cutBytes to %d: %q", most, got)
		}
		if got := clip(" a\xffñ€😀 ", most); utf8.RuneCountInString(got) != min(most, 4) || !utf8.ValidString(got) {
			t.Errorf("clip to %d: %q", most, got)
		}
	}
}

func TestRouterAway(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{ctlproto.ErrUnreachable, true},
		{&ctlproto.IncompatibleError{}, true},
		{ctlproto.Errorf(ctlproto.CodeUnavailable, "shutting down"), true},
		{ctlproto.Errorf(ctlproto.CodeRefused, "no"), false},
		{ctlproto.Errorf(ctlproto.CodeInternal, "oh"), false},
	} {
		if got := routerAway(c.err); got != c.want {
			t.Errorf("routerAway(%v) = %v", c.err, got)
		}
	}
}
