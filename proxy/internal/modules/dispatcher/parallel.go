package dispatcher

import (
	"encoding/binary"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// fork sends the request to all gateways of the set that can be used, limit at most, at once.
func (m *Module) fork(c *module.Ctx, g *group, limit int, to mode) int {
	c.DropLoad()
	c.SetAVP(lined, module.Value{}) // nothing comes after them
	n := g.first(m.set.lastDflt)
	var room [4 * relay.MaxBranches]byte
	list := m.forked(room[:0], g, n, limit, inactive|disabled)
	if len(list) == 0 && n < len(g.list) && g.list[n].state.Load()&disabled == 0 {
		list = binary.BigEndian.AppendUint32(list, g.list[n].id)
	}
	if len(list) == 0 && m.set.tryInactive {
		list = m.forked(list, g, n, limit, disabled)
	}
	if sent := m.sendAll(c, g, list, to); sent == 0 {
		m.exhausted.Add(1)
		return module.False
	}
	m.picked.Add(1)
	return module.True
}

func (m *Module) forked(dst []byte, g *group, n, limit int, without uint32) []byte {
	for _, d := range g.list[:n] {
		if len(dst) < 4*limit && d.state.Load()&without == 0 {
			dst = binary.BigEndian.AppendUint32(dst, d.id)
		}
	}
	return dst
}

// sendAll makes the gateways the targets of the request, in a failure route its further
// ones: the one that is there was tried.
func (m *Module) sendAll(c *module.Ctx, g *group, ids []byte, to mode) (n int) {
	var room [relay.MaxBranches]relay.Target
	list := room[:0]
	for ; len(ids) >= 4; ids = ids[4:] {
		d := g.byID(binary.BigEndian.Uint32(ids))
		if t, ok := d.target(c, to); ok {
			list = append(list, t)
		}
	}
	c.More = c.More[:0]
	for _, t := range list {
		switch {
		case n == 0 && c.Route != module.FailureRoute:
			if c.SetURI(t.URI) != nil {
				continue
			}
			t.URI = c.Main.URI
			c.Main = t
		case c.AddTarget(t) != nil:
			return n
		}
		n++
	}
	return n
}
