package dialog_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/sip"
)

// hidden is a call of alice to bob by a router at spiralHome that sends it back here and hides the topology: it
// keeps the Call-ID and the tags, but for those that are named otherwise, and shows itself to each as the other one.
type hidden struct {
	*call
	cseq, tag string // of the second INVITE; of the answer to the first one
	inner     *call  // the second pass, whose caller is the router
}

const (
	shownAlice = "sip:th-a@192.0.2.30"
	shownBob   = "sip:th-b@192.0.2.30"
)

// hides sends the two INVITEs. lines stand in the second one.
func (o *office) hides(cseq, tag string, lines ...string) *hidden {
	o.t.Helper()
	x := &hidden{call: &call{office: o, id: "hidden"}, cseq: cseq, tag: tag}
	o.targets = []string{spiralHome}
	x.invite = o.the("INVITE ", o.router.Receive(alice, x.fresh(x.id)))
	o.targets = []string{bob}
	text := strings.NewReplacer("z9hG4bK-INVITE", "z9hG4bK-home-INVITE", "192.0.2.7:5060", "192.0.2.30:5060", "X-User: alice\n", "",
		"sip:alice@192.0.2.7>", shownAlice+">\n"+strings.TrimSuffix(join(lines), "\n"), "CSeq: 1 ", "CSeq: "+cseq+" ").Replace(x.fresh(x.id))
	x.inner = &call{office: o, id: x.id}
	x.inner.invite = o.the("INVITE ", o.router.Receive(spiralHome, strings.ReplaceAll(text, "\n\n", "\n")))
	return x
}

// answered lets bob answer, and then the router.
func (x *hidden) answered(status int) *hidden {
	x.t.Helper()
	x.inner.answers(bob, status, "bt")
	x.answers(spiralHome, status, x.tag, "Contact: <"+shownBob+">")
	return x
}

// sends is a request that alice ("alice"), bob, or the router sends to one of these ("to alice", "to bob").
func (x *hidden) sends(who, method string, n int, lines ...string) []moduletest.Packet {
	x.t.Helper()
	var from, text string
	switch who {
	case "alice":
		from, text = alice, x.text(method, shownBob, n, "at", x.tag, x.routes, lines...)
	case "bob":
		from, text = bob, x.text(method, shownAlice, n, "bt", "at", x.inner.back, lines...)
	case "to alice":
		from, text = spiralHome, x.text(method, "sip:alice@192.0.2.7", n, x.tag, "at", x.back, lines...)
	case "to bob":
		from, text = spiralHome, x.text(method, bobContact, n, "at", "bt", x.inner.routes, lines...)
	}
	return x.router.Receive(from, strings.Replace(text, "branch=z9hG4bK-", "branch=z9hG4bK-"+strings.ReplaceAll(who, " ", "")+"-", 1))
}

// reaches checks that it gets to a host, which answers it.
func (x *hidden) reaches(who, method string, n int, lines ...string) {
	x.t.Helper()
	host := map[string]string{"alice": spiralHome, "bob": spiralHome, "to alice": alice, "to bob": bob}[who]
	sent := x.sends(who, method, n, lines...)
	at := slices.IndexFunc(sent, func(p moduletest.Packet) bool { return strings.HasPrefix(p.Text, method+" ") })
	if at < 0 || "udp:"+sent[at].To.Remote.String() != host {
		x.t.Errorf("%s of %q: %v", method, who, sent)
		return
	}
	if method != "ACK" {
		x.reply(host, x.the(method+" ", sent), 200)
	}
}

// TestTopologyHiding: a call that a router sends back which hides the topology is one call, which works both ways
// and ends when both ends are out of it, at once and in the name of who has hung up.
func TestTopologyHiding(t *testing.T) {
	for name, x := range map[string]struct{ cseq, tag string }{"all kept": {"1", "bt"}, "another CSeq": {"77", "bt"}, "another To tag": {"1", "bt1"}} {
		for _, hangsUp := range []string{"alice", "bob"} {
			t.Run(name+", "+hangsUp, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t)
					stop := o.run()
					defer stop()
					c := o.hides(x.cseq, x.tag).answered(180).answered(200)
					c.reaches("alice", "ACK", 1)
					c.reaches("to bob", "ACK", map[string]int{"1": 1, "77": 77}[x.cseq])
					for i, method := range []string{"INVITE", "UPDATE", "INFO", "MESSAGE"} {
						for _, who := range []string{"alice", "to bob", "bob", "to alice"} {
							if who == "to bob" && x.tag != "bt" && method == "MESSAGE" {
								continue // only 32 s later is it known that bob's answer does not come to the first pass
							}
							c.reaches(who, method, 100+i)
						}
					}
					if a := o.m.Active(); a.Ongoing != 1 || o.rows != 2 {
						t.Errorf("%+v, %d rows", a, o.rows)
					}
					time.Sleep(40 * time.Second)
					there := map[string]string{"alice": "to bob", "bob": "to alice"}[hangsUp]
					c.reaches(hangsUp, "BYE", 200) // which the router answers at once
					if x.tag == "bt" {
						o.wantStates("the other pass goes on", 0, 0, 0, 1)
					}
					c.reaches(there, "BYE", 200)
					o.wantNothingLeft()
					by := map[string]string{"alice": "caller", "bob": "callee"}[hangsUp]
					if last := o.talks[len(o.talks)-1]; !strings.HasSuffix(last, `after 40s by "`+by+`"`) && x.tag == "bt" {
						t.Errorf("told of it: %q", o.talks)
					}
					if time.Sleep(40 * time.Second); o.m.Held() != 0 {
						t.Errorf("%d bytes are held", o.m.Held())
					}
					if len(o.byes) != 2 || len(o.sender.lines()) != 0 {
						t.Errorf("BYEs: %v", o.byes)
					}
				})
			})
		}
	}
}

