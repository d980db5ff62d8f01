package textops_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestHeaderLinesWithVariables: what a stranger brings stands within the line.
func TestHeaderLinesWithVariables(t *testing.T) {
	for text, want := range map[string]string{
		"X-From: $fU at $fd\r\n":              "l: 12\r\nX-From: alice at example.org\r\n",
		"X-Subject: $hdr(Subject)":            "l: 12\r\nX-Subject: One\r\n",
		"X-None: <$hdr(X-None)>\r\nX-B: $$\n": "l: 12\r\nX-None: <>\r\nX-B: $\r\n",
	} {
		c := moduletest.Message(t, message)
		if got := moduletest.Compile(t, m, "append_hf", text)(c); got != module.True || !strings.Contains(moduletest.Headers(c), want) {
			t.Errorf("%q returned %d:\n%s", text, got, moduletest.Headers(c))
		}
	}
	folded := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", "Subject: one\n X-Evil: yes", "X-Long: "+strings.Repeat("z", 9000)))
	moduletest.Compile(t, m, "append_hf", "X-Copy: $hdr(Subject)", "Call-ID")(folded)
	if out := moduletest.Headers(folded); !strings.Contains(out, "\r\nX-Copy: one   X-Evil: yes\r\n") {
		t.Errorf("a folded field became\n%s", out)
	}
	before := moduletest.Headers(folded)
	if got := moduletest.Compile(t, m, "append_hf", "X-Long: $hdr(X-Long)")(folded); got != module.False || moduletest.Headers(folded) != before {
		t.Errorf("a line that is too long: returned %d", got)
	}
}

// TestReplyLinesWithVariables: the same for the replies of the router, and for the reason.
func TestReplyLinesWithVariables(t *testing.T) {
	add := moduletest.Compile(t, m, "append_to_reply", "X-Asked: $rm $rU\r\n")
	text, err := module.DynamicReplyArgs([]module.Arg{{Str: "404"}, {Str: "No $rU, $hdr(Subject)", Scope: &module.Scope{}}})
	if err != nil {
		t.Fatal(err)
	}
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		add(c)
		reply := text.Reply(c)
		if err := c.ReplyStateless(&reply); err != nil {
			t.Error(err)
		}
	}})
	out := r.Receive("udp:192.0.2.7:5060", moduletest.Request("INVITE", "sip:bob@example.org", "Subject: a\n X-Evil: b"))
	if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 404 No bob, a   X-Evil: b\r\n") || !strings.Contains(out[0].Text, "\r\nX-Asked: INVITE bob\r\n") {
		t.Errorf("sent %+v", out)
	}
	for reason, want := range map[string]string{"$nowhere": "there is no variable", "tab\t$rU": "control character"} {
		if _, err := module.DynamicReplyArgs([]module.Arg{{Str: "404"}, {Str: reason, Scope: &module.Scope{}}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reason %q: %v, want %s", reason, err, want)
		}
	}
}

// TestBadHeaderLinesWithVariables: a variable can be no part of the field's name.
func TestBadHeaderLinesWithVariables(t *testing.T) {
	for text, want := range map[string]string{
		"$rU: x":              `"(" is no name of a header field`,
		"X-$rU: x":            `"X-(" is no name of a header field`,
		"$hdr(Subject)":       "it has no colon",
		"X: $nowhere":         "there is no variable $nowhere",
		"Via: $si":            "Via is written by the router itself",
		"X: a\r\n$var(x): b":  `"(" is no name of a header field`,
		"X: $hdr(Subject\r\n": "$hdr wants the name of a header field",
	} {
		for _, name := range []string{"append_hf", "append_to_reply"} {
			if got := moduletest.Refused(t, m, name, text); !strings.Contains(got, want) {
				t.Errorf("%s(%q): %s, want %s", name, text, got, want)
			}
		}
	}
}
