package nathelper_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/nathelper"
	"seraph/proxy/internal/relay"
)

var m = nathelper.New(nathelper.Config{})

// request is an INVITE from a flow with a Via and Contacts; the text of body, if
// any, is its session description.
func request(t testing.TB, r *moduletest.Router, from, via string, lines ...string) *module.Ctx {
	t.Helper()
	text := strings.Replace(moduletest.Request("INVITE", "sip:bob@example.org", lines...), "192.0.2.7:5060;", via+";", 1)
	c := moduletest.Message(t, text)
	c.Engine, c.From = r.Engine, r.Flow(from)
	return c
}

// TestClientNatTest: the numbers are mediaproxy's.
func TestClientNatTest(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	for _, c := range []struct {
		name, from, via, contact string
		want                     int
	}{
		{"public", "udp:192.0.2.7:5060", "192.0.2.7:5060", "<sip:a@192.0.2.7>", 0},
		{"private Contact", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@10.1.2.3:5060>", 1 + 8},
		{"other address", "udp:192.0.2.7:5060", "192.0.2.8", "<sip:a@192.0.2.7>", 2},
		{"other port", "udp:192.0.2.7:40001", "192.0.2.7", "<sip:a@192.0.2.7>", 2},
		{"private Via", "udp:192.0.2.7:5060", "10.0.0.1", "<sip:a@192.0.2.7:5070>", 2 + 4},
		{"a name", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@phone.example>", 8},
		{"nonsense", "udp:192.0.2.7:5060", "192.0.2.7", `<<>>, "open, <sip:`, 0},
	} {
		got := 0
		for test := 1; test < 16; test <<= 1 {
			if moduletest.Compile(t, m, "client_nat_test", fmt.Sprint(test))(request(t, r, c.from, c.via, "Contact: "+c.contact)) == module.True {
				got += test
			}
		}
		if got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, tests := range []string{"0", "16", "", "x"} {
		if got := moduletest.Refused(t, m, "client_nat_test", tests); !strings.Contains(got, "no number from 1 to 15") {
			t.Errorf("%q: %s", tests, got)
		}
	}
}

func TestNatUacTest(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	for _, c := range []struct {
		name, from, via string
		contact         string
		want            int // the tests that are positive, as a sum
	}{
		{"public", "udp:192.0.2.7:5060", "192.0.2.7:5060", "<sip:a@192.0.2.7>", 0},
		{"private Contact", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@10.1.2.3:5060>", 1},
		{"second Contact", "udp:192.0.2.7:5060", "192.0.2.7", `"x, y <z>" <sip:a@192.0.2.7>, <sip:b@172.31.255.255>;q=0.1`, 1},
		{"folded Contact", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@192.0.2.7>,\n  <sip:b@192.168.0.1>", 1},
		{"RFC 6598", "udp:192.0.2.7:5060", "192.0.2.7", "sip:a@100.64.0.1", 1},
		{"not quite private", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@172.32.0.1>,<sip:a@11.0.0.1>,<sip:a@100.128.0.1>", 0},
		{"looks like an address", "udp:192.0.2.7:5060", "192.0.2.7", "<sip:a@10.0.0.1.example>, <sip:a@10.0.0>, <sip:a@10.0.0.256>", 0},
		{"Via elsewhere", "udp:192.0.2.7:5060", "192.0.2.8", "<sip:a@192.0.2.7>", 2},
		{"Via is a name", "udp:192.0.2.7:5060", "phone.example", "<sip:a@192.0.2.7>", 2},
		{"private Via", "udp:192.0.2.7:5060", "10.0.0.1", "<sip:a@192.0.2.7>", 2 + 4},
		{"other port", "udp:192.0.2.7:40001", "192.0.2.7", "<sip:a@192.0.2.7>", 16 + 128},
		{"port in Contact only", "udp:192.0.2.7:5070", "192.0.2.7:5070", "<sip:a@192.0.2.7:5061>", 128},
		{"private source", "udp:192.168.1.1:5060", "192.168.1.1", "<sip:a@192.0.2.7>", 4 + 32},
		{"IPv6", "udp:[2001:db8::1]:5060", "[2001:DB8:0::1]", "<sip:a@[2001:db8::1]>", 0},
		{"IPv6 elsewhere", "udp:[2001:db8::1]:5060", "[2001:db8::2]", "<sip:a@[2001:db8::1]>", 2},
		{"all contacts", "udp:192.0.2.7:5060", "192.0.2.7", "*", 0},
		{"nonsense", "udp:192.0.2.7:5060", "192.0.2.7", `<<>>, "open, <sip:`, 0},
		{"tel", "udp:192.0.2.7:5060", "192.0.2.7", "<tel:+4930>", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := 0
			for test := 1; test < 512; test <<= 1 {
				ctx := request(t, r, c.from, c.via, "Contact: "+c.contact)
				if moduletest.Compile(t, m, "nat_uac_test", fmt.Sprint(test))(ctx) == module.True {
					got += test
				}
			}
			if got != c.want {
				t.Errorf("positive tests %d, want %d", got, c.want)
			}
			all := moduletest.Compile(t, m, "nat_uac_test", "511")(request(t, r, c.from, c.via, "Contact: "+c.contact))
			if (all == module.True) != (c.want != 0) {
				t.Errorf("all tests together: %d", all)
			}
		})
	}
}

func TestNatUacTestSDP(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	test := moduletest.Compile(t, m, "nat_uac_test", "8")
	for body, want := range map[string]int{
		"v=0\no=- 1 1 IN IP4 10.0.0.1\nc=IN IP4 192.0.2.1\n":      -1,
		"v=0\nc=IN IP4 10.0.0.1\n":                                1,
		"v=0\nc=IN IP4 192.0.2.1\nm=audio\nc=IN IP4 10.0.0.1/127": 1,
		"c=IN IP6 ::1\nc=IN IP4 \nc=IN IP4 x":                     -1,
		"":                                                        -1,
	} {
		text := strings.Replace(moduletest.Request("INVITE", "sip:x@y"), "Content-Length: 0\n", "", 1) + "\n" + body
		ctx := moduletest.Message(t, text)
		ctx.Engine, ctx.From = r.Engine, r.Flow("udp:192.0.2.7:5060")
		if got := test(ctx); got != want {
			t.Errorf("%q: %d, want %d", body, got, want)
		}
	}
}

// TestResponses: the topmost Via of a response is ours and says nothing.
func TestResponses(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	ctx := moduletest.Message(t, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContact: <sip:c@192.0.2.7>\n")
	ctx.Engine, ctx.From = r.Engine, r.Flow("udp:192.0.2.7:5060")
	if got := moduletest.Compile(t, m, "nat_uac_test", "23")(ctx); got != module.False {
		t.Errorf("returned %d", got)
	}
}

func TestOwnRequests(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	ctx := request(t, r, "udp:192.0.2.7:5060", "10.0.0.1", "Contact: <sip:a@10.0.0.1>")
	ctx.Local = &relay.Local{}
	for _, name := range []string{"add_contact_alias", "fix_nated_contact"} {
		if got := moduletest.Compile(t, m, name)(ctx); got != module.False {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := moduletest.Compile(t, m, "nat_uac_test", "255")(ctx); got != module.False || ctx.Msg.Edited() {
		t.Errorf("nat_uac_test: %d, edited %v", got, ctx.Msg.Edited())
	}
}

func TestContactEdits(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	const from, via = "udp:192.0.2.7:40001", "10.0.0.1"
	for _, c := range []struct {
		name, call, from, in string
		returns              int
		out                  string
	}{
		{"alias", "add_contact_alias", from, "<sip:a@10.0.0.1:5060>", 1, "<sip:a@10.0.0.1:5060;alias=192.0.2.7~40001~1>"},
		{"other name", "set_contact_alias", from, "<sip:a@10.0.0.1>", 1, "<sip:a@10.0.0.1;alias=192.0.2.7~40001~1>"},
		{"TCP", "add_contact_alias", "tcp:192.0.2.7:40001", "<sip:a@10.0.0.1;transport=tcp>", 1, "<sip:a@10.0.0.1;transport=tcp;alias=192.0.2.7~40001~2>"},
		{"IPv6", "add_contact_alias", "udp:[2001:db8::1]:5070", "<sip:a@[fd00::1]>", 1, "<sip:a@[fd00::1];alias=[2001:db8::1]~5070~1>"},
		{"name, header parameters", "add_contact_alias", from, `"A, <b>" <sip:a@10.0.0.1;x=1> ;expires=5`, 1, `"A, <b>" <sip:a@10.0.0.1;x=1;alias=192.0.2.7~40001~1> ;expires=5`},
		{"bare", "add_contact_alias", from, "sip:a@10.0.0.1;expires=5", 1, "<sip:a@10.0.0.1;alias=192.0.2.7~40001~1>;expires=5"},
		{"before headers", "add_contact_alias", from, "<sip:a@10.0.0.1;x=1?Subject=a>", 1, "<sip:a@10.0.0.1;x=1;alias=192.0.2.7~40001~1?Subject=a>"},
		{"odd user", "add_contact_alias", from, "<sip:a;b?c=d@10.0.0.1>", 1, "<sip:a;b?c=d@10.0.0.1;alias=192.0.2.7~40001~1>"},
		{"odd user and headers", "add_contact_alias", from, "<sip:a?b@10.0.0.1?Subject=a>", 1, "<sip:a?b@10.0.0.1;alias=192.0.2.7~40001~1?Subject=a>"},
		{"several, folded", "add_contact_alias", from, "<sip:a@10.0.0.1>,\n\t<sip:b@10.0.0.2>", 1,
			"<sip:a@10.0.0.1;alias=192.0.2.7~40001~1>,\r\n\t<sip:b@10.0.0.2;alias=192.0.2.7~40001~1>"},
		{"name of a host", "add_contact_alias", from, "<sip:a@phone.example>", 1, "<sip:a@phone.example;alias=192.0.2.7~40001~1>"},
		{"has one", "add_contact_alias", from, "<sip:a@10.0.0.1;alias=198.51.100.1~5060~1>", 2, "<sip:a@10.0.0.1;alias=198.51.100.1~5060~1>"},
		{"not needed", "add_contact_alias", from, "<sip:a@192.0.2.7:40001>", 2, "<sip:a@192.0.2.7:40001>"},
		{"other transport", "add_contact_alias", from, "<sip:a@192.0.2.7:40001;transport=tcp>", 1, "<sip:a@192.0.2.7:40001;transport=tcp;alias=192.0.2.7~40001~1>"},
		{"given", "add_contact_alias(198.51.100.1,5070,tls)", from, "<sip:a@10.0.0.1>", 1, "<sip:a@10.0.0.1;alias=198.51.100.1~5070~3>"},
		{"given, IPv6", "add_contact_alias(2001:db8::1,5070,UDP)", from, "<sip:a@10.0.0.1>", 1, "<sip:a@10.0.0.1;alias=[2001:db8::1]~5070~1>"},
		{"given by variables", "add_contact_alias($si,$sp,$hdr(X-After))", from, "<sip:a@192.0.2.7:40001>", -1, "<sip:a@192.0.2.7:40001>"},
		{"given although not needed", "add_contact_alias($si,$sp,udp)", from, "<sip:a@192.0.2.7:40001>", 1, "<sip:a@192.0.2.7:40001;alias=192.0.2.7~40001~1>"},
		{"trimmed", "set_contact_alias(1)", from, "<sip:a@10.0.0.1;x=1;Alias=198.51.100.1~5060~1;y>", 1, "<sip:a@10.0.0.1;x=1;alias=192.0.2.7~40001~1;y>"},
		{"trimmed before headers", "set_contact_alias(1)", from, "<sip:a@10.0.0.1;alias=1~2~1?Subject=a>", 1, "<sip:a@10.0.0.1;alias=192.0.2.7~40001~1?Subject=a>"},
		{"not trimmed", "set_contact_alias(0)", from, "<sip:a@10.0.0.1;alias=198.51.100.1~5060~1>", 2, "<sip:a@10.0.0.1;alias=198.51.100.1~5060~1>"},
		{"none", "add_contact_alias", from, "*", -1, "*"},
		{"other scheme", "add_contact_alias", from, "<tel:+49>", -1, "<tel:+49>"},
		{"nonsense", "add_contact_alias", from, "<sip:a@10.0.0.1", -1, "<sip:a@10.0.0.1"},

		{"fixed", "fix_nated_contact", from, "<sip:a@10.0.0.1:5060;x=y>;q=1", 1, "<sip:a@192.0.2.7:40001;x=y>;q=1"},
		{"fixed without port and user", "fix_nated_contact", from, "<sip:phone.example?a=b>", 1, "<sip:192.0.2.7:40001?a=b>"},
		{"fixed bare", "fix_nated_contact", from, "sip:a@10.0.0.1;q=1", 1, "sip:a@192.0.2.7:40001;q=1"},
		{"fixed several", "fix_nated_contact", from, "<sip:a;b@10.0.0.1> , <tel:1>,<sips:b:pw@[fd00::1]:9>", 1, "<sip:a;b@192.0.2.7:40001> , <tel:1>,<sips:b:pw@192.0.2.7:40001>"},
		{"fixed IPv6", "fix_nated_contact", "udp:[2001:db8::1]:5070", "<sip:a@[fd00::1]:1>", 1, "<sip:a@[2001:db8::1]:5070>"},
		{"nothing to fix", "fix_nated_contact", from, "*", -1, "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := request(t, r, c.from, via, "Contact: "+c.in, "X-After: 1")
			name, list, _ := strings.Cut(c.call, "(")
			list = strings.TrimSuffix(list, ")")
			var args []string
			if list != "" {
				args = strings.Split(list, ",")
			}
			if got := moduletest.Compile(t, m, name, args...)(ctx); got != c.returns {
				t.Errorf("returned %d, want %d", got, c.returns)
			}
			if got := moduletest.Headers(ctx); !strings.Contains(got, "\r\nContact: "+c.out+"\r\nX-After: 1\r\n") {
				t.Errorf("headers out:\n%swant %s", got, c.out)
			}
		})
	}
}

// TestRedirectionsStay: the contacts of a 302 are not where it came from.
func TestRedirectionsStay(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	for status, want := range map[string]bool{"180 Ringing": true, "200 OK": true, "302 Moved": false} {
		ctx := moduletest.Message(t, "SIP/2.0 "+status+"\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContact: <sip:c@10.0.0.1>\n")
		ctx.Engine, ctx.From = r.Engine, r.Flow("udp:192.0.2.7:40001")
		got := moduletest.Compile(t, m, "add_contact_alias")(ctx) == module.True
		if got != want || ctx.Msg.Edited() != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}

func TestForceRPort(t *testing.T) {
	force, register := moduletest.Compile(t, m, "force_rport"), moduletest.Compile(t, m, "fix_nated_register")
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		if a, b := force(c), register(c); a != module.True || b != module.True {
			t.Errorf("returned %d and %d", a, b)
		}
		_ = c.ReplyStateless(okReply())
	}})
	out := moduletest.Find(t, r.Receive("udp:192.0.2.9:40001", moduletest.Request("OPTIONS", "sip:example.org")), "SIP/2.0 200")
	if out.To.Remote.String() != "192.0.2.9:40001" || !strings.Contains(out.Text, ";received=192.0.2.9;rport=40001") {
		t.Errorf("sent to %v:\n%s", out.To.Remote, out.Text)
	}
}

// TestSDPSource: an address in the session description that is not the source's.
func TestSDPSource(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	test := moduletest.Compile(t, m, "nat_uac_test", "256")
	for _, c := range []struct {
		from, body string
		want       int
	}{
		{"udp:192.0.2.7:5060", "v=0\nc=IN IP4 192.0.2.7\n", -1},
		{"udp:192.0.2.7:5060", "v=0\nc=IN IP4 192.0.2.8\n", 1},
		{"udp:192.0.2.7:5060", "c=IN IP4 192.0.2.7\nm=audio\nc=IN IP4 192.0.2.8/127\n", 1},
		{"udp:192.0.2.7:5060", "c=IN IP4 0.0.0.0\n", -1},
		{"udp:192.0.2.7:5060", "c=IN IP4 media.example.org\n", 1},
		{"udp:[2001:db8::1]:5060", "c=IN IP6 2001:DB8:0::1\n", -1},
		{"udp:[2001:db8::1]:5060", "c=IN IP6 2001:db8::2\n", 1},
		{"udp:192.0.2.7:5060", "", -1},
		{"udp:192.0.2.7:5060", "c=IN IP5 1\nc=IN IP4 \nc=\n", -1},
	} {
		text := strings.Replace(moduletest.Request("INVITE", "sip:x@y"), "Content-Length: 0\n", "", 1) + "\n" + c.body
		ctx := moduletest.Message(t, text)
		ctx.Engine, ctx.From = r.Engine, r.Flow(c.from)
		if got := test(ctx); got != c.want {
			t.Errorf("%q from %s: %d, want %d", c.body, c.from, got, c.want)
		}
	}
}

// TestIsRFC1918: private addresses, with and without those that nat_addr_mode adds.
func TestIsRFC1918(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	plain := nathelper.New(nathelper.Config{})
	if err := moduletest.Set(t, plain, "nat_addr_mode", "0"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		arg         string
		want, plain int
	}{
		{"10.0.0.1", 1, 1}, {"172.20.0.1", 1, 1}, {"192.168.1.1", 1, 1}, {"100.64.1.1", 1, 1}, {"192.0.0.5", 1, 1}, {"192.0.0.200", 1, -1},
		{"192.0.2.1", -1, -1}, {"2001:db8::1", -1, -1}, {"$si", 1, 1}, {"$rd", -1, -1}, {"$hdr(X-None)", -1, -1},
	} {
		ctx := request(t, r, "udp:192.168.7.7:5060", "10.0.0.1")
		got, without := moduletest.Compile(t, m, "is_rfc1918", c.arg)(ctx), moduletest.Compile(t, plain, "is_rfc1918", c.arg)(ctx)
		if got != c.want || without != c.plain {
			t.Errorf("%s: %d and %d, want %d and %d", c.arg, got, without, c.want, c.plain)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"is_rfc1918", []string{"example.org"}, "wants an address"}, {"is_rfc1918", []string{"$nothing"}, "no variable"},
		{"add_contact_alias", []string{"192.0.2.1"}, "no argument, or address"}, {"add_contact_alias", []string{"host", "5060", "udp"}, "no address, port and protocol"},
		{"add_contact_alias", []string{"192.0.2.1", "0", "udp"}, "no address, port and protocol"}, {"add_contact_alias", []string{"192.0.2.1", "5060", "sctp"}, "no address, port and protocol"},
		{"add_contact_alias", []string{"$nothing", "1", "udp"}, "no variable"}, {"set_contact_alias", []string{"2"}, "no number from 0 to 1"},
	} {
		if got := moduletest.Refused(t, m, c.name, c.args...); !strings.Contains(got, c.want) {
			t.Errorf("%s(%q): %s, want %q", c.name, c.args, got, c.want)
		}
	}
	for _, bad := range []string{"0", "512", "-1", "x", ""} {
		if got := moduletest.Refused(t, m, "nat_uac_test", bad); !strings.Contains(got, "no number from 1 to 511") {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
