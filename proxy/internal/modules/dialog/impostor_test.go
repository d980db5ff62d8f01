package dialog_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// outside is a contact that no party of the calls has.
const outside = "sip:0900123@198.51.100.9"

// as is a request of one end from wherever.
func (c *call) as(from, end, method, uri string, cseq int, lines ...string) []moduletest.Packet {
	c.t.Helper()
	if end == "bob" {
		return c.router.Receive(from, c.text(method, uri, cseq, "bt", "at", c.back, lines...))
	}
	return c.router.Receive(from, c.text(method, uri, cseq, "at", "bt", c.routes, lines...))
}

// invitesFrom is invites from another flow and with another Contact.
func (o *office) invitesFrom(from, id, contact string, lines ...string) *call {
	o.t.Helper()
	c := &call{office: o, id: id}
	text := strings.Replace(c.fresh(id), "Contact: <sip:alice@192.0.2.7>\n", join(append(lines, "Contact: <"+contact+">")), 1)
	c.invite = o.the("INVITE ", o.router.Receive(from, text))
	return c
}

var anyMethod = []string{"MESSAGE", "REFER", "INVITE", "OPTIONS", "NOTIFY", "INFO"}

// whileRinging are those that pass before the answer as well.
var whileRinging = []string{"INVITE", "INFO", "UPDATE", "PRACK"}

// TestImpostorsTarget: a target that somebody names in the name of another end leads nowhere,
// nor does it once that end has named its own again, whichever end that is.
func TestImpostorsTarget(t *testing.T) {
	for _, refresh := range []string{"UPDATE", "INVITE"} {
		for _, victim := range []string{outside, "sip:0900@203.0.113.42"} {
			o := newOffice(t)
			c := o.invites("before").up()
			c.the("UPDATE ", c.as(alice, "bob", "UPDATE", "sip:alice@192.0.2.7", 1, "Contact: <"+victim+">"))
			o.refuses("before the refresh", c.request("INVITE", victim, 2, "bt"))
			re := c.the(refresh+" ", c.as(bob, "bob", refresh, "sip:alice@192.0.2.7", 50, "Contact: <"+bobContact+">"))
			c.reply(alice, re, 200, "Contact: <sip:alice@192.0.2.7>")
			for i, method := range anyMethod {
				o.refuses(method+" after bob's "+refresh, c.request(method, victim, 60+i, "bt"))
			}
			c.the("INFO ", c.request("INFO", bobContact, 70, "bt"))

			// The called one is the impostor.
			c = o.invites("mirror").up()
			c.as(bob, "alice", "UPDATE", bobContact, 40, "Contact: <"+victim+">")
			c.reply(bob, c.the(refresh+" ", c.request(refresh, bobContact, 50, "bt", "Contact: <sip:alice@192.0.2.7>")), 200, "Contact: <"+bobContact+">")
			for i, method := range anyMethod {
				o.refuses(method+" of the called", c.as(bob, "bob", method, victim, 60+i))
			}
		}
	}
}

// TestGatewaysImpostor: a gateway's own session refresh gives nobody the number that he has
// named in its name.
func TestGatewaysImpostor(t *testing.T) {
	const gw, contact = "udp:203.0.113.41:5060", "sip:gw@203.0.113.41"
	o := newOffice(t)
	o.targets = []string{gw}
	c := o.invites("out")
	c.answers(gw, 200, "bt", "Contact: <"+contact+">")
	c.the("ACK ", c.request("ACK", contact, 1, "bt"))
	for i, victim := range []string{"sip:0900@203.0.113.42", "sip:0900@203.0.113.41"} {
		c.as(alice, "bob", "UPDATE", "sip:alice@192.0.2.7", 1+2*i, "Contact: <"+victim+">")
		up := c.the("UPDATE ", c.as(gw, "bob", "UPDATE", "sip:alice@192.0.2.7", 2+2*i, "Contact: <"+contact+">"))
		c.reply(alice, up, 200, "Contact: <sip:alice@192.0.2.7>")
		o.refuses(victim, c.request("INVITE", victim, 10+i, "bt"))
	}
	c.the("INVITE ", c.request("INVITE", contact, 20, "bt"))
}

