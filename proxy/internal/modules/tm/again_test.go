package tm_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sl"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
)

// TestRelayTwice: a second t_relay is false, and neither it nor a sl_reply_error for it ends
// the call that the first one has begun.
func TestRelayTwice(t *testing.T) {
	for _, args := range [][]string{{"t_relay"}, {"t_relay", "198.51.100.9", "5060"}, {"t_relay_to_udp"}, {"t_relay_to_udp", "198.51.100.9", "5060"}} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), args[0], args[1:]...)
		sorry := moduletest.Compile(t, sl.New(sl.Config{}), "sl_reply_error")
		r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
			if first, second := send(c), send(c); first != module.True || second != module.False {
				t.Errorf("%s: the first is %d, the second %d", args, first, second)
			}
			sorry(c)
		}})
		out := r.Receive(phone, invite("sip:bob@198.51.100.9"))
		moduletest.Find(t, out, "SIP/2.0 100")
		sent := moduletest.Find(t, out, "INVITE sip:bob@198.51.100.9 ")
		if len(out) != 2 {
			t.Errorf("%s: sent %d messages: %+v", args, len(out), out)
		}
		moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, sent, 200)), "SIP/2.0 200")
	}
}

// TestRelayACKTwice: an ACK goes on once, too.
func TestRelayACKTwice(t *testing.T) {
	send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if first, second := send(c), send(c); first != module.True || second != module.False {
			t.Errorf("the first is %d, the second %d", first, second)
		}
	}})
	if out := r.Receive(phone, moduletest.Request("ACK", "sip:bob@198.51.100.9")); len(out) != 1 {
		t.Errorf("sent %+v", out)
	}
}

// TestRelayMoreThatFails: a branch that cannot be sent does not end those that are under way.
func TestRelayMoreThatFails(t *testing.T) {
	send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		send(c)
		if err := c.AddTarget(relay.Target{URI: []byte("tel:+49301")}); err != nil {
			t.Error(err)
		}
		if got := send(c); got != module.False {
			t.Errorf("the second t_relay is %d", got)
		}
	}})
	out := r.Receive(phone, invite("sip:bob@198.51.100.9"))
	sent := moduletest.Find(t, out, "INVITE sip:bob@198.51.100.9 ")
	if len(out) != 2 {
		t.Errorf("sent %d messages: %+v", len(out), out)
	}
	moduletest.Find(t, r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, sent, 200)), "SIP/2.0 200")
}

// TestFailureRouteNextHop: the script's next hop is there in the failure route; one that
// belonged to a phone that was found, or to t_relay itself, does not lead another
// Request-URI astray.
func TestFailureRouteNextHop(t *testing.T) {
	m := tm.New(tm.Config{})
	send, through := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_relay", "198.51.100.20", "5060")
	arm := moduletest.Compile(t, m, "t_on_failure", "1")
	hop := []byte("sip:198.51.100.20")
	for _, x := range []struct {
		name    string
		request func(*module.Ctx)
		change  func(*module.Ctx)
		next    string // $du as the failure route begins
		to      string // where the second INVITE goes
	}{
		{"of the script", func(c *module.Ctx) { c.SetNext(hop); send(c) }, moveTo, "sip:198.51.100.20", "198.51.100.20:5060"},
		{"of the script, taken back", func(c *module.Ctx) { c.SetNext(hop); send(c) },
			func(c *module.Ctx) { c.SetNext(nil); moveTo(c) }, "sip:198.51.100.20", "198.51.100.21:5060"},
		{"of a phone", func(c *module.Ctx) { c.Main.Next = hop; send(c) }, moveTo, "sip:198.51.100.20", "198.51.100.21:5060"},
		{"of t_relay", func(c *module.Ctx) { through(c) }, moveTo, "", "198.51.100.21:5060"},
	} {
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) { arm(c); x.request(c) },
			Failure: func(c *module.Ctx, _ int) {
				if string(c.Main.Next) != x.next {
					t.Errorf("%s: the failure route begins with %q", x.name, c.Main.Next)
				}
				x.change(c)
				send(c)
			},
		})
		first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
		out := r.Receive("udp:198.51.100.20:5060", moduletest.Answer(t, first, 486))
		if second := moduletest.Find(t, out, "INVITE sip:bob@198.51.100.21 "); second.To.Remote.String() != x.to {
			t.Errorf("%s: it went to %v", x.name, second.To.Remote)
		}
	}
}

func moveTo(c *module.Ctx) {
	_ = c.SetURI([]byte("sip:bob@198.51.100.21"))
	c.Moved()
}

// TestFailureRouteKeepsWhatIsGiven: a target that a user has named is one still when the
// failure route tries it again.
func TestFailureRouteKeepsWhatIsGiven(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	var got relay.Target
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			c.Main.Given, c.Main.Flags, c.Main.Q = true, 5, 300
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) { got = c.Main },
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486))
	if !got.Given || got.Flags != 5 || got.Q != 300 || !strings.HasPrefix(string(got.URI), "sip:bob@") {
		t.Errorf("the failure route begins with %+v", got)
	}
}

// TestRelayToAHostIsToNoPhone: what t_relay sends to a host goes to a server, whatever lookup has
// found before: one that refuses the connection is out of service. Another transport is another
// way to the same phone.
func TestRelayToAHostIsToNoPhone(t *testing.T) {
	m := tm.New(tm.Config{})
	for _, x := range []struct {
		call  []string
		phone bool
	}{{[]string{"t_relay"}, true}, {[]string{"t_relay", "198.51.100.21", "5060"}, false}, {[]string{"t_relay_to_udp"}, true}} {
		send, phoneStays := moduletest.Compile(t, m, x.call[0], x.call[1:]...), false
		r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
			c.Main.Phone = true
			send(c)
			phoneStays = c.Main.Phone
		}})
		moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
		if phoneStays != x.phone {
			t.Errorf("%q: it goes to a phone: %v", x.call, phoneStays)
		}
	}
}
