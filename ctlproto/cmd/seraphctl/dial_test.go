package main

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// attempt is the status of attempt 7 after these states, half a second each.
func attempt(states ...ctlproto.CtdState) ctlproto.CtdStatus {
	s := ctlproto.CtdStatus{ID: "7", Caller: "alice@example.org", Callee: "sip:bob@example.org", Steps: []ctlproto.CtdStep{}}
	for i, state := range states {
		s.State = state
		s.Steps = append(s.Steps, ctlproto.CtdStep{State: state, At: noon, ElapsedMS: int64(500 * i)})
		s.Ended = state == ctlproto.CtdConnected || state == ctlproto.CtdFailed || state == ctlproto.CtdCancelled
	}
	return s
}

// failure is a failed attempt.
func failure(o ctlproto.CtdOutcome, code int, reason string) ctlproto.CtdStatus {
	s := attempt(ctlproto.CtdRingingYou, ctlproto.CtdFailed)
	s.Message, s.Code, s.Reason = o, code, reason
	return s
}

// switchboard is a router whose attempt stands as first says when it is asked,
// and then goes through the events.
func (d *desk) switchboard(first ctlproto.CtdStatus, events ...ctlproto.CtdStatus) *ctltest.Server {
	var router *ctltest.Server
	var asked atomic.Bool
	router = d.withRouter(map[string]ctltest.Handler{
		"ctd.dial": ctltest.Result(ctlproto.CtdDialResult{ID: "7"}),
		"ctd.status": func(json.RawMessage) (any, *ctlproto.Error) {
			if asked.Swap(true) {
				return events[len(events)-1], nil
			}
			for _, e := range events {
				router.Publish(ctlproto.TopicCtd, e)
			}
			return first, nil
		},
	})
	return router
}

func TestDialShowsEachStep(t *testing.T) {
	d := newDesk(t)
	other := attempt(ctlproto.CtdRingingYou, ctlproto.CtdFailed)
	other.ID = "8"
	router := d.switchboard(attempt(ctlproto.CtdRingingYou),
		attempt(ctlproto.CtdRingingYou), other,
		attempt(ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring),
		attempt(ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdRingingThem),
		attempt(ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdReferring, ctlproto.CtdRingingThem, ctlproto.CtdConnected))
	want := `   0.0 s  calling the phone of alice@example.org
   0.5 s  alice@example.org answered
   1.0 s  telling that phone to call sip:bob@example.org
   1.5 s  sip:bob@example.org is ringing
   2.0 s  connected
`
	if diff := cmp.Diff(want, d.must("dial", "alice", "bob")); diff != "" {
		t.Error(diff)
	}
	wantCalls := []string{
		`ctd.dial {"caller":"alice@example.org","callee":"sip:bob@example.org","actor":"olga by seraphctl"}`, `ctd.status {"id":"7"}`,
	}
	if diff := cmp.Diff(wantCalls, calls(router)); diff != "" {
		t.Errorf("calls:\n%s", diff)
	}
	if got := d.audited(); !cmp.Equal(got, []string{"olga|seraphctl|ctd.dial|alice@example.org||callee sip:bob@example.org"}) {
		t.Errorf("audit %v", got)
	}
}

