package tm_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
)

// uris are the Request-URIs of the INVITEs among what was sent.
func uris(out []moduletest.Packet) string {
	var list []string
	for _, p := range out {
		if strings.HasPrefix(p.Text, "INVITE ") {
			list = append(list, strings.TrimPrefix(strings.Fields(p.Text)[1], "sip:"))
		}
	}
	return strings.Join(list, " ")
}

func sent(t *testing.T, out []moduletest.Packet, uri string) moduletest.Packet {
	t.Helper()
	return moduletest.Find(t, out, "INVITE sip:"+uri+" ")
}

// TestSerialForking: one q after the other, those of the same q at once, until none is
// left; then the best reply goes up.
func TestSerialForking(t *testing.T) {
	m := tm.New(tm.Config{})
	load, next := moduletest.Compile(t, m, "t_load_contacts"), moduletest.Compile(t, m, "t_next_contacts")
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	var left []int
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			for i, q := range []int16{500, 1000, 200, 1000} {
				target := relay.Target{URI: []byte("sip:" + string(rune('a'+i)) + "@198.51.100.9"), Q: q}
				if i == 0 {
					c.Main = target
				} else if err := c.AddTarget(target); err != nil {
					t.Fatal(err)
				}
			}
			if load(c) != module.True || next(c) != module.True {
				t.Error("t_load_contacts or t_next_contacts is false")
			}
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			n := next(c)
			left = append(left, n)
			if n > 0 {
				arm(c)
				send(c)
			}
		},
	})
	out := r.Receive(phone, invite("sip:bob@example.org"))
	if got := uris(out); got != "b@198.51.100.9 d@198.51.100.9" {
		t.Fatalf("first %q", got)
	}
	b, d := sent(t, out, "b@198.51.100.9"), sent(t, out, "d@198.51.100.9")
	if got := uris(r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, b, 486))); got != "" {
		t.Errorf("%q was called while the other phone still rang", got)
	}
	out = r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, d, 404))
	if got := uris(out); got != "a@198.51.100.9" {
		t.Fatalf("second %q", got)
	}
	out = r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, sent(t, out, "a@198.51.100.9"), 480))
	if got := uris(out); got != "c@198.51.100.9" {
		t.Fatalf("third %q", got)
	}
	out = r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, sent(t, out, "c@198.51.100.9"), 480))
	moduletest.Find(t, out, "SIP/2.0 404")
	if len(left) != 3 || left[0] != module.True || left[2] != -2 {
		t.Errorf("t_next_contacts returned %v in the failure route, want 1, 1, -2", left)
	}
}

// TestNextContactsWithoutLoad has nothing to do.
func TestNextContactsWithoutLoad(t *testing.T) {
	next := moduletest.Compile(t, tm.New(tm.Config{}), "t_next_contacts")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if got := next(c); got != -2 {
			t.Errorf("returned %d", got)
		}
		if string(c.Main.URI) != "sip:bob@example.org" {
			t.Errorf("the Request-URI became %s", c.Main.URI)
		}
	}})
	r.Receive(phone, invite("sip:bob@example.org"))
}

// TestDropReplies: what led to the failure route does not go up any more.
func TestDropReplies(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	for mode, want := range map[string]string{"a": "SIP/2.0 480", "n": "SIP/2.0 404"} {
		drop := moduletest.Compile(t, m, "t_drop_replies", mode)
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				arm(c)
				send(c)
			},
			Failure: func(c *module.Ctx, _ int) {
				if drop(c) != module.True {
					t.Error("t_drop_replies is false")
				}
				if err := c.AddTarget(relay.Target{URI: []byte("sip:other@198.51.100.9")}); err != nil {
					t.Fatal(err)
				}
				send(c)
			},
		})
		first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
		second := sent(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 404)), "other@198.51.100.9")
		moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, second, 480)), want)
	}
}