// TestImpostorAnswers: who has moved the other end to himself names no target by answering
// for it.
func TestImpostorAnswers(t *testing.T) {
	const second = "udp:192.0.2.77:5060"
	o := newOffice(t)
	c := o.invites("answer").up()
	c.the("INFO ", c.as(second, "bob", "INFO", "sip:alice@192.0.2.7", 1))
	up := c.the("UPDATE ", c.request("UPDATE", "sip:bob@192.0.2.77:5060", 2, "bt", "Contact: <sip:alice@192.0.2.7>"))
	c.reply(second, up, 200, "Contact: <"+outside+">")
	for i, method := range anyMethod {
		o.refuses(method, c.request(method, outside, 3+i, "bt"))
	}
	c.the("INFO ", c.request("INFO", bobContact, 20, "bt"))
}

// TestCalledStranger: who is called may name any target as his own, and gets there by the caller's
// requests only: not as the caller. One who has a new connection is still the caller.
func TestCalledStranger(t *testing.T) {
	o := newOffice(t)
	c := o.invites("called")
	c.answers(bob, 200, "bt", "Contact: <"+outside+">")
	for i, method := range anyMethod {
		o.refuses(method, c.as(bob, "alice", method, outside, 2+i))
		o.refuses(method+" from a third host", c.as(carol, "alice", method, outside, 20+i))
	}
	c.the("ACK ", c.request("ACK", outside, 1, "bt"))
	c.the("INFO ", c.request("INFO", outside, 40, "bt"))
	c.the("BYE ", c.as("udp:192.0.2.7:6060", "alice", "BYE", outside, 41))
}

// TestNeighbour: who calls a phone behind his own NAT is at its address, and is not the phone.
// A phone that has a new connection still gets its requests to where the other end was seen.
func TestNeighbour(t *testing.T) {
	for name, x := range map[string]struct{ phone, eve string }{
		"another port":                   {bob, "udp:192.0.2.8:5099"},
		"another transport":              {bob, "tcp:192.0.2.8:5060"},
		"another port, over TCP":         {"tcp:192.0.2.8:40000", "tcp:192.0.2.8:40001"},
		"a datagram from the TCP's port": {"tcp:192.0.2.8:40000", "udp:192.0.2.8:40000"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.targets = []string{x.phone}
			c := o.invitesFrom(x.eve, "near", outside)
			c.answers(x.phone, 180, "bt", "Contact: <"+bobContact+">")
			for i, method := range anyMethod {
				o.refuses(method, c.as(x.eve, "bob", method, outside, 2+i))
				o.refuses(method+" after an UPDATE", c.as(x.eve, "alice", method, "sip:0900@198.51.100.10", 20+i, "X: "+method))
			}
			c.as(x.eve, "bob", "UPDATE", outside, 30, "Contact: <sip:0900@198.51.100.10>")
			o.refuses("to what she has named for bob", c.as(x.eve, "alice", "REFER", "sip:0900@198.51.100.10", 31))
			c.the("UPDATE ", c.as(x.phone, "bob", "UPDATE", outside, 32, "Contact: <"+bobContact+">"))
		})
	}
	o := newOffice(t)
	c := o.invites("again").up()
	c.the("BYE ", c.as("udp:192.0.2.8:6000", "bob", "BYE", "sip:alice@192.0.2.7", 1))
}

