package registrar

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
)

// closed waits until the router has seen that a phone's connection is gone.
func (b *router) closed(p *phone) {
	b.t.Helper()
	list := b.usrloc.Table().Lookup([]byte("bob@example.org"), nil)
	for i := range list {
		if f := list[i].Flow; f.Remote.String() == p.addr() {
			p.conn.Close()
			for end := time.Now().Add(20 * time.Second); b.engine.Layer().Usable(f); <-time.After(5 * time.Millisecond) {
				if time.Now().After(end) {
					b.t.Fatal("the connection is still open")
				}
			}
			return
		}
	}
	b.t.Fatalf("no contact came from %s", p.addr())
}

// TestReconnects: a phone that has another contact at each of its connections is never
// locked out by those that it has left, with the operator's bound or without; phones that
// are there stay.
func TestReconnects(t *testing.T) {
	for _, settings := range [][]setting{nil, {{"max_contacts", 3}}} {
		b := newRouter(t, nil, settings...)
		desk := b.phone()
		desk.registered("<sip:desk@192.0.2.1>")
		for i := range 14 {
			p := b.tcpPhone()
			p.registered(fmt.Sprintf("<sip:bob@%s;transport=tcp>", p.addr()))
			if i < 13 {
				b.closed(p)
			} else if list := desk.listed(); !strings.Contains(list, p.addr()) || !strings.Contains(list, "sip:desk@192.0.2.1") {
				t.Errorf("%v: left are %s", settings, list)
			}
		}
		counted := map[string]int64{}
		b.registrar.Statistics(func(_, name string, value int64) { counted[name] = value })
		if want := int64(1 + 14 - b.registrar.maxContacts); counted["displaced_contacts"] != want {
			t.Errorf("%v: %d contacts gave way, want %d", settings, counted["displaced_contacts"], want)
		}
	}
}

// TestWhoGivesWay: at the bound, a new contact takes the place of an old one of the same
// phone; of another one's only where the operator has set no bound; and never that of what
// was added by hand.
func TestWhoGivesWay(t *testing.T) {
	const instance = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"`
	ten := setting{"max_contacts", 10}
	for _, c := range []struct {
		name     string
		settings []setting
		first    []string // lines of the REGISTER of the first of ten contacts
		last     []string // … of the eleventh
		gone     string   // which one gives way; "": the eleventh is refused
	}{
		{"the same instance", []setting{ten}, []string{"Contact: <sip:0@h>" + instance}, []string{"Contact: <sip:new@h>" + instance}, "sip:0@h"},
		{"another instance", []setting{ten}, []string{"Contact: <sip:0@h>" + instance}, []string{"Contact: <sip:new@h>" + strings.Replace(instance, "128", "129", 1)}, ""},
		{"a contact that goes, with the instance", []setting{ten}, []string{"Contact: <sip:0@h>" + instance},
			[]string{"Contact: <sip:new@h>", "Contact: <sip:none@h>;expires=0" + instance}, ""},
		{"a flow of the same instance", []setting{ten}, []string{"Supported: outbound", "Contact: <sip:0@h>;reg-id=1" + instance},
			[]string{"Supported: outbound", "Contact: <sip:new@h>;reg-id=2" + instance}, ""},
		{"the same Call-ID", nil, []string{"Contact: <sip:0@h>", "Call-ID: same"}, []string{"Contact: <sip:new@h>", "Call-ID: same", "CSeq: 2 REGISTER"}, "sip:0@h"},
		{"the same Call-ID, the operator's bound", []setting{ten}, []string{"Contact: <sip:0@h>", "Call-ID: same"},
			[]string{"Contact: <sip:new@h>", "Call-ID: same", "CSeq: 2 REGISTER"}, ""},
		{"nothing in common", nil, []string{"Contact: <sip:0@h>"}, []string{"Contact: <sip:new@h>"}, "sip:5@h"},
		{"nothing in common, the operator's bound", []setting{ten}, []string{"Contact: <sip:0@h>"}, []string{"Contact: <sip:new@h>"}, ""},
		{"more than there may be", nil, []string{"Contact: <sip:0@h>"}, []string{"Contact: " + manyOf(11)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newRouter(t, nil, c.settings...)
			p := b.phone()
			p.send(p.register(c.first...))
			p.expect("SIP/2.0 200")
			for i := 1; i < 10; i++ {
				life := 3000
				if i == 5 {
					life = 600
				}
				p.registered(fmt.Sprintf("<sip:%d@h>;expires=%d", i, life))
			}
			before := p.listed()
			p.send(p.register(c.last...))
			if c.gone == "" {
				p.expect("SIP/2.0 503 Too Many Contacts")
				if after := p.listed(); after != before {
					t.Errorf("left are %s of %s", after, before)
				}
				return
			}
			p.expect("SIP/2.0 200")
			if list := p.listed(); len(strings.Fields(list)) != 10 || !strings.Contains(list, "sip:new@h") || strings.Contains(list, c.gone) {
				t.Errorf("left are %s; want the new one in the place of %s", list, c.gone)
			}
		})
	}
}

func manyOf(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("<sip:many%d@h>", i))
	}
	return strings.Join(list, ", ")
}

// TestByHandStays: no phone takes the place of a contact that was added by hand.
func TestByHandStays(t *testing.T) {
	b := newRouter(t, nil)
	for i := range 5 {
		life := time.Duration(i) * time.Minute
		err := b.usrloc.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: fmt.Sprintf("sip:hand%d@192.0.2.1", i), Expires: life, Permanent: i == 0})
		if err != nil {
			t.Fatal(err)
		}
	}
	p := b.phone()
	for i := range 12 {
		p.registered(fmt.Sprintf("<sip:%d@h>", i))
	}
	if list := p.listed(); strings.Count(list, "sip:hand") != 5 || len(strings.Fields(list)) != 10 {
		t.Errorf("left are %s", list)
	}
}
