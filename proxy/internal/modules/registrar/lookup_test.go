package registrar

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// invite sends a MESSAGE, which like an INVITE is looked up and relayed, but
// needs no ACK.
func (p *phone) message(uri string, lines ...string) {
	p.t.Helper()
	p.calls++
	p.send(p.request("MESSAGE", uri, fmt.Sprintf("msg-%s-%d", p.addr(), p.calls), 1, lines...))
}

// got is the R-URI of the MESSAGE that comes.
func (p *phone) got() *sip.Message {
	p.t.Helper()
	return p.expect("MESSAGE ")
}

// TestLookupReaches: a request reaches a phone where it registered from.
func TestLookupReaches(t *testing.T) {
	for _, c := range []struct {
		name     string
		tcp      bool
		contact  func(p *phone) string
		received string // with %s for the phone's address; "": none
	}{
		{"contact is the source", false, func(p *phone) string { return "sip:bob@" + p.addr() }, ""},
		{"other port", false, func(*phone) string { return "sip:bob@127.0.0.1:9" }, "sip:%s"},
		{"other host", false, func(*phone) string { return "sip:bob@10.99.0.1:5060" }, "sip:%s"},
		{"name", false, func(*phone) string { return "sip:bob@phone.invalid" }, "sip:%s"},
		{"headers in the contact", false, func(p *phone) string { return "sip:bob@" + p.addr() + "?Subject=x" }, ""},
		{"a question mark in the headers", false, func(p *phone) string { return "sip:bob@" + p.addr() + "?Route=%3Csip:1.2.3.4%3E&Subject=a?b" }, ""},
		{"a question mark in the user part", false, func(p *phone) string { return "sip:bob?x=y@" + p.addr() }, ""},
		{"a method", false, func(p *phone) string { return "sip:bob@" + p.addr() + ";method=BYE;x" }, ""},
		{"TCP", true, func(p *phone) string { return "sip:bob@" + p.addr() + ";transport=tcp" }, ""},
		{"TCP behind NAT", true, func(*phone) string { return "sip:bob@10.99.0.1:5060;transport=tcp" }, "sip:%s;transport=tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newRouter(t, nil)
			p := b.phone()
			if c.tcp {
				p = b.tcpPhone()
			}
			contact := c.contact(p)
			m := p.registered("<" + contact + ">")
			want := ""
			if c.received != "" {
				want = fmt.Sprintf(c.received, p.addr())
			}
			got, _ := sip.Param([]byte(contacts(m)[0]), "received")
			if string(got) != want {
				t.Errorf("received is %q, want %q", got, want)
			}
			b.phone().message("sip:BOB@Example.org;user=phone")
			user, rest, _ := strings.Cut(contact, "@")
			rest, _, _ = strings.Cut(rest, "?")
			uri := user + "@" + strings.Replace(rest, ";method=BYE", "", 1)
			if got := string(p.got().RequestURI()); got != uri {
				t.Errorf("the R-URI is %s, want %s", got, uri)
			}
		})
	}
}

