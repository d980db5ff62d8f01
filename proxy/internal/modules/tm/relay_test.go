package tm_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

const phone = "udp:192.0.2.7:5060"

func invite(uri string, lines ...string) string { return moduletest.Request("INVITE", uri, lines...) }

func TestRelayed(t *testing.T) {
	send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if got := send(c); got != module.True {
			t.Errorf("t_relay returned %d", got)
		}
	}})
	out := r.Receive(phone, invite("sip:bob@198.51.100.9:5080"))
	moduletest.Find(t, out, "SIP/2.0 100")
	sent := moduletest.Find(t, out, "INVITE sip:bob@198.51.100.9:5080 SIP/2.0\r\nVia: SIP/2.0/UDP ")
	if sent.To.Remote.String() != "198.51.100.9:5080" {
		t.Errorf("sent to %v", sent.To.Remote)
	}
	up := r.Receive("udp:198.51.100.9:5080", moduletest.Answer(t, sent, 486))
	moduletest.Find(t, up, "SIP/2.0 486")
	moduletest.Find(t, up, "ACK sip:bob@198.51.100.9:5080")
}

// TestRelayToHost: t_relay(host, port) and its kin send there whatever the URI says.
func TestRelayToHost(t *testing.T) {
	for _, c := range []struct {
		name, host, port string
		proto            transport.Proto
	}{
		{"t_relay", "203.0.113.4", "5070", transport.UDP},
		{"t_relay_to_udp", "203.0.113.4", "5071", transport.UDP},
	} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), c.name, c.host, c.port)
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) { send(ctx) }})
		sent := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE sip:bob@198.51.100.9 SIP/2.0")
		if sent.To.Remote.String() != c.host+":"+c.port || sent.To.Proto != c.proto {
			t.Errorf("%s: sent on %v to %v", c.name, sent.To.Proto, sent.To.Remote)
		}
	}
	moduletest.Compile(t, tm.New(tm.Config{}), "t_relay_to_tcp", "2001:db8::1", "5061")
}

// TestRelayOver: without a host t_relay_to_udp and its kin change the transport alone.
func TestRelayOver(t *testing.T) {
	for _, c := range []struct{ name, uri, want string }{
		{"t_relay_to_udp", "sip:bob@198.51.100.9:5080;transport=tcp", "udp 198.51.100.9:5080"},
		{"t_relay_to_udp", "sip:bob@198.51.100.9", "udp 198.51.100.9:5060"},
		{"t_relay_to_udp", "sip:bob@198.51.100.9;maddr=203.0.113.1", "udp 203.0.113.1:5060"},
		{"t_relay_to_udp", "tel:+4930123", ""},
		{"t_relay_to_tls", "sip:bob@198.51.100.9", ""}, // no socket
	} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), c.name)
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) { send(ctx) }})
		got := ""
		for _, p := range r.Receive(phone, invite(c.uri)) {
			if strings.HasPrefix(p.Text, "INVITE "+c.uri+" ") {
				got = fmt.Sprintf("%v %v", p.To.Proto, p.To.Remote)
			}
		}
		if got != c.want {
			t.Errorf("%s of %s: sent to %q, want %q", c.name, c.uri, got, c.want)
		}
	}
	if got := moduletest.Refused(t, tm.New(tm.Config{}), "t_relay_to_tcp", "198.51.100.9"); !strings.Contains(got, "a host needs a port") {
		t.Error(got)
	}
}

// TestRelayOverOfAPhone: t_relay_to_udp takes a phone off its flow. Where its owner has named a gateway, it is
// not sent to.
func TestRelayOverOfAPhone(t *testing.T) {
	const uri = "sip:+1900@198.51.100.9"
	for gateway, want := range map[string]int{"198.51.100.9": 0, "198.51.100.10": 1} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay_to_udp")
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) {
			ctx.SetTarget(relay.Target{URI: []byte(uri), Phone: true, Flow: transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.7:40000")}})
			send(ctx)
		}}, func(c *relay.Config) {
			c.Gateway = func(a netip.Addr) bool { return a == netip.MustParseAddr(gateway) }
		})
		got := 0
		for _, p := range r.Receive(phone, invite("sip:bob@example.org")) {
			if strings.HasPrefix(p.Text, "INVITE "+uri+" ") {
				got++
			}
		}
		if got != want {
			t.Errorf("with a gateway at %s the phone's place gets %d INVITEs, want %d", gateway, got, want)
		}
	}
}

