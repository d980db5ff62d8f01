package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestNewTargetsOfASpiral: where a router without Record-Route sends the call back, its re-INVITEs renew one pass
// alone. An end that names another target by them, once or often, ends the call by its BYE all the same.
func TestNewTargetsOfASpiral(t *testing.T) {
	const bobAt = "udp:192.0.2.30:5070"
	for _, who := range []string{"alice", "bob"} {
		for times := range 4 {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				stop := o.run()
				defer stop()
				x := o.spiralsAs(alice, spiralHome, bobAt, aliceContact, "sip:bob@192.0.2.30:5070")
				o.router.Receive(alice, via(x.text("ACK", x.contact, 1, "at", "bt", x.routes), alice))
				for i := range times {
					ofAlice, ofBob := aliceContact, x.contact
					if who == "alice" {
						ofAlice = fmt.Sprintf("sip:alice-%d@192.0.2.7", i)
					} else {
						ofBob = fmt.Sprintf("sip:bob-%d@192.0.2.30:5070", i)
					}
					again := o.the("INVITE ", o.router.Receive(alice, via(x.text("INVITE", x.contact, 2+i, "at", "bt", x.routes, "Contact: <"+ofAlice+">"), alice)))
					x.reply(bobAt, again, 200, "Contact: <"+ofBob+">")
					x.contact = ofBob
					o.router.Receive(alice, via(x.text("ACK", x.contact, 2+i, "at", "bt", x.routes), alice))
				}
				time.Sleep(time.Minute)
				x.hangsUp(alice, bobAt)
				if n := o.m.Active().Ongoing; n != 0 {
					t.Errorf("%s has named %d others: the call is not over", who, times)
				}
				if time.Sleep(time.Minute); len(o.sender.lines()) != 0 || len(o.talks) != 2 || !strings.HasSuffix(o.talks[1], `after 1m0s by "caller"`) {
					t.Errorf("%s has named %d others: the router sends %q, the accounts say %q", who, times, o.sender.lines(), o.talks)
				}
			})
		}
	}
}

// hangsUp has the caller say BYE, and the callee answer.
func (x *spiral) hangsUp(caller, callee string) {
	x.office.t.Helper()
	sent := x.office.router.Receive(caller, via(x.text("BYE", x.contact, 90, "at", "bt", x.routes), caller))
	x.reply(callee, x.office.the("BYE ", sent), 200)
}

// TestOddTargetsOfASpiral: a target that does not say where it is, or that is too long to be kept, is that of the end all the same,
// and no router's that hides it.
func TestOddTargetsOfASpiral(t *testing.T) {
	const alias = ";alias=10.0.0.9~5060~1"
	for ends, e := range besideTheRouter {
		if ends == "bob is that router" {
			continue
		}
		bobs := "sip:bob@" + strings.TrimPrefix(e.bob, "udp:")
		for name, target := range map[string][2]string{
			"plain": {aliceContact, bobs}, "alias of the caller": {aliceContact + alias, bobs}, "long": {aliceContact + ";x=" + long(520), bobs},
		} {
			t.Run(ends+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOffice(t)
					stop := o.run()
					defer stop()
					x := o.spiralsAs(e.alice, spiralHome, e.bob, target[0], target[1])
					o.router.Receive(e.alice, via(x.text("ACK", x.contact, 1, "at", "bt", x.routes), e.alice))
					x.hangsUp(e.alice, e.bob)
					if n := o.statistic("records"); n != 0 {
						t.Errorf("%d records are left", n)
					}
				})
			})
		}
	}
}
