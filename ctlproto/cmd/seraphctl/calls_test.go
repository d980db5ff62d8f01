package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCalls(t *testing.T) {
	d := newDesk(t)
	d.add("alice", "x")
	d.add("bob", "x")
	if out := d.must("calls", "-o", "json"); out != "[]\n" {
		t.Errorf("no calls as JSON: %q", out)
	}
	d.miss("a", "alice", "2026-03-01 12:00:00", "bob", "B\x1b[1m", "486", "Busy Here")
	d.miss("b", "bob", "2026-03-01 12:05:00", "alice", "", "200", "OK")
	d.exec("UPDATE call_log SET answered = '2026-03-01 12:05:10', ended = '2026-03-01 12:06:11', hung_up_by = 'caller' WHERE callid = 'b'")
	d.miss("c", "bob", "2026-03-01 12:10:00", "carol", "", "200", "OK")
	d.exec("UPDATE call_log SET answered = '2026-03-01 12:10:10' WHERE callid = 'c'")
	want := "WHEN (UTC)           CALLER                          CALLED             TALKED  STATUS\n" +
		"2026-03-01 12:05:00  sip:alice@example.org           bob@example.org    1m1s    200 OK\n" +
		"2026-03-01 12:00:00  B\\x1b[1m <sip:bob@example.org>  alice@example.org  -       486 Busy Here\n"
	if diff := cmp.Diff(want, d.must("calls", "alice")); diff != "" {
		t.Error(diff)
	}
	want = "2026-03-01 12:10:00  sip:carol@example.org  bob@example.org  ?  200 OK\n"
	if diff := cmp.Diff(want, d.must("calls", "-q", "--limit", "1")); diff != "" {
		t.Error(diff)
	}
	d.refuses(exitOK, []string{"calls", "--limit", "1"}, "2 older ones are not shown; --limit shows more")
	var lines []callLine
	decode(t, d.must("calls", "alice", "--limit", "1", "-o", "json"), &lines)
	answered, ended := noon.Add(310*time.Second), noon.Add(371*time.Second)
	if diff := cmp.Diff([]callLine{{Caller: "sip:alice@example.org", Callee: "bob@example.org", Started: noon.Add(5 * time.Minute), Answered: &answered, Ended: &ended,
		Code: 200, Reason: "OK", HungUpBy: "caller", CallID: "b"}}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestCallsRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitFailed, []string{"calls", "zoe"}, "there is no user zoe@example.org")
	d.refuses(exitUsage, []string{"calls", "a", "b"}, `calls wants one USER at most; "b" is too many`)
	d.refuses(exitUsage, []string{"calls", "--limit", "0"}, "--limit: want 1 to 1000")
	d.refuses(exitUsage, []string{"calls", "--limit", "1001"}, "--limit: want 1 to 1000")
	d.refuses(exitUnreachable, []string{"--db", "mysql://u@127.0.0.1:1/x", "calls"}, "database mysql://u@127.0.0.1:1/x")
}