// TestPlaceOfAPhoneThatWasFound: a contact at a gateway is called in no way but on the phone's flow, unless the phone is there.
func TestPlaceOfAPhoneThatWasFound(t *testing.T) {
	const uri, gateway = "sip:0900@198.51.100.9", "198.51.100.9"
	m := tm.New(tm.Config{})
	again, udp := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_relay_to_udp")
	arm, sbc := moduletest.Compile(t, m, "t_on_failure", "1"), moduletest.Compile(t, m, "t_relay", "198.51.100.20", "5060")
	const afar, there = "192.0.2.7:40000", gateway + ":5060"
	for _, x := range []struct {
		name, from  string
		do, failure func(c *module.Ctx)
		reached     bool
	}{
		{"after a server", afar, func(c *module.Ctx) { arm(c); sbc(c) }, func(c *module.Ctx) { udp(c) }, false},
		{"after a server, another user", afar, func(c *module.Ctx) { arm(c); sbc(c) }, func(c *module.Ctx) { _ = c.SetUser([]byte("1")); again(c) }, false},
		{"after a server, at once", afar, func(c *module.Ctx) { sbc(c); c.SetNext(nil); again(c) }, nil, false},
		{"a PBX that is there", there, func(c *module.Ctx) { udp(c) }, nil, true},
		{"a PBX that is there, taken back", there, func(c *module.Ctx) { c.SetNext(nil); again(c) }, nil, true},
		{"a PBX that is there, after a server", there, func(c *module.Ctx) { arm(c); sbc(c) }, func(c *module.Ctx) { udp(c) }, true},
	} {
		r := moduletest.New(t, &moduletest.Script{
			Request: func(c *module.Ctx) {
				c.SetTarget(relay.Target{URI: []byte(uri), Phone: true, Q: 1000, Flow: transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort(x.from)}})
				x.do(c)
			},
			Failure: func(c *module.Ctx, _ int) { x.failure(c) },
		}, func(c *relay.Config) {
			c.Gateway = func(a netip.Addr) bool { return a == netip.MustParseAddr(gateway) }
		})
		sent := r.Receive(phone, invite("sip:bob@example.org"))
		for _, p := range sent {
			if x.failure != nil && strings.HasPrefix(p.Text, "INVITE ") {
				sent = append(sent, r.Receive("udp:"+p.To.Remote.String(), moduletest.Answer(t, p, 486))...)
				break
			}
		}
		reached := false
		for _, p := range sent {
			reached = reached || strings.HasPrefix(p.Text, "INVITE ") && p.To.Remote.Addr().String() == gateway
		}
		if reached != x.reached {
			t.Errorf("%s: the gateway is reached: %v", x.name, reached)
		}
	}
}

