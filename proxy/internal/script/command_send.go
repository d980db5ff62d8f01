package script

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strconv"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// forwardCommand is forward(host, port): on without a transaction, over UDP.
// uri:host and uri:port stand for the Request-URI's, and so does having no
// argument at all.
func (k *compiler) forwardCommand(c *call) node {
	host, port := "", 0
	if len(c.args) > 0 && c.args[0].text != "uri:host" {
		v := c.args[0]
		if host = forwardHost(v.text); host == "" {
			return k.wrong(v.pos, "forward takes a host or uri:host, not %s", quoted(v.text))
		}
	}
	if len(c.args) == 2 && c.args[1].text != "uri:port" {
		n, ok := k.number(c, c.args[1], 1, 65535)
		if !ok {
			return nil
		}
		port = n
	}
	ofURI := len(c.args) == 0 || len(c.args) == 2 && c.args[1].text == "uri:port"
	log := k.prog.log
	return func(c *module.Ctx) result {
		host, port := host, uint16(port)
		send := (*relay.Request).Forward
		if host == "" || ofURI {
			u, err := c.URI()
			if err != nil || len(u.Host) == 0 {
				return failed(c)
			}
			if host == "" {
				host, send = string(u.Host), (*relay.Request).ForwardToURI
			}
			if ofURI {
				port = u.Port
			}
		}
		if err := send(&c.Request, host, port); err != nil {
			if log.Enabled(context.Background(), slog.LevelInfo) {
				log.Info("not forwarded", "host", host, "error", err, "call_id", string(c.Msg.CallID()))
			}
			return failed(c)
		}
		return done(c)
	}
}

// replyNoConnect is set_reply_no_connect(): the answers to the request open no connection.
func (k *compiler) replyNoConnect(*call) node {
	return func(c *module.Ctx) result { c.ReplyNoConnect(); return done(c) }
}

// forwardNoConnect is set_forward_no_connect(): the request opens no connection; in a branch route, that
// branch does not.
func (k *compiler) forwardNoConnect(*call) node {
	return func(c *module.Ctx) result {
		if c.Route == module.BranchRoute {
			c.Main.NoConnect = true
		} else {
			c.ForwardNoConnect()
		}
		return done(c)
	}
}

// forwardHost returns a host as it stands in a URI, "" if it is none.
func forwardHost(s string) string {
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		s = "[" + s + "]"
	}
	var u sip.URI
	if sip.ParseURI([]byte("sip:"+s), &u) != nil || string(u.Host) != s {
		return ""
	}
	return s
}

// branchCommand is append_branch(uri, q): one more target; without a URI the
// present one. q is written from "0" to "1".
func (k *compiler) branchCommand(c *call) node {
	var uri []byte
	var format *module.Format
	q := int16(-1)
	if len(c.args) > 0 {
		v := c.args[0]
		text, f, ok := k.dynamic(c, value{pos: v.pos, text: v.text, quoted: v.quoted || v.variable})
		if !ok {
			return nil
		}
		if f == nil && (!v.quoted || !wellFormed("rewriteuri", text)) {
			return k.wrong(v.pos, "append_branch takes a SIP URI in quotes")
		}
		uri, format, q = []byte(text), f, 1000
	}
	if len(c.args) > 1 {
		f, err := strconv.ParseFloat(c.args[1].text, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return k.wrong(c.args[1].pos, "q is a number from 0 to 1, such as \"0.5\"")
		}
		q = int16(f*1000 + 0.5)
	}
	return func(c *module.Ctx) result {
		t := relay.Target{URI: uri, Hosted: true, Flags: c.Main.Flags}
		if uri == nil {
			t = c.Main
		}
		if format != nil {
			x := format.Value(c)
			if t.URI = x.Str; !wellFormed("rewriteuri", string(t.URI)) {
				return failed(c)
			}
			// "$ru" of a phone is what its owner says, not the script; so is what is made of its parts.
			switch {
			case c.Main.OwnersWord() && bytes.Equal(t.URI, c.Main.URI):
				t = c.Main
				t.Q = 1000
			case x.Users:
				t.Given, t.Hosted, t.Came = true, false, c.Main.CameFrom()
			}
		}
		if q >= 0 {
			t.Q = q
		}
		if c.AddTarget(t) != nil {
			return failed(c)
		}
		return done(c)
	}
}
