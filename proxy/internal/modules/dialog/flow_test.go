package dialog_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// aliceByFlow is alice's Contact where she wants to be reached on her flow (RFC 5626), and
// aliceMoved where she is after her port has changed.
const aliceByFlow, aliceMoved = "sip:alice@192.0.2.7;ob", "udp:192.0.2.7:6060"

// byFlows makes the router tell the flow of each phone that it calls in its Record-Route.
func (o *office) byFlows() {
	o.before = func(c *module.Ctx) int { c.Main.Group = 1; return 1 }
}

// sentOnlyTo is sentTo for what must be the only request that is sent.
func sentOnlyTo(t *testing.T, what string, c *call, method, address string, send func() (from string, text string)) *sip.Message {
	t.Helper()
	from, text := send()
	sent := c.router.Receive(from, text)
	for _, p := range sent {
		if strings.HasPrefix(p.Text, method+" ") && p.To.Remote.String() != address {
			t.Errorf("%s: %s goes to %s, want %s", what, method, p.To.Remote, address)
		}
	}
	return sentTo(t, sent, address)
}

// TestPhoneThatMoved: a phone that is reached by its flow, and whose port has changed in the
// call, holds and hangs up: its requests go to the other end, not to where it was.
func TestPhoneThatMoved(t *testing.T) {
	for _, both := range []bool{false, true} {
		o := newOffice(t)
		tokens := 1
		if both {
			tokens = 2
			o.byFlows()
		}
		c := o.invitesFrom(alice, "moved", aliceByFlow, "X-User: alice")
		c.up()
		if n := strings.Count(c.routes, ";ob"); n != tokens {
			t.Fatalf("the Route is %q", c.routes)
		}
		for i, method := range []string{"INVITE", "UPDATE", "INFO"} {
			m := sentOnlyTo(t, "the caller", c, method, "192.0.2.8:5060", func() (string, string) {
				return aliceMoved, c.text(method, bobContact, 2+i, "at", "bt", c.routes, "Contact: <sip:alice@192.0.2.7:6060;ob>")
			})
			c.reply(bob, m, 200, "Contact: <"+bobContact+">")
			back := sentOnlyTo(t, "the callee", c, method, "192.0.2.7:5060", func() (string, string) {
				return "udp:192.0.2.8:6060", c.text(method, aliceByFlow, 20+i, "bt", "at", c.back, "Contact: <"+bobContact+">")
			})
			c.reply(alice, back, 200, "Contact: <"+aliceByFlow+">")
		}
		bye := sentOnlyTo(t, "the caller", c, "BYE", "192.0.2.8:5060", func() (string, string) {
			return aliceMoved, c.text("BYE", bobContact, 10, "at", "bt", c.routes)
		})
		c.reply(bob, bye, 200)
		o.wantBusy("bob has taken the BYE", "")
	}
}

// TestBYEToOneself: nobody ends his call in the accounts by a request that he answers himself,
// or has answered at another port of his, while the other end hears nothing.
func TestBYEToOneself(t *testing.T) {
	for _, strict := range []string{"strict 1", "strict 0"} {
		for method, status := range map[string]int{"BYE": 200, "UPDATE": 481, "INFO": 481, "INVITE": 408} {
			o := newOffice(t, strict)
			c := o.invitesFrom(alice, "own", aliceByFlow, "X-User: alice")
			c.up()
			for i, uri := range []string{bobContact, aliceByFlow, "sip:alice@192.0.2.7:6060"} {
				for j, from := range []string{alice, aliceMoved} {
					m := c.text(method, uri, 2+2*i+j, "at", "bt", c.routes)
					for _, p := range o.router.Receive(from, m) {
						if to := p.To.Remote.String(); strings.HasPrefix(p.Text, method+" ") && strings.HasPrefix(to, "192.0.2.7:") {
							got := &sip.Message{}
							if err := got.Parse([]byte(p.Text)); err != nil {
								t.Fatal(err)
							}
							c.reply("udp:"+to, got, status)
						}
					}
					o.wantBusy(strict+", "+method+" to "+uri, "alice bob")
				}
			}
			if len(o.talks) != 1 {
				t.Errorf("%s, %s: the accounts say %q", strict, method, o.talks)
			}
		}
	}
}

