package registrar

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
)

// instance is the +sip.instance of bob's phone in these tests.
const instance = `;+sip.instance="<urn:uuid:1>"`

// flow registers the phone's flow with a reg-id.
func (p *phone) flow(regID int) *sip.Message {
	p.t.Helper()
	p.send(p.register(fmt.Sprintf("Contact: <sip:bob@10.99.0.1>;reg-id=%d%s", regID, instance), "Supported: path, outbound"))
	return p.expect(sip200)
}

// answer answers a request that came.
func (p *phone) answer(m *sip.Message, status string) {
	p.t.Helper()
	var lines []string
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		for h := m.Named(name); h != nil; h = m.Next(h) {
			lines = append(lines, name+": "+string(m.Value(h)))
		}
	}
	p.send("SIP/2.0 " + status + "\r\n" + strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
}

// TestOutboundRequired: with outbound_mode 2 a phone has to know outbound.
func TestOutboundRequired(t *testing.T) {
	b := newRouter(t, nil, setting{"outbound_mode", 2})
	p := b.phone()
	p.send(p.register("Contact: <sip:b@h>"))
	if m := p.expect("SIP/2.0 421 Extension Required"); header(m, "Require") != "outbound" {
		t.Errorf("Require is %q", header(m, "Require"))
	}
	p.send(p.register("Contact: <sip:b@h>", "Supported: outbound"))
	p.expect(sip200)
}

// TestFlows: of the flows of one phone the newest takes a request; the next one takes
// it if that answers 430, or is gone.
func TestFlows(t *testing.T) {
	b := newRouter(t, nil)
	first, second := b.tcpPhone(), b.phone()
	first.flow(1)
	nextStamp() // what came later stands first
	second.flow(2)
	if list := second.listed(); list != "sip:bob@10.99.0.1 sip:bob@10.99.0.1" {
		t.Errorf("registered are %q, want both flows", list)
	}
	caller := b.phone()

	caller.message("sip:bob@example.org")
	second.answer(second.got(), "200 OK")
	caller.expect(sip200)
	first.nothing(50 * time.Millisecond)

	// A flow that has failed is gone until the phone registers it anew.
	for range 2 {
		caller.message("sip:bob@example.org")
		second.answer(second.got(), "430 Flow Failed")
		first.answer(first.got(), "200 OK")
		caller.expect(sip200)
		if list := second.listed(); list != "sip:bob@10.99.0.1" {
			t.Errorf("registered are %q, want the flow that is left", list)
		}
		caller.message("sip:bob@example.org")
		first.answer(first.got(), "200 OK")
		caller.expect(sip200)
		second.nothing(50 * time.Millisecond)
		nextStamp()
		second.flow(2)
	}

	// A second failure, and there is no flow left.
	caller.message("sip:bob@example.org")
	second.answer(second.got(), "430 Flow Failed")
	first.answer(first.got(), "430 Flow Failed")
	caller.expect("SIP/2.0 430")
	if list := second.listed(); list != "" {
		t.Errorf("registered are %q, want none", list)
	}
	first.flow(1)
	nextStamp()
	second.flow(2)

	// A phone that refuses is asked once.
	caller.message("sip:bob@example.org")
	second.answer(second.got(), "486 Busy Here")
	caller.expect("SIP/2.0 486")
	first.nothing(50 * time.Millisecond)

	// The same reg-id replaces the flow.
	third := b.tcpPhone()
	third.flow(2)
	caller.message("sip:bob@example.org")
	third.answer(third.got(), "200 OK")
	caller.expect(sip200)
	second.nothing(50 * time.Millisecond)

	// A connection that is closed is not tried.
	third.conn.Close()
	deadline := time.Now().Add(5 * time.Second)
	for {
		caller.message("sip:bob@example.org")
		if m := first.next(300 * time.Millisecond); m != nil {
			first.answer(m, "200 OK")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the flow that is left gets nothing")
		}
	}
}

