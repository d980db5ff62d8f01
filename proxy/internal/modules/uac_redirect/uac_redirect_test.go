package uacredirect_test

import (
	"net/netip"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/tm"
	uacredirect "seraph/proxy/internal/modules/uac_redirect"
	"seraph/proxy/internal/relay"
)

func TestReadme(t *testing.T) { moduletest.Documented(t, uacredirect.New(uacredirect.Config{})) }

const phone, callee = "udp:192.0.2.7:5060", "udp:198.51.100.9:5060"

// TestRedirects: which contacts of a 302 are called.
func TestRedirects(t *testing.T) {
	const (
		two = "Contact: <sip:a@198.51.100.1>;q=0.5, \"B\" <sip:b@198.51.100.2>\n"
		odd = "Contact: <tel:+4930123>, <sip:bob@198.51.100.9>, <mailto:x@example.org>, <sip:@@>, <sips:s@198.51.100.3>\nContact: <sip:c@198.51.100.4>, <sip:c@198.51.100.4>\n"
	)
	for _, c := range []struct {
		name, max, contacts string
		params              []string // name value
		want                string
	}{
		{"all", "*", two, nil, "b@198.51.100.2 a@198.51.100.1"},
		{"one", "1", two, nil, "b@198.51.100.2"},
		{"one of each branch", "*:1", two, nil, "b@198.51.100.2"},
		{"the best of many", "3:2", "Contact: <sip:a@198.51.100.1>;q=0.2, <sip:b@198.51.100.2>;q=.7, <sip:c@198.51.100.4>;q=0.55555, <sip:d@198.51.100.5>;q=0.1\n", nil, "b@198.51.100.2 c@198.51.100.4"},
		{"of equals the first", "2", "Contact: <sip:a@198.51.100.1>, <sip:b@198.51.100.2>;q=2, <sip:c@198.51.100.4>\n", nil, "a@198.51.100.1 b@198.51.100.2"},
		{"the best that is followed", "1", "Contact: <sip:a@198.51.100.1>;q=0.2, <sip:b@198.51.100.2>;q=0.7\n", []string{"deny_filter ^sip:b"}, "a@198.51.100.1"},
		{"the best that was not called", "1", "Contact: <sip:bob@198.51.100.9>;q=1, <sip:b@198.51.100.2>;q=0.7\n", nil, "b@198.51.100.2"},
		{"more than there is room for", "*", "Contact: " + strings.Repeat("<sip:a@198.51.100.1>;q=0.1, ", 500) + "<sip:b@198.51.100.2>\n", nil, "b@198.51.100.2 a@198.51.100.1"},
		{"what no Request-URI has", "*", "Contact: <sip:a@198.51.100.1;method=BYE;x?Route=%3Csip:198.51.100.7%3E&Subject=a?b>\n", nil, "a@198.51.100.1;x"},
		{"none", "*", "", nil, ""},
		{"what cannot be called, or was", "*", odd, nil, "c@198.51.100.4"},
		{"denied", "*", two, []string{"deny_filter ^SIP:A"}, "b@198.51.100.2"},
		{"accepted alone", "*", two, []string{"default_filter deny", "accept_filter ^sip:a"}, "a@198.51.100.1"},
		{"all denied", "*", two, []string{"default_filter deny"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, relays := uacredirect.New(uacredirect.Config{}), tm.New(tm.Config{})
			for _, p := range c.params {
				name, value, _ := strings.Cut(p, " ")
				if err := moduletest.Set(t, m, name, value); err != nil {
					t.Fatal(err)
				}
			}
			follow, send := moduletest.Compile(t, m, "get_redirects", c.max), moduletest.Compile(t, relays, "t_relay")
			arm := moduletest.Compile(t, relays, "t_on_failure", "1")
			r := moduletest.New(t, &moduletest.Script{
				Request: func(ctx *module.Ctx) {
					arm(ctx)
					send(ctx)
				},
				Failure: func(ctx *module.Ctx, _ int) {
					if got := follow(ctx); (got == module.True) != (c.want != "") {
						t.Errorf("get_redirects returned %d", got)
					} else if got == module.True {
						send(ctx)
					}
				},
			})
			inv := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", "sip:bob@198.51.100.9")), "INVITE")
			moved := strings.Replace(moduletest.Answer(t, inv, 302), "Content-Length:", c.contacts+"Content-Length:", 1)
			out := r.Receive(callee, strings.ReplaceAll(moved, "\r\n", "\n"))
			var got []string
			var last moduletest.Packet
			for _, p := range out {
				if rest, ok := strings.CutPrefix(p.Text, "INVITE sip:"); ok {
					got, last = append(got, strings.Fields(rest)[0]), p
				}
			}
			// A sips contact has no socket here and is no call.
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("called %q, want %q", s, c.want)
			}
			if c.want == "" {
				moduletest.Find(t, out, "SIP/2.0 302")
			} else if c.max == "1" {
				moduletest.Find(t, r.Receive("udp:"+strings.SplitAfter(got[0], "@")[1]+":5060", moduletest.Answer(t, last, 404)), "SIP/2.0 404")
			}
		})
	}
}

