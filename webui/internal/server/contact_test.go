package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
	"seraph/sql/aor"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
)

// TestContactIsAPhone: a contact added by hand is the place of a phone. Our own domains,
// gateways and telephone numbers would be called with the rights of whoever calls, and
// past the rules of forwarding.
func TestContactIsAPhone(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{ctlproto.MethodUlAdd: ctltest.Result(nil), ctlproto.MethodUlLookup: contacts()},
		func(o *server.Options) { o.RuleLimits = user.RuleLimits{ForeignGroup: "int"} })
	check(t, s.db.Domains.Add(t.Context(), "tenant.example"))
	check(t, s.db.Subscribers.Create(t.Context(), aor.AOR{User: "4711", Domain: "example.org"}, "secret secret"))
	raw := s.open()
	defer raw.Close()
	_, err := raw.ExecContext(t.Context(), `INSERT INTO dispatcher (setid, destination) VALUES
		(1, 'sip:gw.provider.example:5060'), (1, 'sip:198.51.100.4;transport=tcp'), (2, 'sip:[2001:db8::4]:5062')`)
	check(t, err)
	const ours, gateway, number = "This is an address of ours", "This leads to a gateway", "Telephone numbers cannot be added."
	b := s.browser().signIn("alice@example.org", "wonderland")
	for _, c := range []struct{ typed, fault string }{
		{"bob", ours},
		{"bob@Example.ORG.", ours},
		{"sip:bob@tenant.example:5099;transport=tcp", ours},
		{"sips:bob@example.org", ours},
		{"+33155501", ours},
		{"4711", ours},
		{"sip:x@192.0.2.7;maddr=example.org", ours},
		{"sip:x@192.0.2.7;m%61ddr=EXAMPLE.org", ours},
		{"sip:x@gw.provider.example", gateway},
		{"sip:x@GW.Provider.example.:5099", gateway},
		{"sip:+33155501@198.51.100.4", gateway},
		{"sip:x@198.51.100.4:6000", gateway},
		{"sip:x@[2001:db8:0::4]", gateway},
		{"sip:x@[::ffff:198.51.100.4]", gateway},
		{"sip:x@192.0.2.7;maddr=198.51.100.4", gateway},
		{"sip:+33155501@carrier.example", number},
		{"sip:0033155501@192.0.2.7", number},
		{"sip:%2B33155501@carrier.example", number},
		{"sip:0033-155-501;phone-context=x@carrier.example", number},
		{"sip:*21*5@carrier.example", number},
	} {
		a := b.post("/user/account/phones", "/user/account/phones", "contact", c.typed, "lifetime", "permanent").is(http.StatusUnprocessableEntity).shows(c.fault)
		if got := a.form("/user/account/phones").Get("contact"); got != c.typed {
			t.Errorf("the form shows %q, typed was %q", got, c.typed)
		}
	}
	for _, c := range s.router.Calls() {
		if c.Method == ctlproto.MethodUlAdd {
			t.Errorf("the router was told %s", c.Params)
		}
	}
	b.get("/user/account/phones").is(200).shows("“Call rules”")
	b.post("/user/account/phones", "/user/account/phones", "contact", "desk@192.0.2.7", "lifetime", "hour").leads("/user/account/phones")
	s.call(ctlproto.MethodUlAdd)
	check(t, s.db.Groups.Grant(t.Context(), alice, "int")) // who may forward to numbers may have one ring, not a gateway
	b.post("/user/account/phones", "/user/account/phones", "contact", "sip:+33155501@carrier.example", "lifetime", "hour").leads("/user/account/phones")
	b.post("/user/account/phones", "/user/account/phones", "contact", "sip:+33155501@198.51.100.4", "lifetime", "hour").is(422).shows(gateway)
	b.post("/user/account/phones", "/user/account/phones", "contact", "4711", "lifetime", "hour").is(422).shows(ours)
}

// TestContactRefusedByRouter: where names lead, and which addresses are its own, the router
// knows; its refusal stands beside the field.
func TestContactRefusedByRouter(t *testing.T) {
	s := newStand(t, map[string]ctltest.Handler{
		ctlproto.MethodUlLookup: contacts(),
		ctlproto.MethodUlAdd: func(json.RawMessage) (any, *ctlproto.Error) {
			return nil, ctlproto.InvalidParam("contact", "inner words")
		},
	})
	a := s.browser().signIn("alice", "wonderland").post("/user/account/phones", "/user/account/phones", "contact", "x@127.0.0.1.nip.io", "lifetime", "hour").is(422)
	if got := a.lacks("inner words").fault("contact"); got != "The router does not take this address." {
		t.Errorf("fault %q", got)
	}
}

// TestLateAnswers: of what was sent and not answered the pages do not say that it was not
// done.
func TestLateAnswers(t *testing.T) {
	var s *stand
	leave := func(json.RawMessage) (any, *ctlproto.Error) { s.router.Close(); return nil, nil }
	for _, c := range []struct {
		name string
		do   func(b *browser) *answer
		want string
	}{
		{"dial", func(b *browser) *answer { return b.post("/user/dial", "/user/dial", "to", "bob").is(503) }, "The call may be started all the same"},
		{"add", func(b *browser) *answer {
			return b.post("/user/account/phones", "/user/account/phones", "contact", "desk@192.0.2.7", "lifetime", "hour").is(422)
		}, "The contact may be added all the same"},
		{"remove", func(b *browser) *answer {
			ask := "/user/account/phones/remove?" + url.Values{"contact": {phones[1].Address}}.Encode()
			b.post(ask, "/user/account/phones/remove").leads("/user/account/phones")
			return b.get("/user/account/phones")
		}, "may be removed all the same"},
		{"message", func(b *browser) *answer {
			return b.post("/user/messages/new", "/user/messages/new", "to", "bob", "text", "x").is(503)
		}, "The message may have arrived all the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s = newStand(t, map[string]ctltest.Handler{
				ctlproto.MethodUlLookup: contacts(phones...), ctlproto.MethodUlAdd: leave, ctlproto.MethodUlRmContact: leave,
				ctlproto.MethodCtdDial: leave, ctlproto.MethodImSend: leave,
			})
			b := s.browser().signIn("alice", "wonderland")
			c.do(b).shows(c.want).lacks("no call was started", "Nothing was removed", "cannot be reached, so")
			// And with nobody there it was certainly not done.
			if c.name == "dial" {
				c.do(b).shows("The router cannot be reached, so no call was started.")
			}
		})
	}
}
