package textops_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/textops"
	"seraph/proxy/internal/sip"
)

var m = textops.New(textops.Config{})

const message = `MESSAGE sip:bob@example.org SIP/2.0
v: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKm
f: <sip:alice@example.org>;tag=at
t: <sip:bob@example.org>
i: call-1
CSeq: 1 MESSAGE
s: One
X-Hop: a
Subject: two,
  folded
x-hop: b
User-Agent: Phone 1.0
c: Text/Plain ;charset=utf-8
l: 12

Hello, Bob.
`

func TestHeaderEdits(t *testing.T) {
	for _, c := range []struct {
		name    string
		calls   [][]string
		returns int
		want    string // part of the headers that go out
		gone    string
	}{
		{"appended last", [][]string{{"append_hf", "P-hint: NATED\r\n"}}, 1, "l: 12\r\nP-hint: NATED\r\n", ""},
		{"line end is added", [][]string{{"append_hf", "P-hint: x"}}, 1, "l: 12\r\nP-hint: x\r\n", ""},
		{"plain line end", [][]string{{"append_hf", "P-hint: x\n"}}, 1, "l: 12\r\nP-hint: x\r\n", ""},
		{"two lines", [][]string{{"append_hf", "A: 1\r\nB: 2\r\n"}}, 1, "l: 12\r\nA: 1\r\nB: 2\r\n", ""},
		{"in order", [][]string{{"append_hf", "A: 1\r\n"}, {"append_hf", "B: 2\r\n"}}, 1, "A: 1\r\nB: 2\r\n", ""},
		{"after a field", [][]string{{"append_hf", "A: 1\r\n", "Call-ID"}}, 1, "i: call-1\r\nA: 1\r\nCSeq:", ""},
		{"after a field that is not there", [][]string{{"append_hf", "A: 1\r\n", "X-None"}}, 1, "l: 12\r\nA: 1\r\n", ""},
		{"removed everywhere", [][]string{{"remove_hf", "x-HOP"}}, 1, "s: One\r\nSubject:", "-hop"},
		{"compact and folded", [][]string{{"remove_hf", "Subject"}}, 1, "X-Hop: a\r\nx-hop: b\r\n", "folded"},
		{"compact name", [][]string{{"remove_hf", "s"}}, 1, "X-Hop: a\r\nx-hop: b\r\n", "subject"},
		{"nothing to remove", [][]string{{"remove_hf", "X-None"}}, -1, "l: 12\r\n", ""},
		{"replaced", [][]string{{"remove_hf", "User-Agent"}, {"append_hf", "User-Agent: other\r\n"}}, 1, "User-Agent: other\r\n", "Phone 1.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := moduletest.Message(t, message)
			got := 0
			for _, call := range c.calls {
				got = moduletest.Compile(t, m, call[0], call[1:]...)(ctx)
			}
			if got != c.returns {
				t.Errorf("returned %d, want %d", got, c.returns)
			}
			out := moduletest.Headers(ctx)
			if !strings.Contains(out, c.want) || c.gone != "" && strings.Contains(strings.ToLower(out), strings.ToLower(c.gone)) {
				t.Errorf("headers out:\n%swant %q in it, %q not", out, c.want, c.gone)
			}
		})
	}
}

func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		call []string
		want int
	}{
		{[]string{"is_method", "MESSAGE"}, 1},
		{[]string{"is_method", "INVITE|ACK | MESSAGE"}, 1},
		{[]string{"is_method", "INVITE|ACK"}, -1},
		{[]string{"is_method", "X-NEW"}, -1},
		{[]string{"is_present_hf", "x-hop"}, 1},
		{[]string{"is_present_hf", "Call-ID"}, 1},
		{[]string{"is_present_hf", "m"}, -1},
		{[]string{"is_present_hf", "X-Ho"}, -1},
		{[]string{"search", "^user-agent: *phone"}, 1},
		{[]string{"search", "sip:alice@(example|iptel)\\.org"}, 1},
		{[]string{"search", "^Hello"}, 1},
		{[]string{"search", "charlie"}, -1},
		{[]string{"search_body", "hello.*bob"}, 1},
		{[]string{"search_body", "alice"}, -1},
		{[]string{"search", "^From[^x]*Call-ID"}, -1}, // within a line
		{[]string{"has_body"}, 1},
		{[]string{"has_body", "text/plain"}, 1},
		{[]string{"has_body", "application/sdp"}, -1},
	} {
		if got := moduletest.Compile(t, m, c.call[0], c.call[1:]...)(moduletest.Message(t, message)); got != c.want {
			t.Errorf("%q: %d, want %d", c.call, got, c.want)
		}
	}
	empty := moduletest.Message(t, moduletest.Request("X-NEW", "sip:bob@example.org", "Content-Type: text/plain"))
	for _, call := range [][]string{{"has_body"}, {"has_body", "text/plain"}} {
		if got := moduletest.Compile(t, m, call[0], call[1:]...)(empty); got != module.False {
			t.Errorf("%q without a body: %d", call, got)
		}
	}
	if got := moduletest.Compile(t, m, "is_method", "INVITE|X-NEW")(empty); got != module.True {
		t.Errorf("is_method of an unknown method: %d", got)
	}
	reply := moduletest.Message(t, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\n")
	if got := moduletest.Compile(t, m, "is_method", "INVITE")(reply); got != module.True {
		t.Errorf("is_method in a reply to INVITE: %d", got)
	}
}

