package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// hiddenEnds says where the ends of a call are that a hiding router has sent back: it is at 192.0.2.30:5060 itself.
type hiddenEnds struct{ alice, bob string }

// via is the text of a request as it comes from a flow.
func via(text, from string) string {
	return strings.Replace(text, "192.0.2.7:5060;branch=z9hG4bK-", strings.TrimPrefix(from, "udp:")+";branch=z9hG4bK-"+strings.ReplaceAll(from, ":", "-"), 1)
}

func (e hiddenEnds) contact(name string) string {
	at := map[string]string{"alice": e.alice, "bob": e.bob}[name]
	return "sip:" + name + "@" + strings.TrimPrefix(at, "udp:")
}

// up brings the call up.
func (e hiddenEnds) up(o *office) *hidden {
	o.t.Helper()
	x := &hidden{call: &call{office: o, id: "hidden"}, cseq: "1", tag: "bt"}
	at := func(text, contact string) string {
		return strings.Replace(text, "sip:alice@192.0.2.7>", contact+">", 1)
	}
	o.targets = []string{spiralHome}
	fresh := strings.Replace(x.fresh(x.id), "192.0.2.7:5060", strings.TrimPrefix(e.alice, "udp:"), 1)
	x.invite = o.the("INVITE ", o.router.Receive(e.alice, at(fresh, e.contact("alice"))))
	o.targets = []string{e.bob}
	text := strings.NewReplacer("z9hG4bK-INVITE", "z9hG4bK-home-INVITE", "192.0.2.7:5060", "192.0.2.30:5060", "X-User: alice\n", "").Replace(x.fresh(x.id))
	x.inner = &call{office: o, id: x.id}
	x.inner.invite = o.the("INVITE ", o.router.Receive(spiralHome, at(text, shownAlice)))
	for _, status := range []int{180, 200} {
		x.inner.answers(e.bob, status, "bt", "Contact: <"+e.contact("bob")+">")
		x.answers(spiralHome, status, "bt", "Contact: <"+shownBob+">")
	}
	o.the("ACK ", e.sends(x, "alice", "ACK", 1))
	o.the("ACK ", e.sends(x, "to bob", "ACK", 1))
	return x
}

// sends is hidden.sends for these ends.
func (e hiddenEnds) sends(x *hidden, who, method string, n int) (sent []moduletest.Packet) {
	var from, text string
	switch who {
	case "alice":
		from, text = e.alice, x.text(method, shownBob, n, "at", "bt", x.routes)
	case "bob":
		from, text = e.bob, x.text(method, shownAlice, n, "bt", "at", x.inner.back)
	case "to alice":
		from, text = spiralHome, x.text(method, e.contact("alice"), n, "bt", "at", x.back)
	case "to bob":
		from, text = spiralHome, x.text(method, e.contact("bob"), n, "at", "bt", x.inner.routes)
	}
	return x.router.Receive(from, via(text, from))
}

// hangsUp is a BYE that gets where it is to go, and is answered there.
func (e hiddenEnds) hangsUp(x *hidden, who string, n int) {
	x.t.Helper()
	to := map[string]string{"alice": spiralHome, "bob": spiralHome, "to alice": e.alice, "to bob": e.bob}[who]
	sent := e.sends(x, who, "BYE", n)
	if !hasSent(sent, "BYE ") || "udp:"+sent[0].To.Remote.String() != to {
		x.t.Errorf("BYE of %q: %v", who, sent)
		return
	}
	x.reply(to, x.the("BYE ", sent), 200)
}

// besideTheRouter are calls of which one end, or both, shares the host of the router that hides the topology.
var besideTheRouter = map[string]hiddenEnds{
	"nobody":             {alice, bob},
	"bob":                {alice, "udp:192.0.2.30:5070"},
	"alice":              {"udp:192.0.2.30:5090", bob},
	"both":               {"udp:192.0.2.30:5090", "udp:192.0.2.30:5070"},
	"bob is that router": {alice, spiralHome},
}