// TestLookupCodes: 1, -1 where nobody is, -2 where nobody takes the method.
func TestLookupCodes(t *testing.T) {
	for _, c := range []struct {
		name, register, uri, method string
		settings                    []setting
		want                        int
		registered                  int
	}{
		{"found", "Contact: <sip:b@h>", "sip:bob@example.org", "INFO", nil, 1, 1},
		{"escaped", "Contact: <sip:b@h>", "sip:%62ob@example.org", "INFO", nil, 1, 1},
		{"sips", "Contact: <sip:b@h>", "sips:bob@example.org", "INFO", nil, 1, 1},
		{"nobody", "Contact: <sip:b@h>", "sip:eve@example.org", "INFO", nil, -1, -1},
		{"foreign", "Contact: <sip:b@h>", "sip:bob@elsewhere.example", "INFO", nil, -1, -1},
		{"no user", "Contact: <sip:b@h>", "sip:example.org", "INFO", nil, -1, -1},
		{"bad escape", "Contact: <sip:b@h>", "sip:bob%zz@example.org", "INFO", nil, -1, -1},
		{"unparsable", "Contact: <sip:b@h>", "sip:bob@", "INFO", nil, -1, -1},
		{"telephone", "Contact: <sip:b@h>", "tel:123", "INFO", nil, -1, -1},
		{"another scheme", "Contact: <sip:b@h>", "http://bob@example.org", "INFO", nil, -1, -1},
		{"methods not asked", `Contact: <sip:b@h>;methods="INVITE,ACK"`, "sip:bob@example.org", "INFO", nil, 1, 1},
		{"method missing", `Contact: <sip:b@h>;methods="INVITE,ACK"`, "sip:bob@example.org", "INFO", []setting{{"method_filtering", 1}}, -2, 1},
		{"method there", `Contact: <sip:b@h>;methods="INVITE,INFO"`, "sip:bob@example.org", "INFO", []setting{{"method_filtering", 1}}, 1, 1},
		{"method missing in Allow", "Contact: <sip:b@h>\r\nAllow: INVITE, ACK, FOO", "sip:bob@example.org", "INFO", []setting{{"method_filtering", 1}}, -2, 1},
		{"method in the second Allow", "Contact: <sip:b@h>\r\nAllow: INVITE\r\nAllow: INFO", "sip:bob@example.org", "INFO", []setting{{"method_filtering", 1}}, 1, 1},
		{"unknown method", "Contact: <sip:b@h>\r\nAllow: INVITE", "sip:bob@example.org", "PING", []setting{{"method_filtering", 1}}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newRouter(t, nil, c.settings...)
			p := b.phone()
			p.send(p.register(c.register))
			p.expect(sip200)
			lookup, registered := call(t, b.registrar, "lookup", "location"), call(t, b.registrar, "registered", "location")
			b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
				before := registered(x)
				code := lookup(x)
				_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprint(code, " ", before, " ", string(x.Main.URI))})
			})
			p.send(p.request(c.method, c.uri, "lookup", 1))
			left := c.uri
			if c.want > 0 {
				left = "sip:b@h"
			}
			p.expect(fmt.Sprintf("SIP/2.0 480 %d %d %s\r\n", c.want, c.registered, left))
		})
	}
}

// TestLookupOfTwoAddresses: who is called is the first address that lookup looked for, and who was found the one that has phones;
// one that has none, or none for the method, is nobody's.
func TestLookupOfTwoAddresses(t *testing.T) {
	b := newRouter(t, nil, setting{"method_filtering", 1})
	p := b.phone()
	p.send(p.register("Contact: <sip:b@h>", `Allow: INFO`))
	p.expect(sip200)
	lookup := call(t, b.registrar, "lookup", "location")
	b.hooks.on(module.RequestRoute, func(x *module.Ctx) {
		received := string(x.Msg.RequestURI())
		_ = x.SetURI([]byte("sip:home-" + received[len("sip:"):]))
		first := lookup(x)
		x.RevertURI()
		second := lookup(x)
		_ = x.Reply(&sip.Reply{Status: 480, Reason: fmt.Sprintf("%d %d %s (%s) %v", first, second, x.Callee, x.FoundCallee, x.Found)})
	})
	for i, x := range []struct{ method, user, want string }{
		{"INFO", "bob", "-1 1 home-bob@example.org (bob@example.org) true"},
		{"INFO", "Bob", "-1 1 home-bob@example.org (bob@example.org) true"},
		{"INFO", "eve", "-1 -1 home-eve@example.org () false"},
		{"MESSAGE", "bob", "-1 -2 home-bob@example.org () false"},
	} {
		p.send(p.request(x.method, "sip:"+x.user+"@example.org", fmt.Sprint("two-", i), 1))
		p.expect("SIP/2.0 480 " + x.want)
	}
}

