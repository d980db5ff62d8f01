package auth_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
)

// TestCheck: auth_check and auth_challenge with the realm of a variable, as Debian's script has
// them: the header by the method, and whose addresses the request may bear.
func TestCheck(t *testing.T) {
	b := newBench(t)
	realm, err := b.m.Realm(module.Arg{Str: "$fd", Scope: &module.Scope{}})
	if err != nil {
		t.Fatal(err)
	}
	challenge := moduletest.Compile(t, b.m, "auth_challenge", "$fd", "1")
	flags, result := 1, 0
	r := moduletest.New(t, &moduletest.Script{Request: func(c *module.Ctx) {
		domain, ok := realm(c)
		if !ok {
			result = module.False
		} else {
			result = b.m.Check(c, domain, flags)
		}
		if result < 0 {
			challenge(c)
		}
	}})
	id := 0
	send := func(method, uri string, change map[string]string, lines ...string) []moduletest.Packet {
		id++
		text := strings.Replace(moduletest.Request(method, uri, lines...), "z9hG4bK-"+method, "z9hG4bK-"+strings.Repeat("x", id), 1)
		for old, now := range change {
			text = strings.ReplaceAll(text, old, now)
		}
		return r.Receive(phone, text)
	}
	to := "To: <sip:alice@example.org>"
	bob, toBob := map[string]string{"<sip:alice@": "<sip:bob@"}, "To: <sip:bob@example.org>"
	for _, x := range []struct {
		name, method, uri string
		flags             int
		change            map[string]string
		to                string
		want              int
	}{
		{"REGISTER", "REGISTER", "sip:example.org", 1, nil, to, 1},
		{"REGISTER of somebody else", "REGISTER", "sip:example.org", 1, nil, toBob, -8},
		{"… unasked", "REGISTER", "sip:example.org", 0, nil, toBob, 1},
		{"… who may hide in calls", "REGISTER", "sip:example.org", 3, nil, toBob, -8},
		{"INVITE", "INVITE", "sip:bob@example.org", 1, nil, toBob, 1},
		{"INVITE as somebody else", "INVITE", "sip:bob@example.org", 1, bob, toBob, -8},
		{"… who may hide", "INVITE", "sip:bob@example.org", 3, bob, toBob, 1},
		{"SUBSCRIBE as somebody else", "SUBSCRIBE", "sip:bob@example.org", 3, bob, toBob, -8},
		{"PUBLISH", "PUBLISH", "sip:alice@example.org", 1, nil, to, 1},
		{"PUBLISH for somebody else", "PUBLISH", "sip:bob@example.org", 1, nil, to, -8},
	} {
		flags = x.flags
		field, status := "Proxy-Authorization", "SIP/2.0 407"
		if x.method == "REGISTER" {
			field, status = "Authorization", "SIP/2.0 401"
		}
		out := send(x.method, x.uri, x.change, x.to)
		offer := b.challenge(out)
		if result != -5 || !strings.HasPrefix(offer.text, status) || offer.realm != "example.org" {
			t.Errorf("%s without credentials: %d\n%s", x.name, result, offer.text)
		}
		a := answer{nonce: offer.nonce, field: field, method: x.method, uri: x.uri}
		if out = send(x.method, x.uri, x.change, x.to, a.line()); result != x.want {
			t.Errorf("%s returned %d, want %d: %+v", x.name, result, x.want, out)
		}
		a.password = "wrong"
		if send(x.method, x.uri, x.change, x.to, a.line()); result != -1 {
			t.Errorf("%s with a wrong password returned %d", x.name, result)
		}
	}
	for _, domain := range []string{"evil.example", "[2001:db8::1]"} {
		out := send("INVITE", "sip:bob@example.org", map[string]string{"<sip:alice@example.org>": "<sip:alice@" + domain + ">"})
		if len(out) != 1 || !strings.HasPrefix(out[0].Text, "SIP/2.0 403 Not our domain") || result != -1 {
			t.Errorf("realm %s: %d, %+v", domain, result, out)
		}
	}
	if _, err := b.m.Realm(module.Arg{Str: "$nope", Scope: &module.Scope{}}); err == nil {
		t.Error("a realm of an unknown variable is taken")
	}
}
