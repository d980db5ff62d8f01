package module

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// uriPart takes a part of a URI.
type uriPart func(u *sip.URI) Value

func uriWhole(u *sip.URI) Value { return Text(u.Raw) }

func uriUser(u *sip.URI) Value { return Text(emptyNil(u.User)) }

func uriHost(u *sip.URI) Value { return Text(emptyNil(u.Host)) }

func uriPort(u *sip.URI) Value {
	if u.Port == 0 {
		return Number(5060)
	}
	return Number(int64(u.Port))
}

var schemeSIP, schemeSIPS = []byte("sip"), []byte("sips")

func uriScheme(u *sip.URI) Value {
	switch u.Scheme {
	case sip.SchemeSIP:
		return Text(schemeSIP)
	case sip.SchemeSIPS:
		return Text(schemeSIPS)
	}
	for i, b := range u.Raw {
		if b == ':' {
			return Text(u.Raw[:i:i])
		}
	}
	return Value{}
}

func ruri(part uriPart) func(*Ctx, *Variable) Value {
	return func(c *Ctx, _ *Variable) Value {
		u, err := c.URI()
		return partOf(u, err, part)
	}
}

func getURI(c *Ctx, _ *Variable) Value {
	x := Text(c.Main.URI)
	x.Users = c.Main.OwnersWord()
	return x
}

func getHost(c *Ctx, v *Variable) Value {
	x := ruri(uriHost)(c, v)
	x.Users = c.Main.OwnersWord()
	return x
}

func original(part uriPart) func(*Ctx, *Variable) Value {
	return func(c *Ctx, _ *Variable) Value {
		if !c.Msg.IsRequest {
			return Value{}
		}
		u, err := c.Msg.URI()
		return partOf(u, err, part)
	}
}

func from(part uriPart) func(*Ctx, *Variable) Value {
	return func(c *Ctx, _ *Variable) Value {
		u, err := c.Msg.FromURI()
		return partOf(u, err, part)
	}
}

func to(part uriPart) func(*Ctx, *Variable) Value {
	return func(c *Ctx, _ *Variable) Value {
		u, err := c.Msg.ToURI()
		return partOf(u, err, part)
	}
}

func partOf(u *sip.URI, err error, part uriPart) Value {
	if err != nil {
		return Value{}
	}
	return part(u)
}

func nameOf(a *sip.NameAddr, err error) Value {
	if err != nil {
		return Value{}
	}
	return Text(emptyNil(a.Display))
}

func tagOf(a *sip.NameAddr, err error) Value {
	if err != nil {
		return Value{}
	}
	return Text(a.Tag)
}

func (c *Ctx) address(a netip.Addr) Value {
	if !a.IsValid() {
		return Value{}
	}
	return c.kept(a.AppendTo(c.scratch[:0]))
}

func port(a netip.AddrPort) Value {
	if !a.IsValid() {
		return Value{}
	}
	return Number(int64(a.Port()))
}

// setURI is $ru = …
func setURI(c *Ctx, _ *Variable, x Value) bool {
	return x.Kind == TextValue && !isHostPort(x.Str) && c.WriteURI(x, c.Constant) == nil
}

// WriteURI makes a text, which is copied, the Request-URI by the script's own word: see
// relay.Request.Elsewhere. What is no constant of the script and says what stands there already names no
// place: a script that puts back what it has kept sends once more to the phone that lookup found, and
// not, in the router's name, to whatever its owner has registered. The errors are SetURI's.
func (c *Ctx) WriteURI(x Value, constant bool) error {
	stood := !constant && bytes.Equal(x.Str, c.Main.URI)
	if err := c.SetURI(x.Str); err != nil {
		return err
	}
	if !stood {
		c.NamedBy(x.Users)
	}
	return nil
}

// NamedBy says that the Request-URI leads elsewhere now: where the script has said, or, with users, what it has made of
// a user's word (Value.Users).
func (c *Ctx) NamedBy(users bool) {
	if users {
		c.UsersElsewhere()
	} else {
		c.Elsewhere()
	}
}

// isHostPort tells a host and a port, which would read as a URI whose scheme is the host. A scheme
// with a dot in it leads nowhere, nor does one behind which only a port stands, before parameters and headers
// or not, but for tel.
func isHostPort(text []byte) bool {
	host, port, found := bytes.Cut(text, []byte{':'})
	switch {
	case !found || sip.EqualFold(host, "sip") || sip.EqualFold(host, "sips") || sip.EqualFold(host, "tel"):
		return false
	case bytes.IndexByte(host, '.') >= 0:
		return true
	}
	if end := bytes.IndexAny(port, ";?"); end >= 0 {
		port = port[:end]
	}
	n, isNumber := parseInt(port)
	return isNumber && n <= 65535
}

// hasNone tells the values that remove what was there: null, and as in Kamailio the empty text.
func hasNone(x Value) bool { return x.Kind != NumberValue && len(x.Str) == 0 }

// getNext is $du: the next hop, else where a phone is that lookup has found behind a NAT.
func getNext(c *Ctx, _ *Variable) Value {
	x := Text(c.Main.Next)
	if c.Main.Next == nil && c.natted() {
		x = c.kept(c.appendNATed(c.scratch[:0]))
	}
	x.Users = c.Main.UsersWord() || c.Main.OwnersWord() && c.Main.NextOf == relay.NextFound
	return x
}

// appendNATed appends the URI of where a phone is that has registered on a flow. The transport of WSS is ws
// (RFC 7118 §5).
func (c *Ctx) appendNATed(b []byte) []byte {
	at := c.Main.Flow
	b = append(b, "sip:"...)
	b = netip.AddrPortFrom(at.Remote.Addr().WithZone(""), at.Remote.Port()).AppendTo(b)
	if at.Proto != transport.UDP {
		b = append(append(b, ";transport="...), at.Proto.Param()...)
	}
	return b
}

