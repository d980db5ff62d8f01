package dialog_test

import "testing"

// TestLongToTag: a To tag that the table keeps makes a call like any other.
func TestLongToTag(t *testing.T) {
	o := newOffice(t)
	c, tag := o.invites("long"), long(128)
	c.answers(bob, 180, tag)
	c.answers(bob, 200, tag)
	c.the("ACK ", c.request("ACK", bobContact, 1, tag))
	c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 2, tag)), 200)
	o.wantNothingLeft()
	if len(o.talks) != 2 || o.rows != 1 {
		t.Errorf("told of %q, %d rows", o.talks, o.rows)
	}
}

// TestOverlongToTag: an answer with a longer one is none: nobody could acknowledge it or hang up. The caller hears
// that the call has failed, and there is no call in the accounts; who else rings may answer yet.
func TestOverlongToTag(t *testing.T) {
	o := newOffice(t)
	c, tag := o.invites("long"), long(129)
	c.answers(bob, 180, tag)
	if m := c.answers(bob, 200, tag); m.Status != 502 {
		t.Errorf("the caller gets %d", m.Status)
	}
	o.wantNothingLeft()
	if len(o.talks) != 0 || o.rows != 0 {
		t.Errorf("told of %q, %d rows", o.talks, o.rows)
	}

	o = newOffice(t)
	o.targets = []string{bob, carol}
	sent := o.router.Receive(alice, (&call{office: o}).fresh("fork"))
	c, x := &call{office: o, id: "fork"}, &call{office: o, id: "fork"}
	c.invite, x.invite = sentTo(t, sent, "192.0.2.8:5060"), sentTo(t, sent, "192.0.2.9:5060")
	if sent := o.router.Receive(bob, replied(c, 200, tag)); len(sent) != 0 {
		t.Errorf("bob's answer goes up while carol rings: %v", sent)
	}
	x.answers(carol, 200, "ct")
	x.the("ACK ", x.request("ACK", "sip:carol@192.0.2.9", 1, "ct"))
	if sent := o.router.Receive(bob, replied(c, 200, tag)); len(sent) != 0 {
		t.Errorf("bob's answer goes up when carol has answered: %v", sent)
	}
	o.wantStates("carol's call", 0, 0, 0, 1)
	if o.rows != 1 || len(o.talks) != 1 {
		t.Errorf("told of %q, %d rows", o.talks, o.rows)
	}
}

// replied is the answer of bob with a To tag.
func replied(c *call, status int, tag string) string {
	return changed(c.invite, status, "tag=bt", "tag="+tag)
}