// TestHiddenRoutes: such a router may put masked entries, without lr, into the route sets. What has one of a pass
// passes with its whole route set, and with no other entry of the kind.
func TestHiddenRoutes(t *testing.T) {
	const maskedA, maskedB = "<sip:192.0.2.30;line=sr-a>", "<sip:192.0.2.30;line=sr-b>"
	o := newOffice(t)
	c := o.hides("1", "bt", "Record-Route: <sip:192.0.2.30;lr>", "Record-Route: "+maskedA)
	c.inner.answers(bob, 200, "bt")
	ok := string(c.invite.AppendReply(nil, &sip.Reply{Status: 200, ToTag: []byte("bt"), RecordRoute: true, Extra: []byte("Contact: <" + shownBob + ">\r\n")}))
	ok = strings.Replace(ok, "Record-Route:", "Record-Route: "+maskedB+"\r\nRecord-Route: <sip:192.0.2.30;lr>\r\nRecord-Route:", 1)
	ours := "Route: " + ourEntry(t, c.call) + "\n"
	c.the("SIP/2.0 200", o.router.Receive(spiralHome, ok))
	c.routes = ours + "Route: <sip:192.0.2.30;lr>\nRoute: " + maskedB + "\n"
	c.inner.back = "Route: " + ourEntry(t, c.inner) + "\nRoute: <sip:192.0.2.30;lr>\nRoute: " + maskedA + "\n"
	c.reaches("alice", "ACK", 1)
	for i, method := range []string{"INVITE", "INFO"} {
		c.reaches("alice", method, 10+i)
		c.reaches("bob", method, 10+i)
		for _, more := range []string{maskedA, "<sip:192.0.2.30;lr>\nRoute: <sip:+1900@192.0.2.30>", maskedB, "<sip:192.0.2.30;lr>, " + maskedB + ", " + maskedB} {
			c.routes = ours + "Route: " + more + "\n"
			i += 10
			o.refuses(method+" along "+more, c.sends("alice", method, 10+i))
		}
		c.routes = ours + "Route: <sip:192.0.2.30;lr>\nRoute: " + maskedB + "\n"
	}
}

// TestHiddenLeadsNowhereElse: the Route of one pass leads to what the other end of this pass has named, where
// that is: no other host, no target of another pass, no gateway, and nothing to a phone that only rings.
func TestHiddenLeadsNowhereElse(t *testing.T) {
	o := newOffice(t)
	c := o.hides("1", "bt").answered(180)
	c.inner.answers(bob, 200, "bt")
	o.refuses("REFER to who only rings", c.sends("to alice", "REFER", 2))
	o.refuses("to her by the other pass", o.router.Receive(bob, c.text("REFER", "sip:alice@192.0.2.7", 3, "bt", "at", c.inner.back)))
	c.answers(spiralHome, 200, "bt", "Contact: <"+shownBob+">")
	c.reaches("alice", "ACK", 1)
	n := 10
	for name, x := range map[string]struct{ from, uri, from1, to, routes string }{
		"another user":          {alice, "sip:+1900@192.0.2.30", "at", "bt", c.routes},
		"another host":          {alice, "sip:th-b@203.0.113.9", "at", "bt", c.routes},
		"the other pass' Route": {alice, shownBob, "at", "bt", c.inner.routes},
		"the other direction":   {alice, shownAlice, "at", "bt", c.routes},
		"bob, another host":     {bob, "sip:th-a@203.0.113.9", "bt", "at", c.inner.back},
		"no Route":              {alice, shownBob, "at", "bt", ""},
	} {
		for _, method := range []string{"INVITE", "INFO", "BYE"} {
			n++
			o.refuses(name+", "+method, o.router.Receive(x.from, c.text(method, x.uri, n, x.from1, x.to, x.routes)))
		}
	}
	c.reaches("to bob", "REFER", 50) // in the name of alice, who has asked for nothing
	for _, event := range []string{"refer", "check-sync"} {
		n++
		o.refuses("NOTIFY of what alice has not asked for", c.sends("to alice", "NOTIFY", n, "Event: "+event))
	}
	c.reaches("bob", "NOTIFY", 60, "Event: refer")
	o.wantStates("in the end", 0, 0, 0, 1)
}

