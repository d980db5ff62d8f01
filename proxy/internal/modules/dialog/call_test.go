package dialog_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module/moduletest"
)

// TestCall: a call from its INVITE to its BYE, as the table, presence and the accounts see it.
func TestCall(t *testing.T) {
	for name, bobHangsUp := range map[string]bool{"the caller hangs up": false, "the callee hangs up": true} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.invites("c1")
			o.wantStates("sent", 1, 0, 0, 0)
			c.answers(bob, 180, "bt")
			o.wantStates("ringing", 0, 1, 0, 0)
			o.wantBusy("ringing", "")
			c.answers(bob, 200, "bt")
			o.wantStates("answered", 0, 0, 1, 0)
			o.wantBusy("answered", "alice bob")
			c.answers(bob, 200, "bt") // once more: the ACK is late
			c.the("ACK ", c.request("ACK", "sip:bob@192.0.2.8", 1, "bt"))
			o.wantStates("acknowledged", 0, 0, 0, 1)
			who := `by "caller"`
			if bobHangsUp {
				who = `by "callee"`
				bye := c.the("BYE ", o.router.Receive(bob, c.text("BYE", "sip:alice@192.0.2.7", 1, "bt", "at", c.back)))
				o.wantBusy("the BYE is out", "alice bob")
				c.reply(alice, bye, 200)
			} else {
				c.hangsUp(2)
			}
			o.wantNothingLeft()
			if len(o.talks) != 2 || o.talks[0] != "answered c1 at alice@example.org>bob@example.org" || !contains(o.talks[1], "ended c1 bt", who) {
				t.Errorf("the accounts say %q", o.talks)
			}
			if m := c.the("SIP/2.0 ", c.request("INFO", "sip:bob@192.0.2.8", 3, "bt")); m.Status != 481 {
				t.Errorf("a request after the end gets %d, want 481", m.Status)
			}
			if sent := c.request("ACK", "sip:bob@192.0.2.8", 1, "bt"); len(sent) != 0 {
				t.Errorf("an ACK after the end is sent on: %v", sent)
			}
		})
	}
}

// TestNoCall: INVITEs that come to nothing leave nothing.
func TestNoCall(t *testing.T) {
	o := newOffice(t)
	c := o.invites("refused")
	c.answers(bob, 180, "bt")
	c.answers(bob, 486, "bt")
	o.wantNothingLeft()
	c = o.invites("given-up")
	c.answers(bob, 180, "bt")
	o.router.Receive(alice, c.cancel())
	c.answers(bob, 487, "bt")
	o.wantNothingLeft()
	o.router.SendErr = errSend
	o.router.Receive(alice, c.fresh("not-sent"))
	o.router.SendErr = nil
	o.wantNothingLeft()
	if len(o.talks) != 0 {
		t.Errorf("the accounts say %q", o.talks)
	}
}

// TestForks: each To tag is a dialog; the ones that lose go.
func TestForks(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{bob, carol}
	c := o.invites("fork")
	toCarol := c.invite
	for _, p := range o.router.Receive(alice, c.fresh("second")) {
		_ = p // the second call has its own two
	}
	c.answers(bob, 183, "bt")
	c.invite = toCarol
	o.wantStates("one rings", 1, 1, 0, 0)
	c.answers(carol, 183, "ct")
	o.wantStates("both ring", 1, 2, 0, 0)
	c.answers(bob, 200, "bt")
	c.the("ACK ", c.request("ACK", "sip:bob@192.0.2.8", 1, "bt"))
	c.answers(carol, 200, "ct") // she was as fast
	o.wantStates("both have answered", 1, 0, 1, 1)
	c.the("ACK ", c.request("ACK", "sip:carol@192.0.2.9", 1, "ct"))
	c.reply(carol, c.the("BYE ", c.request("BYE", "sip:carol@192.0.2.9", 2, "ct")), 200)
	o.wantBusy("carol is hung up", "alice bob")
	c.hangsUp(3)
	c.answers(bob, 200, "dt", "Contact: <sip:late@192.0.2.8>") // a third one, after the first is over
	o.wantStates("a late one", 1, 0, 1, 0)
	c.answers(bob, 200, "bt") // a copy that was on its way
	o.wantStates("a copy of the first", 1, 0, 1, 0)
	c.the("ACK ", c.request("ACK", "sip:late@192.0.2.8", 1, "dt"))
	c.reply(bob, c.the("BYE ", c.request("BYE", "sip:late@192.0.2.8", 4, "dt")), 200)
	o.wantStates("only the second call is left", 1, 0, 0, 0)
}

// TestNotTracked: which INVITEs are left alone, and that they are relayed all the same.
func TestNotTracked(t *testing.T) {
	for name, c := range map[string]struct {
		params []string
		lines  []string
		id     string
		want   int
	}{
		"by default":          {want: 1},
		"without the flag":    {params: []string{"dlg_flag 4"}},
		"with the flag":       {params: []string{"dlg_flag 4"}, lines: []string{"X-Flag: 1"}, want: 1},
		"too long a Call-ID":  {id: long(300), params: []string{"strict 0"}},
		"a Call-ID that fits": {id: long(256), want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, c.params...)
			if c.id == "" {
				c.id = "x"
			}
			call := o.invites(c.id, c.lines...)
			o.wantStates("sent", c.want, 0, 0, 0)
			call.answers(bob, 200, "bt")
			call.the("ACK ", call.request("ACK", "sip:bob@192.0.2.8", 1, "bt"))
			call.hangsUp(2)
			o.wantNothingLeft()
		})
	}
}

