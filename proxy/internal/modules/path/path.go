// Package pathhf is Kamailio's module path: what a proxy between the phones and their
// registrar adds to a REGISTER, so that calls come back the same way (RFC 3327), and
// on the phone's own flow (RFC 5626). README.md is its manual page.
package pathhf

import (
	"bytes"
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is path.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "path".
func (m *Module) Name() string { return "path" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "use_received", Kind: module.Int, Set: useReceived,
			Doc: "taken for Kamailio's sake: after follow_path, loose_route always goes by the flow that our Path names"},
	}
}

func useReceived(_ string, n int) error {
	if n != 0 && n != 1 {
		return fmt.Errorf("use_received is 0 or 1")
	}
	return nil
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "follow_path", Routes: module.RequestRoute, Compile: module.NoArgs(followPath),
			Doc: "trusts the sender of this request with our Paths: loose_route then goes to the flow that one names"},
		{Name: "add_path", Routes: module.RequestRoute, Compile: module.NoArgs(addPath),
			Doc: "adds a Path that leads back to the flow of this REGISTER"},
		{Name: "add_path_received", Routes: module.RequestRoute, Compile: module.NoArgs(addPath),
			Doc: "the same as add_path, whose Path names the source of the REGISTER in any case"},
	}
}

// followPath says that the sender may reach phones along the Paths that we gave.
func followPath(c *module.Ctx) int {
	c.FollowPath()
	return module.True
}

// addPath puts our Path in front of those that are there. False: the request is no
// REGISTER from the network, or no other proxy could reach us.
func addPath(c *module.Ctx) int {
	if c.Msg.Method != sip.REGISTER || c.From.Proto == transport.Local {
		return module.False
	}
	sockets := c.Engine.Sockets()
	s := reachable(sockets, int(c.From.Socket))
	if s == nil {
		return module.False
	}
	var room [512]byte
	text := append(room[:0], "Path: <sip:"...)
	text = append(c.Engine.AppendFlowToken(text, c.From), '@')
	text = append(text, s.HostPort...)
	if s.Proto != transport.UDP {
		text = append(append(text, ";transport="...), s.Proto.Param()...)
	}
	text = append(text, ";lr"...)
	if outbound(c.Msg) {
		text = append(text, ";ob"...)
	}
	text = append(text, ">\r\n"...)
	at := c.Msg.HeadersEnd()
	if h := c.Msg.Header(sip.HdrPath); h != nil {
		at = h.Start
	}
	c.Msg.Insert(at, text)
	return module.True
}

// reachable is the socket that Path names: the one that the REGISTER came in on, but
// a WebSocket, to which only browsers connect, is replaced by another one.
func reachable(sockets []transport.Socket, came int) *transport.Socket {
	if came >= len(sockets) {
		return nil
	}
	if !sockets[came].Proto.WebSocket() {
		return &sockets[came]
	}
	for i := range sockets {
		if s := &sockets[i]; !s.Proto.WebSocket() && s.Addr.Addr().Is4() == sockets[came].Addr.Addr().Is4() {
			return s
		}
	}
	return nil
}

// outbound reports whether we are to keep the flow of a phone that asks for that (RFC
// 5626 §5.1): it knows outbound, names the flow, and sent this to us itself.
func outbound(m *sip.Message) bool {
	vias := m.Values(sip.HdrVia)
	if vias.Next(); vias.Next() != nil {
		return false
	}
	if !supports(m, "outbound") {
		return false
	}
	var a sip.NameAddr
	contacts := m.Values(sip.HdrContact)
	for v := contacts.Next(); v != nil; v = contacts.Next() {
		if sip.ParseNameAddr(v, &a) != nil {
			continue
		}
		if _, ok := sip.Param(a.Params, "reg-id"); ok {
			return true
		}
	}
	return false
}

func supports(m *sip.Message, tag string) bool {
	for h := m.Header(sip.HdrSupported); h != nil; h = m.Next(h) {
		for list := m.Value(h); len(list) > 0; {
			var one []byte
			one, list, _ = bytes.Cut(list, []byte{','})
			if sip.EqualFold(bytes.TrimSpace(one), tag) {
				return true
			}
		}
	}
	return false
}
