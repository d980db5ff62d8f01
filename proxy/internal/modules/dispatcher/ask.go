package dispatcher

import (
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// compileIsFrom compiles ds_is_from_list([set[, mode]]).
func (m *Module) compileIsFrom(args []module.Arg) (module.Call, error) {
	set, how := -1, 0
	var err error
	if len(args) > 0 {
		if set, err = args[0].Int(-1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
	}
	if len(args) > 1 {
		if how, err = args[1].Int(0, 3); err != nil {
			return nil, fmt.Errorf("mode %w", err)
		}
	}
	return func(c *module.Ctx) int {
		sets := *m.sets.Load()
		if set >= 0 {
			return module.Truth(sets[set].has(c, how))
		}
		for _, g := range sets {
			if g.has(c, how) {
				return module.True
			}
		}
		return module.False
	}, nil
}

// The bits of the mode of ds_is_from_list.
const (
	anyPort = 1 << iota
	anyTransport
)

// has reports whether a message comes from a gateway of the set.
func (g *group) has(c *module.Ctx, how int) bool {
	if g == nil || c.Local != nil {
		return false
	}
	src := c.From.Remote
	for _, d := range g.list {
		if d.addr != src.Addr().Unmap() || !d.addr.IsValid() {
			continue
		}
		port := d.port
		if port == 0 {
			port = c.From.Proto.DefaultPort()
		}
		if how&anyPort == 0 && port != src.Port() {
			continue
		}
		if how&anyTransport == 0 && len(d.transport) > 0 && !sip.EqualFold(d.transport, c.From.Proto.Param()) {
			continue
		}
		return true
	}
	return false
}

// compileHasDialog compiles ds_has_dialog([set]).
func (m *Module) compileHasDialog(args []module.Arg) (module.Call, error) {
	set := -1
	var err error
	if len(args) > 0 {
		if set, err = args[0].Int(-1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
	}
	return func(c *module.Ctx) int { return module.Truth(c.InDialog && m.hosts.Load().inDialog(c, set)) }, nil
}

// compileExists compiles ds_list_exists(set).
func (m *Module) compileExists(args []module.Arg) (module.Call, error) {
	set, err := args[0].Int(0, 1<<31-1)
	if err != nil {
		return nil, fmt.Errorf("set %w", err)
	}
	return func(*module.Ctx) int { return module.Truth((*m.sets.Load())[set] != nil) }, nil
}