func TestDialAsJSONIsALineForEachChange(t *testing.T) {
	d := newDesk(t)
	d.switchboard(attempt(ctlproto.CtdRingingYou), attempt(ctlproto.CtdRingingYou, ctlproto.CtdConnected))
	lines := strings.Split(strings.TrimSpace(d.must("dial", "alice", "bob", "-o", "json")), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want 2:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for i, want := range []ctlproto.CtdStatus{attempt(ctlproto.CtdRingingYou), attempt(ctlproto.CtdRingingYou, ctlproto.CtdConnected)} {
		var got ctlproto.CtdStatus
		decode(t, lines[i], &got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line %d:\n%s", i, diff)
		}
	}
}

func TestDialWithoutWaiting(t *testing.T) {
	d := newDesk(t)
	d.switchboard(attempt())
	if out := d.must("dial", "--no-wait", "alice", "tel:+1-212"); out != "7\n" {
		t.Errorf("output %q", out)
	}
	if out := d.must("dial", "--no-wait", "alice", "bob", "-o", "json"); out != "{\n  \"id\": \"7\"\n}\n" {
		t.Errorf("JSON %q", out)
	}
}

func TestDialSaysWhyItFailed(t *testing.T) {
	for _, c := range []struct {
		status ctlproto.CtdStatus
		say    string
	}{
		{failure(ctlproto.OutcomeCallerOffline, 480, "Temporarily Unavailable"), "alice@example.org has no phone registered (480 Temporarily Unavailable)"},
		{failure(ctlproto.OutcomeCallerNoAnswer, 0, ""), "alice@example.org did not answer"},
		{failure(ctlproto.OutcomeCallerBusy, 486, "Busy\x1b[0m"), `alice@example.org is busy (486 Busy\x1b[0m)`},
		{failure(ctlproto.OutcomeCallerRefused, 603, "Decline"), "alice@example.org refused (603 Decline)"},
		{failure(ctlproto.OutcomeReferRefused, 405, "No"), "the phone of alice@example.org does not take a transfer (REFER) (405 No)"},
		{failure(ctlproto.OutcomeCalleeOffline, 404, "Not Found"), "sip:bob@example.org cannot be reached (404 Not Found)"},
		{failure(ctlproto.OutcomeCalleeNoAnswer, 408, "Timeout"), "sip:bob@example.org did not answer (408 Timeout)"},
		{failure(ctlproto.OutcomeCalleeBusy, 486, "Busy"), "sip:bob@example.org is busy (486 Busy)"},
		{failure(ctlproto.OutcomeCalleeRefused, 603, "No"), "sip:bob@example.org refused (603 No)"},
		{failure(ctlproto.OutcomeNoOutcome, 0, ""), "the phone of alice@example.org never said how the call went"},
		{failure(ctlproto.OutcomeTimeout, 0, ""), "a step took too long"},
		{failure(ctlproto.OutcomeCancelled, 0, ""), "somebody cancelled it"},
		{failure(ctlproto.OutcomeInternal, 0, ""), "a fault of the router; its log has the reason"},
		{failure("new-word", 0, ""), "new-word"},
	} {
		t.Run(string(c.status.Message), func(t *testing.T) {
			d := emptyDesk(t)
			d.switchboard(attempt(ctlproto.CtdRingingYou), c.status)
			s := d.refuses(exitFailed, []string{"--db", "none", "dial", "alice@example.org", "bob"})
			if !strings.HasSuffix(s.out, "  failed: "+c.say+"\n") || s.errs != "" {
				t.Errorf("output:\n%s%s\nwant %s", s.out, s.errs, c.say)
			}
		})
	}
}

func TestDialRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitUnreachable, []string{"dial", "alice", "bob"}, "seraph-proxy is not running")
	d.withRouter(map[string]ctltest.Handler{"ctd.dial": ctltest.Refuse(ctlproto.CodeBusy, "64 attempts run already")})
	d.refuses(exitFailed, []string{"dial", "alice", "bob"}, "64 attempts run already (-32003)")
	d.refuses(exitUsage, []string{"dial", "alice", "b ob"}, "CALLEE: address ")
	d.refuses(exitUsage, []string{"dial", "a@b@c", "bob"}, "more than one @")
	d.refuses(exitUsage, []string{"dial", "alice"}, "dial: CALLEE is missing")
	d.refuses(exitUsage, []string{"dial"}, "dial: CALLER is missing")
	if got := d.audited(); len(got) != 0 {
		t.Errorf("audit %v", got)
	}
}

func TestDialReadsTheStateWhenEventsAreLost(t *testing.T) {
	d := newDesk(t)
	var router *ctltest.Server
	var asked atomic.Int32
	router = d.withRouter(map[string]ctltest.Handler{
		"ctd.dial": ctltest.Result(ctlproto.CtdDialResult{ID: "7"}),
		"ctd.status": func(json.RawMessage) (any, *ctlproto.Error) {
			if asked.Add(1) == 1 {
				router.Lose(ctlproto.TopicCtd)
				return attempt(ctlproto.CtdRingingYou), nil
			}
			return attempt(ctlproto.CtdRingingYou, ctlproto.CtdAnswered, ctlproto.CtdConnected), nil
		},
	})
	out := d.must("dial", "alice", "bob")
	if strings.Count(out, "\n") != 3 || !strings.HasSuffix(out, "connected\n") {
		t.Errorf("output:\n%s", out)
	}
}

