package dialog_test

import (
	"errors"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// sendsBy makes the script send what is within a dialog in another way than by t_relay(), and returns what
// came of it last.
func (o *office) sendsBy(send func(c *module.Ctx) error) *error {
	var got error
	o.before = func(c *module.Ctx) int {
		if !c.LooseRoute() {
			return module.True
		}
		if got = send(c); got != nil {
			_ = c.ReplyStateless(&sip.Reply{Status: 481})
		}
		return module.False
	}
	return &got
}

// passed reports whether a request was sent on, or would have been if the router had a socket for IPv6.
func passed(err error) bool { return err == nil || errors.Is(err, transport.ErrNoSocket) }

// over is t_relay("host", "port"), which names a place for one time.
func over(next string) func(c *module.Ctx) error {
	return func(c *module.Ctx) error {
		c.Main.Next, c.Main.NextOf = []byte(next), relay.NextRelay
		return c.Relay()
	}
}

// next is t_relay() after $du has been set.
func next(du string) func(c *module.Ctx) error {
	return func(c *module.Ctx) error { c.SetNext([]byte(du)); return c.Relay() }
}

// forward is forward(host, port).
func forward(host string, port uint16) func(c *module.Ctx) error {
	return func(c *module.Ctx) error { return c.Forward(host, port) }
}

// TestPlaceNamedOnceMore: where the other end has named another host than it was seen at, a request within the
// dialog gets there, too, if the script names that place once more, and to no other one.
func TestPlaceNamedOnceMore(t *testing.T) {
	const v4, v6 = "sip:bob@192.0.2.99", "sip:bob@[2001:db8:0:0::99]:5062"
	for name, x := range map[string]struct {
		named  string
		send   func(c *module.Ctx) error
		passes bool
	}{
		"t_relay()":                              {v4, (*module.Ctx).Relay, true},
		"forward(uri:host, uri:port)":            {v4, forward("192.0.2.99", 0), true},
		"the port written":                       {v4, forward("192.0.2.99", 5060), true},
		"the port written in Contact":            {v4 + ":5060", forward("192.0.2.99", 0), true},
		"t_relay_to_udp(host, port)":             {v4, over("sip:192.0.2.99:5060;transport=udp"), true},
		"$du = $ru":                              {v4, next(v4), true},
		"$du without a user":                     {v4 + ":5060;ob", next("sip:192.0.2.99;transport=udp"), true},
		"by maddr":                               {"sip:bob@192.0.2.98;maddr=192.0.2.99", next("sip:192.0.2.99"), true},
		"another port":                           {v4, forward("192.0.2.99", 5062), false},
		"another host":                           {v4, forward("192.0.2.98", 5060), false},
		"$du with another host":                  {v4, next("sip:bob@192.0.2.98"), false},
		"$du with a host beside maddr":           {v4, next(v4 + ";maddr=192.0.2.98"), false},
		"the host that maddr takes the place of": {"sip:bob@192.0.2.98;maddr=192.0.2.99", next("sip:192.0.2.98"), false},
		"t_relay with another host":              {v4, over("sip:192.0.2.98:5060"), false},
		"IPv6":                                   {v6, (*module.Ctx).Relay, true},
		"IPv6 in another spelling":               {v6, over("sip:[2001:DB8::99]:5062"), true},
		"another IPv6 address":                   {v6, over("sip:[2001:db8::98]:5062"), false},
	} {
		for _, method := range []string{"ACK", "INFO", "BYE"} {
			o := newOffice(t)
			c := o.invites("placed")
			c.answers(bob, 180, "bt", "Contact: <"+x.named+">")
			c.answers(bob, 200, "bt", "Contact: <"+x.named+">")
			got, cseq := o.sendsBy(x.send), 2
			if method == "ACK" {
				cseq = 1
			}
			c.request(method, x.named, cseq, "bt")
			if passed(*got) != x.passes || !x.passes && !errors.Is(*got, relay.ErrNoDialog) {
				t.Errorf("%s, %s: %v", method, name, *got)
			}
		}
	}
}

// TestTargetInAnotherSpelling: phones write the IPv6 address of a target anew, and it leads where it did.
func TestTargetInAnotherSpelling(t *testing.T) {
	o := newOffice(t)
	c := o.invites("spelt")
	c.answers(bob, 200, "bt", "Contact: <sip:bob@[2001:db8::8]>")
	got := o.sendsBy((*module.Ctx).Relay)
	for i, x := range []struct {
		uri    string
		passes bool
	}{
		{"sip:bob@[2001:DB8:0:0:0:0:0:8]", true}, {"sip:bob@[2001:db8:0::0008]:5060", true},
		{"sip:bob@[2001:db8::80]", false}, {"sip:bob@[2001:db8::8]:5062", false},
	} {
		c.request("INFO", x.uri, 2+i, "bt")
		if passed(*got) != x.passes || !x.passes && !errors.Is(*got, relay.ErrNoDialog) {
			t.Errorf("%s: %v", x.uri, *got)
		}
	}
}

// TestAliasTakenOut: what the other end has named leads there without the alias that was put beside it, which
// the script takes out and does not follow where a server's TLS connection is closed; with another user or
// host it does not, nor where the other end has not named the host.
func TestAliasTakenOut(t *testing.T) {
	const alias, named = ";alias=192.0.2.7~5060~1", "sip:peer@192.0.2.77;transport=udp"
	for name, x := range map[string]struct {
		uri, becomes string
		passes       bool
	}{
		"taken out":                     {named + alias, named, true},
		"taken out, before others":      {"sip:peer@192.0.2.77" + alias + ";transport=udp;ob", "sip:peer@192.0.2.77;transport=udp;ob", true},
		"left":                          {named + alias, named + alias, true},
		"no alias":                      {named, named, true},
		"another host":                  {named + alias, "sip:peer@192.0.2.78;transport=udp", false},
		"another user":                  {named + alias, "sip:0900@192.0.2.77;transport=udp", false},
		"another parameter taken out":   {named + ";ob" + alias, named, false},
		"beside a host nobody has said": {"sip:peer@192.0.2.78" + alias, "sip:peer@192.0.2.78", false},
		"an alias where he was not":     {named + ";alias=192.0.2.9~5060~1", named, false},
	} {
		o := newOffice(t)
		c := o.invitesFrom(alice, "aliased", named, "X-User: alice").up()
		got := o.sendsBy(func(c *module.Ctx) error {
			if err := c.SetURI([]byte(x.becomes)); err != nil {
				return err
			}
			return c.Relay()
		})
		o.router.Receive(bob, c.text("BYE", x.uri, 1, "bt", "at", c.back))
		if passed(*got) != x.passes || !x.passes && !errors.Is(*got, relay.ErrNoDialog) {
			t.Errorf("%s: %v", name, *got)
		}
	}
}