// TestBYEBesideTheRouter: where the router that hides the topology shares its host with an end of the call, the BYE
// of either end reaches the other one, and the call is over in the accounts after both passes are.
func TestBYEBesideTheRouter(t *testing.T) {
	for name, e := range besideTheRouter {
		for _, passes := range [][]string{{"alice", "to bob"}, {"bob", "to alice"}, {"to bob", "alice"}, {"to alice", "to bob"}} {
			t.Run(name+" "+passes[0], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t)
					stop := o.run()
					defer stop()
					x := e.up(o)
					time.Sleep(40 * time.Second)
					e.hangsUp(x, passes[0], 200)
					o.wantStates("the other pass goes on", 0, 0, 0, 1)
					if len(o.talks) != 1 {
						t.Errorf("the accounts say %q", o.talks)
					}
					time.Sleep(time.Second)
					e.hangsUp(x, passes[1], 201)
					o.wantNothingLeft()
					if len(o.talks) != 2 || !strings.Contains(o.talks[1], "after 41s by ") {
						t.Errorf("the accounts say %q", o.talks)
					}
					if time.Sleep(100 * time.Second); len(o.sender.lines()) != 0 {
						t.Error("the router has hung up")
					}
				})
			})
		}
	}
}

// TestBYEOfOnePassBesideTheRouter: a BYE that the router answers, and sends on to nobody, does not have the call last: we
// hang up both ends, and the accounts say who was first.
func TestBYEOfOnePassBesideTheRouter(t *testing.T) {
	for name, e := range besideTheRouter {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			stop := o.run()
			defer stop()
			x := e.up(o)
			e.hangsUp(x, "alice", 200)
			e.hangsUp(x, "alice", 201)
			time.Sleep(40 * time.Second)
			o.wantNothingLeft()
			if sent := o.sender.lines(); len(sent) != 2 {
				t.Errorf("%s: sent %q", name, sent)
			}
			if len(o.talks) != 2 || !strings.HasSuffix(o.talks[1], `by "caller"`) {
				t.Errorf("%s: the accounts say %q", name, o.talks)
			}
		})
	}
}

// TestSpiralBesideTheRouter: where such a router hides nothing, and wants none of what follows, one BYE from end to end
// ends the call as ever.
func TestSpiralBesideTheRouter(t *testing.T) {
	for name, e := range besideTheRouter {
		if name == "bob is that router" {
			continue
		}
		o := newOffice(t)
		x := o.spiralsOver(e.alice, spiralHome, e.bob)
		ack := via(x.text("ACK", x.contact, 1, "at", "bt", x.routes), e.alice)
		o.the("ACK ", o.router.Receive(e.alice, ack))
		sent := o.router.Receive(e.alice, via(x.text("BYE", x.contact, 2, "at", "bt", x.routes), e.alice))
		x.reply(e.bob, o.the("BYE ", sent), 200)
		if o.wantNothingLeft(); t.Failed() {
			t.Fatal(name)
		}
	}
}

const besideBob, besideContact, openHop = "udp:192.0.2.30:5070", "sip:bob@192.0.2.30:5070", "<sip:192.0.2.30;lr>"

// openUp is a call of alice to bob that a router beside him has sent back, which hides nothing and wants what follows. first
// and second are our entries of the two passes. contact is what bob himself says where he is; alice is shown besideContact.
func (o *office) openUp(contact string) (c *call, first, second string) {
	o.t.Helper()
	o.targets = []string{spiralHome}
	c = &call{office: o, id: "open"}
	c.invite = o.the("INVITE ", o.router.Receive(alice, c.fresh(c.id)))
	routerVia := "Via: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK-home\r\n"
	text := strings.Replace(string(c.invite.Buf), "Record-Route:", "Record-Route: "+openHop+"\r\nRecord-Route:", 1)
	o.targets = []string{besideBob}
	inner := &call{office: o, id: c.id}
	inner.invite = o.the("INVITE ", o.router.Receive(spiralHome, strings.ReplaceAll(strings.Replace(text, "Via:", routerVia+"Via:", 1), "\r\n", "\n")))
	ok := string(inner.answers(besideBob, 200, "bt", "Contact: <"+contact+">").Buf)
	ok = strings.ReplaceAll(ok, contact, besideContact)
	above, below, _ := strings.Cut(ok, "Via: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK-home")
	_, below, _ = strings.Cut(below, "\r\n")
	o.the("SIP/2.0 200", o.router.Receive(spiralHome, above+below))
	return c, ourEntry(o.t, c), ourEntry(o.t, inner)
}