// isFound reports whether a text is what $du says without the script having set it.
func (c *Ctx) isFound(text []byte) bool {
	switch {
	case c.Main.NextOf == relay.NextScript:
		return false
	case c.Main.Next != nil:
		return bytes.Equal(text, c.Main.Next)
	case !c.natted():
		return false
	}
	c.scratch = c.appendNATed(c.scratch[:0])
	return bytes.Equal(text, c.scratch)
}

// natted reports whether the request goes to a phone on the flow on which that has registered, and
// its Contact names another place: over UDP another host or port, over a connection, whose port says
// nothing, another host.
func (c *Ctx) natted() bool {
	at := c.Main.Flow
	if !c.Main.Phone || at.IsZero() {
		return false
	}
	u, err := c.URI()
	if err != nil {
		return false
	}
	port := u.Port
	if port == 0 {
		port = at.Proto.DefaultPort()
	}
	addr, numeric := transport.ParseHost(string(u.Host))
	return !numeric || addr != at.Remote.Addr().WithZone("") || !at.Proto.Stream() && port != at.Remote.Port()
}

// HasNext reports whether the request goes elsewhere than its Request-URI says, as $du has it, along
// the rest of its Route, or on a flow that a Route of ours names.
func (c *Ctx) HasNext() bool { return c.Request.HasNext() || c.natted() }

// setNext is $du = …; null and the empty text remove it. A script that puts back what it has read there
// has named no place: the phone stays a phone, on its flow, and what it says stays a user's word.
func setNext(c *Ctx, _ *Variable, x Value) bool {
	if hasNone(x) {
		c.SetNext(nil)
		return true
	}
	if x.Kind != TextValue || sip.ParseURI(x.Str, &c.uri) != nil || len(c.uri.Host) == 0 {
		return false
	}
	c.Spend(len(x.Str))
	switch {
	case !c.Constant && c.isFound(x.Str):
		c.Again()
	case x.Users:
		c.SetUsersNext(c.Keep(x.Str))
	default:
		c.SetNext(c.Keep(x.Str))
	}
	return true
}

// setUser is $rU = …; null and the empty text remove the user. As rewriteuser() it leaves the password.
func setUser(c *Ctx, _ *Variable, x Value) bool {
	return c.rewrite(uriChange{user: c.TextOf(x), setUser: true})
}

// SetUser writes the Request-URI with another user, or with none; a password stays with a user. False, and
// nothing changes, if it is no SIP URI or the text is no user. The text is not in c's scratch.
func (c *Ctx) SetUser(user []byte) bool { return c.rewrite(uriChange{user: user, setUser: true}) }

// setHost is $rd = …: a host, whose port stays, or as in Kamailio a host and a port.
func setHost(c *Ctx, _ *Variable, x Value) bool {
	text := c.TextOf(x)
	c.scratch = append(append(c.scratch[:0], "sip:"...), text...)
	u := &c.uri
	if sip.ParseURI(c.scratch, u) != nil || u.HasUser || u.Params != nil || u.Headers != nil {
		return false
	}
	return c.rewrite(uriChange{host: text[:len(u.Host)], port: u.Port, setPort: u.Port != 0, users: x.Users})
}

// setPort is $rp = …; null and the empty text remove the port.
func setPort(c *Ctx, _ *Variable, x Value) bool {
	if hasNone(x) {
		return c.rewrite(uriChange{setPort: true})
	}
	n, ok := x.Int()
	if !ok || n < 1 || n > 65535 {
		return false
	}
	return c.rewrite(uriChange{port: uint16(n), setPort: true})
}

// uriChange is what becomes of the parts of the Request-URI.
type uriChange struct {
	user    []byte
	setUser bool
	host    []byte // nil for the old one
	users   bool   // host is made of a user's word: Value.Users
	port    uint16 // 0 for none
	setPort bool
}

// rewrite writes the Request-URI with changed parts. False, and nothing changes, if
// it is no SIP URI or if a part is none: a host with a parameter in it would be
// more than a host.
func (c *Ctx) rewrite(x uriChange) bool {
	u, err := c.URI()
	if err != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return false
	}
	if !x.setUser {
		x.user = u.User
	}
	newHost := x.host != nil
	if !newHost {
		x.host = u.Host
	}
	if !x.setPort {
		x.port = u.Port
	}
	c.scratch = appendURI(c.scratch[:0], u, &x)
	if sip.ParseURI(c.scratch, &c.uri) != nil || string(c.uri.User) != string(x.user) || string(c.uri.Host) != string(x.host) || c.uri.Port != x.port {
		return false
	}
	c.Spend(len(c.scratch))
	if c.SetURI(c.scratch) != nil {
		return false
	}
	switch {
	case newHost:
		c.NamedBy(x.users)
	case x.setPort:
		c.MovedPort()
	}
	return true
}

func appendURI(b []byte, u *sip.URI, x *uriChange) []byte {
	if u.Scheme == sip.SchemeSIPS {
		b = append(b, "sips:"...)
	} else {
		b = append(b, "sip:"...)
	}
	if len(x.user) > 0 {
		b = append(b, x.user...)
		if u.Password != nil {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = append(b, x.host...)
	if x.port != 0 {
		b = sip.AppendUint(append(b, ':'), uint64(x.port))
	}
	if u.Params != nil {
		b = append(append(b, ';'), u.Params...)
	}
	if u.Headers != nil {
		b = append(append(b, '?'), u.Headers...)
	}
	return b
}