func TestDialWhenTheRouterGoesAway(t *testing.T) {
	d := newDesk(t)
	var router *ctltest.Server
	router = d.withRouter(map[string]ctltest.Handler{
		"ctd.dial": ctltest.Result(ctlproto.CtdDialResult{ID: "7"}),
		"ctd.status": func(json.RawMessage) (any, *ctlproto.Error) {
			router.Close()
			return nil, ctlproto.Errorf(ctlproto.CodeInternal, "unheard")
		},
	})
	d.refuses(exitUnreachable, []string{"dial", "alice", "bob"}, "the router went away while the call was being made: nobody knows how it ended")
}

// TestDialInterrupted: Ctrl-C cancels the attempt and shows its end.
func TestDialInterrupted(t *testing.T) {
	for _, c := range []struct {
		name   string
		cancel ctltest.Handler
		then   ctlproto.CtdStatus
		out    string
		errs   string
		code   int
	}{
		{"in time", done, attempt(ctlproto.CtdRingingYou, ctlproto.CtdCancelled), "   0.0 s  calling the phone of alice@example.org\n   0.5 s  cancelled\n", "", exitFailed},
		{"too late", ctltest.Refuse(ctlproto.CodeRefused, "it is past that"), attempt(ctlproto.CtdRingingYou), "   0.0 s  calling the phone of alice@example.org\n",
			"seraphctl: the call cannot be cancelled any more and goes on: it is past that (-32002)\n", exitFailed},
		{"when it had just connected", ctltest.Refuse(ctlproto.CodeRefused, "it has ended"), attempt(ctlproto.CtdRingingYou, ctlproto.CtdConnected),
			"   0.0 s  calling the phone of alice@example.org\n   0.5 s  connected\n", "", exitOK},
		{"after its end", ctltest.Refuse(ctlproto.CodeNotFound, "forgotten"), attempt(ctlproto.CtdRingingYou, ctlproto.CtdCancelled), "   0.0 s  calling the phone of alice@example.org\n   0.5 s  cancelled\n", "", exitFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			d.ctx, d.printed = ctx, interrupt // once a step is shown
			var cancelled atomic.Bool
			router := d.withRouter(map[string]ctltest.Handler{
				"ctd.dial": ctltest.Result(ctlproto.CtdDialResult{ID: "7"}),
				"ctd.status": func(json.RawMessage) (any, *ctlproto.Error) {
					if cancelled.Load() {
						return c.then, nil
					}
					return attempt(ctlproto.CtdRingingYou), nil
				},
				"ctd.cancel": func(p json.RawMessage) (any, *ctlproto.Error) {
					cancelled.Store(true)
					return c.cancel(p)
				},
			})
			s := d.run("dial", "alice", "bob")
			if s.code != c.code || s.out != c.out || s.errs != c.errs {
				t.Errorf("exit %d\n%s%s\nwant %d\n%s%s", s.code, s.out, s.errs, c.code, c.out, c.errs)
			}
			if got := calls(router); !strings.Contains(strings.Join(got, "\n"), `ctd.cancel {"id":"7","actor":"olga by seraphctl"}`) {
				t.Errorf("calls %v", got)
			}
		})
	}
}

// TestDialWordsEachState: people read words for each state that there is, not its symbol.
func TestDialWordsEachState(t *testing.T) {
	source, err := os.ReadFile("../../ctd.go")
	if err != nil {
		t.Fatal(err)
	}
	states := regexp.MustCompile(`(?m)^\s+Ctd\w+\s+CtdState\s+= "(.+?)"`).FindAllStringSubmatch(string(source), -1)
	if len(states) < 8 {
		t.Fatalf("found the states %q", states)
	}
	d := &dialing{app: &app{}, caller: "alice@example.org", callee: "sip:bob@example.org"}
	for _, m := range states {
		state := ctlproto.CtdState(m[1])
		if got := d.words(ctlproto.CtdStatus{}, state); got == m[1] && state != ctlproto.CtdConnected && state != ctlproto.CtdCancelled {
			t.Errorf("%s has no words", state)
		}
	}
	if got := d.words(ctlproto.CtdStatus{}, ctlproto.CtdCallingThem); got != "the router itself calls sip:bob@example.org" {
		t.Errorf("%q", got)
	}
}
