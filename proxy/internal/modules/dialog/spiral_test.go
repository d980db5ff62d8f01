package dialog_test

import (
	"slices"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

// spiral is a call of alice that a router has sent back here, which wants none of what follows: it writes no
// Record-Route. first and second are our entries of the two passes.
type spiral struct {
	*call
	first, second string
	contact       string       // bob's
	answer        *sip.Message // as alice has it
}

const spiralHome = "udp:192.0.2.30:5060"

func (o *office) spirals() *spiral {
	o.t.Helper()
	x := o.spiralsOver(alice, spiralHome, bob)
	x.routes = "Route: " + x.first + ", " + x.second + "\n"
	x.back = "Route: " + x.second + "\nRoute: " + x.first + "\n"
	return x
}

// spiralsOver is spirals for ends and a router elsewhere.
func (o *office) spiralsOver(caller, home, callee string) *spiral {
	o.t.Helper()
	proto, host, _ := strings.Cut(callee, ":")
	contact := "sip:bob@" + host + ";transport=" + proto
	if callee == bob {
		contact = bobContact
	}
	return o.spiralsAs(caller, home, callee, aliceContact, contact)
}

// spiralsAs is spiralsOver with what the caller and the callee name as their targets.
func (o *office) spiralsAs(caller, home, callee, from, to string) *spiral {
	o.t.Helper()
	x := &spiral{call: &call{office: o, id: "spiral"}, contact: to}
	o.targets = []string{home}
	x.invite = o.the("INVITE ", o.router.Receive(caller, strings.Replace(x.fresh(x.id), aliceContact+">", from+">", 1)))
	x.first = ourEntry(o.t, x.call)
	o.targets = []string{callee}
	via := "Via: SIP/2.0/UDP " + strings.TrimPrefix(home, "udp:") + ";branch=z9hG4bK-home\r\n"
	back := strings.Replace(string(x.invite.Buf), "Via:", via+"Via:", 1)
	x.invite = o.the("INVITE ", o.router.Receive(home, strings.ReplaceAll(back, "\r\n", "\n")))
	x.second = ourEntry(o.t, x.call)
	ok := o.the("SIP/2.0 200", o.router.Receive(callee, string(x.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true,
		Extra: []byte("Contact: <" + x.contact + ">\r\n")}))))
	above, below, found := strings.Cut(string(ok.Buf), via[:len(via)-len(";branch=z9hG4bK-home\r\n")])
	_, below, _ = strings.Cut(below, "\r\n")
	if !found {
		o.t.Fatalf("the router's Via is not in %s", ok.Buf)
	}
	x.answer = o.the("SIP/2.0 200", o.router.Receive(home, above+below))
	values := x.answer.Values(sip.HdrRecordRoute)
	for v := values.Next(); v != nil; v = values.Next() {
		x.routes = "Route: " + string(v) + "\n" + x.routes
		x.back += "Route: " + string(v) + "\n"
	}
	return x
}

// gets checks that something goes to a host, once, and no Route of ours with it.
func (x *spiral) gets(what string, sent []moduletest.Packet, method, host string) {
	x.t.Helper()
	at := slices.IndexFunc(sent, func(p moduletest.Packet) bool { return strings.HasPrefix(p.Text, method+" ") })
	if at < 0 || sent[at].To.Remote.String() != host || strings.Contains(sent[at].Text, "\r\nRoute:") {
		x.t.Errorf("%s: %v", what, sent)
	}
}

// TestSpiralWithoutRecordRoute: the requests of such a call go by us to the other end at once, and its BYE
// ends it.
func TestSpiralWithoutRecordRoute(t *testing.T) {
	o := newOffice(t)
	x := o.spirals()
	x.gets("ACK", x.request("ACK", bobContact, 1, "bt"), "ACK", "192.0.2.8:5060")
	o.wantStates("up", 0, 0, 0, 1)
	for i, method := range []string{"INVITE", "UPDATE", "INFO", "REFER"} {
		x.gets(method, x.request(method, bobContact, 2+i, "bt"), method, "192.0.2.8:5060")
		sent := o.router.Receive(bob, x.text(method, "sip:alice@192.0.2.7", 2+i, "bt", "at", x.back))
		x.gets(method+" of bob", sent, method, "192.0.2.7:5060")
	}
	bye := o.router.Receive(bob, x.text("BYE", "sip:alice@192.0.2.7", 9, "bt", "at", x.back))
	x.gets("BYE", bye, "BYE", "192.0.2.7:5060")
	x.reply(alice, x.the("BYE ", bye), 200)
	o.wantStates("over", 0, 0, 0, 0)
	if len(o.talks) != 2 || !strings.HasPrefix(o.talks[1], "ended spiral bt") {
		t.Errorf("told of it: %v", o.talks)
	}
}

// TestSpiralLeadsNowhereElse: two entries of one call lead nowhere where one does not, and entries that are
// written twice, or are another call's, make no pass.
func TestSpiralLeadsNowhereElse(t *testing.T) {
	o := newOffice(t)
	x := o.spirals()
	x.the("ACK ", x.request("ACK", bobContact, 1, "bt"))
	other := o.invites("other")
	stranger := ourEntry(t, other)
	n := 1
	for what, route := range map[string]string{
		"to a gateway":          x.first + ", " + x.second,
		"the first one twice":   x.first + ", " + x.first,
		"both twice":            x.first + ", " + x.second + ", " + x.first + ", " + x.second,
		"the second one, twice": x.first + ", " + x.second + ", " + x.second,
		"another call's":        x.first + ", " + stranger,
		"changed":               x.first + ", " + strings.Replace(x.second, "srm=", "srm=0", 1),
	} {
		uri := bobContact
		if what == "to a gateway" {
			uri = gateway
		}
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			n++
			o.refuses(method+", "+what, o.router.Receive(alice, x.text(method, uri, n, "at", "bt", "Route: "+route+"\n")))
		}
	}
	o.wantStates("in the end", 1, 0, 0, 1) // the other one rings
}

// TestSpiralAfterARestart: what the entries say together is enough for a process that has not seen the call,
// and no more than the hosts of its two ends.
func TestSpiralAfterARestart(t *testing.T) {
	before := newOffice(t)
	x := before.spirals()
	o := newOfficeAt(t, 1)
	x.office = o
	ours := strings.NewReplacer(before.router.Address(), o.router.Address())
	x.routes, x.back = ours.Replace(x.routes), ours.Replace(x.back)
	x.gets("INFO", x.request("INFO", bobContact, 2, "bt"), "INFO", "192.0.2.8:5060")
	x.gets("INFO of bob", o.router.Receive(bob, x.text("INFO", "sip:alice@192.0.2.7", 2, "bt", "at", x.back)), "INFO", "192.0.2.7:5060")
	o.refuses("to the router between", x.request("INFO", "sip:bob@192.0.2.30", 3, "bt"))
	o.refuses("back to alice", x.request("INFO", "sip:bob@192.0.2.7", 4, "bt"))
}
