package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

const bobContact = "sip:bob@192.0.2.8"

// TestWhereADialogLeads: who is in a call can send to its other end by whatever name the
// router gave it, and to nobody else.
func TestWhereADialogLeads(t *testing.T) {
	for name, x := range map[string]struct {
		uri   string
		route string // beyond ours
		want  bool
	}{
		"the contact":                    {uri: bobContact, want: true},
		"with other parameters":          {uri: bobContact + ";ob;x=1", want: true},
		"the host in upper case, a port": {uri: "sip:bob@192.0.2.8:5060;transport=UDP", want: true},
		"where he is":                    {uri: bobContact + ";alias=192.0.2.8~5060~1", want: true},
		"another user":                   {uri: "sip:0900123@192.0.2.8"},
		"another host":                   {uri: "sip:bob@203.0.113.1"},
		"another port":                   {uri: bobContact + ":5062"},
		"another transport":              {uri: bobContact + ";transport=tcp"},
		"maddr":                          {uri: bobContact + ";maddr=203.0.113.1"},
		"another alias":                  {uri: bobContact + ";alias=203.0.113.1~5060~1"},
		"an alias that is none":          {uri: bobContact + ";alias=x"},
		"another alias port":             {uri: bobContact + ";alias=192.0.2.8~5061~1"},
		"sips":                           {uri: "sips:bob@192.0.2.8"},
		"a telephone number":             {uri: "tel:+49900123"},
		"no user":                        {uri: "sip:192.0.2.8"},
		"a second Route":                 {uri: bobContact, route: "<sip:203.0.113.1;lr>"},
		"a second Route to himself":      {uri: bobContact, route: "<sip:192.0.2.8;lr>"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.invites("j").up()
			if x.route != "" {
				c.routes += "Route: " + x.route + "\n"
			}
			for i, method := range []string{"INVITE", "MESSAGE", "REFER", "BYE"} {
				sent := c.request(method, x.uri, 2+i, "bt")
				if !x.want {
					if m := c.the("SIP/2.0 ", sent); m.Status != 481 || len(sent) != 1 {
						t.Errorf("%s: %v, want 481 and nothing else", method, sent)
					}
					continue
				}
				c.the(method+" ", sent)
			}
			if sent := c.request("ACK", x.uri, 1, "bt"); len(sent) > 0 != x.want {
				t.Errorf("ACK: %v", sent)
			}
			if n := o.statistic("rejected_requests"); x.want == (n > 0) {
				t.Errorf("%d were rejected", n)
			}
		})
	}
}

// TestAnotherDialogsTag: the tags have to be those of a call that is up.
func TestAnotherDialogsTag(t *testing.T) {
	o := newOffice(t)
	c := o.invites("tags").up()
	for tag, want := range map[string]string{"xt": "481", "at": "481", "": "400"} {
		if sent := c.request("INFO", bobContact, 2, tag); len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 "+want) {
			t.Errorf("To tag %q: %v, want %s", tag, sent, want)
		}
	}
	c.hangsUp(3)
	for i, method := range []string{"INVITE", "MESSAGE", "BYE"} {
		if m := c.the("SIP/2.0 ", c.request(method, "sip:0900123@203.0.113.1", 4+i, "bt")); m.Status != 481 {
			t.Errorf("%s after the end: %d", method, m.Status)
		}
	}
	o.wantNothingLeft()
}

// TestMoving: a phone that says in a re-INVITE that it is elsewhere now is reached there,
// and where it was as long as the other end may not know.
func TestMoving(t *testing.T) {
	o := newOffice(t)
	c := o.invites("move").up()
	re := c.the("INVITE ", o.router.Receive("udp:192.0.2.88:5070",
		c.text("INVITE", "sip:alice@192.0.2.7", 1, "bt", "at", c.back, "Contact: <sip:bob@10.0.0.8:5071>")))
	c.reply(alice, re, 200, "Contact: <sip:alice2@192.0.2.7>")
	for i, uri := range []string{"sip:bob@192.0.2.88:5070", bobContact} {
		c.the("INFO ", c.request("INFO", uri, 2+i, "bt"))
	}
	// What he says of himself from elsewhere may be a lie: who calls him knows all that he does.
	for i, uri := range []string{"sip:bob@10.0.0.8:5071", "sip:bob@10.0.0.8"} {
		if m := c.the("SIP/2.0 ", c.request("INFO", uri, 9+i, "bt")); m.Status != 481 {
			t.Errorf("%s: %d", uri, m.Status)
		}
	}
	for i, uri := range []string{"sip:alice2@192.0.2.7", "sip:alice@192.0.2.7"} {
		c.the("INFO ", o.router.Receive(bob, c.text("INFO", uri, 2+i, "bt", "at", c.back)))
	}
	if m := c.the("SIP/2.0 ", o.router.Receive(bob, c.text("INFO", "sip:alice3@192.0.2.7", 5, "bt", "at", c.back))); m.Status != 481 {
		t.Errorf("another user: %d", m.Status)
	}
}