// TestBehindABalancer: where both ends come by the same host, a request goes along the whole
// route set of the other end or nowhere.
func TestBehindABalancer(t *testing.T) {
	const balancer = "udp:192.0.2.30:5060"
	o := newOffice(t)
	o.targets = []string{balancer}
	c := o.invitesFrom(balancer, "front", outside, "Record-Route: <sip:a@192.0.2.30;lr>, <sip:192.0.2.29;lr>")
	ours := "Route: " + ourEntry(t, c) + "\n"
	invite := &sip.Message{}
	if err := invite.Parse([]byte(strings.Replace(string(c.invite.Buf), "Record-Route:", "Record-Route: <sip:b@192.0.2.30;lr>\r\nRecord-Route:", 1))); err != nil {
		t.Fatal(err)
	}
	c.invite = invite
	c.answers(balancer, 180, "bt", "Contact: <"+bobContact+">")
	toCaller, toCallee := "<sip:a@192.0.2.30;lr>, <sip:192.0.2.29;lr>", "<sip:b@192.0.2.30;lr>"
	n := 1
	for _, x := range []struct {
		what, end, beyond string
		want              bool
	}{
		{"as the callee, with nothing more", "bob", "", false},
		{"as the caller, with nothing more", "alice", "", false},
		{"a part", "bob", "<sip:a@192.0.2.30;lr>", false},
		{"the other part", "bob", "<sip:192.0.2.29;lr>", false},
		{"more", "bob", toCaller + ", <sip:198.51.100.9;lr>", false},
		{"more at the end", "alice", toCallee + ", <sip:198.51.100.9;lr>", false},
		{"the first, and another", "bob", "<sip:a@192.0.2.30;lr>, <sip:198.51.100.9;lr>", false},
		{"that of the other end", "bob", toCallee, false},
		{"the flow of another", "alice", "<sip:x@192.0.2.30;lr>", false},
		{"the caller's", "bob", toCaller, true},
		{"the callee's", "alice", toCallee, true},
		{"the callee's, with a parameter", "alice", "<sip:b@192.0.2.30;lr;x=1>", true},
	} {
		for _, method := range whileRinging {
			routes := ours
			if x.beyond != "" {
				routes += "Route: " + x.beyond + "\n"
			}
			c.routes, c.back = routes, routes
			n++
			sent := c.as(balancer, x.end, method, outside, n)
			if !x.want {
				o.refuses(method+", "+x.what, sent)
			} else if p := sent[len(sent)-1]; !strings.HasPrefix(p.Text, method+" ") || p.To.Remote.String() != "192.0.2.30:5060" {
				t.Errorf("%s, %s: %v", method, x.what, sent)
			}
		}
	}
}

// TestRoundByOurselves: a Route of ours twice gives nobody a second pass, which would come
// from our own host.
func TestRoundByOurselves(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{"udp:127.0.0.1:5099"} // a PBX on the router's host
	c := o.invitesFrom(alice, "round", outside)
	c.answers("udp:127.0.0.1:5099", 180, "bt", "Contact: <"+bobContact+">")
	c.routes, c.back = c.routes+c.routes, c.back+c.back
	for i, method := range anyMethod {
		o.refuses(method+" as bob", c.as(alice, "bob", method, outside, 2+i))
		o.refuses(method+" as alice", c.as(alice, "alice", method, bobContact, 20+i))
	}
}

// finds is what lookup does that has found a phone of an address.
func finds(c *module.Ctx, address []byte) {
	c.Seek(address)
	c.SetFound(address)
}

// TestFoundWithinDialog: within a dialog an address of one phone (GRUU) is good for the other
// end's phones, wherever they are, and for nobody else's, though the INVITE came twice.
func TestFoundWithinDialog(t *testing.T) {
	const gruu, elsewhere = "sip:bob@example.org;gr=urn:x", "udp:198.51.100.20:5060"
	for _, x := range []struct {
		aor, contact, uri string
		once, twice       bool // how often the INVITE came, and whether the request gets there
	}{
		{"bob@example.org", gruu, gruu, true, true},
		{"carol@example.org", "sip:carol@example.org;gr", "sip:carol@example.org;gr", true, false}, // bob says so himself
		{"carol@example.org", gruu, "sip:carol@example.org;gr", false, false},
		{"bob@example.org", bobContact, gruu, false, false},
		{"bob@example.org", gruu, "sip:bob@example.org;gr=urn:y", false, false},
	} {
		for _, twice := range []bool{false, true} {
			o := newOffice(t)
			c := o.invites("gruu")
			want := x.once
			if twice {
				c.comesBack(alice, bob)
				want = x.twice
			}
			c.answers(bob, 180, "bt", "Contact: <"+x.contact+">")
			o.before = func(m *module.Ctx) int {
				finds(m, []byte(x.aor))
				m.Main.Flow, m.Main.Phone = o.router.Flow(elsewhere), true
				return module.True
			}
			for i, method := range whileRinging {
				sent := c.request(method, x.uri, 2+i, "bt")
				switch {
				case !want:
					o.refuses(method+" to "+x.uri, sent)
				case len(sent) == 0 || sent[len(sent)-1].To.Remote.String() != "198.51.100.20:5060":
					t.Errorf("%s to %s: %v", method, x.uri, sent)
				}
			}
		}
	}
	// Who calls may name an address of anybody's as his own, and does not get there as bob.
	o := newOffice(t)
	c := o.invitesFrom(alice, "own", "sip:carol@example.org;gr")
	c.answers(bob, 180, "bt")
	o.before = func(m *module.Ctx) int {
		finds(m, []byte("carol@example.org"))
		m.Main.Flow, m.Main.Phone = o.router.Flow(elsewhere), true
		return module.True
	}
	o.refuses("his own Contact", c.as(alice, "bob", "REFER", "sip:carol@example.org;gr", 2))
}