// TestFull: what does not fit is relayed and counted, from its INVITE to its BYE.
func TestFull(t *testing.T) {
	o := newOffice(t, "max_dialogs 16")
	o.fills(16)
	c := o.invites("over")
	o.wantStates("full", 16, 0, 0, 0)
	c.up()
	c.hangsUp(2)
	if n := o.statistic("untracked"); n != 1 {
		t.Errorf("%d INVITEs were not tracked, want 1", n)
	}
	o.wantStates("still", 16, 0, 0, 0)
	same := newOffice(t)
	first := same.invites("same").up()
	for i := range 40 {
		first.answers(bob, 200, "fork-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	if a := same.m.Active(); a.All > 16 {
		t.Errorf("%d dialogs of one Call-ID", a.All)
	}
}

// TestDialogBroken: at 481 and 408 the router hangs up both ends, and the call is over then, in
// the accounts, too; where it may not, the call is over at once, and the phone's BYE still passes.
func TestDialogBroken(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		status int
		over   bool
		by     string
	}{
		"481 to a re-INVITE": {"INVITE", 481, true, "router"}, "408 to a re-INVITE": {"INVITE", 408, true, "router"}, "481 to an INFO": {"INFO", 481, true, "router"},
		"488 to a re-INVITE": {method: "INVITE", status: 488}, "500 to an INFO": {method: "INFO", status: 500}, "481 to the BYE": {"BYE", 481, true, "caller"},
		"401 to the BYE": {method: "BYE", status: 401}, "407 to the BYE": {method: "BYE", status: 407},
	} {
		for _, params := range [][]string{nil, {"timeout_bye 0"}} {
			t.Run(name+join(params), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t, params...)
					stop := o.run()
					call := o.invites("b").up()
					call.reply(bob, call.the(c.method+" ", call.request(c.method, "sip:bob@192.0.2.8", 2, "bt")), c.status)
					time.Sleep(2 * time.Second)
					stop()
					byes := 0
					if c.over {
						o.wantBusy("broken", "")
						o.wantStates("broken", 0, 0, 0, 0)
					} else {
						o.wantStates("goes on", 0, 0, 0, 1)
					}
					switch {
					case c.over && params == nil:
						byes = 2
						o.refuses("its own BYE", call.request("BYE", "sip:bob@192.0.2.8", 3, "bt"))
						if len(o.talks) != 2 || !contains(o.talks[1], c.by) {
							t.Errorf("the accounts say %q", o.talks)
						}
					case c.over && c.method == "BYE":
					default:
						call.hangsUp(3)
					}
					if lines := o.sender.lines(); len(lines) != byes {
						t.Errorf("the router has sent %q", lines)
					}
					o.wantNothingLeft()
					if len(o.talks) != 2 {
						t.Errorf("the accounts say %q", o.talks)
					}
				})
			})
		}
	}
}

// TestEvents: who listens learns of both ends of a call.
func TestEvents(t *testing.T) {
	o := newOffice(t)
	stop := o.run()
	o.invites("e").up().hangsUp(2)
	o.until(func() bool { return len(o.events) == 2 })
	stop()
	if diff := cmp.Diff([]string{"answered alice@example.org>bob@example.org", "ended alice@example.org>bob@example.org caller"}, o.events); diff != "" {
		t.Error(diff)
	}
}

// TestOverlong: nobody gets a call past the table by what he writes into the INVITE.
func TestOverlong(t *testing.T) {
	o := newOffice(t)
	for name, text := range map[string]string{
		"Call-ID":  strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org"), "call-1\n", long(257)+"\n", 1),
		"From tag": strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org"), ";tag=at", ";tag="+long(129), 1),
		"From URI": strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org"), "<sip:alice@", "<sip:"+long(513)+"@", 1),
	} {
		text = strings.Replace(text, "z9hG4bK-INVITE", "z9hG4bK-"+strings.ReplaceAll(name, " ", "-"), 1)
		if m := o.the("SIP/2.0 4", o.router.Receive(alice, text)); m.Status != 478 || !strings.Contains(string(m.Reason()), "too long") {
			t.Errorf("%s: %d %s", name, m.Status, m.Reason())
		}
	}
	for i := range 16 {
		c := &call{office: o, id: "same"}
		text := strings.Replace(c.fresh("same"), ";tag=at", ";tag=at"+string(rune('a'+i)), 1)
		o.the("INVITE ", o.router.Receive(alice, strings.Replace(text, "z9hG4bK-INVITE-same", "z9hG4bK-"+string(rune('a'+i)), 1)))
	}
	if m := o.the("SIP/2.0 4", o.router.Receive(alice, (&call{office: o}).fresh("same"))); m.Status != 478 {
		t.Errorf("a 17th dialog of one Call-ID: %d", m.Status)
	}
	o.wantStates("only those", 16, 0, 0, 0)
}

// TestNoFromTag: a caller of RFC 2543 has none, and the call is one like others.
func TestNoFromTag(t *testing.T) {
	o := newOffice(t)
	c := &call{office: o, id: "old"}
	c.invite = o.the("INVITE ", o.router.Receive(alice, strings.Replace(c.fresh("old"), ";tag=at", "", 1)))
	c.answers(bob, 200, "bt")
	o.wantBusy("up", "alice bob")
	without := func(method string, cseq int) string {
		return strings.Replace(c.text(method, bobContact, cseq, "at", "bt", c.routes), ";tag=at", "", 1)
	}
	o.the("ACK ", o.router.Receive(alice, without("ACK", 1)))
	c.reply(bob, o.the("BYE ", o.router.Receive(alice, without("BYE", 2))), 200)
	o.wantNothingLeft()
}
