package dialog_test

import (
	"strings"
	"testing"
)

// uriOf is the URI of an entry of a Route.
func uriOf(entry string) string { return strings.TrimSuffix(strings.TrimPrefix(entry, "<"), ">") }

// TestStrictRouterBeforeUs: a request within a dialog that comes from a strict router, which has made our entry the
// Request-URI and put the target at the end of the Route, goes to that (RFC 3261 §16.4), however the Route is
// written, and ends the call as any other one does.
func TestStrictRouterBeforeUs(t *testing.T) {
	o := newOffice(t)
	c := o.throughPBX("strict", bobContact)
	for i, routes := range []string{
		"Route: " + pbxHop + "\nRoute: <" + bobContact + ">\n", "Route: " + pbxHop + ", <" + bobContact + ">\n", "Route: " + pbxHop + " ,\t<" + bobContact + ">;x=1\n",
	} {
		for j, method := range []string{"INVITE", "INFO", "UPDATE"} {
			m := c.the(method+" "+bobContact+" ", o.router.Receive(alice, c.text(method, uriOf(ourEntry(t, c)), 10*i+j+2, "at", "bt", routes)))
			if strings.Count(string(m.Buf), "\r\nRoute: ") != 1 || !strings.Contains(string(m.Buf), "Route: "+pbxHop+"\r\n") {
				t.Errorf("%q becomes %s", routes, m.Buf)
			}
		}
	}
	o = newOffice(t)
	c = o.invites("direct").up()
	bye := c.the("BYE "+bobContact+" ", o.router.Receive(alice, c.text("BYE", uriOf(ourEntry(t, c)), 3, "at", "bt", "Route: <"+bobContact+">\n")))
	if strings.Contains(string(bye.Buf), "\r\nRoute:") {
		t.Errorf("a Route is left: %s", bye.Buf)
	}
	c.reply(bob, bye, 200)
	o.wantNothingLeft()
	if len(o.talks) != 2 {
		t.Errorf("the accounts say %q", o.talks)
	}
}

// TestStrictRouterLeadsNowhereElse: what is no entry of ours for this dialog, or stands in another Request-URI, gives
// nobody a target of his own.
func TestStrictRouterLeadsNowhereElse(t *testing.T) {
	o := newOffice(t)
	c := o.invites("strict").up()
	other := o.invites("other").up()
	ours := uriOf(ourEntry(t, c))
	n := 2
	for what, x := range map[string][2]string{
		"another target": {ours, "Route: <" + fraud + ">\n"}, "another call's": {uriOf(ourEntry(t, other)), "Route: <" + bobContact + ">\n"},
		"changed": {strings.Replace(ours, "srm=t", "srm=u", 1), "Route: <" + bobContact + ">\n"}, "no target": {ours, ""},
		"not to be read": {ours, "Route: <" + bobContact + ">\nRoute: <sip:bob@192.0.2.8:99999>\n"}, "two targets": {ours, "Route: <" + fraud + ">, <" + bobContact + ">\n"},
		"without a seal": {"sip:" + o.router.Address() + ";lr", "Route: <" + bobContact + ">\n"},
	} {
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			n++
			sent := o.router.Receive(alice, c.text(method, x[0], n, "at", "bt", x[1]))
			if len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 4") {
				t.Errorf("%s, %s: %v", method, what, sent)
			}
		}
	}
	o.wantStates("in the end", 0, 0, 0, 2)
}

// TestOutboundProxyWithinADialog: a phone that puts its outbound proxy, which is us, into every request, before the
// route set or behind it, is in its call like any other one.
func TestOutboundProxyWithinADialog(t *testing.T) {
	for _, where := range []string{"before", "behind", "both", "in one line"} {
		o := newOffice(t)
		c := o.invites("proxy").up()
		proxy := "Route: <sip:" + o.router.Address() + ";lr>\n"
		switch where {
		case "before":
			c.routes = proxy + c.routes
		case "behind":
			c.routes += proxy
		case "both":
			c.routes = proxy + proxy + c.routes + proxy
		case "in one line":
			c.routes = strings.TrimSpace(proxy) + ", " + strings.TrimPrefix(c.routes, "Route: ")
		}
		for i, method := range []string{"INVITE", "INFO"} {
			m := c.the(method+" ", c.request(method, bobContact, 2+i, "bt"))
			if strings.Contains(string(m.Buf), "\r\nRoute:") {
				t.Errorf("%s: %s", where, m.Buf)
			}
		}
		c.hangsUp(9)
		o.wantNothingLeft()
	}
}

// TestOutboundProxyProvesNothing: our address alone is no proof that a dialog passes here, and what stands behind it
// goes where the dialog leads or nowhere.
func TestOutboundProxyProvesNothing(t *testing.T) {
	o := newOffice(t)
	c := o.invites("proxy").up()
	proxy := "Route: <sip:" + o.router.Address() + ";lr>\n"
	n := 2
	for what, routes := range map[string]string{
		"alone": proxy, "another call's host": proxy + c.routes + "Route: <sip:203.0.113.9;lr>\n", "a host": proxy + "Route: <sip:203.0.113.9;lr>\n",
		"behind a host": "Route: <sip:203.0.113.9;lr>\n" + proxy + c.routes, "endless": strings.Repeat(proxy, 40) + c.routes,
	} {
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			n++
			sent := o.router.Receive(alice, c.text(method, fraud, n, "at", "bt", routes))
			if len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 4") {
				t.Errorf("%s, %s: %v", method, what, sent)
			}
		}
	}
	o.wantStates("in the end", 0, 0, 0, 1)
}