// TestRouteSets: with other routers on the way, the next one has to be theirs.
func TestRouteSets(t *testing.T) {
	o := newOffice(t)
	c := o.invites("routes", "Record-Route: <sip:192.0.2.31;lr>, <sip:192.0.2.30;lr>")
	c.answers(bob, 200, "bt", "Record-Route: <sip:192.0.2.41;lr>")
	ours := "Route: " + ourEntry(t, c) + "\n"
	c.routes, c.back = ours+"Route: <sip:192.0.2.41;lr>\n", ours+"Route: <sip:192.0.2.31;lr>, <sip:192.0.2.30;lr>\n"
	_ = c.request("ACK", bobContact, 1, "bt")
	d := o.dialogs()[0]
	if d.Caller.RouteSet != "<sip:192.0.2.31;lr>, <sip:192.0.2.30;lr>" || strings.Contains(d.Callee.RouteSet, "srm=") {
		t.Errorf("route sets %q and %q", d.Caller.RouteSet, d.Callee.RouteSet)
	}
	info := c.text("INFO", "sip:alice@192.0.2.7", 1, "bt", "at", c.back)
	if sent := o.router.Receive(bob, info); len(sent) == 0 || !strings.HasPrefix(sent[0].Text, "INFO ") || sent[0].To.Remote.String() != "192.0.2.31:5060" {
		t.Errorf("along the route set: %v", sent)
	}
	for name, beyond := range map[string]string{"the second first": "<sip:192.0.2.30;lr>, <sip:192.0.2.31;lr>", "a stranger's": "<sip:203.0.113.1;lr>",
		"another port": "<sip:192.0.2.31:5062;lr>"} {
		sent := o.router.Receive(bob, c.text("INFO", "sip:alice@192.0.2.7", 2, "bt", "at", ours+"Route: "+beyond+"\n", "X: "+name))
		if m := o.the("SIP/2.0 ", sent); m.Status != 481 {
			t.Errorf("%s: %d", name, m.Status)
		}
	}
}

// TestRouteSetTooLong: what cannot be kept leads nowhere.
func TestRouteSetTooLong(t *testing.T) {
	o := newOffice(t)
	c := o.invites("long", "Record-Route: <sip:"+long(2100)+".example;lr>")
	c.answers(bob, 200, "bt")
	back := "Route: " + ourEntry(t, c) + "\nRoute: <sip:" + long(2100) + ".example;lr>\n"
	if m := o.the("SIP/2.0 ", o.router.Receive(bob, c.text("INFO", "sip:alice@192.0.2.7", 1, "bt", "at", back))); m.Status != 481 {
		t.Errorf("%d", m.Status)
	}
}

// ourEntry is our Record-Route in the INVITE that bob has.
func ourEntry(t *testing.T, c *call) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(c.invite.Buf), "Record-Route: ")
	entry, _, end := strings.Cut(rest, "\r\n")
	if !ok || !end || !strings.Contains(entry, "srm=t") {
		t.Fatalf("no entry of a tracked dialog in %s", c.invite.Buf)
	}
	return entry
}

