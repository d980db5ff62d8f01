package siputils_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/siputils"
	"seraph/proxy/internal/relay"
)

var m = siputils.New(siputils.Config{})

const reply = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\n"

func TestQuestions(t *testing.T) {
	r := moduletest.New(t, &moduletest.Script{})
	initial := moduletest.Request("INVITE", "sip:bob@example.org;user=Phone;lr")
	for _, c := range []struct {
		call []string
		text string
		want int
	}{
		{[]string{"has_totag"}, initial, -1},
		{[]string{"has_totag"}, moduletest.Request("BYE", "sip:x@y", "To: <sip:bob@example.org>;tag=1"), 1},
		{[]string{"has_totag"}, moduletest.Request("BYE", "sip:x@y", "To: <sip:bob@example.org;tag=1>"), -1},
		{[]string{"has_totag"}, moduletest.Request("BYE", "sip:x@y", "To: sip:bob@example.org;x=1;TAG=1"), 1},
		{[]string{"is_request"}, initial, 1},
		{[]string{"is_request"}, reply, -1},
		{[]string{"is_reply"}, initial, -1},
		{[]string{"is_reply"}, reply, 1},
		{[]string{"is_first_hop"}, initial, 1},
		{[]string{"is_first_hop"}, moduletest.Request("INVITE", "sip:x@y", "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"), -1},
		{[]string{"is_first_hop"}, reply, 1},
		{[]string{"is_first_hop"}, reply + "Record-Route: <sip:" + r.Address() + ";lr>, <sip:192.0.2.1;lr>\n", 1},
		{[]string{"is_first_hop"}, reply + "Record-Route: <sip:192.0.2.1;lr>, <sip:" + r.Address() + ";lr>\n", -1},
		{[]string{"is_first_hop"}, reply + "Record-Route: <nonsense\n", -1},
		{[]string{"uri_param", "user"}, initial, 1},
		{[]string{"uri_param", "LR"}, initial, 1},
		{[]string{"uri_param", "user", "phone"}, initial, 1},
		{[]string{"uri_param", "user", "ip"}, initial, -1},
		{[]string{"uri_param", "lr", "on"}, initial, -1},
		{[]string{"uri_param", "ob"}, initial, -1},
		{[]string{"uri_param", "ob"}, moduletest.Request("INVITE", "sip:"), -1},
		{[]string{"is_user", "alice"}, initial, -1},
	} {
		ctx := moduletest.Message(t, c.text)
		ctx.Engine = r.Engine
		if got := moduletest.Compile(t, m, c.call[0], c.call[1:]...)(ctx); got != c.want {
			t.Errorf("%q: %d, want %d in\n%s", c.call, got, c.want, c.text)
		}
	}
	ctx := moduletest.Message(t, initial)
	ctx.Auth = relay.Identity{User: []byte("alice"), Domain: []byte("example.org")}
	for name, want := range map[string]int{"alice": 1, "Alice": 1, "bob": -1} {
		if got := moduletest.Compile(t, m, "is_user", name)(ctx); got != want {
			t.Errorf("is_user(%s): %d", name, got)
		}
	}
}

func TestOptionsReply(t *testing.T) {
	answer := moduletest.Compile(t, m, "options_reply")
	for _, c := range []struct {
		text string
		want int
	}{
		{moduletest.Request("OPTIONS", "sip:example.org"), 1},
		{moduletest.Request("OPTIONS", "sip:bob@example.org"), -1},
		{moduletest.Request("OPTIONS", "sip:"), -1},
		{moduletest.Request("MESSAGE", "sip:example.org"), -1},
	} {
		got, again := 0, 0
		r := moduletest.New(t, &moduletest.Script{Request: func(ctx *module.Ctx) { got, again = answer(ctx), answer(ctx) }})
		out := r.Receive("udp:192.0.2.7:5060", c.text)
		if got != c.want || again != module.False || (len(out) == 1) != (c.want > 0) {
			t.Errorf("returned %d, then %d, sent %+v for\n%s", got, again, out, c.text)
		}
		if c.want > 0 && (!strings.HasPrefix(out[0].Text, "SIP/2.0 200 OK\r\n") || !strings.Contains(out[0].Text, "\r\nAccept: */*\r\n")) {
			t.Errorf("answered\n%s", out[0].Text)
		}
	}
}

func TestBadArguments(t *testing.T) {
	if got := moduletest.Refused(t, m, "is_user", ""); got != "the user name is empty" {
		t.Error(got)
	}
	if got := moduletest.Refused(t, m, "uri_param", ""); got != "the name of the parameter is empty" {
		t.Error(got)
	}
	if got := moduletest.Refused(t, m, "uri_param", "a;b"); got != `"a;b" is no name of a parameter` {
		t.Error(got)
	}
}
