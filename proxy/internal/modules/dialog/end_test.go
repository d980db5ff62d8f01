package dialog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// dialogs is dlg.list.
func (o *office) dialogs() (list []ctlproto.Dialog) {
	o.m.List(func(d ctlproto.Dialog) bool { list = append(list, d); return true })
	return list
}

// TestList: what the operator sees of a call, in Kamailio's shape.
func TestList(t *testing.T) {
	o := newOffice(t)
	c := o.invites("seen")
	if list := o.dialogs(); len(list) != 1 || list[0].State != ctlproto.DlgUnconfirmed || list[0].StartTS != 0 || list[0].CallID != "seen" {
		t.Errorf("an INVITE is listed as %+v", list)
	}
	c.up()
	got := o.dialogs()[0]
	if got.InitTS == 0 || got.StartTS == 0 || got.Timeout < got.StartTS+43199 || got.HID == 0 {
		t.Errorf("times and numbers: %+v", got)
	}
	got.InitTS, got.StartTS, got.Timeout, got.HEntry, got.HID = 0, 0, 0, 0, 0
	want := ctlproto.Dialog{
		CallID: "seen", FromURI: "sip:alice@example.org", ToURI: "sip:bob@example.org", State: ctlproto.DlgConfirmed, Lifetime: 43200,
		Caller: ctlproto.DialogParty{Tag: "at", Contact: "sip:alice@192.0.2.7", CSeq: 1, AoR: "alice@example.org", Remote: ""},
		Callee: ctlproto.DialogParty{Tag: "bt", Contact: bobContact, AoR: "bob@example.org"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	n := 0
	o.invites("second")
	o.m.List(func(ctlproto.Dialog) bool { n++; return false })
	if n != 1 {
		t.Errorf("the list goes on after it was stopped: %d", n)
	}
}

// TestEnd: both phones get a BYE that they take for the other one's, and the call is over
// at once.
func TestEnd(t *testing.T) {
	o := newOffice(t)
	c := o.invites("end", "Record-Route: <sip:192.0.2.31;lr>")
	c.answers(bob, 200, "bt")
	c.the("SIP/2.0 200", c.reply(bob, c.the("INFO ", o.router.Receive(alice, c.text("INFO", bobContact, 7, "at", "bt", "Route: "+ourEntry(t, c)+"\n"))), 200))
	o.router.Receive(bob, c.text("INFO", "sip:alice@192.0.2.7", 41, "bt", "at", "Route: "+ourEntry(t, c)+", <sip:192.0.2.31;lr>\n"))
	o.sender.answers["BYE at"] = 481
	result, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "end", Actor: "olga"})
	if err != nil {
		t.Fatal(err)
	}
	want := ctlproto.DlgEndResult{Ended: []ctlproto.DlgEnded{{CallID: "end", FromTag: "at", ToTag: "bt",
		Caller: ctlproto.DlgAnswer{Code: 481, Text: "As told"}, Callee: ctlproto.DlgAnswer{Code: 200, Text: "OK"}}}}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
	lines := o.sender.lines()
	slices.Sort(lines)
	if diff := cmp.Diff([]string{
		"BYE sip:alice@192.0.2.7 to at from bt cseq 42 by 192.0.2.7:5060 along <sip:192.0.2.31;lr>",
		"BYE sip:bob@192.0.2.8 to bt from at cseq 8 by 192.0.2.8:5060",
	}, lines); diff != "" {
		t.Error(diff)
	}
	if m := c.the("SIP/2.0 ", c.router.Receive(alice, c.text("BYE", bobContact, 8, "at", "bt", "Route: "+ourEntry(t, c)+"\n"))); m.Status != 481 {
		t.Errorf("a BYE after the end gets %d", m.Status)
	}
	o.wantNothingLeft()
	if len(o.talks) != 2 || !contains(o.talks[1], `by "router"`) {
		t.Errorf("the accounts say %q", o.talks)
	}
}

