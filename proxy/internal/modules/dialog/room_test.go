package dialog_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// rings has a phone, or those behind it, ring with n To tags.
func (c *call) rings(from string, n int) {
	c.t.Helper()
	for i := range n {
		c.answers(from, 180, fmt.Sprint("ring-", i))
	}
}

// TestManyRing: however many phones ring, the one that answers is in the call: behind one router,
// beside another one, whether it was heard before or not, and where the table is full.
func TestManyRing(t *testing.T) {
	for name, x := range map[string]struct {
		params string
		others int
		ring   func(c, other *call)
		tag    string
	}{
		"the last of them":         {ring: func(c, _ *call) { c.rings(bob, 20) }, tag: "ring-19"},
		"the first of them":        {ring: func(c, _ *call) { c.rings(bob, 20) }, tag: "ring-0"},
		"one that never rang":      {ring: func(c, _ *call) { c.rings(bob, 20) }, tag: "bt"},
		"beside another":           {ring: func(_, other *call) { other.rings(carol, 20) }, tag: "bt"},
		"both ring":                {ring: func(c, other *call) { c.rings(bob, 20); other.rings(carol, 20) }, tag: "bt"},
		"the table is full":        {params: "max_dialogs 16", others: 15, ring: func(_, other *call) { other.answers(carol, 180, "ct") }, tag: "bt"},
		"full, and more than rang": {params: "max_dialogs 16", others: 14, ring: func(c, other *call) { c.rings(bob, 3); other.rings(carol, 3) }, tag: "bt"},
	} {
		t.Run(name, func(t *testing.T) {
			params := []string{"default_timeout 43200"}
			if x.params != "" {
				params = append(params, x.params)
			}
			o := newOffice(t, params...)
			o.fills(x.others)
			o.targets = []string{bob, carol}
			sent := o.router.Receive(alice, (&call{office: o}).fresh("many"))
			c, other := &call{office: o, id: "many"}, &call{office: o, id: "many"}
			c.invite, other.invite = sentTo(t, sent, "192.0.2.8:5060"), sentTo(t, sent, "192.0.2.9:5060")
			x.ring(c, other)
			if n := o.m.Active().All - x.others; n > 16 {
				t.Errorf("%d dialogs ring", n)
			}
			c.answers(bob, 200, x.tag)
			c.the("ACK ", c.request("ACK", bobContact, 1, x.tag))
			o.wantBusy("answered", "alice bob")
			c.the("INFO ", c.request("INFO", bobContact, 2, x.tag))
			c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 3, x.tag)), 200)
			o.wantBusy("hung up", "")
			if len(o.talks) != 2 {
				t.Errorf("the accounts say %q", o.talks)
			}
		})
	}
}

// TestAnswerWithoutRoom: a second answer that the full table has no room for goes by the seal: its
// ACK and BYE pass, and nothing gets elsewhere.
func TestAnswerWithoutRoom(t *testing.T) {
	o := newOffice(t, "max_dialogs 16")
	o.fills(15)
	o.targets = []string{bob, carol}
	sent := o.router.Receive(alice, (&call{office: o}).fresh("two"))
	c, other := &call{office: o, id: "two"}, &call{office: o, id: "two"}
	c.invite, other.invite = sentTo(t, sent, "192.0.2.8:5060"), sentTo(t, sent, "192.0.2.9:5060")
	c.answers(bob, 200, "bt")
	o.refuses("a tag that nobody gave", c.request("BYE", bobContact, 2, "xt"))
	other.answers(carol, 200, "ct", "Contact: <sip:carol@192.0.2.9>")
	other.the("ACK ", other.request("ACK", "sip:carol@192.0.2.9", 1, "ct"))
	other.the("BYE ", other.request("BYE", "sip:carol@192.0.2.9", 2, "ct"))
	for i, method := range []string{"BYE", "INVITE"} {
		o.refuses(method+" elsewhere", other.request(method, "sip:x@203.0.113.9", 10+i, "ct"))
	}
	o.refuses("REFER", other.request("REFER", "sip:carol@192.0.2.9", 20, "ct"))
}

// invitesAs is the INVITE of somebody, who has proven that, and what the router sends.
func (o *office) invitesAs(user, from, id string) []moduletest.Packet {
	text := strings.Replace((&call{}).fresh(id), "X-User: alice", "X-User: "+user, 1)
	return o.router.Receive(from, text)
}

// TestOneFillsTheTable: who calls himself and has his phone ring with many To tags, or a stranger
// who calls as often as he can, keeps no call of others out of the table, nor one of his own.
func TestOneFillsTheTable(t *testing.T) {
	for _, who := range []string{"mallory", ""} {
		o := newOffice(t, "max_dialogs 64")
		passed := 0
		for i := range 100 {
			for _, p := range o.invitesAs(who, "udp:192.0.2.66:5060", fmt.Sprint("fill-", i)) {
				if !strings.HasPrefix(p.Text, "INVITE ") {
					continue
				}
				passed++
				c := &call{office: o, id: fmt.Sprint("fill-", i)}
				c.invite = o.the("INVITE ", []moduletest.Packet{p})
				if i < 4 {
					c.rings("udp:192.0.2.66:5060", 20)
				}
			}
		}
		if n := o.m.Active().All; n > 40 {
			t.Errorf("%q has %d of 64 dialogs", who, n)
		}
		if n := o.statistic("untracked"); who != "" && n != int64(100-passed) {
			t.Errorf("%d INVITEs of his passed, %d were not tracked", passed, n)
		}
		before := o.m.Active().All
		for i := range 8 {
			o.the("INVITE ", o.invitesAs("alice", alice, fmt.Sprint("mine-", i)))
		}
		if n := o.m.Active().All; n != before+8 {
			t.Errorf("beside %q %d of 8 calls are listed", who, n-before)
		}
		o.the("INVITE ", o.router.Receive("udp:192.0.2.67:5060", strings.Replace((&call{}).fresh("stranger"), "X-User: alice\n", "", 1)))
		if n := o.m.Active().All; n != before+9 {
			t.Errorf("beside %q a stranger's call is not listed", who)
		}
	}
}

// TestRoomComesBack: what one has had in the table he may have again when it is over.
func TestRoomComesBack(t *testing.T) {
	o := newOffice(t, "max_dialogs 16")
	for round := range 5 {
		var calls []*call
		for i := range 8 {
			calls = append(calls, o.invites(fmt.Sprint("round-", round, "-", i)))
		}
		for i, p := range o.invitesAs("alice", alice, fmt.Sprint("more-", round)) {
			if strings.HasPrefix(p.Text, "INVITE ") {
				t.Errorf("round %d: a ninth one is sent on, packet %d", round, i)
			}
		}
		for i, c := range calls {
			switch i % 3 {
			case 0:
				c.answers(bob, 486, "bt")
			case 1:
				c.up().hangsUp(2)
			case 2: // it owes an ACK
				c.answers(bob, 200, "bt")
				c.reply(alice, c.the("BYE ", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
			}
		}
		o.wantNothingLeft()
	}
}
