package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		name   string
		result ctlproto.ImSendResult
		code   int
		out    string
		audit  string
	}{
		{"delivered", ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"}, exitOK,
			"delivered to sip:bob@example.org (200 OK)", "to sip:bob@example.org, delivered"},
		{"stored", ctlproto.ImSendResult{Result: ctlproto.ImStored, Code: 202, Reason: "Accepted for Later Delivery"}, exitOK,
			"stored until a phone of sip:bob@example.org registers (202 Accepted for Later Delivery)", "to sip:bob@example.org, stored"},
		{"failed", ctlproto.ImSendResult{Result: ctlproto.ImFailed, Code: 503, Reason: "No\x1b[1m"}, exitFailed,
			`failed: sip:bob@example.org did not get it (503 No\x1b[1m)`, "to sip:bob@example.org, failed"},
		{"nobody answered", ctlproto.ImSendResult{Result: ctlproto.ImFailed}, exitFailed,
			"failed: sip:bob@example.org did not get it", "to sip:bob@example.org, failed"},
		{"of a newer router", ctlproto.ImSendResult{Result: "queued", Code: 200, Reason: "OK"}, exitOK, "queued (200 OK)", "to sip:bob@example.org, queued"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			router := d.withRouter(map[string]ctltest.Handler{"im.send": ctltest.Result(c.result)})
			s := d.run("message", "alice", "bob", "back at <five>")
			if s.code != c.code || s.out != c.out+"\n" || s.errs != "" {
				t.Errorf("exit %d\n%s%s\nwant %d\n%s", s.code, s.out, s.errs, c.code, c.out)
			}
			want := []string{`im.send {"from":"alice@example.org","to":"sip:bob@example.org","text":"back at \u003cfive\u003e","actor":"olga by seraphctl"}`}
			if diff := cmp.Diff(want, calls(router)); diff != "" {
				t.Errorf("calls:\n%s", diff)
			}
			// Who wrote to whom, and not what.
			if diff := cmp.Diff([]string{"olga|seraphctl|im.send|alice@example.org||" + c.audit}, d.audited()); diff != "" {
				t.Errorf("audit:\n%s", diff)
			}
			if s := d.run("message", "-q", "alice", "bob", "x"); s.out != "" || s.code != c.code || (s.errs == "") != (c.code == exitOK) {
				t.Errorf("quietly: exit %d, %q, %q", s.code, s.out, s.errs)
			}
			var got ctlproto.ImSendResult
			s = d.run("message", "alice", "bob", "x", "-o", "json")
			decode(t, s.out, &got)
			if s.code != c.code || got.Result != c.result.Result || got.Code != c.result.Code || strings.Contains(s.out, "\x1b") {
				t.Errorf("JSON: exit %d\n%s", s.code, s.out)
			}
		})
	}
}

func TestMessageFromStandardInput(t *testing.T) {
	d := newDesk(t)
	router := d.withRouter(map[string]ctltest.Handler{"im.send": ctltest.Result(ctlproto.ImSendResult{Result: ctlproto.ImDelivered})})
	d.stdin = "two\nlines\r\n"
	d.must("message", "alice", "sip:dora@example.net", "-")
	if got := calls(router)[0]; !strings.Contains(got, `"to":"sip:dora@example.net","text":"two\nlines"`) {
		t.Errorf("call %s", got)
	}
	d.stdin = strings.Repeat("x", ctlproto.MaxImText) + "\n"
	d.must("message", "alice", "bob", "-")
	d.stdin = strings.Repeat("x", ctlproto.MaxImText+1)
	d.refuses(exitUsage, []string{"message", "alice", "bob", "-"}, "TEXT has more than 1300 bytes")
	d.stdin = "\n"
	d.refuses(exitUsage, []string{"message", "alice", "bob", "-"}, "TEXT is empty")
}

func TestMessageRefuses(t *testing.T) {
	d := newDesk(t)
	d.refuses(exitUnreachable, []string{"message", "alice", "bob", "hi"}, "seraph-proxy is not running")
	router := d.withRouter(map[string]ctltest.Handler{"im.send": ctltest.Refuse(ctlproto.CodeInvalidParams, "Invalid params: text: too long")})
	d.refuses(exitUsage, []string{"message"}, "message: FROM is missing")
	d.refuses(exitUsage, []string{"message", "alice", "bob"}, "message: TEXT is missing")
	d.refuses(exitUsage, []string{"message", "alice", "bob", "back", "at", "five"}, "put TEXT in quotes")
	d.refuses(exitUsage, []string{"message", "alice", "bob", ""}, "TEXT is empty")
	d.refuses(exitUsage, []string{"message", "alice", "bob", "\xff"}, "TEXT is not UTF-8")
	d.refuses(exitUsage, []string{"message", "alice", "b ob", "hi"}, "TO: address ")
	d.refuses(exitUsage, []string{"message", "alice", "", "hi"}, "TO: address ")
	d.refuses(exitUsage, []string{"message", "alice", "tel:+42", "hi"}, "TO: a message goes to a SIP address, not to a telephone number")
	d.refuses(exitUsage, []string{"message", "a@b@c", "bob", "hi"}, "more than one @")
	if got := calls(router); len(got) != 0 {
		t.Errorf("calls %v", got)
	}
	d.refuses(exitUsage, []string{"message", "alice", "bob", "hi"}, "seraphctl: text: too long\n")
	if got := d.audited(); len(got) != 0 {
		t.Errorf("audit %v", got)
	}
}

// TestMessageByRPC: the audit has no text of a message this way either.
func TestMessageByRPC(t *testing.T) {
	d := newDesk(t)
	d.withRouter(map[string]ctltest.Handler{"im.send": ctltest.Result(ctlproto.ImSendResult{Result: ctlproto.ImDelivered, Code: 200, Reason: "OK"})})
	d.must("rpc", "im.send", "alice@example.org", "bob", "our secret")
	d.must("rpc", "im.send", "from=alice@example.org", "to=bob", "text=our secret")
	if diff := cmp.Diff([]string{"olga|seraphctl|rpc|im.send||", "olga|seraphctl|rpc|im.send||"}, d.audited()); diff != "" {
		t.Errorf("audit:\n%s", diff)
	}
}