// TestEndByNumbers: h_entry and h_id name one dialog, tags narrow a Call-ID, and what is
// not there is not found.
func TestEndByNumbers(t *testing.T) {
	o := newOffice(t)
	o.invites("one").up()
	c := o.invites("two")
	c.answers(bob, 200, "bt")
	c.answers(bob, 200, "ct")
	for name, p := range map[string]ctlproto.DlgEndParams{
		"an unknown Call-ID": {CallID: "three"}, "another From tag": {CallID: "two", FromTag: "x"}, "another To tag": {CallID: "two", ToTag: "x"},
		"unknown numbers": {HEntry: 1, HID: 4711},
	} {
		_, err := o.m.End(t.Context(), p)
		if e, ok := errors.AsType[*ctlproto.Error](err); !ok || e.Code != ctlproto.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "two", ToTag: "ct"}); err != nil || len(r.Ended) != 1 || r.Ended[0].ToTag != "ct" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, d := range o.dialogs() {
		if d.CallID != "one" {
			continue
		}
		if r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{HEntry: d.HEntry, HID: d.HID}); err != nil || len(r.Ended) != 1 || r.Ended[0].CallID != "one" {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if list := o.dialogs(); len(list) != 1 || list[0].Callee.Tag != "bt" {
		t.Errorf("left are %+v", list)
	}
	if r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "two"}); err != nil || len(r.Ended) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	o.wantNothingLeft()
}

// TestEndWhileItRings: nobody has answered, so the call is given up for the caller.
func TestEndWhileItRings(t *testing.T) {
	o := newOffice(t)
	o.m.Attach(func(key txn.Key) bool { return o.router.Engine.Cancel(key, nil) }, o.router.Engine.OurRoute)
	c := o.invites("ring")
	c.answers(bob, 180, "bt")
	r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "ring"})
	if err != nil || r.Cancelled != 1 || len(r.Ended) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if m := c.answers(bob, 487, "bt"); m.Status != 487 {
		t.Errorf("the caller gets %d", m.Status)
	}
	o.wantNothingLeft()
}

// TestSilentPhones: phones that do not answer do not keep the operator for ever, nor the record.
func TestSilentPhones(t *testing.T) {
	o := newOffice(t)
	o.invites("s").up()
	o.sender.answers = map[string]int{"BYE at": 0, "BYE bt": 0}
	r, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "s"})
	if err != nil || r.Ended[0].Caller.Code != 408 || r.Ended[0].Callee.Code != 408 {
		t.Errorf("%+v, %v", r, err)
	}
	o.wantNothingLeft()
}

// TestTimers: what is over by time, and that calls are then hung up.
func TestTimers(t *testing.T) {
	for name, x := range map[string]struct {
		params []string
		make   func(o *office)
		stays  time.Duration
		goes   time.Duration
		byes   int
	}{
		"an INVITE without an answer": {make: func(o *office) { o.invites("x") }, stays: 299 * time.Second, goes: 302 * time.Second},
		"ringing, early_timeout 20": {params: []string{"early_timeout 20"}, stays: 19 * time.Second, goes: 22 * time.Second,
			make: func(o *office) { o.invites("x").answers(bob, 180, "bt") }},
		"no ACK": {make: func(o *office) { o.invites("x").answers(bob, 200, "bt") }, stays: 59 * time.Second, goes: 62 * time.Second, byes: 2},
		"no ACK, without timeout_bye": {params: []string{"timeout_bye 0"}, make: func(o *office) { o.invites("x").answers(bob, 200, "bt") },
			stays: 59 * time.Second, goes: 62 * time.Second},
		"no BYE":                      {make: func(o *office) { o.invites("x").up() }, stays: 12*time.Hour - time.Second, goes: 12*time.Hour + 2*time.Second, byes: 2},
		"no BYE, default_timeout 100": {params: []string{"default_timeout 100"}, make: func(o *office) { o.invites("x").up() }, stays: 99 * time.Second, goes: 102 * time.Second, byes: 2},
		"a session timer": {make: func(o *office) { o.invites("x").up("Session-Expires: 90;refresher=uac") }, stays: 119 * time.Second,
			goes: 122 * time.Second, byes: 2},
		"a session timer that is no number": {params: []string{"default_timeout 100"}, make: func(o *office) { o.invites("x").up("x: -1") }, stays: 99 * time.Second,
			goes: 102 * time.Second, byes: 2},
		"a session that is renewed": {stays: 219 * time.Second, goes: 222 * time.Second, byes: 2, make: func(o *office) {
			c := o.invites("x").up("x: 90")
			time.Sleep(100 * time.Second)
			c.reply(bob, c.the("UPDATE ", c.request("UPDATE", bobContact, 2, "bt")), 200, "Session-Expires: 90", "Contact: <"+bobContact+">")
		}},
		"a BYE nobody answers": {stays: 34 * time.Second, goes: 40 * time.Second, byes: 2,
			make: func(o *office) { c := o.invites("x").up(); c.the("BYE ", c.request("BYE", bobContact, 2, "bt")) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, x.params...)
				stop := o.run()
				begun := time.Now()
				x.make(o)
				time.Sleep(x.stays - time.Since(begun))
				if n := o.m.Active().All; n != 1 {
					t.Errorf("after %v there are %d dialogs", x.stays, n)
				}
				time.Sleep(x.goes - time.Since(begun))
				o.wantNothingLeft()
				stop()
				if lines := o.sender.lines(); len(lines) != x.byes {
					t.Errorf("sent: %q, want %d", lines, x.byes)
				}
				if n := o.statistic("expired_dialogs"); n != 1 {
					t.Errorf("%d have expired", n)
				}
			})
		})
	}
}

