package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module/moduletest"
)

// copies are INVITEs that who was called sends back, each with a Via branch of its own. They are all sent before any
// is answered if first is what becomes of the call in between. cseq is the number of the copy i.
func (c *call) copies(n int, cseq func(i int) int, first func(last *call)) {
	c.t.Helper()
	var list []*call
	for i := range n {
		c.targets = []string{carol}
		text := strings.Replace(string(c.invite.Buf), "Via:", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.30:5060;branch=z9hG4bK-back-%d\r\nVia:", i), 1)
		text = strings.NewReplacer(append(notAlice, "CSeq: 1 ", fmt.Sprintf("CSeq: %d ", cseq(i)), "\r\n", "\n")...).Replace(text)
		sent := c.router.Receive(spiralHome, text)
		if !hasSent(sent, "INVITE ") {
			continue
		}
		list = append(list, &call{office: c.office, id: c.id})
		list[len(list)-1].invite = c.the("INVITE ", sent)
		if first == nil {
			list[len(list)-1].taken(i, cseq(i))
		}
	}
	if first == nil || len(list) == 0 {
		return
	}
	last := len(list) - 1
	first(list[last])
	for i, x := range list[:last] {
		x.taken(i, cseq(i))
	}
}

// taken is a copy that is answered and acknowledged.
func (c *call) taken(i, cseq int) {
	tag := fmt.Sprint("t", i)
	c.answers(carol, 200, tag)
	c.router.Receive(spiralHome, c.text("ACK", "sip:carol@192.0.2.9", cseq, "at", tag, c.routes))
}

var copyNumbers = map[string]func(i int) int{
	"the same CSeq":      func(int) int { return 1 },
	"another CSeq":       func(int) int { return 900 },
	"a CSeq of its own":  func(i int) int { return 100 + i },
	"two CSeqs by turns": func(i int) int { return 900 + i%2 },
}

// TestCopiesTakeNoRoom: who is called, and sends the INVITE back any number of times, however these are numbered and
// whatever becomes of the call itself, has no more records of it than a Call-ID may have, nor answered calls in the
// accounts, and what may be in the table beside max_dialogs has a bound for all calls together.
func TestCopiesTakeNoRoom(t *testing.T) {
	const copies, maxSame = 40, 16
	for name, cseq := range copyNumbers {
		for _, refused := range []bool{false, true} {
			for _, most := range []int64{16, 1000} {
				t.Run(fmt.Sprint(name, ", first refused ", refused, ", of ", most), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						o := newOffice(t, fmt.Sprint("max_dialogs ", most))
						stop := o.run()
						defer stop()
						for i := range 4 {
							o.targets = []string{spiralHome}
							sent := o.router.Receive(alice, (&call{office: o}).fresh(fmt.Sprint("many-", i)))
							if !hasSent(sent, "INVITE ") {
								break
							}
							c := &call{office: o, id: fmt.Sprint("many-", i)}
							c.invite = o.the("INVITE ", sent)
							first := func(last *call) {
								c.answers(spiralHome, 486, "bt")
								last.answers(carol, 486, "zt")
							}
							if !refused {
								first = nil
							}
							before := o.statistic("records")
							c.copies(copies, cseq, first)
							if n := o.statistic("records"); n-before > maxSame+1 || n > 2*most {
								t.Errorf("of call %d there are %d records, %d in all", i, n-before, n)
							}
						}
						time.Sleep(10 * time.Second)
						if n := len(o.talks); n > 4*(maxSame+1) {
							t.Errorf("the accounts have %d lines", n)
						}
					})
				})
			}
		}
	}
}

// fourPasses is a call that a router has sent back three times, with a CSeq each.
type fourPasses struct {
	*call
	passes   [4]*call
	from     [4]string // of what follows the INVITE
	to       [4]string // of the answers
	contacts [4]string
	near     [4]string // contacts of who has sent the INVITEs
	numbers  [4]int
}

