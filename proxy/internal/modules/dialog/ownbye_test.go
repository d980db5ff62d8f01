package dialog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOwnBYE: in a call that the table does not know nobody answers his own BYE. Who writes it in
// the name of the other end gets it, and it counts for nothing, from wherever it comes; the BYEs of
// the two ends count.
func TestOwnBYE(t *testing.T) {
	before := func(t *testing.T) *call {
		c := callsGateway(newOffice(t))
		o := newOfficeAt(t, 1)
		c.routes = strings.ReplaceAll(c.routes, c.router.Address(), o.router.Address())
		c.office = o
		return c
	}
	full := func(t *testing.T) *call {
		o := newOffice(t, "max_dialogs 16")
		o.fills(16)
		o.targets = []string{gw}
		x := strings.Replace((&call{}).fresh("out"), "X-User: alice\n", "", 1)
		c := &call{office: o, id: "out"}
		c.invite = o.the("INVITE ", o.router.Receive(alice, x))
		c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
		return c
	}
	for name, begin := range map[string]func(t *testing.T) *call{"after a restart": before, "beyond the table": full} {
		for i, x := range []struct {
			from, to, fromTag, uri string
			counts                 bool
		}{
			{alice, gw, "at", gwContact, true},
			{gw, alice, "bt", "sip:alice@192.0.2.7", true},
			{alice, "", "at", "sip:alice@192.0.2.7", false},
			{carol, "", "at", "sip:alice@192.0.2.7", false},
			{gw, "", "bt", gwContact, false},
			{alice, alice, "bt", "sip:alice@192.0.2.7", false},
			{carol, alice, "bt", "sip:alice@192.0.2.7", false},
			{carol, gw, "at", gwContact, false},
		} {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) {
				c := begin(t)
				toTag := map[string]string{"at": "bt", "bt": "at"}[x.fromTag]
				sent := c.router.Receive(x.from, c.text("BYE", x.uri, 2, x.fromTag, toTag, c.routes))
				if x.to == "" {
					c.refuses("a BYE to the sender's own end", sent)
					return
				}
				c.reply(x.to, sentTo(t, sent, x.to[len("udp:"):]), 200)
				if !slices.Equal(c.byes, []bool{x.counts}) {
					t.Errorf("it counts: %v", c.byes)
				}
			})
		}
	}
}

// callsGateway is a call of alice's with the gateway that is up.
func callsGateway(o *office) *call {
	o.targets = []string{gw}
	c := o.invites("out")
	c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
	c.the("ACK ", c.request("ACK", gwContact, 1, "bt"))
	return c
}

// TestRecordOfTheFirstPass: who is called and makes a call of his own with the caller's INVITE uses
// up no record that the answer to that needs: with as many calls with its Call-ID as there may be,
// whether the gateway has rung before, and whether his own call is over by then.
func TestRecordOfTheFirstPass(t *testing.T) {
	for i, x := range []struct {
		others               int
		rings, over, flagged bool
	}{{others: 15}, {others: 15, flagged: true}, {others: 14, rings: true}, {}, {rings: true}, {others: 15, over: true}, {others: 15, over: true, flagged: true}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var params, marks []string
				if x.flagged {
					params, marks = []string{"dlg_flag 4"}, []string{"X-User: alice", "X-Flag: 1\nX-User: alice"}
				}
				o := newOffice(t, params...)
				stop := o.run()
				defer stop()
				fresh := strings.NewReplacer(marks...).Replace((&call{}).fresh("out"))
				for i := range x.others {
					o.targets = []string{carol}
					y := &call{office: o, id: "out"}
					y.invite = o.the("INVITE ", o.router.Receive(alice, strings.NewReplacer("z9hG4bK-INVITE", fmt.Sprint("z9hG4bK-x", i), "tag=at", fmt.Sprint("tag=own", i)).Replace(fresh)))
					y.answers(carol, 200, fmt.Sprint("c", i))
				}
				o.targets = []string{gw, carol}
				sent := o.router.Receive(alice, fresh)
				c, y := &call{office: o, id: "out"}, &call{office: o, id: "out"}
				c.invite, y.invite = sentTo(t, sent, "203.0.113.41:5060"), sentTo(t, sent, "192.0.2.9:5060")
				if x.rings {
					c.answers(gw, 183, "bt", "Contact: <"+gwContact+">")
				}
				z := y.comesBack(carol, eve, "X-User: alice", "X-User: carol")
				z.answers(eve, 200, "et", "Contact: <"+eveContact+">")
				if x.over {
					o.m.HungUp("out", "at", "et", "caller")
				}
				time.Sleep(40 * time.Second) // the gateway rings on
				o.talks = nil
				c.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
				if !slices.Contains(o.talks, "answered out at alice@example.org>bob@example.org") {
					t.Errorf("the accounts say %q", o.talks)
				}
				c.the("ACK ", c.request("ACK", gwContact, 1, "bt"))
				o.refuses("alice's BYE to herself", c.request("BYE", "sip:alice@192.0.2.7", 2, "bt"))
				c.the("BYE ", c.request("BYE", gwContact, 3, "bt"))
			})
		})
	}
}

// TestAnswerOutlivesItsSibling: an answer that the full table had no room for can be hung up also
// when the other one is over, and makes no row of the accounts, which have that one.
func TestAnswerOutlivesItsSibling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, "max_dialogs 16")
		stop := o.run()
		defer stop()
		o.fills(15)
		o.targets = []string{bob, carol}
		sent := o.router.Receive(alice, (&call{}).fresh("two"))
		c, other := &call{office: o, id: "two"}, &call{office: o, id: "two"}
		c.invite, other.invite = sentTo(t, sent, "192.0.2.8:5060"), sentTo(t, sent, "192.0.2.9:5060")
		c.answers(bob, 200, "bt")
		other.answers(carol, 200, "ct", "Contact: <sip:carol@192.0.2.9>")
		c.the("ACK ", c.request("ACK", bobContact, 1, "bt"))
		other.the("ACK ", other.request("ACK", "sip:carol@192.0.2.9", 1, "ct"))
		c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 2, "bt")), 200)
		for i, after := range []time.Duration{time.Minute, 10 * time.Hour} {
			time.Sleep(after)
			o.refuses("a tag but for its case", other.request("BYE", "sip:carol@192.0.2.9", 10+i, "BT"))
			o.byes = nil
			other.reply(carol, other.the("BYE ", other.request("BYE", "sip:carol@192.0.2.9", 20+i, "ct")), 200)
			if !slices.Equal(o.byes, []bool{false}) {
				t.Errorf("it counts: %v", o.byes)
			}
		}
		time.Sleep(3 * time.Hour)
		o.refuses("after the longest call", other.request("BYE", "sip:carol@192.0.2.9", 30, "ct"))
		if n := o.statistic("records"); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// TestManyAnswers: each of as many answers to one INVITE as the table keeps is a call that can be
// acknowledged and hung up; of one more nothing passes.
func TestManyAnswers(t *testing.T) {
	o := newOffice(t)
	c := o.invites("many")
	for i := range 17 {
		tag := fmt.Sprint("t", i)
		c.answers(bob, 200, tag)
		if i == 16 {
			if sent := c.request("ACK", bobContact, 1, tag); len(sent) != 0 {
				t.Errorf("the ACK of one more: %v", sent)
			}
			break
		}
		c.the("ACK ", c.request("ACK", bobContact, 1, tag))
	}
	o.wantStates("all are up", 0, 0, 0, 16)
	for i := range 16 {
		tag := fmt.Sprint("t", i)
		c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 2+i, tag)), 200)
	}
	o.wantNothingLeft()
}
