package maxfwd_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/maxfwd"
)

func TestProcess(t *testing.T) {
	for _, c := range []struct {
		name, in string
		returns  int
		want     string // the header line that goes out
	}{
		{"counted down", "Max-Forwards: 70", 1, "Max-Forwards: 69\r\n"},
		{"last hop", "Max-Forwards: 1", 1, "Max-Forwards: 0\r\n"},
		{"odd spelling", "max-forwards :\t 9 ", 1, "max-forwards :\t 8 \r\n"},
		{"two digits become one", "Max-Forwards: 10", 1, "Max-Forwards: 9\r\n"},
		{"at the limit", "Max-Forwards: 255", 1, "Max-Forwards: 70\r\n"},
		{"none", "X-None: 1", 2, "Max-Forwards: 10\r\n"},
		{"used up", "Max-Forwards: 0", -1, "Max-Forwards: 0\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := moduletest.Message(t, moduletest.Request("INVITE", "sip:example.org", c.in))
			if got := moduletest.Compile(t, maxfwd.New(maxfwd.Config{}), "mf_process_maxfwd_header", "10")(ctx); got != c.returns {
				t.Errorf("returned %d, want %d", got, c.returns)
			}
			if got := moduletest.Headers(ctx); !strings.Contains(got, "\r\n"+c.want) {
				t.Errorf("headers out:\n%swant %q", got, c.want)
			}
		})
	}
}

// TestOptionsEndHere: an OPTIONS whose hops are used up is for the router that it reached
// (RFC 3261 §11, as used to trace a way); other requests are the script's to refuse.
func TestOptionsEndHere(t *testing.T) {
	call := moduletest.Compile(t, maxfwd.New(maxfwd.Config{}), "mf_process_maxfwd_header", "10")
	for method, want := range map[string]int{"OPTIONS": module.Stop, "INVITE": module.False, "MESSAGE": module.False, "ACK": module.False} {
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
			if got := call(ctx); got != want {
				t.Errorf("%s: returned %d, want %d", method, got, want)
			}
		}})
		out := r.Receive("udp:192.0.2.7:5060", moduletest.Request(method, "sip:bob@example.net", "Max-Forwards: 0"))
		if method != "OPTIONS" {
			if len(out) != 0 {
				t.Errorf("%s was answered: %+v", method, out)
			}
			continue
		}
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 200 OK\r\n") || !strings.Contains(out[0].Text, "\r\nAccept: */*\r\n") {
			t.Errorf("sent %+v", out)
		}
	}
}

// TestProcessTwice: a script that counts twice by mistake does not garble the header.
func TestProcessTwice(t *testing.T) {
	ctx := moduletest.Message(t, moduletest.Request("OPTIONS", "sip:example.org", "Max-Forwards: 70"))
	count := moduletest.Compile(t, maxfwd.New(maxfwd.Config{}), "mf_process_maxfwd_header", "10")
	count(ctx)
	count(ctx)
	if got := moduletest.Headers(ctx); !strings.Contains(got, "\r\nMax-Forwards: 69\r\n") {
		t.Errorf("headers out:\n%s", got)
	}
}

// TestMalformedIs400: a header that is no number is the sender's fault, not a hop too many.
func TestMalformedIs400(t *testing.T) {
	for _, in := range []string{"Max-Forwards: many", "Max-Forwards: -1", "Max-Forwards: 256", "Max-Forwards: 1 0", "Max-Forwards:",
		"Max-Forwards: 99999999999999999999999", "Max-Forwards: 7\nMax-Forwards: 8"} {
		call := moduletest.Compile(t, maxfwd.New(maxfwd.Config{}), "mf_process_maxfwd_header", "10")
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
			if got := call(ctx); got != module.Stop {
				t.Errorf("%q: returned %d, want the script to end", in, got)
			}
		}})
		out := r.Receive("udp:192.0.2.7:5060", moduletest.Request("OPTIONS", "sip:example.org", in))
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 400 Bad Max-Forwards\r\n") {
			t.Errorf("%q: sent %+v, want 400", in, out)
		}
	}
}

func TestIsMaxfwdLt(t *testing.T) {
	call := moduletest.Compile(t, maxfwd.New(maxfwd.Config{}), "is_maxfwd_lt", "10")
	for in, want := range map[string]int{"Max-Forwards: 9": 1, "Max-Forwards: 10": -1, "Max-Forwards: x": -2, "X-None: 1": -3} {
		if got := call(moduletest.Message(t, moduletest.Request("OPTIONS", "sip:example.org", in))); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func TestBadSettings(t *testing.T) {
	m := maxfwd.New(maxfwd.Config{})
	for _, arg := range []string{"0", "256", "ten", ""} {
		if got := moduletest.Refused(t, m, "mf_process_maxfwd_header", arg); !strings.Contains(got, "no number from 1 to 255") {
			t.Errorf("%q: %s", arg, got)
		}
	}
	if got := moduletest.Refused(t, m, "is_maxfwd_lt", "257"); !strings.Contains(got, "no number from 1 to 256") {
		t.Error(got)
	}
	if err := moduletest.Set(t, m, "max_limit", "0"); err == nil || err.Error() != "max_limit 0 is not from 1 to 255" {
		t.Errorf("max_limit 0: %v", err)
	}
	if err := moduletest.Set(t, m, "max_limit", "20"); err != nil {
		t.Fatal(err)
	}
	ctx := moduletest.Message(t, moduletest.Request("OPTIONS", "sip:example.org", "Max-Forwards: 70"))
	moduletest.Compile(t, m, "mf_process_maxfwd_header", "10")(ctx)
	if got := moduletest.Headers(ctx); !strings.Contains(got, "\r\nMax-Forwards: 20\r\n") {
		t.Errorf("with max_limit 20 went out:\n%s", got)
	}
}
