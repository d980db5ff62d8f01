package registrar

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// phoneAt is a phone on UDP in a network of its own: its public address is host.
func (b *router) phoneAt(host string) *phone {
	b.t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)}, net.UDPAddrFromAddrPort(b.udp))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return &phone{t: b.t, conn: conn, name: "bob"}
}

// takes answers the MESSAGE that comes.
func (p *phone) takes() {
	p.t.Helper()
	p.answer(p.got(), "200 OK")
}

// rings sends a MESSAGE to bob, which must come to each of some phones, and not to others.
func (b *router) rings(yes, no []*phone) {
	b.t.Helper()
	b.phone().message("sip:bob@example.org")
	for _, p := range yes {
		p.takes()
	}
	for _, p := range no {
		p.nothing(50 * time.Millisecond)
	}
}

// TestPhonesInTwoHomes: two phones of one user that have the same private Contact, behind two
// NATs, both ring, with instances and without; each finds its own binding first in its 200;
// when one signs off, the other one still rings.
func TestPhonesInTwoHomes(t *testing.T) {
	for name, instances := range map[string][2]string{
		"instances": {`;+sip.instance="<urn:uuid:1>"`, `;+sip.instance="<urn:uuid:2>"`}, "none": {},
		"GRUUs": {`;+sip.instance="<urn:uuid:1>"`, `;+sip.instance="<urn:uuid:2>"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newRouter(t, nil)
			home, office := b.phoneAt("127.0.1.1"), b.phoneAt("127.0.2.2")
			cseq := 0
			register := func(p *phone, id int, rest string) *sip.Message {
				t.Helper()
				cseq++
				p.send(p.request("REGISTER", "sip:example.org", fmt.Sprint("phone", id), cseq, "Supported: gruu",
					"Contact: <sip:bob@192.168.178.20:5060>"+instances[id]+rest))
				return p.expect(sip200)
			}
			first := func(m *sip.Message, p *phone, life string) {
				t.Helper()
				if own := contacts(m)[0]; !strings.Contains(own, `received="sip:`+p.addr()+`"`) || !strings.Contains(own, ";expires="+life) {
					t.Errorf("the first contact in its 200 is %s", own)
				}
			}
			first(register(home, 0, ";expires=120;q=0.3"), home, "120")
			m := register(office, 1, ";q=0.9")
			first(m, office, "3600")
			if n := len(contacts(m)); n != 2 {
				t.Errorf("the 200 lists %d contacts: %s", n, m.Buf)
			}
			first(register(home, 0, ";expires=120;q=0.3"), home, "120")
			b.rings([]*phone{office, home}, nil)
			for range 2 { // a phone that looks whether it is gone finds its URI nowhere
				if m := register(office, 1, ";expires=0"); len(contacts(m)) != 0 {
					t.Errorf("after it signed off the 200 lists %q", contacts(m))
				}
			}
			b.rings([]*phone{home}, []*phone{office})
			if name == "GRUUs" {
				register(office, 1, "")
				b.phone().message("sip:bob@example.org;gr=urn:uuid:1")
				home.takes()
				office.nothing(50 * time.Millisecond)
			}
		})
	}
}

// TestOneOfTwins: the router's own user agent, which is to call one of two phones with one Contact, names it by
// its ruid; by the Contact it calls both, by what no binding is called none.
func TestOneOfTwins(t *testing.T) {
	b := newRouter(t, nil)
	const lan = "sip:bob@192.168.178.20:5060"
	home, office := b.phoneAt("127.0.1.1"), b.phoneAt("127.0.2.2")
	home.registered("<" + lan + ">")
	office.registered("<" + lan + ">")
	lookup := call(t, b.registrar, "lookup", "location")
	looks := func(contact, want string) {
		t.Helper()
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			x.Local = &relay.Local{Contact: []byte(contact)}
			code := lookup(x)
			x.Local = nil
			_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(code, " ", len(x.More), " ", x.Main.Flow.Remote)})
		})
		p := b.phone()
		p.send(p.request("INVITE", "sip:bob@example.org", "own", 1))
		p.expect("SIP/2.0 480 " + want)
	}
	found := b.usrloc.Control().Lookup("bob@example.org")
	if len(found) != 2 {
		t.Fatalf("%d bindings", len(found))
	}
	for _, c := range found {
		_, at, _ := strings.Cut(c.Received, ":")
		looks(c.RUID, "1 0 "+at)
	}
	looks(lan, "1 1 ")
	looks(strings.Repeat("0", 32), "-1 0 ")
}

// TestOneOfTwinsWithFlows: of a phone with two flows (RFC 5626) beside a twin of its Contact each flow's ruid names the
// phone, not the flow alone: while the connection of the one is gone the other one is called; the twin's names the twin.
func TestOneOfTwinsWithFlows(t *testing.T) {
	b := newRouter(t, nil)
	first, second, office := b.tcpPhone(), b.phone(), b.phoneAt("127.0.2.2")
	first.flow(1)
	nextStamp()
	second.flow(2)
	office.registered("<sip:bob@10.99.0.1>")
	lookup := call(t, b.registrar, "lookup", "location")
	looks := func(contact string) string {
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			x.Local = &relay.Local{Contact: []byte(contact)}
			code := lookup(x)
			x.Local = nil
			var ways []string
			x.AnyWay(func(w *relay.Target) bool {
				ways = append(ways, w.Flow.Remote.String())
				return false
			})
			slices.Sort(ways)
			_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(code, " ", strings.Join(ways, " "))})
		})
		p := b.phone()
		p.send(p.request("INVITE", "sip:bob@example.org", "own", 1))
		return string(p.expect("SIP/2.0 480").Reason())
	}
	flows := []string{first.addr(), second.addr()}
	slices.Sort(flows)
	both, closed := "1 "+strings.Join(flows, " "), ""
	for _, c := range b.usrloc.Control().Lookup("bob@example.org") {
		want := both
		if c.RegID == 0 {
			want = "1 " + office.addr()
		}
		if got := looks(c.RUID); got != want {
			t.Errorf("the ruid of reg-id %d finds %q, want %q", c.RegID, got, want)
		}
		if c.RegID == 1 {
			closed = c.RUID
		}
	}
	first.conn.Close()
	want := "1 " + second.addr()
	got := looks(closed)
	for got == both { // the router has not seen the end of the connection yet
		got = looks(closed)
	}
	if got != want {
		t.Errorf("the ruid of the closed flow finds %q, want %q", got, want)
	}
}

// TestWhatEndsIsListed: the 200 to a phone that ends a contact leaves out only what has the URI of that
// contact and is another phone's: other contacts are listed, those of the request, and other flows of
// the phone; a query lists all.
func TestWhatEndsIsListed(t *testing.T) {
	b := newRouter(t, nil)
	home, office := b.phoneAt("127.0.1.1"), b.phoneAt("127.0.2.2")
	const lan, desk = "<sip:bob@192.168.178.20:5060>", "<sip:desk@192.168.178.21>"
	const flow = `;+sip.instance="<urn:uuid:1>";reg-id=`
	for i, c := range []struct {
		p        *phone
		call     string
		contacts []string
		want     string
	}{
		{home, "home", []string{lan, desk}, "bob/ desk/"},
		{office, "office", []string{lan}, "bob/ bob/ desk/"},
		{office, "office", []string{lan + ";expires=0"}, "desk/"},
		{office, "office", nil, "bob/ desk/"},
		{office, "office", []string{lan, "<sip:x@192.168.178.22>"}, "bob/ x/ bob/ desk/"},
		{office, "office", []string{"<sip:bob@192.168.178.20:5060;ob>;expires=0", "<sip:x@192.168.178.22>"}, "x/ desk/"},
		{office, "office", []string{"<sip:x@192.168.178.22>;expires=0"}, "bob/ desk/"},
		{office, "flow1", []string{lan + flow + "1"}, "bob/1 bob/ desk/"},
		{office, "flow2", []string{lan + flow + "2"}, "bob/2 bob/1 bob/ desk/"},
		{office, "flow1", []string{lan + flow + "1;expires=0"}, "bob/2 desk/"},
		{home, "home", []string{lan + ";expires=0"}, "desk/"},
		{home, "home", nil, "desk/ bob/2"},
	} {
		lines := []string{"Supported: outbound"}
		for _, contact := range c.contacts {
			lines = append(lines, "Contact: "+contact)
		}
		nextStamp() // the newer one stands first
		c.p.send(c.p.request("REGISTER", "sip:example.org", c.call, i+1, lines...))
		var list []string
		for _, contact := range contacts(c.p.expect(sip200)) {
			user, _, _ := strings.Cut(strings.TrimPrefix(contact, "<sip:"), "@")
			id, _ := sip.Param([]byte(contact), "reg-id")
			list = append(list, user+"/"+string(id))
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("step %d: the 200 lists %q, want %q", i, got, c.want)
		}
	}
}

// TestRestartsBehindNewAddresses: a phone that restarts behind another public address each time
// is never locked out by the bindings that it has left: they are the first to give way, with
// the operator's bound or without. What was added by hand stays, and so do other contacts.
func TestRestartsBehindNewAddresses(t *testing.T) {
	for _, c := range []struct {
		settings []setting
		most     int
	}{{nil, 10}, {[]setting{{"max_contacts", 3}}, 3}, {[]setting{{"max_contacts", 2}}, 2}} {
		b := newRouter(t, nil, c.settings...)
		if err := b.usrloc.Control().Add(t.Context(), "bob@example.org", ctlproto.Contact{Address: "sip:hand@192.0.2.1", Permanent: true}); err != nil {
			t.Fatal(err)
		}
		want := 1
		if c.most > 2 {
			b.phone().registered("<sip:desk@192.0.2.2>;expires=100") // it would be the first to go by its age
			want++
		}
		var last *phone
		for i := range 14 {
			last = b.phoneAt(fmt.Sprintf("127.0.3.%d", i+1))
			last.registered("<sip:bob@192.168.178.20:5060>;expires=600")
		}
		list := last.listed()
		if strings.Count(list, "sip:bob@192.168.178.20:5060") != c.most-want || len(strings.Fields(list)) != c.most ||
			!strings.Contains(list, "sip:hand@") || strings.Contains(list, "sip:desk@") != (c.most > 2) {
			t.Errorf("%v: left are %s", c.settings, list)
		}
		sources := map[string]bool{}
		for _, contact := range contacts(last.registered()) {
			received, _ := sip.Param([]byte(contact), "received")
			sources[string(received)] = true
		}
		if !sources["sip:"+last.addr()] {
			t.Errorf("%v: the phone is not called where it is now: %v", c.settings, sources)
		}
	}
}

// TestFlowsOfOneContact: a flow with the Contact of the new one gives no way to it (wrong
// input of the above): what there is at the operator's bound stays, and the answer is 503.
func TestFlowsOfOneContact(t *testing.T) {
	b := newRouter(t, nil, setting{"max_contacts", 1})
	home, office := b.phoneAt("127.0.1.1"), b.phoneAt("127.0.2.2")
	home.send(home.register("Supported: outbound", `Contact: <sip:bob@192.168.178.20:5060>;reg-id=1;+sip.instance="<urn:uuid:1>"`))
	home.expect(sip200)
	office.send(office.register("Supported: outbound", `Contact: <sip:bob@192.168.178.20:5060>;reg-id=1;+sip.instance="<urn:uuid:2>"`))
	office.expect("SIP/2.0 503")
	office.send(office.register("Contact: <sip:other@192.168.178.20:5060>"))
	office.expect("SIP/2.0 503")
}