// TestFoundWithinCallOfBefore: nor does a GRUU lead out of the bounds of a call that an earlier
// process has set up.
func TestFoundWithinCallOfBefore(t *testing.T) {
	before := newOffice(t)
	c := before.invites("old").up()
	at := before.router.Address()
	o := newOfficeAt(t, 1)
	c.office = o
	c.routes = strings.ReplaceAll(c.routes, at, o.router.Address())
	flow := bob
	o.before = func(m *module.Ctx) int {
		finds(m, []byte("bob@example.org"))
		m.Main.Flow, m.Main.Phone = o.router.Flow(flow), true
		return module.True
	}
	c.the("INFO ", c.request("INFO", "sip:bob@example.org;gr", 2, "bt"))
	flow = carol
	for i, method := range []string{"INVITE", "INFO", "BYE", "REFER"} {
		o.refuses(method, c.request(method, "sip:carol@example.org;gr", 3+i, "bt"))
	}
}

// TestOtherFlowIsBound: the other flow of a phone that lookup has found within a dialog is held
// to the dialog as the first one is.
func TestOtherFlowIsBound(t *testing.T) {
	for aor, want := range map[string]bool{"bob@example.org": true, "carol@example.org": false} {
		o := newOffice(t)
		c := o.invites("flows").up()
		o.before = func(m *module.Ctx) int {
			finds(m, []byte(aor))
			m.Main.Flow, m.Main.Group, m.Main.Phone = o.router.Flow(bob), 7, true
			m.AddFlow(relay.Target{URI: m.Main.URI, Flow: o.router.Flow(carol), Group: 7, Phone: true})
			return module.True
		}
		sent := c.reply(bob, c.the("INFO ", c.as("udp:192.0.2.77:5060", "alice", "INFO", bobContact, 2)), 430)
		if got := len(sent) > 0 && strings.HasPrefix(sent[0].Text, "INFO ") && sent[0].To.Remote.String() == "192.0.2.9:5060"; got != want {
			t.Errorf("%s: after 430 the router sends %v", aor, sent)
		}
	}
}

// TestTwinINVITE: an INVITE that is sent twice has no dialog that leads elsewhere at the hosts
// of the call.
func TestTwinINVITE(t *testing.T) {
	for name, again := range map[string]func(c *call) *call{
		"the same":  func(c *call) *call { return c.twin(alice, 1, bob) },
		"sent back": func(c *call) *call { return c.comesBack(alice, bob) },
	} {
		t.Run(name, func(t *testing.T) { twinINVITE(t, again) })
	}
}

func twinINVITE(t *testing.T, again func(c *call) *call) {
	o := newOffice(t)
	c := o.invites("twin")
	x := again(c)
	c.answers(bob, 200, "bt")
	for i, uri := range []string{"sip:0900@192.0.2.8", "sip:bob@192.0.2.8:5062", "sip:carol@192.0.2.8"} {
		for j, method := range anyMethod {
			o.refuses(method+" to "+uri, c.request(method, uri, 2+10*i+j, "bt"))
		}
	}
	c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
	c.hangsUp(90)
	x.answers(bob, 487, "bt")
	o.wantNothingLeft()
}

