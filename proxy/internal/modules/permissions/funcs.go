package permissions

import (
	"fmt"
	"net/netip"

	"seraph/proxy/internal/module"
)

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const requests = module.RequestRoute | module.FailureRoute
	return []module.Func{
		{Name: "allow_source_address", Max: 1, Routes: module.AnyRoute, Compile: m.compileSource,
			Doc: "true if the message comes from an address of a group"},
		{Name: "allow_source_address_group", Routes: module.AnyRoute, Compile: module.NoArgs(m.sourceGroup),
			Doc: "the group of the address that the message comes from, -1 if it is in none"},
		{Name: "allow_address", Min: 3, Max: 3, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileAddress,
			Doc: "true if an address or name and a port are in a group"},
		{Name: "allow_address_group", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileAddressGroup,
			Doc: "the group of an address or name and a port, -1 if they are in none"},
		{Name: "allow_trusted", Max: 3, Routes: requests, Dynamic: true, Compile: m.compileTrusted,
			Doc: "true if the request comes from a peer that need not prove who it is"},
	}
}

// allowed is what a question returns; the tag of the row that was found goes to the AVP.
func (m *Module) allowed(c *module.Ctx, found bool, tag []byte) int {
	if !found {
		return module.False
	}
	if m.tag != "" && len(tag) > 0 {
		c.SetAVP(m.tag, module.Text(tag))
	}
	return module.True
}

// compileSource compiles allow_source_address([group]). What the router's own user agent sends
// is allowed.
func (m *Module) compileSource(args []module.Arg) (module.Call, error) {
	group := 1
	if len(args) > 0 {
		var err error
		if group, err = args[0].Int(1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("the group: %w", err)
		}
	}
	return func(c *module.Ctx) int {
		if c.Local != nil {
			return module.True
		}
		e := m.networks.Load().find(c.From.Remote.Addr(), int(c.From.Remote.Port()), group)
		if e == nil {
			return module.False
		}
		return m.allowed(c, true, e.tag)
	}, nil
}

// sourceGroup is allow_source_address_group().
func (m *Module) sourceGroup(c *module.Ctx) int {
	if c.Local != nil {
		return module.True
	}
	return m.group(c, m.networks.Load().find(c.From.Remote.Addr(), int(c.From.Remote.Port()), 0))
}

func (m *Module) group(c *module.Ctx, e *entry) int {
	if e == nil {
		return module.False
	}
	_ = m.allowed(c, true, e.tag)
	return e.group
}

// text is an argument that may hold variables.
type text struct {
	literal string
	format  *module.Format
}

func textOf(a module.Arg) (t text, err error) {
	t.format, t.literal, err = a.Format()
	return t, err
}

func (t *text) in(c *module.Ctx) string {
	if t.format == nil {
		return t.literal
	}
	return string(t.format.Value(c).Str)
}

// place is an address or a name, and a port, of two arguments.
type place struct{ host, port text }

func placeOf(args []module.Arg) (p place, err error) {
	if p.host, err = textOf(args[0]); err != nil {
		return p, err
	}
	if p.port, err = textOf(args[1]); err != nil || p.port.format != nil {
		return p, err
	}
	if _, err = args[1].Int(0, 65535); err != nil {
		err = fmt.Errorf("the port: %w", err)
	}
	return p, err
}

// find looks the place up in a group; a port that is no number is none.
func (p *place) find(c *module.Ctx, n *networks, group int) *entry {
	port, err := module.Arg{Str: p.port.in(c)}.Int(0, 65535)
	if err != nil {
		port = 0
	}
	host := p.host.in(c)
	if a, err := netip.ParseAddr(host); err == nil {
		return n.find(a, port, group)
	}
	return n.findName(host, port, group)
}

// compileAddress compiles allow_address(group, address, port).
func (m *Module) compileAddress(args []module.Arg) (module.Call, error) {
	group, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	if group.format == nil {
		if _, err = args[0].Int(1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("the group: %w", err)
		}
	}
	p, err := placeOf(args[1:])
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		g, err := module.Arg{Str: group.in(c)}.Int(1, 1<<31-1)
		if err != nil {
			return module.False
		}
		e := p.find(c, m.networks.Load(), g)
		if e == nil {
			return module.False
		}
		return m.allowed(c, true, e.tag)
	}, nil
}

// compileAddressGroup compiles allow_address_group(address, port).
func (m *Module) compileAddressGroup(args []module.Arg) (module.Call, error) {
	p, err := placeOf(args)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int { return m.group(c, p.find(c, m.networks.Load(), 0)) }, nil
}