// TestSubscriptionIsForNothingElse: the way that a SUBSCRIBE opens is one for SUBSCRIBE
// and NOTIFY.
func TestSubscriptionIsForNothingElse(t *testing.T) {
	o := newOffice(t)
	c := &call{office: o, id: "sub"}
	text := strings.Replace(moduletest.Request("SUBSCRIBE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.7>", "Event: x"), "call-1\n", "sub\n", 1)
	c.invite = o.the("SUBSCRIBE ", o.router.Receive(alice, text))
	c.answers(bob, 200, "bt")
	o.wantStates("a subscription", 0, 0, 0, 0)
	c.the("SUBSCRIBE ", c.request("SUBSCRIBE", bobContact, 2, "bt"))
	c.the("NOTIFY ", o.router.Receive(bob, c.text("NOTIFY", "sip:alice@192.0.2.7", 1, "bt", "at", c.back)))
	for i, method := range []string{"INVITE", "MESSAGE", "REFER", "OPTIONS"} {
		if m := c.the("SIP/2.0 ", c.request(method, "sip:0900123@203.0.113.1", 3+i, "bt")); m.Status != 481 {
			t.Errorf("%s: %d", method, m.Status)
		}
	}
}

// TestNotStrict: the parameter lets everything through that has a seal of ours.
func TestNotStrict(t *testing.T) {
	o := newOffice(t, "strict 0")
	c := o.invites("lax").up()
	c.the("INFO ", c.request("INFO", "sip:other@203.0.113.1", 2, "bt"))
	c.hangsUp(3)
	c.the("INFO ", c.request("INFO", bobContact, 4, "bt"))
	o.wantNothingLeft()
}

// TestDialogsOfBefore: a call that a process before this one has set up goes on between its
// two phones, though nothing is known of it; it is a way to nobody else, and not for ever.
func TestDialogsOfBefore(t *testing.T) {
	before := newOffice(t)
	c := before.invites("old").up()
	at := before.router.Address()
	move := func(o *office) {
		c.office = o
		for _, routes := range []*string{&c.routes, &c.back} {
			*routes = strings.ReplaceAll(*routes, at, o.router.Address())
		}
		at = o.router.Address()
	}
	refused := func(what, method, uri string, cseq int) {
		t.Helper()
		sent := c.request(method, uri, cseq, "bt")
		if method == "ACK" && len(sent) == 0 {
			return
		}
		if m := c.the("SIP/2.0 ", sent); m.Status != 481 || len(sent) != 1 {
			t.Errorf("%s: %s %s: %v", what, method, uri, sent)
		}
	}
	after := newOfficeAt(t, 1) // begins a minute later
	move(after)
	for i, method := range []string{"INFO", "INVITE", "UPDATE"} {
		c.the(method+" ", c.request(method, bobContact, 2+i, "bt"))
		c.the(method+" ", after.router.Receive(bob, c.text(method, "sip:alice@192.0.2.7", 2+i, "bt", "at", c.back)))
	}
	for i, method := range []string{"INVITE", "UPDATE", "INFO", "BYE", "ACK"} {
		refused("another host", method, "sip:0900123@203.0.113.1", 10+i)
	}
	for i, method := range []string{"MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "OPTIONS", "REGISTER"} {
		refused("no method of a call", method, bobContact, 20+i)
	}
	c.routes += "Route: <sip:203.0.113.1;lr>\n"
	refused("another Route", "INVITE", bobContact, 30)
	c.routes = strings.TrimSuffix(c.routes, "Route: <sip:203.0.113.1;lr>\n")
	c.the("BYE ", after.router.Receive(bob, c.text("BYE", "sip:alice@192.0.2.7", 40, "bt", "at", c.back)))
	c.hangsUp(41)
	after.wantNothingLeft()

	move(newOfficeAt(t, 13*60))
	refused("older than any call may be", "BYE", bobContact, 3)
	move(newOfficeAt(t, -1)) // began before the call did, and does not know it
	refused("a seal of this process for an unknown dialog", "INFO", bobContact, 4)
}

// TestContactWithAnAlias: a phone cannot send the other end's requests elsewhere by an
// alias in its own Contact, in whatever letters.
func TestContactWithAnAlias(t *testing.T) {
	for _, name := range []string{"alias", "ALIAS", "aLias"} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			c := o.invites("aliased").up()
			target := bobContact + ";" + name + "=203.0.113.1~5060~1"
			re := c.the("INVITE ", o.router.Receive(bob, c.text("INVITE", "sip:alice@192.0.2.7", 1, "bt", "at", c.back, "Contact: <"+target+">")))
			c.reply(alice, re, 200, "Contact: <sip:alice@192.0.2.7>")
			if m := c.the("SIP/2.0 ", c.request("INFO", target, 2, "bt")); m.Status != 481 {
				t.Errorf("%d for a request to %s", m.Status, target)
			}
		})
	}
}