// TestForgedBYE: what a caller sends himself in the other end's name ends nothing in the table
// and takes no BYE of the router's away from that end.
func TestForgedBYE(t *testing.T) {
	for name, status := range map[string]int{"200": 200, "481": 481, "500": 500} {
		for _, from := range []string{alice, "udp:192.0.2.7:5099", "udp:192.0.2.77:5060"} {
			t.Run(name+" "+from, func(t *testing.T) {
				o := newOffice(t)
				c := o.invites("forged").up()
				for i, method := range []string{"INFO", "UPDATE", "BYE"} {
					sent := c.as(from, "bob", method, "sip:alice@192.0.2.7", 1+i, "Contact: <sip:x@192.0.2.7>")
					c.reply(alice, c.the(method+" ", sent), status)
				}
				o.wantStates("after "+from, 0, 0, 0, 1)
				if len(o.talks) != 1 {
					t.Errorf("the accounts say %q", o.talks)
				}
				if _, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "forged", Actor: "olga"}); err != nil {
					t.Fatal(err)
				}
				if lines := o.sender.lines(); !slices.ContainsFunc(lines, func(l string) bool {
					return strings.HasPrefix(l, "BYE "+bobContact+" to bt") && strings.HasSuffix(l, "by 192.0.2.8:5060")
				}) {
					t.Errorf("the router sends %q", lines)
				}
			})
		}
	}
}

// TestImpostorTakesTheBYE: a caller who has moved the other end to himself cannot have his own
// BYE answered there.
func TestImpostorTakesTheBYE(t *testing.T) {
	const second = "udp:192.0.2.77:5060"
	for _, status := range []int{200, 481, 500} {
		o := newOffice(t)
		c := o.invites("taken").up()
		c.the("INFO ", c.as(second, "bob", "INFO", "sip:alice@192.0.2.7", 1))
		c.reply(second, c.the("INFO ", c.request("INFO", "sip:bob@192.0.2.77:5060", 2, "bt")), 481)
		c.reply(second, c.the("BYE ", c.request("BYE", "sip:bob@192.0.2.77:5060", 3, "bt")), status)
		o.wantStates("after the BYE", 0, 0, 0, 1)
		c.hangsUp(4) // at bob himself
		o.wantNothingLeft()
	}
}

// TestMovedPhoneHangsUp: where a phone says BYE from another address, which somebody else could
// have done, the router hangs up both ends.
func TestMovedPhoneHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		stop := o.run()
		c := o.invites("moved").up()
		c.reply(alice, c.the("BYE ", c.as("udp:192.0.2.88:5060", "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
		o.wantBusy("after the BYE", "alice bob")
		time.Sleep(37 * time.Second)
		o.wantNothingLeft()
		stop()
		lines := o.sender.lines()
		slices.Sort(lines)
		if diff := cmp.Diff([]string{
			"BYE sip:alice@192.0.2.7 to at from bt cseq 2 by 192.0.2.7:5060",
			"BYE sip:bob@192.0.2.8 to bt from at cseq 2 by 192.0.2.8:5060",
		}, lines); diff != "" {
			t.Error(diff)
		}
		if len(o.talks) != 2 || !contains(o.talks[1], `by "router"`) {
			t.Errorf("the accounts say %q", o.talks)
		}
	})
}

// TestForgedBYEWithoutTimeoutBYE: where the router hangs nobody up, a BYE that proves nothing
// does not end the record alone.
func TestForgedBYEWithoutTimeoutBYE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "timeout_bye 0")
		stop := o.run()
		c := o.invites("quiet").up()
		c.reply(alice, c.the("BYE ", c.as(alice, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
		time.Sleep(time.Minute)
		o.wantStates("a minute later", 0, 0, 0, 1)
		c.hangsUp(2)
		o.wantNothingLeft()
		stop()
	})
}

// TestBYEThatIsRefused: a BYE that the other end does not take, as a caller may write one, ends
// the call only when the router has hung up both ends. What is no news of the call ends nothing.
func TestBYEThatIsRefused(t *testing.T) {
	for _, status := range []int{420, 500, 400} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			stop := o.run()
			c := o.invites("refused").up()
			for i, method := range []string{"NOTIFY", "PRACK", "REFER"} {
				c.reply(bob, c.the(method+" ", c.request(method, bobContact, 2+i, "bt", "Event: telephone-event")), 481)
			}
			c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 9, "bt")), status)
			o.wantStates("after the BYE", 0, 0, 0, 1)
			time.Sleep(37 * time.Second)
			o.wantNothingLeft()
			stop()
			if lines := o.sender.lines(); len(lines) != 2 {
				t.Errorf("the router sends %q", lines)
			}
			if len(o.talks) != 2 || !contains(o.talks[1], `by "caller"`) {
				t.Errorf("the accounts say %q", o.talks)
			}
		})
	}
}
