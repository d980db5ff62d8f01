package tm_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/txn"
)

// TestNewtranAndReply is the handbook's: a transaction first, then its reply.
func TestNewtranAndReply(t *testing.T) {
	m := tm.New(tm.Config{})
	begin, accept, again := moduletest.Compile(t, m, "t_newtran"), moduletest.Compile(t, m, "t_reply", "202", "Accepted for Later Delivery"),
		moduletest.Compile(t, m, "t_reply", "503")
	runs := 0
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		runs++
		if a, b, d := begin(c), accept(c), again(c); a != module.True || b != module.True || d != module.False {
			t.Errorf("returned %d, %d and %d; want true, true, false", a, b, d)
		}
	}})
	for range 3 {
		out := r.Receive(phone, moduletest.Request("MESSAGE", "sip:bob@example.org"))
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 202 Accepted for Later Delivery\r\n") {
			t.Fatalf("sent %+v", out)
		}
	}
	if runs != 1 {
		t.Errorf("the script ran %d times for one request and two repetitions", runs)
	}
}

func TestReplyWithoutTransaction(t *testing.T) {
	gone := moduletest.Compile(t, tm.New(tm.Config{}), "t_reply", "410")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) { gone(c) }})
	moduletest.Find(t, r.Receive(phone, invite("sip:bob@example.org")), "SIP/2.0 410 Gone\r\n")
}

func TestReplyInFailureRoute(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	moved := moduletest.Compile(t, m, "t_reply", "302", "Try the other one")
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if got := moved(c); got != module.True {
				t.Errorf("t_reply returned %d", got)
			}
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	out := r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486))
	moduletest.Find(t, out, "SIP/2.0 302 Try the other one")
	for _, p := range out {
		if strings.HasPrefix(p.Text, "SIP/2.0 486") {
			t.Error("the 486 went up as well")
		}
	}
}

func TestOnReplyRouteIsArmed(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_reply", "7")
	is180 := moduletest.Compile(t, m, "t_check_status", "^180$")
	var routes []int
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Reply: func(c *module.Ctx, route int) bool {
			routes = append(routes, route)
			if is180(c) != module.True {
				t.Errorf("t_check_status does not know the status %d of the reply", c.Final)
			}
			return true
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 180))
	if len(routes) != 1 || routes[0] != 7 {
		t.Errorf("reply routes %v ran, want 7", routes)
	}
}

func TestNewtranRefuses(t *testing.T) {
	begin := moduletest.Compile(t, tm.New(tm.Config{}), "t_newtran")
	script := &moduletest.Script{}
	r := moduletest.New(t, script, func(c *relay.Config) { c.Txn = txn.Config{Max: 1} })
	script.Request = func(c *module.Ctx) {
		if got := begin(c); got != module.False {
			t.Errorf("t_newtran of an ACK returned %d", got)
		}
	}
	if out := r.Receive(phone, moduletest.Request("ACK", "sip:bob@example.org")); len(out) != 0 {
		t.Errorf("an ACK was answered: %+v", out)
	}
	script.Request = func(c *module.Ctx) { _ = c.Relay() } // fills the table
	r.Receive(phone, invite("sip:bob@198.51.100.9"))
	script.Request = func(c *module.Ctx) {
		if got := begin(c); got != module.False || !c.Replied {
			t.Errorf("t_newtran with a full table returned %d, replied %v", got, c.Replied)
		}
	}
	out := r.Receive(phone, moduletest.Request("MESSAGE", "sip:bob@example.org"))
	moduletest.Find(t, out, "SIP/2.0 503 Service Unavailable\r\n")
	if !strings.Contains(out[0].Text, "\r\nRetry-After: 5\r\n") {
		t.Errorf("503 without Retry-After:\n%s", out[0].Text)
	}
}

// TestCopyOnAnotherWorker: of two workers that got the same request only one goes on;
// for the other the script ends without an answer.
func TestCopyOnAnotherWorker(t *testing.T) {
	m := tm.New(tm.Config{})
	for _, name := range []string{"t_newtran", "t_relay"} {
		call := moduletest.Compile(t, m, name)
		script := &moduletest.Script{}
		r := moduletest.New(t, script)
		text := invite("sip:bob@198.51.100.9")
		var results []int
		script.Request = func(c *module.Ctx) {
			script.Request = func(c *module.Ctx) {
				results = append(results, call(c))
				if name == "t_newtran" {
					_ = c.Relay()
				}
			}
			r.Meanwhile(phone, text)
			results = append(results, call(c))
		}
		out := r.Receive(phone, text)
		if len(results) != 2 || results[0] != module.True || results[1] != module.Stop {
			t.Errorf("%s returned %v, want true and stop", name, results)
		}
		moduletest.Find(t, out, "SIP/2.0 100")
		moduletest.Find(t, out, "INVITE sip:bob@198.51.100.9")
		if len(out) != 2 {
			t.Errorf("%s: sent %+v, want the 100 and one INVITE", name, out)
		}
	}
}