// TestGateway: what a user's phone says leads to a gateway only where accept_filter has named the
// gateway's whole host; a name of which the filter sees a part, or that stands elsewhere in the URI, is
// the phone's own. A host of the script's is followed.
func TestGateway(t *testing.T) {
	const gateway = "203.0.113.41"
	for _, c := range []struct {
		contact, filter string
		server, senders bool // it is no phone that answers: a host of the script's, or one that the sender has named
		led             bool
	}{
		{contact: "sip:+1900@" + gateway}, {contact: "sip:+1900@" + gateway, server: true, led: true}, {contact: "sip:+1900@" + gateway, senders: true},
		{contact: "sip:+1900@" + gateway, filter: `^sip:\+1900@203\.0\.113\.41$`, led: true},
		{contact: "SIP:+1900@" + gateway + ";user=phone", filter: `@203\.0\.113\.41(;|$)`, led: true},
		{contact: "sip:" + gateway, filter: `^sip:203\.0\.113\.41`, led: true},
		{contact: "sip:" + gateway + "@" + gateway, filter: `203\.0\.113\.41`, led: true},
		{contact: "sip:+1900@" + gateway, filter: `.*`}, {contact: "sip:+1900@" + gateway, filter: `^sip:\+1900.*`},
		{contact: "sip:+1900@" + gateway, filter: `@[0-9.]+$`}, {contact: "sip:+1900@" + gateway, filter: `@203\.0\.113\..*`, led: true},
		{contact: "sip:+1900@" + gateway, filter: `^sip:\+1900`}, {contact: "sip:+1900@" + gateway, filter: `@203\.0\.113\.4`},
		{contact: "sip:+1900@" + gateway, filter: `03\.0\.113\.41`}, {contact: "sip:+1900@" + gateway + ";a=@example.org", filter: `@example\.org`},
		{contact: "sip:example.org@" + gateway, filter: `example\.org`}, {contact: "sip:+1900@" + gateway + "?a=@example.org", filter: `@example\.org`},
		{contact: "sip:+1900@example.org;maddr=" + gateway, filter: `.*`},
	} {
		t.Run(c.contact+" "+c.filter, func(t *testing.T) {
			m, relays := uacredirect.New(uacredirect.Config{}), tm.New(tm.Config{})
			if c.filter != "" {
				if err := moduletest.Set(t, m, "accept_filter", c.filter); err != nil {
					t.Fatal(err)
				}
			}
			follow, send := moduletest.Compile(t, m, "get_redirects", "4"), moduletest.Compile(t, relays, "t_relay")
			arm := moduletest.Compile(t, relays, "t_on_failure", "1")
			r := moduletest.New(t, &moduletest.Script{
				Request: func(ctx *module.Ctx) {
					ctx.Main.Phone = !c.server && !c.senders
					if !c.senders {
						ctx.Main.URI, ctx.Main.Hosted = []byte("sip:bob@198.51.100.9"), c.server
					}
					arm(ctx)
					send(ctx)
				},
				Failure: func(ctx *module.Ctx, _ int) {
					if follow(ctx) != module.True {
						t.Error("it is not followed")
					}
					send(ctx)
				},
			}, func(cfg *relay.Config) {
				cfg.Gateway = func(a netip.Addr) bool { return a.String() == gateway }
			})
			to := "sip:bob@example.org"
			if c.senders {
				to = "sip:bob@198.51.100.9"
			}
			inv := moduletest.Find(t, r.Receive(phone, moduletest.Request("INVITE", to)), "INVITE")
			moved := strings.Replace(moduletest.Answer(t, inv, 302), "Content-Length:", "Contact: <"+c.contact+">\nContent-Length:", 1)
			want := "SIP/2.0 302"
			if c.led {
				want = "INVITE " + c.contact + " "
			}
			moduletest.Find(t, r.Receive(callee, strings.ReplaceAll(moved, "\r\n", "\n")), want)
		})
	}
}

// TestBadArguments are named.
func TestBadArguments(t *testing.T) {
	m := uacredirect.New(uacredirect.Config{})
	for arg, want := range map[string]string{
		"x":   `number of contacts: "x" is no number from 1 to 16; "*" is all`,
		"4:x": `number of contacts: "x" is no number from 1 to 16; "*" is all`,
		"17":  `number of contacts: "17" is no number from 1 to 16; "*" is all`,
	} {
		if got := moduletest.Refused(t, m, "get_redirects", arg); got != want {
			t.Errorf("get_redirects(%q): %s, want %s", arg, got, want)
		}
	}
	for name, value := range map[string]string{"default_filter": "maybe", "deny_filter": "(", "accept_filter": "["} {
		if err := moduletest.Set(t, m, name, value); err == nil {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}
