package ratelimit_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/ratelimit"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
)

func newModule(t testing.TB, settings ...string) *ratelimit.Module {
	t.Helper()
	m := ratelimit.New(ratelimit.Config{})
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Init(); err != nil {
		t.Fatal(err)
	}
	return m
}

func request(t testing.TB, method, ip string) *module.Ctx {
	t.Helper()
	c := moduletest.Message(t, moduletest.Request(method, "sip:example.org"))
	c.From = transport.Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)}
	return c
}

// passed is how many of n requests pass.
func passed(call module.Call, c *module.Ctx, n int) int {
	count := 0
	for range n {
		if call(c) > 0 {
			count++
		}
	}
	return count
}

// TestTailDrop: the first ones of an interval pass.
func TestTailDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "timer_interval=2", "pipe=3:TAILDROP:50", "queue=3:INVITE")
		call, c := moduletest.Compile(t, m, "rl_check"), request(t, "INVITE", "192.0.2.7")
		for i := range 3 {
			if got := passed(call, c, 150); got != 100 {
				t.Errorf("interval %d: %d of 150 passed, want 100", i, got)
			}
			time.Sleep(2 * time.Second)
		}
		if got := passed(call, request(t, "REGISTER", "192.0.2.7"), 150); got != 150 {
			t.Errorf("a method without a queue: %d of 150 passed", got)
		}
		limited := int64(-1)
		m.Statistics(func(_, name string, v int64) {
			if name == "limited" {
				limited = v
			}
		})
		if limited != 150 {
			t.Errorf("limited %d, want 150", limited)
		}
	})
}

// TestRED: an even share of the requests passes, by what the interval before was like.
func TestRED(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "timer_interval=1", "pipe=0:RED:50")
		call, c := moduletest.Compile(t, m, "rl_check_pipe", "0"), request(t, "INVITE", "192.0.2.7")
		if got := passed(call, c, 200); got != 200 {
			t.Errorf("nothing is known yet: %d of 200 passed", got)
		}
		time.Sleep(time.Second)
		for i := range 4 {
			if got := passed(call, c, 50); got < 12 || got > 13 {
				t.Errorf("quarter %d: %d of 50 passed, want a quarter", i, got)
			}
		}
		time.Sleep(time.Second)
		passed(call, c, 10)
		time.Sleep(time.Second)
		if got := passed(call, c, 40); got != 40 {
			t.Errorf("after a quiet interval %d of 40 passed", got)
		}
		passed(call, c, 500)
		time.Sleep(10 * time.Second)
		if got := passed(call, c, 40); got != 40 {
			t.Errorf("after a pause %d of 40 passed", got)
		}
	})
}

func TestQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "timer_interval=1", "pipe=0:TAILDROP:5", "pipe=1:TAILDROP:7", "queue=0:REGISTER", "queue=1:*", "queue=0:INVITE")
		call := moduletest.Compile(t, m, "rl_check")
		for _, c := range []struct {
			method string
			want   int
		}{{"REGISTER", 5}, {"INVITE", 7}, {"OPTIONS", 0}, {"SOMETHING", 0}} {
			if got := passed(call, request(t, c.method, "192.0.2.7"), 20); got != c.want {
				t.Errorf("%s: %d of 20 passed, want %d", c.method, got, c.want)
			}
		}
	})
}

// TestNamedPipe: the argument may be a number or a variable; a pipe that there is not limits nothing.
func TestNamedPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "timer_interval=1", "pipe=2:TAILDROP:5")
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:example.org", "X-Pipe: 2", "X-Bad: 99", "X-Text: two"))
		for _, k := range []struct {
			function, arg string
			want          int
		}{{"rl_check", "2", 5}, {"rl_check_pipe", "2", 0}, {"rl_check", "$hdr(X-Pipe)", 0}, {"rl_check_pipe", "4", 10},
			{"rl_check", "$hdr(X-Bad)", 10}, {"rl_check", "$hdr(X-Text)", 10}} {
			if got := passed(moduletest.Compile(t, m, k.function, k.arg), c, 10); got != k.want {
				t.Errorf("%s(%s): %d of 10 passed, want %d", k.function, k.arg, got, k.want)
			}
		}
		c.Local = &relay.Local{}
		if got := passed(moduletest.Compile(t, m, "rl_check", "2"), c, 10); got != 10 {
			t.Errorf("of the router's own requests %d of 10 passed", got)
		}
	})
}