// TestNewsOfAPassToWhoOnlyRings: who is called, and has a phone of his own answer a later pass in the caller's name, does
// not have her phone do what only those obey who are in a call.
func TestNewsOfAPassToWhoOnlyRings(t *testing.T) {
	for name, again := range sameAgain {
		o := newOffice(t)
		o.targets = []string{spiralHome}
		c := o.invites("rings")
		x := again(c, spiralHome, carol, notAlice...)
		x.answers(carol, 200, "bt")
		c.answers(spiralHome, 180, "bt", "Contact: <"+shownBob+">")
		for i, method := range []string{"REFER", "MESSAGE", "NOTIFY"} {
			o.refuses(name+", "+method, o.router.Receive(carol, c.text(method, "sip:alice@192.0.2.7", 2+i, "bt", "at", "Route: "+ourEntry(t, x)+"\n", "Event: refer")))
		}
	}
}

// TestHiddenGateway: who is called and names a gateway's number as his own target does not have the other end of
// a later pass, which is that gateway, called there.
func TestHiddenGateway(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{spiralHome}
	c := &hidden{call: &call{office: o, id: "fraud"}}
	c.invite = o.the("INVITE ", o.router.Receive(alice, c.fresh(c.id)))
	x := c.comesBack(spiralHome, gw, notAlice...)
	x.answers(gw, 200, "bt", "Contact: <"+gwContact+">")
	c.answers(spiralHome, 200, "bt", "Contact: <"+fraud+">")
	second := "Route: " + ourEntry(t, x) + "\n"
	for i, method := range []string{"INVITE", "INFO", "BYE"} {
		o.refuses(method, c.request(method, fraud, 10+i, "bt"))
		o.refuses(method+" by the other Route", o.router.Receive(spiralHome, c.text(method, fraud, 20+i, "at", "bt", second)))
	}
	c.the("INFO ", o.router.Receive(spiralHome, c.text("INFO", gwContact, 30, "at", "bt", second)))
}

// TestHiddenBYEOfOnePass: a BYE of one pass, whoever takes it, does not end the call in the accounts while the other
// pass goes on, be it the one that costs.
func TestHiddenBYEOfOnePass(t *testing.T) {
	for _, passes := range [][]string{{"alice"}, {"to bob"}, {"to alice"}, {"bob"}} {
		o := newOffice(t)
		c := o.hides("1", "bt").answered(180).answered(200)
		c.reaches("alice", "ACK", 1)
		for i, who := range passes {
			c.reaches(who, "BYE", 10+i)
			c.reaches(who, "BYE", 20+i)
		}
		o.wantStates(passes[0], 0, 0, 0, 1)
		if len(o.talks) != 1 {
			t.Errorf("%s: the accounts say %q", passes[0], o.talks)
		}
	}
}

// TestManyHiddenPasses: of more passes than are told apart none ends the call before it is over everywhere, and no
// record is left when it is.
func TestManyHiddenPasses(t *testing.T) {
	o := newOffice(t)
	o.targets = []string{spiralHome}
	c := &hidden{call: &call{office: o, id: "hidden"}, tag: "bt"}
	c.invite = o.the("INVITE ", o.router.Receive(alice, c.fresh(c.id)))
	passes := []*call{c.call}
	for i := range 5 {
		target := spiralHome
		if i == 4 {
			target = bob
		}
		x := c.comesBack(spiralHome, target, "z9hG4bK-back-", "z9hG4bK-back"+string(rune('a'+i))+"-")
		passes = append(passes, x)
	}
	for i := len(passes) - 1; i >= 0; i-- {
		from, contact := spiralHome, shownBob
		if i == len(passes)-1 {
			from, contact = bob, bobContact
		}
		passes[i].answers(from, 200, "bt", "Contact: <"+contact+">")
	}
	o.wantStates("up", 0, 0, 1, 0)
	for i, p := range passes[:len(passes)-1] {
		from := spiralHome
		if i == 0 {
			from = alice
		}
		sent := o.router.Receive(from, c.text("BYE", shownBob, 10+i, "at", "bt", "Route: "+ourEntry(t, p)+"\n"))
		if hasSent(sent, "BYE ") {
			c.reply(spiralHome, c.the("BYE ", sent), 200)
		}
	}
	o.wantStates("bob's pass goes on", 0, 0, 1, 0)
}
