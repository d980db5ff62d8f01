package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// TestRouteOfAnotherName: a renamed caller is who he was made at the other end, in his whole call:
// the Route of another call with its Call-ID and From tag, that was not renamed or otherwise, has no
// request of his pass; nor does that of a renamed call in one that is not.
func TestRouteOfAnotherName(t *testing.T) {
	o := newOffice(t)
	number := ""
	o.before = func(c *module.Ctx) int {
		if to, err := c.Msg.To(); err == nil && to.Tag == nil && number != "" {
			if err := c.Rename(relay.From, []byte("<sip:alice@example.org>"), []byte("<sip:"+number+"@pstn.example>")); err != nil {
				t.Error(err)
			}
		}
		return module.True
	}
	number = "+49301234"
	o.targets = []string{gw}
	out := o.invites("named")
	rings := out.the("SIP/2.0 183", o.router.Receive(gw, string(out.invite.AppendReply(nil, &sip.Reply{Status: 183, ToTag: []byte("gt")}))))
	if rings.Header(sip.HdrRecordRoute) != nil {
		t.Fatal("the gateway's 183 has a Record-Route")
	}
	out.answers(gw, 200, "gt", "Contact: <"+gwContact+">")
	number = ""
	plain := out.twin(alice, 2, bob)
	plain.answers(bob, 200, "bt")
	number = "+49110"
	other := out.twin(alice, 3, carol)
	other.answers(carol, 200, "ct")

	police := func(c *call, method, uri, tag, routes string, cseq int) string {
		text := c.text(method, uri, cseq, "at", tag, routes)
		return strings.Replace(text, "From: <sip:alice@example.org>", `From: "Police" <sip:+49110@pstn.example>`, 1)
	}
	for i, method := range []string{"UPDATE", "INVITE", "INFO", "BYE"} {
		o.refuses(method+" along a plain Route", o.router.Receive(alice, police(out, method, gwContact, "gt", plain.routes, 10+i)))
		o.refuses(method+" along another name's", o.router.Receive(alice, police(out, method, gwContact, "gt", other.routes, 20+i)))
		o.refuses(method+" in a plain call", o.router.Receive(alice, police(plain, method, bobContact, "bt", out.routes, 30+i)))
	}
	for i, method := range []string{"UPDATE", "INVITE"} {
		m := o.the(method+" ", o.router.Receive(alice, police(out, method, gwContact, "gt", out.routes, 40+i)))
		if from, err := m.From(); err != nil || string(from.URI) != "sip:+49301234@pstn.example" {
			t.Errorf("the gateway gets %s from %s", method, from.URI)
		}
		out.reply(gw, m, 200, "Contact: <"+gwContact+">")
		back := o.the(method+" ", o.router.Receive(gw, out.text(method, "sip:alice@192.0.2.7", 40+i, "gt", "at", out.back)))
		out.reply(alice, back, 200, "Contact: <sip:alice@192.0.2.7>")
	}
	plain.the("INFO ", plain.request("INFO", bobContact, 50, "bt"))
	other.the("INFO ", other.request("INFO", "sip:carol@192.0.2.9", 51, "ct"))
	out.reply(gw, out.the("BYE ", out.request("BYE", gwContact, 60, "gt")), 200)
}

// TestNamesOfTwoPasses: where an INVITE has passed twice, and was renamed the first time only, each
// pass of a request has its own entry, and the Route of another call is still none.
func TestNamesOfTwoPasses(t *testing.T) {
	o := newOffice(t)
	number := "+49301234"
	o.before = func(c *module.Ctx) int {
		if to, err := c.Msg.To(); err == nil && to.Tag == nil && number != "" {
			if err := c.Rename(relay.From, []byte("<sip:alice@example.org>"), []byte("<sip:"+number+"@pstn.example>")); err != nil {
				t.Error(err)
			}
			number = ""
		}
		return module.True
	}
	c, first, second := o.twice()
	if !strings.Contains(first, "vsf=") || strings.Contains(second, "vsf=") {
		t.Fatalf("the passes are %s and %s", first, second)
	}
	plain := c.twin(alice, 2, carol)
	plain.answers(carol, 200, "ct")
	number = "+49110"
	other := c.twin(alice, 3, carol)
	other.answers(carol, 200, "dt")
	rest := "Route: <sip:203.0.113.41;lr>\nRoute: " + second + "\n"
	c.the("INFO ", o.router.Receive(alice, c.text("INFO", bobContact, 4, "at", "bt", "Route: "+first+"\n"+rest)))
	o.refuses("another name", o.router.Receive(alice, c.text("INFO", bobContact, 5, "at", "bt", other.routes+rest)))
	c.the("INFO ", o.router.Receive(gw, c.text("INFO", bobContact, 6, "at", "bt", "Route: "+second+"\n")))
}