// TestSources: each source has the limit for itself, and a crowd does not make the table grow.
func TestSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "timer_interval=1", "pipe=0:TAILDROP:5", "pipe=1:TAILDROP:8")
		call := moduletest.Compile(t, m, "rl_check_source", "0")
		for range 2 {
			for _, ip := range []string{"192.0.2.7", "192.0.2.8", "2001:db8::1"} {
				if got := passed(call, request(t, "INVITE", ip), 20); got != 5 {
					t.Errorf("%s: %d of 20 passed, want 5", ip, got)
				}
			}
			if got := passed(call, request(t, "INVITE", "2001:db8::ffff"), 20); got != 0 {
				t.Errorf("another address of the same network: %d passed", got)
			}
			if got := passed(moduletest.Compile(t, m, "rl_check_source", "1"), request(t, "INVITE", "192.0.2.7"), 20); got != 8 {
				t.Errorf("another pipe: %d of 20 passed, want 8", got)
			}
			crowd := request(t, "INVITE", "192.0.2.7")
			for i := range 60_000 {
				crowd.From.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5060)
				call(crowd)
			}
			if got := passed(call, request(t, "INVITE", "192.0.2.7"), 20); got != 0 {
				t.Errorf("after a crowd %d requests of a source that had its share passed", got)
			}
			time.Sleep(time.Second)
		}
		if got := passed(moduletest.Compile(t, m, "rl_check_source", "9"), request(t, "INVITE", "192.0.2.7"), 20); got != 20 {
			t.Errorf("a pipe that there is not: %d of 20 passed", got)
		}
	})
}

func TestControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModule(t, "pipe=1:RED:100", "pipe=0:TAILDROP:5")
		passed(moduletest.Compile(t, m, "rl_check_pipe", "0"), request(t, "INVITE", "192.0.2.7"), 20)
		want := []ctlproto.RlPipe{{ID: 0, Algorithm: "TAILDROP", Limit: 5, Counter: 20}, {ID: 1, Algorithm: "RED", Limit: 100}}
		if diff := cmp.Diff(want, m.Pipes()); diff != "" {
			t.Error(diff)
		}
		if err := m.SetPipe(0, "TAILDROP", 1); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		if got := passed(moduletest.Compile(t, m, "rl_check_pipe", "0"), request(t, "INVITE", "192.0.2.7"), 20); got != 10 {
			t.Errorf("with the new limit %d of 20 passed, want 10", got)
		}
		for _, bad := range []error{m.SetPipe(16, "RED", 1), m.SetPipe(-1, "RED", 1), m.SetPipe(0, "FEEDBACK", 80), m.SetPipe(0, "RED", 0)} {
			if bad == nil {
				t.Error("a bad pipe is taken")
			}
		}
	})
}

func TestBadSettings(t *testing.T) {
	for _, c := range [][2]string{
		{"timer_interval=0", "timer_interval 0 is not from 1 to 3600 seconds"},
		{"pipe=0:TAILDROP", `pipe "0:TAILDROP" is not of the form number:algorithm:limit`},
		{"pipe=16:RED:1", `the number "16" of a pipe is not from 0 to 15`},
		{"pipe=0:NETWORK:1", `algorithm "NETWORK" is neither TAILDROP nor RED`},
		{"pipe=0:RED:x", `the limit "x" of a pipe is no number`},
		{"pipe=0:RED:0", "the limit 0 of a pipe is not from 1 to 16777216 requests a second"},
		{"queue=INVITE", `queue "INVITE" is not of the form number:method`},
		{"queue=0:", `queue "0:" is not of the form number:method`},
		{"queue=x:INVITE", `the number "x" of a pipe is not from 0 to 15`},
	} {
		name, value, _ := strings.Cut(c[0], "=")
		if err := moduletest.Set(t, ratelimit.New(ratelimit.Config{}), name, value); err == nil || err.Error() != c[1] {
			t.Errorf("%s: %v", c[0], err)
		}
	}
	m := ratelimit.New(ratelimit.Config{})
	if err := moduletest.Set(t, m, "queue", "3:INVITE"); err != nil {
		t.Fatal(err)
	}
	if err := m.Check(); err == nil || err.Error() != "the queue of INVITE leads to pipe 3, which is not defined" {
		t.Errorf("a queue without a pipe: %v", err)
	}
	for _, f := range []string{"rl_check", "rl_check_pipe", "rl_check_source"} {
		if got := moduletest.Refused(t, m, f, "16"); got != `the number "16" of a pipe is not from 0 to 15` {
			t.Errorf("%s: %s", f, got)
		}
	}
}