// TestCancelBranches: a reply route ends the other phones, its own, or all.
func TestCancelBranches(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_reply", "1")
	for which, want := range map[string]string{"others": "b", "this": "a", "all": "a b"} {
		cancel := moduletest.Compile(t, m, "t_cancel_branches", which)
		rang := 0
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				c.Main.URI = []byte("sip:a@198.51.100.9")
				if err := c.AddTarget(relay.Target{URI: []byte("sip:b@198.51.100.9")}); err != nil {
					t.Fatal(err)
				}
				arm(c)
				send(c)
			},
			Reply: func(c *module.Ctx, _ int) bool {
				if rang++; rang == 2 && cancel(c) != module.True {
					t.Error("t_cancel_branches is false")
				}
				return true
			},
		})
		out := r.Receive(phone, invite("sip:bob@example.org"))
		a, b := sent(t, out, "a@198.51.100.9"), sent(t, out, "b@198.51.100.9")
		r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, b, 180))
		var got []string
		// The CANCEL of the branch that rings now may wait for the state of that branch.
		for _, p := range r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, a, 180)) {
			if strings.HasPrefix(p.Text, "CANCEL sip:") {
				got = append(got, p.Text[len("CANCEL sip:"):len("CANCEL sip:")+1])
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: CANCELs to %q, want %q", which, s, want)
		}
	}
}

// TestIsCancelled: a failure route, and a reply route, can ask whether the caller still waits.
func TestIsCancelled(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm, gone := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_reply", "1"), moduletest.Compile(t, m, "t_is_canceled")
	var seen []int
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			if gone(c) != module.False {
				t.Error("cancelled before it began")
			}
			arm(c)
			send(c)
		},
		Reply: func(c *module.Ctx, route int) bool {
			if route == 1 {
				seen = append(seen, gone(c))
			}
			return true
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 180))
	r.Receive(phone, strings.ReplaceAll(moduletest.Request("CANCEL", "sip:bob@198.51.100.9"), "z9hG4bK-CANCEL", "z9hG4bK-INVITE"))
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 487))
	if len(seen) != 2 || seen[0] != module.False || seen[1] != module.True {
		t.Errorf("t_is_canceled was %v in the replies 180 and 487", seen)
	}
}

// TestBranchTimeoutAsked: an answer is no time-out. (That silence is one is a test of the
// relay's: it needs a clock.)
func TestBranchTimeoutAsked(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm, timeout := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1"), moduletest.Compile(t, m, "t_branch_timeout")
	ran := false
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if ran = true; timeout(c) != module.False {
				t.Error("a 408 of the callee is called a time-out of ours")
			}
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 408))
	if !ran {
		t.Error("no failure route")
	}
}

// TestRefusalsAsked: of several phones each answer can be asked for, and only those since the
// request was last sent on. (That silence is a time-out is a test of the relay's.)
func TestRefusalsAsked(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm, late := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1"), moduletest.Compile(t, m, "t_any_timeout")
	busy, stale, best := moduletest.Compile(t, m, "t_grep_status", "486"), moduletest.Compile(t, m, "t_grep_status", "404"), moduletest.Compile(t, m, "t_check_status", "404")
	var seen [][]int
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			if late(c) == module.True || busy(c) == module.True {
				t.Error("there are answers before the request was sent on")
			}
			c.Main.URI = []byte("sip:a@198.51.100.9")
			if err := c.AddTarget(relay.Target{URI: []byte("sip:b@198.51.100.9")}); err != nil {
				t.Fatal(err)
			}
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			seen = append(seen, []int{late(c), busy(c), stale(c), best(c)})
			if len(seen) == 1 {
				if err := c.AddTarget(relay.Target{URI: []byte("sip:c@198.51.100.9")}); err != nil {
					t.Fatal(err)
				}
				arm(c)
				send(c)
			}
		},
	})
	out := r.Receive(phone, invite("sip:bob@example.org"))
	a, b := sent(t, out, "a@198.51.100.9"), sent(t, out, "b@198.51.100.9")
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, a, 404))
	third := sent(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, b, 486)), "c@198.51.100.9")
	moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, third, 486)), "SIP/2.0 404")
	if diff := cmp.Diff([][]int{{-1, 1, 1, 1}, {-1, 1, -1, -1}}, seen); diff != "" {
		t.Errorf("t_any_timeout, t_grep_status 486 and 404, t_check_status 404 (-want +got):\n%s", diff)
	}
}