// TestFlowThatIsMeant: a request that is for one flow of a phone only, by a temporary GRUU or because the
// other one does not take the method, gets to it whichever is the newer one.
func TestFlowThatIsMeant(t *testing.T) {
	b := newRouter(t, nil, setting{"method_filtering", 1})
	first, second, caller := b.phone(), b.phone(), b.phone()
	register := func(p *phone, regID int, allow string) string {
		p.send(p.register(fmt.Sprintf("Contact: <sip:bob@10.99.0.1>;reg-id=%d%s", regID, instance), "Supported: path, outbound, gruu", "Allow: "+allow))
		_, temporary := gruus(t, p.expect(sip200)) // of the newest flow, which stands first
		nextStamp()
		return temporary
	}
	one := register(first, 1, "MESSAGE")
	two := register(second, 2, "MESSAGE")
	for _, x := range []struct {
		uri   string
		phone *phone
	}{{one, first}, {two, second}, {"sip:bob@example.org", second}} {
		caller.message(x.uri)
		x.phone.answer(x.phone.got(), "200 OK")
		caller.expect(sip200)
	}
	register(second, 2, "INVITE")
	caller.message("sip:bob@example.org")
	first.answer(first.got(), "200 OK")
	caller.expect(sip200)
	caller.message(two) // another Call-ID has ended it
	caller.expect("SIP/2.0 480 lookup -3")
	first.nothing(20 * time.Millisecond)
	second.nothing(20 * time.Millisecond)
}

// TestFlowsThatStay: a 430 to what is no flow, or of a flow that was registered anew
// meanwhile, removes nothing.
func TestFlowsThatStay(t *testing.T) {
	b := newRouter(t, nil)
	p, caller := b.phone(), b.phone()
	p.send(p.register("Contact: <sip:bob@10.99.0.1>" + instance))
	p.expect(sip200)
	caller.message("sip:bob@example.org")
	p.answer(p.got(), "430 Flow Failed")
	caller.expect("SIP/2.0 430")
	if list := p.listed(); list != "sip:bob@10.99.0.1" {
		t.Errorf("registered are %q after the 430 of a phone that knows no flows", list)
	}

	b = newRouter(t, nil)
	p, caller = b.phone(), b.phone()
	p.flow(1)
	caller.message("sip:bob@example.org")
	asked := p.got()
	nextStamp()
	p.flow(1)
	p.answer(asked, "430 Flow Failed")
	caller.expect("SIP/2.0 430")
	if list := p.listed(); !strings.Contains(list, "sip:bob@10.99.0.1") || b.registrar.failedFlows.Load() != 0 {
		t.Errorf("registered are %q after the 430 to what was sent before, %d flows removed", list, b.registrar.failedFlows.Load())
	}
}

// TestFlowAnswers408: a proxy in front of a phone says 408 where the phone was silent, and
// the next flow is tried; after a phone has rung it is not, nor after any other answer.
func TestFlowAnswers408(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		goesOn  bool
	}{
		"408 at once":      {[]string{"408 Request Timeout"}, true},
		"408 after 100":    {[]string{"100 Trying", "408 Request Timeout"}, true},
		"408 after 180":    {[]string{"180 Ringing", "408 Request Timeout"}, false},
		"503 of the phone": {[]string{"503 Service Unavailable"}, false},
		"480":              {[]string{"480 Temporarily Unavailable"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newRouter(t, nil)
			first, second, caller := b.phone(), b.phone(), b.phone()
			first.flow(1)
			nextStamp()
			second.flow(2)
			caller.calls++
			caller.send(caller.request("INVITE", "sip:bob@example.org", "late", 1, "Contact: <sip:"+caller.addr()+">"))
			caller.expect("SIP/2.0 100")
			asked := second.expect("INVITE ")
			for _, status := range c.answers {
				second.answer(asked, status)
			}
			if c.goesOn {
				first.answer(first.expect("INVITE "), "486 Busy Here")
				caller.expect("SIP/2.0 486")
				return
			}
			first.nothing(100 * time.Millisecond)
		})
	}
}

// TestSilentFlow: a flow on which nobody answers is followed by the next.
func TestSilentFlow(t *testing.T) {
	b := newRouter(t, nil)
	first, second := b.phone(), b.phone()
	first.flow(1)
	nextStamp()
	second.flow(2)
	caller := b.phone()
	caller.calls++
	caller.send(caller.request("INVITE", "sip:bob@example.org", "silent", 1, "Contact: <sip:"+caller.addr()+">"))
	caller.expect("SIP/2.0 100")
	deadline := time.Now().Add(20 * time.Second)
	for { // 64·T1 of silence
		if m := first.next(100 * time.Millisecond); m != nil {
			first.answer(m, "486 Busy Here")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the second flow gets nothing")
		}
	}
	caller.expect("SIP/2.0 486")
}