// TestFailureIsAnswered: what cannot be sent on is answered once, and the script
// hears of it.
func TestFailureIsAnswered(t *testing.T) {
	full := func(c *relay.Config) { c.Txn = txn.Config{Max: 1} }
	for _, c := range []struct {
		name, request string
		sendErr       error
		change        func(*relay.Config)
		want          string
	}{
		{"tel URI", invite("tel:+4930123"), nil, nil, "SIP/2.0 416 Unsupported URI Scheme\r\n"},
		{"unknown scheme", invite("xmpp:bob@198.51.100.9"), nil, nil, "SIP/2.0 416 Unsupported URI Scheme\r\n"},
		{"sips URI", invite("sips:bob@198.51.100.9"), nil, nil, "SIP/2.0 416 Unsupported URI Scheme\r\n"},
		{"unknown transport", invite("sip:bob@198.51.100.9;transport=sctp"), nil, nil, "SIP/2.0 416 Unsupported URI Scheme\r\n"},
		{"broken URI", invite("sip:bob@[::"), nil, nil, "SIP/2.0 400 Bad Request-URI\r\n"},
		{"no socket for IPv6", invite("sip:bob@[2001:db8::1]"), nil, nil, "SIP/2.0 478 Unresolvable destination\r\n"},
		{"to a group", invite("sip:bob@224.0.0.1"), nil, nil, "SIP/2.0 478 Unresolvable destination\r\n"},
		{"to all hosts", invite("sip:bob@255.255.255.255"), nil, nil, "SIP/2.0 478 Unresolvable destination\r\n"},
		{"to no host", invite("sip:bob@0.0.0.0"), nil, nil, "SIP/2.0 478 Unresolvable destination\r\n"},
		{"to port 0", invite("sip:bob@198.51.100.9:0"), nil, nil, "SIP/2.0 400 Bad Request-URI\r\n"},
		{"no such name", invite("sip:bob@" + strings.Repeat("a", 64) + ".such"), nil, nil, "SIP/2.0 478 Unresolvable destination\r\n"},
		{"empty label", invite("sip:bob@no..such"), nil, nil, "SIP/2.0 400 Bad Request-URI\r\n"},
		{"foreign route", invite("sip:bob@198.51.100.9", "To: <sip:bob@example.org>;tag=bt", "Route: <sip:198.51.100.9;lr>"), nil, nil,
			"SIP/2.0 403 Not Our Route\r\n"},
		{"table full", invite("sip:bob@198.51.100.9"), nil, full, "SIP/2.0 503 Service Unavailable\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
			script := &moduletest.Script{}
			var change []func(*relay.Config)
			if c.change != nil {
				change = append(change, c.change)
			}
			r := moduletest.New(t, script, change...)
			if c.change != nil { // fill the table
				script.Request = func(ctx *module.Ctx) { _ = ctx.Relay() }
				r.Receive(phone, strings.ReplaceAll(invite("sip:bob@198.51.100.9"), "z9hG4bK-", "z9hG4bK-other"))
			}
			script.Request = func(ctx *module.Ctx) {
				if got := send(ctx); got != module.False || !ctx.Replied {
					t.Errorf("t_relay returned %d, replied %v; want false, and an answer", got, ctx.Replied)
				}
			}
			out := r.Receive(phone, c.request)
			if len(out) != 1 || !strings.HasPrefix(out[0].Text, c.want) {
				t.Fatalf("sent %+v, want one %q", out, c.want)
			}
			if c.change != nil && !strings.Contains(out[0].Text, "\r\nRetry-After: 5\r\n") {
				t.Errorf("503 without Retry-After:\n%s", out[0].Text)
			}
		})
	}
}

// TestGoneConnectionIs480: a phone whose connection has closed is off line.
func TestGoneConnectionIs480(t *testing.T) {
	for err, want := range map[error]string{
		transport.ErrFlowGone:  "SIP/2.0 480",
		transport.ErrTooLarge:  "SIP/2.0 513",
		transport.ErrQueueFull: "SIP/2.0 503",
	} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
		script := &moduletest.Script{}
		r := moduletest.New(t, script)
		script.Request = func(c *module.Ctx) {
			c.Main.Flow = r.Flow("udp:198.51.100.9:5060") // a binding's
			r.SendErr = err
			send(c)
			r.SendErr = nil
			if got := c.Call; got == nil {
				t.Errorf("%v: no transaction", err)
			}
		}
		// The reply is lost with the request; its repetition gets it from the transaction.
		r.Receive(phone, invite("sip:bob@198.51.100.9"))
		out := r.Receive(phone, invite("sip:bob@198.51.100.9"))
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, want) {
			t.Errorf("%v: sent %+v, want %s", err, out, want)
		}
	}
}

