package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/modules/dialog"
)

const eve, eveContact = "udp:198.51.100.66:5060", "sip:eve@198.51.100.66"

// noted is an office whose accounts have the targets of calls, too.
func noted(t *testing.T, params ...string) *office {
	t.Helper()
	var o *office
	note := func(text string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.talks = append(o.talks, text)
	}
	o = newOfficeWith(t, func(c *dialog.Config) {
		c.Answered = func(a *dialog.Account) { note(fmt.Sprintf("%s>%s %s %s", a.Caller, a.Callee, a.FromURI, a.TargetURI)) }
		c.Ended = func(a *dialog.Account) { note(fmt.Sprintf("ended by %q", a.HungUpBy)) }
	}, params...)
	return o
}

// sameAgain are the ways to send an INVITE that is like one which was received: with the Via that
// it came with, or without, or with another CSeq.
var sameAgain = map[string]func(c *call, from, target string, change ...string) *call{
	"without our Via": func(c *call, from, target string, change ...string) *call {
		c.t.Helper()
		c.targets = []string{target}
		text := strings.Replace(c.fresh(c.id), "z9hG4bK-INVITE", "z9hG4bK-like", 1)
		x := &call{office: c.office, id: c.id}
		x.invite = c.the("INVITE ", c.router.Receive(from, strings.NewReplacer(append(change, "\r\n", "\n")...).Replace(text)))
		return x
	},
	"with our Via": (*call).comesBack,
	"with another CSeq": func(c *call, from, target string, change ...string) *call {
		return c.comesBack(from, target, append([]string{"CSeq: 1 ", "CSeq: 900 "}, change...)...)
	},
}

// notAlice takes a call's proof of who is calling away.
var notAlice = []string{"X-User: alice\r\n", "", "X-User: alice\n", ""}

// TestCallOfAnother: who is called, and calls somebody else with the caller's Call-ID, tag and
// CSeq, makes a call of his own and none of the caller's.
func TestCallOfAnother(t *testing.T) {
	for name, again := range sameAgain {
		for _, refused := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", refused), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := noted(t)
					stop := o.run()
					defer stop()
					o.targets = []string{eve}
					c := o.invites("billed")
					c.answers(eve, 180, "et", "Contact: <"+eveContact+">")
					x := again(c, eve, bob, notAlice...)
					x.answers(bob, 200, "bt")
					o.the("ACK ", o.router.Receive(eve, x.text("ACK", bobContact, 1, "at", "bt", "Route: "+ourEntry(t, x)+"\n")))
					if o.m.Busy("alice@example.org") {
						t.Error("alice is on the phone")
					}
					if refused {
						c.answers(eve, 486, "et")
					} else {
						time.Sleep(302 * time.Second) // eve has alice's phone ring
					}
					o.wantBusy("bob talks to eve", "bob")
					if talks := o.said(); len(talks) != 1 || !strings.HasPrefix(talks[0], ">bob@example.org ") {
						t.Errorf("the accounts say %q", talks)
					}
				})
			})
		}
	}
}

// TestCallInsideAnother: a call to a number is what it is, in the accounts and in the list, if
// another one with its Call-ID, tag and CSeq rings, fails, or was there first.
func TestCallInsideAnother(t *testing.T) {
	const number = "sip:0900@example.org"
	change := []string{"INVITE " + bobContact, "INVITE " + number, "INVITE sip:bob@example.org", "INVITE " + number}
	for name, again := range sameAgain {
		for _, first := range []string{"refused before", "refused while it rings", "refused after", "rings"} {
			t.Run(name+" "+first, func(t *testing.T) {
				o := noted(t, "dlg_flag 4")
				c := o.invites("inside")
				c.answers(bob, 180, "bt")
				if first == "refused before" && name != "with our Via" {
					c.answers(bob, 480, "bt")
				}
				x := again(c, alice, gw, append(change, "X-User: alice", "X-Flag: 1\r\nX-User: alice")...)
				if first == "refused while it rings" {
					x.answers(gw, 180, "gt", "Contact: <"+gwContact+">")
				}
				if strings.HasPrefix(first, "refused") && first != "refused after" && !(first == "refused before" && name != "with our Via") {
					c.answers(bob, 480, "bt")
				}
				x.answers(gw, 200, "gt", "Contact: <"+gwContact+">")
				x.routes = "Route: " + ourEntry(t, x) + "\n"
				cseq, err := x.invite.CSeq()
				if err != nil {
					t.Fatal(err)
				}
				x.the("ACK ", x.request("ACK", gwContact, int(cseq.Number), "gt"))
				if first == "refused after" {
					c.answers(bob, 486, "bt")
				}
				if n := o.m.Active().Ongoing; n != 1 {
					t.Errorf("%d calls are listed as up", n)
				}
				want := "alice@example.org>bob@example.org sip:alice@example.org " + number
				if talks := o.said(); len(talks) != 1 || talks[0] != want {
					t.Errorf("the accounts say %q, want %q", talks, want)
				}
			})
		}
	}
}

// TestFailureOfAPass: a call that comes back and is answered by nobody leaves nothing, whichever
// pass is over first.
func TestFailureOfAPass(t *testing.T) {
	for _, firstInside := range []bool{true, false} {
		for _, rings := range []bool{true, false} {
			o := newOffice(t)
			o.targets = []string{gw}
			c := o.invites("failed")
			x := c.comesBack(gw, bob)
			if rings {
				x.answers(bob, 180, "bt")
				c.answers(gw, 180, "bt", "Contact: <"+bobContact+">")
			}
			order := []func(){func() { x.answers(bob, 486, "bt") }, func() { c.answers(gw, 486, "bt") }}
			if !firstInside {
				order[0], order[1] = order[1], order[0]
			}
			order[0]()
			order[1]()
			o.wantNothingLeft()
			if len(o.talks) != 0 {
				t.Errorf("the accounts say %q", o.talks)
			}
		}
	}
}

// TestHiddenVia: a router that hides who has sent it what it sends on is one all the same: the call
// that it sends back is one, in both passes.
func TestHiddenVia(t *testing.T) {
	o := noted(t)
	o.targets = []string{gw}
	c := o.invites("hidden")
	x := sameAgain["without our Via"](c, gw, bob, notAlice...)
	x.answers(bob, 200, "bt")
	c.answers(gw, 200, "bt", "Contact: <"+bobContact+">")
	if a := o.m.Active(); a.All != 1 {
		t.Errorf("it counts as %d", a.All)
	}
	c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
	c.the("INFO ", c.request("INFO", bobContact, 2, "bt"))
	o.wantBusy("answered", "alice bob")
}

// TestAnsweredThroughAnother: the honest case: the call that comes back without a proof of who is
// calling is the caller's once he hears the answer, and counts once.
func TestAnsweredThroughAnother(t *testing.T) {
	o := noted(t)
	o.targets = []string{gw}
	c := o.invites("through")
	x := c.comesBack(gw, bob, notAlice...)
	x.answers(bob, 180, "bt")
	c.answers(gw, 180, "bt", "Contact: <"+bobContact+">")
	x.answers(bob, 200, "bt")
	c.answers(gw, 200, "bt", "Contact: <"+bobContact+">")
	o.wantBusy("answered", "alice bob")
	if a := o.m.Active(); a.All != 1 {
		t.Errorf("it counts as %d", a.All)
	}
	want := "alice@example.org>bob@example.org sip:alice@example.org sip:bob@example.org"
	if talks := o.said(); len(talks) != 1 || talks[0] != want {
		t.Errorf("the accounts say %q, want %q", talks, want)
	}
}
