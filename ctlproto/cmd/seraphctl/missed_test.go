package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// miss plants a missed call of a user.
func (d *desk) miss(callID, callee, started, caller, name, code, reason string) {
	d.exec(`INSERT INTO call_log (callid, from_tag, callee_username, callee_domain, caller_username, caller_domain, caller_name, started, sip_code, sip_reason)
		VALUES (?, 't', ?, 'example.org', ?, 'example.org', ?, ?, ?, ?)`, callID, callee, caller, name, started, code, reason)
}

func TestMissed(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.add("bob", "x")
	if out := d.must("missed", "alice", "-o", "json"); out != "[]\n" {
		t.Errorf("no missed calls as JSON: %q", out)
	}
	d.miss("a", "alice", "2026-03-01 12:00:00", "bob", "<img onerror=x>\x1b[1m", "486", "Busy Here")
	d.miss("b", "bob", "2026-03-01 12:05:00", "carol", "", "480", "Temporarily Unavailable")
	d.miss("c", "alice", "2026-03-01 12:10:00", "bob", "Bob", "487", "Request Terminated")
	d.miss("d", "alice", "2026-03-01 12:11:00", "bob", "Bob", "200", "OK")
	want := "WHEN (UTC)           MISSED BY          CALLER                     STATUS\n" +
		"2026-03-01 12:10:00  alice@example.org  Bob <sip:bob@example.org>  487 Request Terminated\n"
	if diff := cmp.Diff(want, d.must("missed", "alice", "--limit", "1")); diff != "" {
		t.Error(diff)
	}
	d.refuses(exitOK, []string{"missed", "alice", "--limit", "1"}, "1 older ones are not shown; --limit shows more")
	want = "2026-03-01 12:10:00  alice@example.org  Bob <sip:bob@example.org>                     487 Request Terminated\n" +
		"2026-03-01 12:05:00  bob@example.org    sip:carol@example.org                         480 Temporarily Unavailable\n" +
		"2026-03-01 12:00:00  alice@example.org  <img onerror=x>\\x1b[1m <sip:bob@example.org>  486 Busy Here\n"
	if diff := cmp.Diff(want, d.must("missed", "-q")); diff != "" {
		t.Error(diff)
	}
	var lines []missedLine
	decode(t, d.must("missed", "bob", "-o", "json"), &lines)
	if diff := cmp.Diff([]missedLine{{Callee: "bob@example.org", Caller: "sip:carol@example.org", At: noon.Add(5 * 60e9), Code: 480, Reason: "Temporarily Unavailable", CallID: "b"}}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestMissedRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitFailed, []string{"missed", "zoe"}, "there is no user zoe@example.org")
	d.refuses(exitUsage, []string{"missed", "a@b@c"}, "more than one @")
	d.refuses(exitUsage, []string{"missed", "a", "b"}, `missed wants one USER at most; "b" is too many`)
	for _, limit := range []string{"0", "-1", "1001"} {
		d.refuses(exitUsage, []string{"missed", "--limit", limit}, "--limit: want 1 to 1000")
	}
	d.refuses(exitUsage, []string{"missed", "--limit", "many"}, "--limit")
	d.refuses(exitUnreachable, []string{"--db", "mysql://u@127.0.0.1:1/x", "missed"}, "database mysql://u@127.0.0.1:1/x")
}
