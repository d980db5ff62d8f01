package nathelper

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// The parameter alias of a Contact URI is Kamailio's: address~port~protocol. The
// other phone writes it into the Request-URI of what it sends within the dialog, and
// the router takes it out again there.
const aliasName = "alias"

// notNeeded is returned, as by Kamailio, where there is nothing to do.
const notNeeded = 2

// protoNumbers are Kamailio's numbers of the protocols.
var protoNumbers = [...]transport.Proto{1: transport.UDP, 2: transport.TCP, 3: transport.TLS, 5: transport.WS, 6: transport.WSS}

func appendProto(dst []byte, p transport.Proto) []byte {
	for n, q := range protoNumbers {
		if q == p && p != transport.ProtoNone {
			return append(dst, byte('0'+n))
		}
	}
	return append(dst, '0')
}

// compileAlias compiles add_contact_alias([address, port, protocol]).
func compileAlias(args []module.Arg) (module.Call, error) {
	switch len(args) {
	case 0:
		return func(c *module.Ctx) int { return addAlias(c, nil, false) }, nil
	case 3:
	default:
		return nil, errors.New("add_contact_alias takes no argument, or address, port and protocol")
	}
	var g given
	for i, a := range args {
		var err error
		if g[i].format, g[i].text, err = a.Format(); err != nil {
			return nil, err
		}
	}
	if g[0].format == nil && g[1].format == nil && g[2].format == nil {
		if _, ok := g.alias(nil, nil); !ok {
			return nil, fmt.Errorf("%s, %s and %s are no address, port and protocol (udp, tcp, tls, ws, wss)", g[0].text, g[1].text, g[2].text)
		}
	}
	return func(c *module.Ctx) int { return addAlias(c, &g, false) }, nil
}

// compileSetAlias compiles set_contact_alias([trim]).
func compileSetAlias(args []module.Arg) (module.Call, error) {
	trim := 0
	if len(args) > 0 {
		var err error
		if trim, err = args[0].Int(0, 1); err != nil {
			return nil, fmt.Errorf("trim: %w", err)
		}
	}
	return func(c *module.Ctx) int { return addAlias(c, nil, trim == 1) }, nil
}

// given is an alias as a script gives it: address, port and protocol.
type given [3]struct {
	format *module.Format
	text   string
}

// alias appends the alias; false if it is none.
func (g *given) alias(c *module.Ctx, dst []byte) ([]byte, bool) {
	var parts [3]string
	for i := range g {
		parts[i] = g[i].text
		if g[i].format != nil {
			parts[i] = string(g[i].format.Text(c, ""))
		}
	}
	addr, isAddr := parseAddr([]byte(parts[0]))
	port, isPort := sip.ParseUint([]byte(parts[1]), 65535)
	proto, isProto := transport.ParseProto(strings.ToLower(parts[2]))
	if !isAddr || !isPort || port == 0 || !isProto || proto == transport.ProtoNone {
		return dst, false
	}
	dst = append(appendHostPort(dst, netip.AddrPortFrom(addr, uint16(port)), '~'), '~')
	dst = appendProto(dst, proto)
	return dst, dst[len(dst)-1] != '0'
}

// addAlias is add_contact_alias. A Contact that names the source's own address, port
// and transport needs no alias, and one that has an alias keeps it, unless trim says
// otherwise: a router before us knew better where it came from.
func addAlias(c *module.Ctx, g *given, trim bool) int {
	if !ownContacts(c) {
		return module.False
	}
	var room [96]byte
	text := append(room[:0], ";"+aliasName+"="...)
	if g != nil {
		var ok bool
		if text, ok = g.alias(c, text); !ok {
			return module.False
		}
	} else {
		text = append(appendHostPort(text, c.From.Remote, '~'), '~')
		text = appendProto(text, c.From.Proto)
	}
	result := module.False
	for w := contactsOf(c.Msg); w.next(); {
		if result == module.False {
			result = notNeeded
		}
		_, has := w.uri.Param(aliasName)
		switch {
		case has && trim:
			w.replaceAlias(c.Msg, text)
		case has || g == nil && w.reaches(c.From):
			continue
		default:
			w.insert(c.Msg, text)
		}
		result = module.True
	}
	return result
}

// replaceAlias puts another alias in the place of the first one of a contact's URI.
func (w *contact) replaceAlias(m *sip.Message, text []byte) {
	_, at := authority(w.uri.Raw)
	for rest := w.uri.Raw[at:]; len(rest) > 0 && rest[0] == ';'; rest = w.uri.Raw[at:] {
		n := bytes.IndexAny(rest[1:], ";?") + 1
		if n == 0 {
			n = len(rest)
		}
		if name, _, _ := sip.NextParam(rest[1:n]); sip.EqualFold(name, aliasName) {
			m.Replace(w.at+at, uint32(n), text)
			return
		}
		at += uint32(n)
	}
}