// TestMovedBesideTheRouter: where a router hides nothing, and is behind one NAT with the called phone, whose port has
// changed there, the BYE of either end ends the call as ever.
func TestMovedBesideTheRouter(t *testing.T) {
	const moved = "udp:192.0.2.30:5999"
	for i, by := range []string{"caller", "callee", "caller", "callee"} {
		o := newOffice(t)
		c, first, second := o.openUp([]string{besideContact, "sip:bob@10.0.0.8"}[i/2]) // fix_nated_contact
		bye := func(from, uri, fromTag, toTag string, entries ...string) *sip.Message {
			text := via(c.text("BYE", uri, 9, fromTag, toTag, "Route: "+strings.Join(entries, ", ")+"\n"), from)
			return o.the("BYE ", o.router.Receive(from, text))
		}
		if by == "caller" {
			outer := bye(alice, besideContact, "at", "bt", first, openHop, second)
			c.reply(moved, bye(spiralHome, besideContact, "at", "bt", second), 200)
			c.reply(spiralHome, outer, 200)
		} else {
			inner := bye(moved, "sip:alice@192.0.2.7", "bt", "at", second, openHop, first)
			c.reply(alice, bye(spiralHome, "sip:alice@192.0.2.7", "bt", "at", first), 200)
			c.reply(spiralHome, inner, 200)
		}
		o.wantNothingLeft()
		if n := len(o.talks); n != 2 || !strings.HasSuffix(o.talks[1], `by "`+by+`"`) {
			t.Errorf("the accounts say %q", o.talks)
		}
	}
}

// TestTransferByTheHidingRouter: where the hiding router ends one pass and has the end of the other one talk to somebody else, by a
// re-INVITE that is answered, that pass goes on until its own BYE.
func TestTransferByTheHidingRouter(t *testing.T) {
	for _, ka := range []string{"ka_timer 0", "ka_timer 30", "timeout_bye 0"} {
		synctest.Test(t, func(t *testing.T) {
			o, load := newOffice(t, ka), new(relay.Load)
			o.before = func(c *module.Ctx) int { // each pass by the same gateway
				if to, err := c.Msg.To(); err == nil && to.Tag == nil && c.Msg.Method == sip.INVITE {
					c.TakeLoad(load, 0)
				}
				return module.True
			}
			o.sender.answers["OPTIONS bt"] = 481 // bob is out of it
			stop := o.run()
			defer stop()
			c := o.hides("1", "bt").answered(180).answered(200)
			c.reaches("alice", "ACK", 1)
			c.reaches("to bob", "ACK", 1)
			time.Sleep(10 * time.Second)
			c.reaches("to bob", "BYE", 20)
			c.reaches("to alice", "INVITE", 21)
			c.reaches("to alice", "ACK", 21)
			time.Sleep(10 * time.Minute)
			o.wantStates(ka+": her pass goes on", 0, 0, 0, 1)
			o.wantBusy(ka+": bob is free", "alice")
			if n := load.Calls(); n != 0 {
				t.Errorf("%s: the gateway, which is out of it, carries %d calls", ka, n)
			}
			c.reaches("alice", "BYE", 30)
			o.wantNothingLeft()
			if sent := fmt.Sprint(o.sender.lines()); strings.Contains(sent, "BYE") {
				t.Errorf("%s: the router has hung up: %s", ka, sent)
			}
			if last := o.talks[len(o.talks)-1]; !strings.HasSuffix(last, `after 10m10s by "caller"`) {
				t.Errorf("%s: the accounts say %q", ka, last)
			}
		})
	}
}