// gruus are the public and the temporary GRUU of the first contact in a 200.
func gruus(t *testing.T, m *sip.Message) (public, temporary string) {
	t.Helper()
	values := m.Values(sip.HdrContact)
	var a sip.NameAddr
	if err := sip.ParseNameAddr(values.Next(), &a); err != nil {
		t.Fatal(err)
	}
	p, _ := sip.Param(a.Params, "pub-gruu")
	q, _ := sip.Param(a.Params, "temp-gruu")
	if len(p) == 0 || len(q) == 0 {
		t.Fatalf("there are no GRUUs in %s", m.Buf)
	}
	return string(p), string(q)
}

// TestGRUU: a GRUU leads to one phone of several, and what is none to nobody.
func TestGRUU(t *testing.T) {
	b := newRouter(t, nil)
	lookup, registered := call(t, b.registrar, "lookup", "location"), call(t, b.registrar, "registered", "location")
	a, c := b.phone(), b.phone()
	register := func(p *phone, callID string, cseq int, uuid string) *sip.Message {
		p.send(p.request("REGISTER", "sip:example.org", callID, cseq, "Supported: gruu",
			fmt.Sprintf(`Contact: <sip:bob@%s>;+sip.instance="<urn:uuid:%s>"`, p.addr(), uuid)))
		return p.expect(sip200)
	}
	public, temporary := gruus(t, register(a, "one", 1, "AAAA"))
	_, second := gruus(t, register(a, "one", 2, "AAAA"))
	register(c, "two", 1, "bbbb")
	if second == temporary {
		t.Error("a refresh gives the same temporary GRUU again")
	}
	if strings.Contains(temporary, "bob") || strings.Contains(temporary, "AAAA") {
		t.Errorf("the temporary GRUU tells who it is: %s", temporary)
	}
	for _, uri := range []string{public, temporary, second, strings.ToLower(public), strings.Replace(temporary, "example.org", "EXAMPLE.org", 1)} {
		c.message(uri)
		m := a.got()
		if got := string(m.RequestURI()); got != "sip:bob@"+a.addr() {
			t.Errorf("%s: the R-URI is %s", uri, got)
		}
		a.answer(m, "200 OK") // or it comes again
		c.expect(sip200)
	}
	c.nothing(50 * time.Millisecond)

	code := func(uri string) string {
		b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
			before := registered(x)
			_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(before, " ", lookup(x))})
		})
		defer b.script("")
		a.calls++
		a.send(a.request("OPTIONS", uri, fmt.Sprint("code-", a.calls), 1))
		m := a.expect("SIP/2.0 480 ")
		_, reason, _ := strings.Cut(string(m.Buf), "480 ")
		reason, _, _ = strings.Cut(reason, "\r\n")
		return reason
	}
	for _, x := range []struct{ uri, want string }{
		{public, "1 1"},
		{temporary, "1 1"},
		{strings.Replace(public, "AAAA", "CCCC", 1), "-1 -1"}, // nobody is registered
		{strings.Replace(public, "urn", "%zz", 1), "-1 -3"},
		{strings.Replace(temporary, "example.org", "example.net", 1), "-1 -3"},
		{strings.Replace(temporary, "tgruu.", "tgruu.A", 1), "-1 -3"},
		{temporary[:len(temporary)-len("@example.org;gr")-1] + "@example.org;gr", "-1 -3"},
		{"sip:tgruu.@example.org;gr", "-1 -3"},
		{"sip:bob@example.org;gr", "-1 -3"},
		{"sip:tgruu." + strings.Repeat("A", 900) + "@example.org;gr", "-1 -3"},
		{"sip:bob@example.org;gr=" + strings.Repeat("%41", 600), "-1 -3"},
	} {
		if got := code(x.uri); got != x.want {
			t.Errorf("registered and lookup of %s: %s, want %s", x.uri, got, x.want)
		}
		var u sip.URI
		if err := sip.ParseURI([]byte(x.uri), &u); err != nil {
			t.Fatal(err)
		}
		whose, ok := b.registrar.OfDevice([]byte("before "), &u)
		if given := !strings.HasSuffix(x.want, "-3"); ok != given || ok && string(whose) != "before bob@example.org" {
			t.Errorf("%s is a phone of %q: %v", x.uri, whose, ok)
		}
	}
	for _, uri := range []string{"sip:bob@example.org", strings.TrimSuffix(temporary, ";gr"), "sip:example.org;gr", "tel:+1;gr=x", "sip:example.org;gr=urn:uuid:AAAA"} {
		var u sip.URI
		if err := sip.ParseURI([]byte(uri), &u); err != nil {
			t.Fatal(err)
		}
		if whose, ok := b.registrar.OfDevice(nil, &u); ok {
			t.Errorf("%s is a phone of %q", uri, whose)
		}
	}
	register(a, "another", 1, "AAAA")
	if got := code(temporary); got != "-1 -3" {
		t.Errorf("a temporary GRUU of an earlier Call-ID: %s, want -1 -3", got)
	}
	if got := code(public); got != "1 1" {
		t.Errorf("the public GRUU after another Call-ID: %s, want 1 1", got)
	}
}