// reaches reports whether a contact's URI leads to where the message came from.
func (w *contact) reaches(f transport.Flow) bool {
	proto := transport.UDP
	if p, ok := w.uri.Param("transport"); ok {
		for proto = transport.UDP; proto <= transport.WSS && !sip.EqualFold(p, proto.String()); {
			proto++
		}
	} else if w.uri.Scheme == sip.SchemeSIPS {
		proto = transport.TLS
	}
	return proto == f.Proto && port(&w.uri) == f.Remote.Port() && hostIs(w.uri.Host, f.Remote.Addr())
}

var openBracket, closeBracket = []byte{'<'}, []byte{'>'}

// insert adds a parameter to a contact's URI: before its headers, and in angle
// brackets, without which it would be the header's (RFC 3261 §20.10).
func (w *contact) insert(m *sip.Message, param []byte) {
	if w.bare {
		m.Insert(w.at, openBracket)
		m.Insert(w.at+w.length, param, closeBracket)
		return
	}
	at := w.length
	if q := bytes.IndexByte(w.uri.Raw, '?'); q >= 0 && w.uri.Headers != nil {
		_, end := authority(w.uri.Raw)
		at = end + uint32(bytes.IndexByte(w.uri.Raw[end:], '?'))
	}
	m.Insert(w.at+at, param)
}

// handleAlias is handle_ruri_alias: the alias leaves the Request-URI, and the request
// goes to its address. It is heard only from a sender who has shown that he may send
// through here: within a dialog that passes us, or authenticated. Otherwise anybody
// could aim the router.
func handleAlias(c *module.Ctx) int {
	u, err := c.URI()
	if err != nil {
		return module.False
	}
	value, has := u.Param(aliasName)
	if !has {
		return notNeeded
	}
	if !c.InDialog && len(c.Auth.User) == 0 && c.Local == nil {
		return module.False
	}
	to, proto, ok := parseAlias(value)
	if !ok || !plausible(c, to, proto) {
		return module.False
	}
	var room [1024]byte
	if c.SetURI(c.Keep(u.AppendWithout(room[:0], aliasName))) != nil {
		return module.False
	}
	if proto == transport.TLS && !c.Engine.Layer().Connected(proto, to) {
		return module.True // a server whose connection is closed is called where its Contact says
	}
	next := appendHostPort(append(room[:0], "sip:"...), to, ':')
	if proto != transport.UDP {
		next = append(append(next, ";transport="...), proto.String()...)
	}
	// Within a dialog the dialog says where the request may go (bounds of relay). Outside of one it is the word of
	// whoever has registered the contact or dialled it.
	c.Main.Given = c.Main.Given || !c.InDialog
	c.Main.LeaveFlow()
	c.Main.Next, c.Main.NextOf = c.Keep(next), relay.NextFound
	return module.True
}

// parseAlias reads address~port~protocol; an IPv6 address may stand in brackets.
func parseAlias(b []byte) (to netip.AddrPort, proto transport.Proto, ok bool) {
	host, rest, _ := bytes.Cut(b, []byte{'~'})
	portText, protoText, found := bytes.Cut(rest, []byte{'~'})
	addr, isAddr := parseAddr(host)
	n, isPort := sip.ParseUint(portText, 65535)
	p, isProto := sip.ParseUint(protoText, uint32(len(protoNumbers)-1))
	if !found || !isAddr || !isPort || n == 0 || !isProto || protoNumbers[p] == transport.ProtoNone {
		return to, proto, false
	}
	return netip.AddrPortFrom(addr, uint16(n)), protoNumbers[p], true
}

// plausible reports whether a phone can be at an address: one host, not ourselves,
// on this host only if we serve it, over a protocol that we speak.
func plausible(c *module.Ctx, to netip.AddrPort, proto transport.Proto) bool {
	a := to.Addr()
	if !transport.OneHost(a) || c.Engine == nil || c.Engine.Layer().IsLocal(a, to.Port()) {
		return false
	}
	for _, s := range c.Engine.Sockets() {
		own := s.Addr.Addr()
		if s.Proto == proto && own.Is4() == a.Is4() && (!a.IsLoopback() || own.IsLoopback() || own.IsUnspecified()) {
			return true
		}
	}
	return false
}
