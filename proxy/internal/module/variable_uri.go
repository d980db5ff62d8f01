package module

import (
	"net/netip"

	"seraph/proxy/internal/sip"
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
	if x.Kind != TextValue || c.SetURI(x.Str) != nil {
		return false
	}
	c.Elsewhere()
	return true
}

// setNext is $du = …; null removes it.
func setNext(c *Ctx, _ *Variable, x Value) bool {
	if x.Kind == NullValue {
		c.SetNext(nil)
		return true
	}
	if x.Kind != TextValue || sip.ParseURI(x.Str, &c.uri) != nil || len(c.uri.Host) == 0 {
		return false
	}
	c.SetNext(c.Keep(x.Str))
	return true
}

// setUser is $rU = …; null removes the user. As rewriteuser() it leaves the password.
func setUser(c *Ctx, _ *Variable, x Value) bool {
	return c.rewrite(uriChange{user: c.TextOf(x), setUser: true})
}

// SetUser writes the Request-URI with another user, or with none; a password stays with a user. False, and
// nothing changes, if it is no SIP URI or the text is no user. The text is not in c's scratch.
func (c *Ctx) SetUser(user []byte) bool { return c.rewrite(uriChange{user: user, setUser: true}) }

// setHost is $rd = …
func setHost(c *Ctx, _ *Variable, x Value) bool {
	host := c.TextOf(x)
	return len(host) > 0 && c.rewrite(uriChange{host: host})
}

// setPort is $rp = …; null removes the port.
func setPort(c *Ctx, _ *Variable, x Value) bool {
	n, ok := x.Int()
	if !ok || n < 0 || n > 65535 || n == 0 && x.Kind != NullValue {
		return false
	}
	return c.rewrite(uriChange{port: uint16(n), setPort: true})
}

// uriChange is what becomes of the parts of the Request-URI.
type uriChange struct {
	user    []byte
	setUser bool
	host    []byte // nil for the old one
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
		c.Elsewhere()
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