// TestGRUUKey: GRUUs outlive the process if the key does.
func TestGRUUKey(t *testing.T) {
	key := []byte("the key of the state folder")
	give := New(Config{Usrloc: newRouter(t, nil).usrloc, Key: key})
	text := give.appendTemp(nil, []byte("bob"), []byte("example.org"), []byte("urn:uuid:1"), []byte("call"))
	for _, x := range []struct {
		key  string
		want bool
	}{{string(key), true}, {"another", false}, {"", false}} {
		m := New(Config{Usrloc: give.cfg.Usrloc, Key: []byte(x.key)})
		var u sip.URI
		if err := sip.ParseURI([]byte("sip:"+tempPrefix+string(text)+"@Example.ORG;gr"), &u); err != nil {
			t.Fatal(err)
		}
		s := &scratch{}
		if got := m.readGRUU(s, &u); got != x.want || got && string(u.User) != "bob" {
			t.Errorf("with the key %q it is one: %v, want %v; the user is %s", x.key, got, x.want, u.User)
		}
	}
}

// TestServiceRoute: it stands in each 200.
func TestServiceRoute(t *testing.T) {
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{})})
	for _, bad := range []string{"nonsense", "sip:p;lr", "<sip:p>", "<mailto:a@b;lr>", "<sip:p;lr>,", "<sip:p;lr>,x", "<sip:p;lr>\r\nX: y"} {
		if err := m.setServiceRoute(bad, 0); err == nil {
			t.Errorf("service_route %q is taken", bad)
		}
	}
	const route = "<sip:p1.example.org;lr>, <sip:p2.example.org;transport=tcp;lr>"
	b := newRouter(t, nil, setting{"service_route " + route, 0})
	if m := b.phone().registered("<sip:b@h>"); header(m, "Service-Route") != route {
		t.Errorf("Service-Route is %q", header(m, "Service-Route"))
	}
}

// TestExpiresRange: lives are spread, and stay within the bounds.
func TestExpiresRange(t *testing.T) {
	for _, c := range []struct {
		asked       string
		set         []setting
		least, most uint32
	}{
		{"1000", []setting{{"expires_range", 20}}, 800, 1000},
		{"61", []setting{{"expires_range", 100}}, 60, 61},
		{"9999", []setting{{"expires_range", 50}}, 1800, 3600},
		{"", []setting{{"default_expires", 1000}, {"default_expires_range", 10}}, 900, 1100},
		{"", []setting{{"default_expires", 30}}, 30, 30},
		{"1000", nil, 1000, 1000},
	} {
		b := &router{t: t}
		b.usrloc = newRouter(t, nil).usrloc
		b.registrar = New(Config{Usrloc: b.usrloc})
		for _, s := range c.set {
			b.set(s)
		}
		seen := map[uint32]bool{}
		for range 2000 {
			n, why := b.registrar.grant([]byte(c.asked))
			if why != nil || n < c.least || n > c.most {
				t.Fatalf("asked for %q with %v: %d (%v), want %d to %d", c.asked, c.set, n, why, c.least, c.most)
			}
			seen[n] = true
		}
		if spread := len(seen) > 1; spread != (c.least < c.most) {
			t.Errorf("asked for %q with %v: %d different lives", c.asked, c.set, len(seen))
		}
	}
}

// FuzzGRUU: no URI makes the reader fail.
func FuzzGRUU(f *testing.F) {
	m := New(Config{Usrloc: usrloc.New(usrloc.Config{})})
	f.Add("sip:tgruu.abc@example.org;gr")
	f.Add("sip:bob@example.org;gr=urn:uuid:1%41")
	f.Fuzz(func(t *testing.T, text string) {
		var u sip.URI
		if sip.ParseURI([]byte(text), &u) == nil {
			s := &scratch{}
			_, _ = m.OfDevice(nil, &u)
			if m.readGRUU(s, &u) && s.gruu.temp {
				t.Errorf("%q was never given", text)
			}
		}
	})
}