// TestNoConnectionIs477: where none is to be opened, a server is answered for by Kamailio's code, and a
// phone that lookup has found is off line.
func TestNoConnectionIs477(t *testing.T) {
	for _, x := range []struct {
		phone bool
		want  string
	}{{false, "SIP/2.0 477 Not Connected\r\n"}, {true, "SIP/2.0 480"}} {
		send := moduletest.Compile(t, tm.New(tm.Config{}), "t_relay")
		r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
			c.Main.Phone = x.phone
			c.ForwardNoConnect()
			if got := send(c); (got == module.True) != x.phone {
				t.Errorf("t_relay returned %d", got)
			}
		}})
		moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9;transport=tcp")), x.want)
	}
}

// TestNobodyAtTheAddress: an address that cannot be sent to counts as a branch that got
// 503: t_relay is true, and the failure route decides.
func TestNobodyAtTheAddress(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm, is503 := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1"), moduletest.Compile(t, m, "t_check_status", "503")
	script := &moduletest.Script{}
	r := moduletest.New(t, script)
	script.Request = func(c *module.Ctx) {
		arm(c)
		r.SendErr = transport.ErrFlowGone
		if got := send(c); got != module.True {
			t.Errorf("t_relay returned %d", got)
		}
		r.SendErr = nil
	}
	script.Failure = func(c *module.Ctx, _ int) {
		if is503(c) != module.True {
			t.Errorf("the failure route runs for %d", c.Final)
		}
		if err := c.AddTarget(relay.Target{URI: []byte("sip:voicemail@198.51.100.10")}); err != nil {
			t.Fatal(err)
		}
		send(c)
	}
	moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE sip:voicemail@198.51.100.10")
}

// TestFailureRouteForks: in a failure route only the added branch is sent, not the
// one that has failed.
func TestFailureRouteForks(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	busy, other := moduletest.Compile(t, m, "t_check_status", "486|600"), moduletest.Compile(t, m, "t_check_status", "408")
	ran := 0
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, route int) {
			ran++
			if route != 1 || busy(c) != module.True || other(c) != module.False {
				t.Errorf("route %d ran after %d", route, c.Final)
			}
			if err := c.AddTarget(relay.Target{URI: []byte("sip:voicemail@198.51.100.10")}); err != nil {
				t.Fatal(err)
			}
			if got := send(c); got != module.True {
				t.Errorf("t_relay in the failure route returned %d", got)
			}
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	out := r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486))
	if n := strings.Count(fmt.Sprint(out), "INVITE sip:"); n != 1 {
		t.Fatalf("%d INVITEs went out of the failure route, want the new branch alone: %+v", n, out)
	}
	second := moduletest.Find(t, out, "INVITE sip:voicemail@198.51.100.10")
	up := r.Receive("udp:198.51.100.10:5060", moduletest.Answer(t, second, 200))
	moduletest.Find(t, up, "SIP/2.0 200")
	if ran != 1 {
		t.Errorf("the failure route ran %d times", ran)
	}
}

// TestFailureRouteRewrites: a Request-URI changed in the failure route is a new branch too.
func TestFailureRouteRewrites(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "2")
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if err := c.SetURI([]byte("sip:bob@198.51.100.11")); err != nil {
				t.Fatal(err)
			}
			send(c)
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	out := r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486))
	moduletest.Find(t, out, "INVITE sip:bob@198.51.100.11")
}

// TestFailureRouteWithoutBranch: nothing new to try: false, and the reply that led
// there goes up, once.
func TestFailureRouteWithoutBranch(t *testing.T) {
	m := tm.New(tm.Config{})
	send, arm := moduletest.Compile(t, m, "t_relay"), moduletest.Compile(t, m, "t_on_failure", "1")
	r := moduletest.New(t, &moduletest.Script{
		Request: func(c *module.Ctx) {
			arm(c)
			send(c)
		},
		Failure: func(c *module.Ctx, _ int) {
			if got := send(c); got != module.False {
				t.Errorf("t_relay returned %d, want false", got)
			}
		},
	})
	first := moduletest.Find(t, r.Receive(phone, invite("sip:bob@198.51.100.9")), "INVITE")
	out := r.Receive("udp:198.51.100.9:5060", moduletest.Answer(t, first, 486))
	moduletest.Find(t, out, "SIP/2.0 486")
	if len(out) != 2 { // and the ACK
		t.Errorf("sent %+v", out)
	}
}