// TestRepliesAsked: a gateway that rang is told from one that refuses at once; the refusal itself does not
// count, and nor does what another branch of an earlier round has said.
func TestRepliesAsked(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	branch, some := moduletest.Compile(t, m, "t_branch_replied"), moduletest.Compile(t, m, "t_any_replied")
	var seen [][2]int
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) { arm(c); send(c) },
		Failure: func(c *module.Ctx, _ int) {
			seen = append(seen, [2]int{branch(c), some(c)})
			if len(seen) < 3 {
				for _, to := range []string{"c", "d"}[:3-len(seen)] {
					if err := c.AddTarget(relay.Target{URI: []byte("sip:" + to + strconv.Itoa(len(seen)) + "@198.51.100.9")}); err != nil {
						t.Fatal(err)
					}
				}
				arm(c)
				send(c)
			}
		},
	})
	const gateway = "udp:198.51.100.9:5060"
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	r.Receive(gateway, moduletest.Answer(t, first, 180))
	out := r.Receive(gateway, moduletest.Answer(t, first, 486)) // it rang
	c, d := sent(t, out, "c1@198.51.100.9"), sent(t, out, "d1@198.51.100.9")
	r.Receive(gateway, moduletest.Answer(t, c, 486))
	out = r.Receive(gateway, moduletest.Answer(t, d, 404)) // neither rang, but the other one has said something
	r.Receive(gateway, moduletest.Answer(t, sent(t, out, "c2@198.51.100.9"), 486))
	if diff := cmp.Diff([][2]int{{1, 1}, {-1, 1}, {-1, -1}}, seen); diff != "" {
		t.Errorf("t_branch_replied, t_any_replied (-want +got):\n%s", diff)
	}
}

// TestTimersOfOneTransaction are set and taken back.
func TestTimersOfOneTransaction(t *testing.T) {
	m := tm.New(tm.Config{})
	set, reset := moduletest.Compile(t, m, "t_set_fr", "20000", "500"), moduletest.Compile(t, m, "t_reset_fr")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		set(c)
		if ring, silence := c.Timers(); ring != 20*time.Second || silence != 500*time.Millisecond {
			t.Errorf("timers %v and %v", ring, silence)
		}
		reset(c)
		if ring, silence := c.Timers(); ring != 0 || silence != 0 {
			t.Errorf("timers %v and %v after t_reset_fr", ring, silence)
		}
	}})
	r.Receive(phone, invite("sip:bob@198.51.100.9"))
}

// TestBadForkArguments are named.
func TestBadForkArguments(t *testing.T) {
	m := tm.New(tm.Config{})
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"t_set_fr", []string{"-1"}, `fr_inv_timer in milliseconds: "-1" is no number from 0 to 3600000`},
		{"t_set_fr", []string{"1", "soon"}, `fr_timer in milliseconds: "soon" is no number from 0 to 3600000`},
		{"t_drop_replies", []string{"x"}, `"x" is none of "a" (all), "l" (last), "n" (none)`},
		{"t_any_timeout", []string{"all"}, `"all" is not "rang"`},
		{"t_grep_status", []string{"busy"}, `the status of a refusal: "busy" is no number from 300 to 699`},
		{"t_grep_status", []string{"200"}, `the status of a refusal: "200" is no number from 300 to 699`},
		{"t_cancel_branches", []string{"mine"}, `"mine" is none of "all", "others", "this"`},
		{"t_relay_to_tls", []string{"198.51.100.9", "0"}, `port "0" is no number from 1 to 65535`},
	} {
		if got := moduletest.Refused(t, m, c.name, c.args...); got != c.want {
			t.Errorf("%s(%q): %s, want %s", c.name, c.args, got, c.want)
		}
	}
}