// TestLookupForks: the best contact first, all of them at once.
func TestLookupForks(t *testing.T) {
	for _, all := range []int{1, 0} {
		b := newRouter(t, nil, setting{"append_branches", all})
		high, low := b.phone(), b.phone()
		low.registered("<sip:low@" + low.addr() + ">;q=0.1")
		high.registered("<sip:high@" + high.addr() + ">;q=0.7")
		b.phone().message("sip:bob@example.org")
		if got := string(high.got().RequestURI()); got != "sip:high@"+high.addr() {
			t.Errorf("the R-URI is %s", got)
		}
		if all == 1 {
			low.got()
		} else {
			low.nothing(50 * time.Millisecond)
		}
	}
}

// TestLookupAfterFailure: in a failure route all contacts are tried, too.
func TestLookupAfterFailure(t *testing.T) {
	for n := 1; n <= 3; n++ {
		b := newRouter(t, nil)
		lookup := call(t, b.registrar, "lookup", "location")
		dead := b.phone()
		save := call(t, b.registrar, "save", "location")
		b.hooks.on(module.RequestRoute, func(c *module.Ctx) {
			if c.Msg.Method == sip.REGISTER {
				save(c)
				return
			}
			c.OnFailure = 1
			_ = c.SetURI([]byte("sip:dead@" + dead.addr()))
			if err := c.Relay(); err != nil {
				t.Error(err)
			}
		})
		b.hooks.on(module.FailureRoute, func(c *module.Ctx) {
			c.RevertURI()
			if lookup(c) < 0 {
				t.Error("lookup is false")
			}
			if err := c.Relay(); err != nil {
				t.Error(err)
			}
		})
		var phones []*phone
		for range n {
			p := b.phone()
			p.registered("<sip:bob@" + p.addr() + ">")
			phones = append(phones, p)
		}
		b.phone().message("sip:bob@example.org")
		dead.send(string(dead.got().AppendReply(nil, &sip.Reply{Status: 486, ToTag: []byte("t")})))
		for _, p := range phones {
			p.got()
		}
	}
}

// TestLookupPath: a request goes along the Path of the REGISTER (RFC 3327 §5.4).
func TestLookupPath(t *testing.T) {
	b := newRouter(t, nil, setting{"use_path", 1})
	edge, p := b.phone(), b.phone()
	path := "<sip:token@" + edge.addr() + ";lr>, <sip:inner.example.org;lr>"
	edge.send(edge.register("Contact: <sip:bob@"+p.addr()+">", "Via: SIP/2.0/UDP h;branch=z9hG4bKx", "Supported: path", "Path: "+path))
	edge.expect(sip200)
	b.phone().message("sip:bob@example.org")
	m := edge.got()
	if got := header(m, "Route"); got != path || string(m.RequestURI()) != "sip:bob@"+p.addr() {
		t.Errorf("R-URI %s with Route %q, want the contact along %q", m.RequestURI(), got, path)
	}
	p.nothing(20 * time.Millisecond)
}

// TestPathIsNotForPhones: a user does not aim the router by a Path of his own, be it off
// as by default, or on and the phone one that came by no proxy: calls go to his phone.
func TestPathIsNotForPhones(t *testing.T) {
	for _, c := range []struct {
		name    string
		setting []setting
		lines   []string
	}{
		{"default", nil, []string{"Via: SIP/2.0/UDP h;branch=z9hG4bKx"}},
		{"no proxy between", []setting{{"use_path", 1}}, nil},
	} {
		b := newRouter(t, nil, c.setting...)
		gateway, p := b.phone(), b.phone()
		p.send(p.register(append(c.lines, "Contact: <sip:+1900555@"+gateway.addr()+">", "Supported: path", "Path: <sip:"+gateway.addr()+";lr>")...))
		if m := p.expect(sip200); header(m, "Path") != "" {
			t.Errorf("%s: the 200 says Path: %s", c.name, header(m, "Path"))
		}
		b.phone().message("sip:bob@example.org")
		p.got()
		gateway.nothing(50 * time.Millisecond)
	}
}

