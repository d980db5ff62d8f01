package sl_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sl"
	"seraph/proxy/internal/sip"
)

const phone = "udp:192.0.2.7:5060"

func TestReplies(t *testing.T) {
	m := sl.New(sl.Config{})
	for _, c := range []struct {
		name string
		call module.Call
		want string
	}{
		{"status and reason", moduletest.Compile(t, m, "sl_send_reply", "404", "Nobody here"), "SIP/2.0 404 Nobody here\r\n"},
		{"usual reason", moduletest.Compile(t, m, "sl_send_reply", "486"), "SIP/2.0 486 Busy Here\r\n"},
		{"send_reply", moduletest.Compile(t, m, "send_reply", "200", "OK"), "SIP/2.0 200 OK\r\n"},
		{"error", moduletest.Compile(t, m, "sl_reply_error"), "SIP/2.0 500 Something went wrong here, sorry\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := &moduletest.Script{Request: func(ctx *module.Ctx) {
				if got := c.call(ctx); got != module.True {
					t.Errorf("returned %d, want true", got)
				}
			}}
			r := moduletest.New(t, script)
			out := r.Receive(phone, moduletest.Request("OPTIONS", "sip:example.org"))
			if len(out) != 1 || !strings.HasPrefix(out[0].Text, c.want) || out[0].To.Remote.String() != "192.0.2.7:5060" {
				t.Fatalf("sent %+v, want one %q", out, c.want)
			}
			if !strings.Contains(out[0].Text, "To: <sip:bob@example.org>;tag=srph-") {
				t.Errorf("the reply has no To tag of ours:\n%s", out[0].Text)
			}
		})
	}
}

// TestOneFinalReply: whatever the script does after a final reply, no second one is sent.
func TestOneFinalReply(t *testing.T) {
	m := sl.New(sl.Config{})
	ok, gone := moduletest.Compile(t, m, "sl_send_reply", "200", "OK"), moduletest.Compile(t, m, "send_reply", "410")
	fault := moduletest.Compile(t, m, "sl_reply_error")
	script := &moduletest.Script{Request: func(ctx *module.Ctx) {
		if first, second, third := ok(ctx), gone(ctx), fault(ctx); first != module.True || second != module.False || third != module.True {
			t.Errorf("returned %d, %d and %d; want true, false, true", first, second, third)
		}
	}}
	out := moduletest.New(t, script).Receive(phone, moduletest.Request("OPTIONS", "sip:example.org"))
	if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 200") {
		t.Errorf("sent %+v, want the 200 alone", out)
	}
}

// TestInsideATransaction: with a transaction the reply is the transaction's, which
// absorbs the repeated request.
func TestInsideATransaction(t *testing.T) {
	runs := 0
	busy := moduletest.Compile(t, sl.New(sl.Config{}), "sl_send_reply", "486", "Busy Here")
	r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
		runs++
		if err := ctx.NewTransaction(); err != nil {
			t.Fatal(err)
		}
		busy(ctx)
	}})
	for range 2 {
		out := r.Receive(phone, moduletest.Request("INVITE", "sip:bob@example.org"))
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 486") {
			t.Fatalf("sent %+v, want the 486", out)
		}
	}
	if runs != 1 {
		t.Errorf("the script ran %d times, want once", runs)
	}
}

func TestAckIsNotAnswered(t *testing.T) {
	fault := moduletest.Compile(t, sl.New(sl.Config{}), "sl_reply_error")
	r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
		if ctx.Msg.Method != sip.ACK {
			t.Errorf("method %s", ctx.Msg.Method)
		}
		fault(ctx)
	}})
	if out := r.Receive(phone, moduletest.Request("ACK", "sip:bob@example.org")); len(out) != 0 {
		t.Errorf("sent %+v", out)
	}
}

func TestBadArguments(t *testing.T) {
	m := sl.New(sl.Config{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"99", "Low"}, `status "99" is no number from 100 to 699`},
		{[]string{"700", "High"}, `status "700" is no number from 100 to 699`},
		{[]string{"", "None"}, `status "" is no number from 100 to 699`},
		{[]string{"40 4", "Blank"}, `status "40 4" is no number from 100 to 699`},
		{[]string{"404", "Not\r\nX-Evil: 1"}, `reason phrase "Not\r\nX-Evil: 1" holds a control character`},
	} {
		for _, name := range []string{"sl_send_reply", "send_reply"} {
			if got := moduletest.Refused(t, m, name, c.args...); got != c.want {
				t.Errorf("%s(%q): %q, want %q", name, c.args, got, c.want)
			}
		}
	}
}
