package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

// watched runs watch while the router publishes these events, until as many lines
// have been printed, and then leaves as Ctrl-C does.
func watched(t *testing.T, d *desk, router *ctltest.Server, events []struct {
	topic string
	data  any
}, args ...string) said {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	d.ctx = ctx
	lines := 0
	d.printed = func() {
		if lines++; lines == len(events) {
			leave()
		}
	}
	go func() {
		for _, e := range events {
			for router.Publish(e.topic, e.data) == 0 { // until it has subscribed
				if ctx.Err() != nil {
					return
				}
				<-time.After(time.Millisecond)
			}
		}
	}()
	return d.run(append([]string{"watch"}, args...)...)
}

func TestWatch(t *testing.T) {
	type event = struct {
		topic string
		data  any
	}
	events := []event{
		{"registration", ctlproto.RegistrationEvent{AoR: "bob@example.org", Status: ctlproto.StatusOnLine, Contacts: []ctlproto.Contact{{Address: "sip:bob@192.0.2.9"}}}},
		{"dialog", ctlproto.DialogEvent{CallID: "c1", State: "ended", Caller: "alice@example.org", HungUpBy: "callee"}},
		{"call", ctlproto.CallEvent{CallID: "c1", State: ctlproto.CallEnded, Caller: "alice@example.org", Callee: "bob@example.org"}},
		{"call", ctlproto.CallEvent{CallID: "c2", State: ctlproto.CallUnanswered, Callee: "bob@example.org"}},
		{"message", ctlproto.MessageEvent{Owner: "bob@example.org", Total: 3, Unread: 2}},
		{"missed_call", ctlproto.MissedCallEvent{Owner: "bob@example.org", Caller: "sip:x@y\x1b[1m", Code: 480, Reason: "Away"}},
		{"ctd", ctlproto.CtdStatus{Caller: "alice@example.org", Callee: "sip:bob@example.org", State: "failed", Message: "caller-busy"}},
		{"ctd", []string{"of a newer release"}},
	}
	d := emptyDesk(t)
	s := watched(t, d, d.withRouter(nil), events)
	want := `12:00:00  registration  bob@example.org is on line  sip:bob@192.0.2.9
12:00:00  dialog        ended: alice@example.org → somebody  c1  hung up by the callee
12:00:00  call          written, ended: alice@example.org → bob@example.org  c1
12:00:00  call          written, unanswered: somebody → bob@example.org  c2
12:00:00  message       bob@example.org has 3 stored, 2 unread
12:00:00  missed_call   bob@example.org missed a call of sip:x@y\x1b[1m: 480 Away
12:00:00  ctd           failed: alice@example.org → sip:bob@example.org  caller-busy
12:00:00  ctd           ["of a newer release"]
`
	if diff := cmp.Diff(want, s.out); diff != "" || s.code != exitOK || !strings.Contains(s.errs, "watching call, ctd, dialog, message, missed_call, registration; Ctrl-C ends") {
		t.Errorf("exit %d, %s\n%s", s.code, s.errs, diff)
	}

	// As JSON, a line each, of one topic.
	d = emptyDesk(t)
	s = watched(t, d, d.withRouter(nil), events[4:5], "message", "-o", "json", "-q")
	var got ctlproto.Event
	if err := json.Unmarshal([]byte(s.out), &got); err != nil || got.Topic != "message" || strings.Count(s.out, "\n") != 1 || s.errs != "" {
		t.Errorf("JSON %q, %q: %v", s.out, s.errs, err)
	}
}

func TestWatchRefuses(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUsage, []string{"watch", "register"}, `watch: there is no topic "register"; there is call, ctd, dialog, message, missed_call, registration`)
	d.refuses(exitUnreachable, []string{"watch"}, "seraph-proxy is not running")
	router := d.withRouter(nil)
	go func() {
		for router.Publish("message", ctlproto.MessageEvent{}) == 0 {
			<-time.After(time.Millisecond)
		}
		router.Close()
	}()
	d.refuses(exitUnreachable, []string{"watch", "message"}, "the router went away")
}

// TestWatchCompletes: a shell that asks gets the topics.
func TestWatchCompletes(t *testing.T) {
	d := emptyDesk(t)
	if out := d.must("__complete", "watch", "m"); !strings.Contains(out, "message\nmissed_call\n") {
		t.Errorf("completion of watch m: %q", out)
	}
	if out := d.must("__complete", "doma"); !strings.Contains(out, "domain\t") {
		t.Errorf("completion of doma: %q", out)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out := d.must("completion", shell); !strings.Contains(out, "seraphctl") {
			t.Errorf("completion %s: %q", shell, out)
		}
	}
	d.refuses(exitUsage, []string{"completion", "csh"}, `seraphctl completion has no command "csh"`)
}