// TestTransferAtTheGateway: where the router between is the gateway that the call has gone to, it carries the call as
// long as the caller talks there, whoever else is out of it.
func TestTransferAtTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, load := newOffice(t), new(relay.Load)
		fresh := 0
		o.before = func(c *module.Ctx) int { // the first pass alone by the gateway
			if to, err := c.Msg.To(); err == nil && to.Tag == nil && c.Msg.Method == sip.INVITE {
				if fresh++; fresh == 1 {
					c.TakeLoad(load, 0)
				}
			}
			return module.True
		}
		stop := o.run()
		defer stop()
		c := o.hides("1", "bt").answered(180).answered(200)
		c.reaches("alice", "ACK", 1)
		c.reaches("to bob", "ACK", 1)
		c.reaches("to bob", "BYE", 20)
		c.reaches("to alice", "INVITE", 21)
		c.reaches("to alice", "ACK", 21)
		if n := load.Calls(); n != 1 {
			t.Errorf("alice talks at the gateway, which carries %d calls", n)
		}
		c.reaches("alice", "BYE", 30)
		if n := load.Calls(); n != 0 {
			t.Errorf("nobody talks, and the gateway carries %d calls", n)
		}
	})
}

// TestNoTransferAfterABYE: a re-INVITE does not take back a BYE where no other pass is over, nor where it goes along the
// pass that is, nor one that is refused, nor where the caller has hung up, whose call would go on without him.
func TestNoTransferAfterABYE(t *testing.T) {
	for name, run := range map[string]func(c *hidden){
		"no pass is over":       func(c *hidden) { c.sends("bob", "BYE", 20); c.reaches("to alice", "INVITE", 21) },
		"the pass that is over": func(c *hidden) { c.reaches("to bob", "BYE", 20); c.reaches("to bob", "INVITE", 21) },
		"the caller has hung up": func(c *hidden) {
			c.reaches("alice", "BYE", 20)
			c.reaches("to bob", "INVITE", 21)
			c.reaches("bob", "INVITE", 22)
		},
		"refused": func(c *hidden) {
			c.reaches("to bob", "BYE", 20)
			c.reply(alice, c.the("INVITE ", c.sends("to alice", "INVITE", 21)), 488)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			stop := o.run()
			defer stop()
			c := o.hides("1", "bt").answered(180).answered(200)
			c.reaches("alice", "ACK", 1)
			run(c)
			time.Sleep(40 * time.Second)
			if sent := o.sender.lines(); len(sent) != 2 {
				t.Errorf("%s: sent %q", name, sent)
			}
		})
	}
}

// TestNumberOfACopy: who is called beside somebody else, and sends the INVITE back with a high number, does not have the router
// use up the numbers of the caller's dialog with the other one, whether the copy rings before him or not.
func TestNumberOfACopy(t *testing.T) {
	for _, rings := range []bool{false, true} {
		t.Run(fmt.Sprint("rings first ", rings), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, "ka_timer 60")
				stop := o.run()
				defer stop()
				o.targets = []string{bob, spiralHome}
				c, copied := &call{office: o, id: "fork"}, &call{office: o, id: "fork"}
				for _, p := range o.router.Receive(alice, c.fresh("fork")) {
					switch {
					case !strings.HasPrefix(p.Text, "INVITE "):
					case "udp:"+p.To.Remote.String() == bob:
						c.invite = o.the("INVITE ", []moduletest.Packet{p})
					default:
						copied.invite = o.the("INVITE ", []moduletest.Packet{p})
					}
				}
				x := copied.comesBack(spiralHome, carol, append(notAlice, "CSeq: 1 ", "CSeq: 2147480000 ")...)
				if rings {
					x.answers(carol, 180, "mt")
				}
				c.up()
				time.Sleep(70 * time.Second)
				sent := fmt.Sprint(o.sender.lines())
				if !strings.Contains(sent, "OPTIONS "+bobContact+" to bt from at cseq 2 ") && !strings.Contains(sent, "OPTIONS "+bobContact+" to bt from at cseq 1 ") {
					t.Errorf("sent %s", sent)
				}
				c.hangsUp(3)
			})
		})
	}
}

// TestNumberOfALaterPass: what the router sends by itself to the called end of a hidden call comes after the INVITE that
// this has got, and the ACK of another pass, which has a higher number, passes.
func TestNumberOfALaterPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "ka_timer 60")
		stop := o.run()
		defer stop()
		c := o.hides("77", "bt").answered(180).answered(200)
		c.reaches("alice", "ACK", 1)
		c.reaches("to bob", "ACK", 77)
		time.Sleep(70 * time.Second)
		if sent := fmt.Sprint(o.sender.lines()); !strings.Contains(sent, "OPTIONS "+bobContact+" to bt from at cseq 7") {
			t.Errorf("sent %s", sent)
		}
	})
}
