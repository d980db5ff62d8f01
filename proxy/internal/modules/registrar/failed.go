package registrar

import (
	"bytes"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// FlowFailed removes the binding of a flow that is broken (relay.Config.FlowFailed). Where
// it cannot be told which of a phone's flows it was, all stay. A flow that has been
// registered anew since is another one.
func (m *Module) FlowFailed(f *relay.FailedFlow) {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	s.bindings = m.table.Lookup(f.AoR, s.bindings[:0])
	var failed *usrloc.Binding
	for i := range s.bindings {
		b := &s.bindings[i]
		if !m.isFlow(b, f) {
			continue
		}
		if failed != nil {
			return
		}
		failed = b
	}
	if failed != nil && !failed.Modified().After(f.Began) && m.table.DropBinding(string(f.AoR), failed) {
		m.failedFlows.Add(1)
		m.cfg.Log.Info("registrar: a flow is removed because it is broken", "aor", string(f.AoR), "reg_id", failed.RegID)
	}
}

// isFlow reports whether a binding is the flow f.
func (m *Module) isFlow(b *usrloc.Binding, f *relay.FailedFlow) bool {
	if !flow(b) || m.groupOf(b.Instance()) != f.Group || !bytes.Equal(sip.TargetURI(b.Contact()), f.URI) {
		return false
	}
	if path := b.Path(); len(path) > 0 {
		return bytes.Equal(firstHop(path), f.Hop)
	}
	return b.Flow == f.Flow
}