// TestKeepAlive: phones are asked only if that is wanted; one that knows nothing of the
// call any more, or is silent, ends it.
func TestKeepAlive(t *testing.T) {
	for name, x := range map[string]struct {
		params  []string
		answers map[string]int
		asked   int
		over    bool
	}{
		"off by default":       {},
		"both are there":       {params: []string{"ka_timer 30"}, asked: 4},
		"OPTIONS is unknown":   {params: []string{"ka_timer 30"}, answers: map[string]int{"OPTIONS bt": 501}, asked: 4},
		"the callee is silent": {params: []string{"ka_timer 30"}, answers: map[string]int{"OPTIONS bt": 0}, asked: 1, over: true},
		"the caller forgot":    {params: []string{"ka_timer 30"}, answers: map[string]int{"OPTIONS at": 481}, asked: 2, over: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, x.params...)
				if x.answers != nil {
					o.sender.answers = x.answers
				}
				stop := o.run()
				o.invites("ka").up()
				time.Sleep(70 * time.Second)
				stop()
				lines := o.sender.lines()
				options, byes := 0, 0
				for _, l := range lines {
					switch {
					case strings.HasPrefix(l, "OPTIONS "):
						options++
						if !strings.Contains(l, "cseq 1 ") {
							t.Errorf("%s: it uses up a number of the phone's", l)
						}
					case strings.HasPrefix(l, "BYE "):
						byes++
					}
				}
				if options != x.asked || byes != map[bool]int{true: 2}[x.over] || (o.m.Active().All == 0) != x.over {
					t.Errorf("sent %q, %d dialogs are left", lines, o.m.Active().All)
				}
			})
		})
	}
}

// TestEndOfARenamedCall: each phone gets a BYE with the addresses that it knows, whoever
// was renamed on the way (module uac).
func TestEndOfARenamedCall(t *testing.T) {
	o := newOffice(t)
	c := o.invites("renamed")
	other := strings.NewReplacer("sip:alice@example.org>", "sip:anonymous@anonymous.invalid>", "sip:bob@example.org>", "sip:+49301@pstn.example>")
	rep := sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true, Extra: []byte("Contact: <" + bobContact + ">\r\n")}
	o.router.Receive(bob, other.Replace(string(c.invite.AppendReply(nil, &rep))))
	if _, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "renamed"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, w := range o.sender.sent {
		got[w.ToTag] = w.From + " > " + w.To
	}
	want := map[string]string{"at": "sip:bob@example.org > sip:alice@example.org", "bt": "sip:anonymous@anonymous.invalid > sip:+49301@pstn.example"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