func (o *office) fourTimes() *fourPasses {
	o.t.Helper()
	o.targets = []string{spiralHome}
	c := &fourPasses{
		call: &call{office: o, id: "four"}, from: [4]string{alice, spiralHome, spiralHome, spiralHome},
		to: [4]string{spiralHome, spiralHome, spiralHome, bob}, numbers: [4]int{1, 40, 39, 38},
	}
	c.invite = o.the("INVITE ", o.router.Receive(alice, c.fresh(c.id)))
	c.passes[0], c.contacts[0], c.near[0] = c.call, "sip:th-b0@192.0.2.30", "sip:alice@192.0.2.7"
	for i := 1; i < 4; i++ {
		c.contacts[i], c.near[i] = fmt.Sprintf("sip:th-b%d@192.0.2.30", i), fmt.Sprintf("sip:th-a%d@192.0.2.30", i)
		c.passes[i] = c.comesBack(spiralHome, c.to[i], append(notAlice, "z9hG4bK-back-", fmt.Sprint("z9hG4bK-back", i, "-"),
			"CSeq: 1 ", fmt.Sprintf("CSeq: %d ", c.numbers[i]), "sip:alice@192.0.2.7>", c.near[i]+">")...)
	}
	c.contacts[3] = bobContact
	return c
}

// answered lets bob answer, and the router thrice.
func (c *fourPasses) answered() {
	c.t.Helper()
	for i := 3; i >= 0; i-- {
		c.passes[i].answers(c.to[i], 200, "bt", "Contact: <"+c.contacts[i]+">")
	}
}

// sends is a request along a pass.
func (c *fourPasses) sends(i int, method string, cseq int, lines ...string) []moduletest.Packet {
	c.t.Helper()
	text := c.text(method, c.contacts[i], cseq, "at", "bt", "Route: "+ourEntry(c.t, c.passes[i])+"\n", lines...)
	return c.router.Receive(c.from[i], strings.Replace(text, "z9hG4bK-", fmt.Sprint("z9hG4bK-", i), 1))
}

// TestFourPassesWithNumbersOfTheirOwn: a call that is sent back three times, with a CSeq each, is the caller's call, once,
// and over when each pass is.
func TestFourPassesWithNumbersOfTheirOwn(t *testing.T) {
	o := newOffice(t)
	c := o.fourTimes()
	o.wantStates("on its way", 1, 0, 0, 0)
	c.answered()
	if want := "[answered four at alice@example.org>bob@example.org]"; fmt.Sprint(o.talks) != want {
		t.Errorf("the accounts say %q", o.talks)
	}
	for i := range c.passes {
		o.the("ACK ", c.sends(i, "ACK", c.numbers[i]))
	}
	for i := range c.passes {
		o.wantStates("up", 0, 0, 0, 1)
		c.reply(c.to[i], o.the("BYE ", c.sends(i, "BYE", 50+i)), 200)
	}
	o.wantNothingLeft()
	if n := len(o.talks); n != 2 || !strings.HasSuffix(o.talks[1], `by "caller"`) {
		t.Errorf("the accounts say %q", o.talks)
	}
}

// TestLongTargetsOfPasses: what the ends of passes name is counted, and is bounded also where they name it by re-INVITEs and the
// answers to these. What is too much has the last passes lead nowhere, and not the caller's.
func TestLongTargetsOfPasses(t *testing.T) {
	o := newOffice(t)
	c := o.fourTimes()
	c.answered()
	for i := range c.passes {
		o.the("ACK ", c.sends(i, "ACK", c.numbers[i]))
	}
	before, contacts := o.m.Held(), c.contacts
	long := func(uri string, n int) string {
		return strings.Replace(uri, "sip:", "sip:"+strings.Repeat(string(rune('k'+n)), 470), 1)
	}
	for n := range 2 {
		for i := range c.passes {
			sent := c.sends(i, "INVITE", 100+10*n+i, "Contact: <"+long(c.near[i], n)+">")
			if !hasSent(sent, "INVITE ") {
				continue
			}
			c.reply(c.to[i], o.the("INVITE ", sent), 200, "Contact: <"+long(contacts[i], n)+">")
			c.contacts[i] = long(contacts[i], n)
		}
	}
	if more := o.m.Held() - before; more < 4000 || more > 6144+8*128 {
		t.Errorf("%d bytes more are held", more)
	}
	c.reply(c.to[0], o.the("BYE ", c.sends(0, "BYE", 200)), 200)
	last := "Route: " + ourEntry(t, c.passes[3]) + "\n"
	o.refuses("along a pass that has named too much", o.router.Receive(bob, c.text("INFO", long(c.near[3], 1), 200, "bt", "at", last)))
}