// TestConnectionOfBefore: after a restart, whoever had registered over a connection is called
// where his contact says only if that is the host he came from; else he is away until he
// registers anew. A phone on UDP is called at its source, whatever its contact says.
func TestConnectionOfBefore(t *testing.T) {
	gateway, err := net.ListenPacket("udp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	for _, c := range []struct {
		name, contact string // %s: the gateway, or the port of a phone that can be reached
		tcp           bool
		to            string // who is called: the contact, the source, nobody
	}{
		{"its own host", "<sip:bob@127.0.0.1:%s>", true, "contact"},
		{"another host", "<sip:+1900555@" + gateway.LocalAddr().String() + ">", true, "nobody"},
		{"another host by maddr", "<sip:+1900555@127.0.0.1:%s;maddr=127.0.0.2>", true, "nobody"},
		{"another host, UDP", "<sip:+1900555@" + gateway.LocalAddr().String() + ">", false, "source"},
		{"maddr, UDP", "<sip:+1900555@127.0.0.1:%s;maddr=127.0.0.2>", false, "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := newDatabase()
			close(db.gate)
			first := newRouter(t, db)
			p, reachable := first.phone(), first.phone()
			if c.tcp {
				p = first.tcpPhone()
			}
			_, port, _ := net.SplitHostPort(reachable.addr())
			p.registered(strings.ReplaceAll(c.contact, "%s", port))
			first.stop()
			second := newRouterAt(t, db, first.udp.String())
			caller := second.phone()
			caller.message("sip:bob@example.org")
			switch c.to {
			case "contact":
				reachable.got()
			case "source":
				p.got()
			default:
				caller.expect("SIP/2.0 480")
			}
			_ = gateway.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, _, err := gateway.ReadFrom(make([]byte, 2048)); err == nil {
				t.Errorf("%d bytes went to the gateway", n)
			}
		})
	}
}

// TestSourceWithMaddr: a contact of the sender's own address that means another one by maddr,
// over a protocol that has no flow yet, is not called there.
func TestSourceWithMaddr(t *testing.T) {
	gateway, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	b := newRouter(t, nil)
	p := b.phone()
	p.registered("<sip:+1900555@" + p.addr() + ";transport=tcp;maddr=127.0.0.2>")
	b.phone().message("sip:bob@example.org")
	p.got()
}

// TestLookupGoneConnection: when a phone's connection has ended, it is tried
// where its contact says.
func TestLookupGoneConnection(t *testing.T) {
	b := newRouter(t, nil)
	p, reachable := b.tcpPhone(), b.phone()
	p.registered("<sip:bob@" + reachable.addr() + ">")
	flow := b.usrloc.Table().Lookup([]byte("bob@example.org"), nil)[0].Flow
	if flow.Proto != transport.TCP || !b.engine.Layer().Usable(flow) {
		t.Fatalf("the binding's flow is %v", flow)
	}
	p.conn.Close()
	for deadline := time.Now().Add(3 * time.Second); b.engine.Layer().Usable(flow); {
		if time.Now().After(deadline) {
			t.Fatal("the connection does not end")
		}
		reachable.nothing(5 * time.Millisecond)
	}
	b.phone().message("sip:bob@example.org")
	reachable.got()
}

// TestRestart: what the 200 promised is there after a restart, and a phone
// behind a NAT is reached at its source again.
func TestRestart(t *testing.T) {
	db := newDatabase()
	close(db.gate)
	first := newRouter(t, db)
	p := first.phone()
	p.registered("<sip:bob@10.99.0.1:5060>")
	first.stop()
	second := newRouterAt(t, db, first.udp.String())
	second.phone().message("sip:bob@example.org")
	if got := string(p.got().RequestURI()); got != "sip:bob@10.99.0.1:5060" {
		t.Errorf("the R-URI is %s", got)
	}
	if got := p.listed(); got != "sip:bob@10.99.0.1:5060" {
		t.Errorf("registered are %q", got)
	}
}