// TestFlowOfAnother: the Route of a phone that rings is no way to it in another dialog with the same
// Call-ID and From tag, nor is that of another caller one to him.
func TestFlowOfAnother(t *testing.T) {
	const carolContact = "sip:carol@192.0.2.9"
	for _, answered := range []bool{false, true} {
		o := newOffice(t)
		o.byFlows()
		ring := o.invites("stranger")
		ring.answers(bob, 180, "bt")
		x := ring.twin(alice, 2, carol)
		status := 180
		if answered {
			status = 200
		}
		x.answers(carol, status, "ct")
		own := x.routes
		x.routes = ring.routes
		methods := whileRinging
		if answered {
			methods = append([]string{"REFER", "MESSAGE", "OPTIONS", "ACK", "BYE"}, methods...)
		}
		for i, method := range methods {
			sent := x.request(method, carolContact, 10+i, "ct")
			if method == "ACK" {
				if len(sent) != 0 {
					t.Errorf("ACK: %v", sent)
				}
				continue
			}
			o.refuses(method, sent)
		}
		x.routes = own
		x.the("INFO ", x.request("INFO", carolContact, 30, "ct"))

		// A caller's flow.
		o = newOffice(t)
		first := o.invitesFrom(aliceMoved, "callers", "sip:alice@192.0.2.7:6060;ob")
		first.answers(bob, 180, "bt")
		back := first.back
		second := &call{office: o, id: "callers"}
		text := strings.NewReplacer("z9hG4bK-INVITE", "z9hG4bK-twin", "CSeq: 1 ", "CSeq: 2 ", "<sip:alice@192.0.2.7>", "<"+aliceByFlow+">").Replace(second.fresh("callers"))
		o.targets = []string{carol}
		second.invite = o.the("INVITE ", o.router.Receive(alice, text))
		second.answers(carol, 200, "ct")
		o.refuses("to the other caller", o.router.Receive(carol, second.text("INFO", aliceByFlow, 1, "ct", "at", back)))
		o.the("INFO ", o.router.Receive(carol, second.text("INFO", aliceByFlow, 2, "ct", "at", second.back)))
	}
}

// TestBYEWhileItRings: a call that is answered in spite of a BYE while it rang is a call like
// others, whatever that BYE was answered; so is one whose phone knew nothing of an UPDATE then.
func TestBYEWhileItRings(t *testing.T) {
	for method, statuses := range map[string][]int{"BYE": {0, 200, 481, 500}, "UPDATE": {481, 408}, "INFO": {481}} {
		for _, status := range statuses {
			synctest.Test(t, func(t *testing.T) {
				o := noted(t)
				stop := o.run()
				defer stop()
				c := o.invites("rings")
				c.answers(bob, 180, "bt")
				m := c.the(method+" ", c.request(method, bobContact, 2, "bt"))
				if status > 0 {
					c.reply(bob, m, status)
				}
				time.Sleep(50 * time.Second)
				c.answers(bob, 200, "bt")
				c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
				o.wantBusy(method, "alice bob")
				if want := "alice@example.org>bob@example.org sip:alice@example.org sip:bob@example.org"; len(o.talks) != 1 || o.talks[0] != want {
					t.Errorf("%s, %d: the accounts say %q", method, status, o.talks)
				}
				if list := o.dialogs(); len(list) != 1 || list[0].State != ctlproto.DlgConfirmed {
					t.Errorf("%s, %d: listed are %+v", method, status, list)
				}
				c.hangsUp(9)
				if len(o.talks) != 2 || o.talks[1] != `ended by "caller"` {
					t.Errorf("%s, %d: the accounts say %q", method, status, o.talks)
				}
			})
		}
	}
}