func TestSettings(t *testing.T) {
	m := tm.New(tm.Config{})
	for _, p := range []struct{ name, value, refusal string }{
		{"fr_timer", "0", "0 is neither seconds, 1 to 300, as in SER, nor milliseconds, 1000 to 300000, as in Kamailio"},
		{"fr_timer", "301", "301 is neither seconds, 1 to 300, as in SER, nor milliseconds, 1000 to 300000, as in Kamailio"},
		{"fr_timer", "999", "999 is neither seconds, 1 to 300, as in SER, nor milliseconds, 1000 to 300000, as in Kamailio"},
		{"fr_timer", "300001", "300001 is neither seconds, 1 to 300, as in SER, nor milliseconds, 1000 to 300000, as in Kamailio"},
		{"fr_inv_timer", "-5", "-5 is neither seconds, 1 to 900, as in SER, nor milliseconds, 1000 to 900000, as in Kamailio"},
		{"fr_inv_timer", "950", "950 is neither seconds, 1 to 900, as in SER, nor milliseconds, 1000 to 900000, as in Kamailio"},
		{"fr_inv_timer", "900001", "900001 is neither seconds, 1 to 900, as in SER, nor milliseconds, 1000 to 900000, as in Kamailio"},
		{"wt_timer", "-1", "-1 is less than 0"},
		{"retr_timer1", "9", "9 is no number of milliseconds from 10 to 5000"},
		{"retr_timer2", "60001", "60001 is no number of milliseconds from 100 to 60000"},
	} {
		if err := moduletest.Set(t, m, p.name, p.value); err == nil || err.Error() != p.refusal {
			t.Errorf("%s %s: %v, want %q", p.name, p.value, err, p.refusal)
		}
	}
	if got := m.Settings(); got != (tm.Settings{}) {
		t.Errorf("refused values were set: %+v", got)
	}
	for name, value := range map[string]string{"fr_timer": "20", "fr_inv_timer": "90", "retr_timer1": "250", "retr_timer2": "2000"} {
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Error(err)
		}
	}
	want := tm.Settings{FrTimer: 20 * time.Second, FrInvTimer: 90 * time.Second, T1: 250 * time.Millisecond, T2: 2 * time.Second}
	if got := m.Settings(); got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	// Kamailio's unit, from a second on.
	for name, value := range map[string]string{"fr_timer": "1500", "fr_inv_timer": "120000"} {
		if err := moduletest.Set(t, m, name, value); err != nil {
			t.Error(err)
		}
	}
	if got := m.Settings(); got.FrTimer != 1500*time.Millisecond || got.FrInvTimer != 2*time.Minute {
		t.Errorf("milliseconds became %v and %v", got.FrTimer, got.FrInvTimer)
	}
}

func TestBadArguments(t *testing.T) {
	m := tm.New(tm.Config{})
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"t_relay", []string{"host"}, `a host needs a port after it: t_relay("host", "port")`},
		{"t_relay", []string{"a b", "5060"}, `"a b" is no host`},
		{"t_relay", []string{"u@host", "5060"}, `"u@host" is no host`},
		{"t_relay_to_udp", []string{"host", "0"}, `port "0" is no number from 1 to 65535`},
		{"t_relay_to_tcp", []string{"host", "sip"}, `port "sip" is no number from 1 to 65535`},
		{"t_reply", []string{"42", "x"}, `status "42" is no number from 100 to 699`},
		{"t_on_failure", []string{"-1"}, `route "-1" is no number from 0 to 65536`},
		{"t_on_reply", []string{""}, `route "" is no number from 0 to 65536`},
		{"t_check_status", []string{"4(8"}, "bad regular expression: error parsing regexp: missing closing ): `4(8`"},
	} {
		if got := moduletest.Refused(t, m, c.name, c.args...); got != c.want {
			t.Errorf("%s(%q): %s, want %s", c.name, c.args, got, c.want)
		}
	}
}
