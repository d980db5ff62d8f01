package tm_test

import (
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
)

// TestTimersOfAVPs: the AVPs that the parameters name give this transaction its timers, in seconds.
func TestTimersOfAVPs(t *testing.T) {
	for _, x := range []struct {
		name         string
		ring, silent string // the parameters
		avp          string
		value        module.Value
		wantRing     time.Duration
		wantSilent   time.Duration
	}{
		{"SER's ring", "i:24", "", "i:24", module.Number(20), 20 * time.Second, 0},
		{"Kamailio's ring", "$avp(i:24)", "", "i:24", module.Number(20), 20 * time.Second, 0},
		{"a name", "$avp(ring)", "s:silent", "silent", module.Text([]byte("7")), 0, 7 * time.Second},
		{"both", "x", "x", "x", module.Number(9), 9 * time.Second, 9 * time.Second},
		{"zero", "x", "x", "x", module.Number(0), 0, 0},
		{"too long", "x", "x", "x", module.Number(301), 301 * time.Second, 0},
		{"much too long", "x", "x", "x", module.Number(901), 0, 0},
		{"no number", "x", "x", "x", module.Text([]byte("soon")), 0, 0},
		{"another AVP", "x", "x", "y", module.Number(9), 0, 0},
	} {
		m := tm.New(tm.Config{})
		for name, value := range map[string]string{"fr_inv_timer_avp": x.ring, "fr_timer_avp": x.silent} {
			if value == "" {
				continue
			}
			if err := moduletest.Set(t, m, name, value); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
		}
		send := moduletest.Compile(t, m, "t_relay")
		r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
			if !c.SetAVP(x.avp, x.value) || send(c) != module.True {
				t.Errorf("%s: not sent", x.name)
			}
			if ring, silent := c.Timers(); ring != x.wantRing || silent != x.wantSilent {
				t.Errorf("%s: rings %v, is silent %v; want %v and %v", x.name, ring, silent, x.wantRing, x.wantSilent)
			}
		}})
		moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	}
}

func TestBadTimerAVPs(t *testing.T) {
	for _, text := range []string{"", "$avp(", "$avp()", "$var(x)", "$ru", "$avp(x) ", "a b)c"} {
		for _, name := range []string{"fr_inv_timer_avp", "fr_timer_avp"} {
			if err := moduletest.Set(t, tm.New(tm.Config{}), name, text); err == nil || !strings.Contains(err.Error(), "names no AVP") {
				t.Errorf("%s %q: %v", name, text, err)
			}
		}
	}
}

// TestFailureReplyMode: what the caller gets if the second callee is out of service, and the first one
// was busy: with 3, as Debian's script has it, not what the first one said.
func TestFailureReplyMode(t *testing.T) {
	for mode, want := range map[string]string{"0": "SIP/2.0 486", "1": "SIP/2.0 500", "2": "SIP/2.0 500", "3": "SIP/2.0 500"} {
		m := tm.New(tm.Config{})
		if err := moduletest.Set(t, m, "failure_reply_mode", mode); err != nil {
			t.Fatal(err)
		}
		send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				arm(c)
				send(c)
			},
			Failure: func(c *module.Ctx, _ int) {
				if err := c.SetURI([]byte("sip:carol@198.51.100.10")); err != nil || send(c) != module.True {
					t.Errorf("not sent on: %v", err)
				}
			},
		})
		first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
		second := moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486)), "INVITE sip:carol")
		moduletest.Find(t, r.Receive("udp:198.51.100.10:5060", moduletest.Answer(t, second, 503)), want)
	}
	for _, mode := range []string{"-1", "4"} {
		if err := moduletest.Set(t, tm.New(tm.Config{}), "failure_reply_mode", mode); err == nil || !strings.Contains(err.Error(), "from 0 to 3") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// TestKindsOfRoutes: each question is true in its kind of route alone.
func TestKindsOfRoutes(t *testing.T) {
	m := tm.New(tm.Config{})
	kinds := map[string]module.Routes{"t_is_request_route": module.RequestRoute, "t_is_failure_route": module.FailureRoute,
		"t_is_branch_route": module.BranchRoute, "t_is_reply_route": module.ReplyRoute}
	c := moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	for name := range kinds {
		for other, kind := range kinds {
			c.Route = kind
			if got := moduletest.Compile(t, m, name)(c); (got == module.True) != (name == other) {
				t.Errorf("%s is %d where %s should be", name, got, other)
			}
		}
	}
}

// TestRelease: it is true for a transaction that is neither answered nor relayed; the script
// ends that, and the request comes to it again.
func TestRelease(t *testing.T) {
	m := tm.New(tm.Config{})
	begin, release := moduletest.Compile(t, m, "t_newtran"), moduletest.Compile(t, m, "t_release")
	reply := moduletest.Compile(t, m, "t_reply", "404", "Gone")
	runs := 0
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		runs++
		if got := release(c); got != module.False {
			t.Errorf("without a transaction: %d", got)
		}
		begin(c)
		if got := release(c); got != module.True {
			t.Errorf("after t_newtran: %d", got)
		}
		if runs == 2 {
			reply(c)
			if got := release(c); got != module.False {
				t.Errorf("after an answer: %d", got)
			}
		}
	}})
	for range 3 {
		r.Receive(phone, moduletest.Request("OPTIONS", "sip:bob@example.org"))
	}
	if runs != 2 {
		t.Errorf("the script ran %d times", runs)
	}
}
