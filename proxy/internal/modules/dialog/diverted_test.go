package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// toCarrier are ways in which a script sends numbers to a carrier, which is in no list of gateways.
var toCarrier = map[string]func(c *module.Ctx){
	"rewritten": func(c *module.Ctx) {
		if c.SetURI([]byte("sip:+1900@203.0.113.99")) == nil {
			c.Elsewhere()
		}
	},
	"through it": func(c *module.Ctx) { c.SetNext([]byte("sip:203.0.113.99")) },
	"beside it": func(c *module.Ctx) {
		_ = c.AddTarget(relay.Target{URI: []byte("sip:+1900@203.0.113.99")})
	},
	"its phone": func(c *module.Ctx) { // lookup has another user's
		finds(c, []byte("carol@example.org"))
		c.SetTarget(relay.Target{URI: []byte("sip:carol@192.0.2.99"), Phone: true})
	},
	"its phone after the other end's": func(c *module.Ctx) { // of whom it has found none
		c.Seek([]byte("bob@example.org"))
		finds(c, []byte("carol@example.org"))
		c.SetTarget(relay.Target{URI: []byte("sip:carol@192.0.2.99"), Phone: true})
	},
}

// TestDivertedWithinDialog: what a script makes of a request within a dialog, in its branch routes and after
// a failure, too, leads to hosts of that dialog and to no others, whatever the other end has called its
// Contact; with a Route of ours and without. Else who is in a call calls somebody else in no account.
func TestDivertedWithinDialog(t *testing.T) {
	const number = "sip:+1900@192.0.2.8"
	for name, divert := range toCarrier {
		for _, where := range []string{"main", "branch", "failure"} {
			for _, bare := range []bool{false, true} {
				if where == "branch" && name == "beside it" || where == "main" && strings.HasPrefix(name, "its phone") && !bare {
					continue // a branch route adds none; bob's own GRUU is looked up so
				}
				t.Run(strings.Join([]string{name, where, map[bool]string{true: "bare", false: "sealed"}[bare]}, ", "), func(t *testing.T) {
					o := newOffice(t)
					c := o.invites("mine").up("Contact: <" + number + ">")
					if bare {
						c.routes = ""
					}
					o.before = func(c *module.Ctx) int {
						c.OnBranch, c.OnFailure = 1, 1
						if where == "main" {
							divert(c)
						}
						return module.True
					}
					o.branch = func(c *module.Ctx) {
						if where == "branch" {
							divert(c)
						}
					}
					o.afterwards = func(c *module.Ctx) {
						if where == "failure" {
							divert(c)
							o.send(c)
						}
					}
					sent := c.request("INVITE", number, 2, "bt")
					for _, p := range sent {
						if strings.HasPrefix(p.Text, "INVITE ") && p.To.Remote.String() == "192.0.2.8:5060" {
							sent = append(sent, c.reply(bob, c.the("INVITE "+number, sent), 486)...)
							break
						}
					}
					if where == "failure" && !hasSent(sent, "INVITE "+number) {
						t.Error("the first try did not reach bob")
					}
					for _, p := range sent {
						if strings.HasPrefix(p.Text, "INVITE ") && p.To.Remote.Addr().String() != "192.0.2.8" {
							t.Errorf("it gets to %s: %.60q", p.To.Remote, p.Text)
						}
					}
					o.wantStates("after it", 0, 0, 0, 1)
				})
			}
		}
	}
}

// TestDivertedToTheOtherEnd: the other end's own hosts are no detour, nor is the way on which a challenge
// of its is answered, wherever its Contact is.
func TestDivertedToTheOtherEnd(t *testing.T) {
	o := newOffice(t)
	c := o.invites("moved").up("Contact: <sip:bob@192.0.2.99>")
	o.before = func(c *module.Ctx) int {
		c.OnFailure = 1
		return module.True
	}
	o.afterwards = func(c *module.Ctx) {
		if c.Final == 407 {
			_ = c.Authorize([]byte("Proxy-Authorization: Digest\r\n"))
		} else {
			c.SetNext([]byte("sip:192.0.2.8"))
		}
		o.send(c)
	}
	hold := c.the("INVITE ", c.request("INVITE", "sip:bob@192.0.2.99", 2, "bt"))
	sent := c.reply("udp:192.0.2.99:5060", hold, 407, "Proxy-Authenticate: Digest realm=x, nonce=y")
	again := sentTo(t, sent, "192.0.2.99:5060")
	for _, p := range sent {
		if strings.HasPrefix(p.Text, "INVITE ") {
			again = c.the("INVITE ", sent)
		}
	}
	if again.Named("Proxy-Authorization") == nil {
		t.Fatalf("the challenge is not answered: %v", sent)
	}
	n := 3
	o.before = func(c *module.Ctx) int {
		c.SetNext([]byte("sip:192.0.2.8"))
		return module.True
	}
	if m := sentTo(t, c.request("INFO", "sip:bob@192.0.2.99", n, "bt"), "192.0.2.8:5060"); m.Method != sip.INFO {
		t.Error("the script's own way to the other end is none")
	}
	for next, want := range map[string]bool{"sip:192.0.2.99;transport=udp": true, "sip:192.0.2.98;transport=udp": false, "sip:192.0.2.99:5070;transport=udp": false} {
		o.before = func(c *module.Ctx) int { // t_relay_to_udp()
			c.Main.Next, c.Main.NextOf = []byte(next), relay.NextRelay
			return module.True
		}
		n++
		if got := hasSent(c.request("INFO", "sip:bob@192.0.2.99", n, "bt"), "INFO "); got != want {
			t.Errorf("by %s: %v", next, got)
		}
	}
}

// TestFailureRouteKeepsTheRoute: within a dialog a failure route, too, sends along the other end's route set, and
// not to the Request-URI, which is for those who stand at its end.
func TestFailureRouteKeepsTheRoute(t *testing.T) {
	o := newOffice(t)
	c := o.throughPBX("along", bobContact)
	o.before = func(c *module.Ctx) int {
		c.OnFailure = 1
		return module.True
	}
	o.afterwards = func(m *module.Ctx) {
		_ = m.AddTarget(m.Main) // append_branch()
		o.send(m)
	}
	const number = "sip:+1900@203.0.113.99"
	sent := c.reply(pbxAt, c.the("INVITE ", c.request("INVITE", number, 2, "bt")), 503)
	again := 0
	for _, p := range sent {
		if strings.HasPrefix(p.Text, "INVITE ") {
			if again++; p.To.Remote.String() != "203.0.113.51:5060" || !strings.Contains(p.Text, "\r\nRoute: "+pbxHop+"\r\n") {
				t.Errorf("it gets to %s: %s", p.To.Remote, p.Text)
			}
		}
	}
	if again != 1 {
		t.Errorf("it is sent %d times: %v", again, sent)
	}
}