// TestAppendToReply: the line is in every reply made here, before what the reply
// itself adds, and in no message that is relayed.
func TestAppendToReply(t *testing.T) {
	add, more := moduletest.Compile(t, m, "append_to_reply", "X-Why: because\r\n"), moduletest.Compile(t, m, "append_to_reply", "Y: 2")
	script := &moduletest.Script{}
	r := moduletest.New(t, script)
	script.Request = func(c *module.Ctx) {
		if got := add(c); got != module.True {
			t.Errorf("returned %d", got)
		}
		more(c)
		_ = c.ReplyStateless(&sip.Reply{Status: 503, Extra: []byte("Retry-After: 5\r\n")})
	}
	out := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", message), "SIP/2.0 503")
	if !strings.Contains(out.Text, "\r\nX-Why: because\r\nY: 2\r\nRetry-After: 5\r\n") {
		t.Errorf("the reply:\n%s", out.Text)
	}
	script.Request = func(c *module.Ctx) { _ = c.ReplyStateless(&sip.Reply{Status: 500}) }
	if out := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", message), "SIP/2.0 500"); strings.Contains(out.Text, "X-Why") {
		t.Errorf("the line went into the reply to another request:\n%s", out.Text)
	}
	script.Request = func(c *module.Ctx) {
		add(c)
		if err := c.SetURI([]byte("sip:bob@198.51.100.9")); err != nil {
			t.Fatal(err)
		}
		if err := c.Relay(); err != nil {
			t.Fatal(err)
		}
	}
	sent := moduletest.Find(t, r.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", "sip:bob@example.org")), "INVITE")
	if strings.Contains(sent.Text, "X-Why") {
		t.Errorf("the line went to the callee:\n%s", sent.Text)
	}
}

func TestBadArguments(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"append_hf", []string{"P-hint"}, `"P-hint" is no header line: it has no colon`},
		{"append_hf", []string{""}, `"" is no header line: it has no colon`},
		{"append_hf", []string{"A B: 1\r\n"}, `"A B" is no name of a header field`},
		{"append_hf", []string{": 1\r\n"}, "the name of the header field is empty"},
		{"append_hf", []string{"A: 1\nB: 2\r\n"}, `header line "A: 1\nB: 2" holds a control character; lines end in \r\n`},
		{"append_hf", []string{"A: 1\r\n\r\nbody"}, `"" is no header line: it has no colon`},
		{"append_hf", []string{"Content-Length: 5"}, "Content-Length is written by the router itself"},
		{"append_hf", []string{"A: 1", "B:"}, `"B:" is no name of a header field`},
		{"append_to_reply", []string{"nothing"}, `"nothing" is no header line: it has no colon`},
		{"remove_hf", []string{"Via"}, "Via must stand in every message and cannot be removed"},
		{"remove_hf", []string{"f"}, "f must stand in every message and cannot be removed"},
		{"remove_hf", []string{""}, "the name of the header field is empty"},
		{"is_present_hf", []string{"X Y"}, `"X Y" is no name of a header field`},
		{"search", []string{"("}, "bad regular expression: error parsing regexp: missing closing ): `(?im)(`"},
		{"search_body", []string{"*"}, "bad regular expression: error parsing regexp: missing argument to repetition operator: `*`"},
		{"is_method", []string{""}, `"" is no list of methods such as "INVITE|ACK"`},
		{"is_method", []string{"INVITE||ACK"}, `"INVITE||ACK" is no list of methods such as "INVITE|ACK"`},
		{"is_method", []string{"Invite"}, "methods are written in capital letters: INVITE"},
		{"has_body", []string{"sdp"}, `the type of the body is to be like "application/sdp"`},
	} {
		if got := moduletest.Refused(t, m, c.name, c.args...); got != c.want {
			t.Errorf("%s(%q): %s, want %s", c.name, c.args, got, c.want)
		}
	}
}
