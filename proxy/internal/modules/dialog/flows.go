package dialog

import "seraph/proxy/internal/transport"

// Flows yields every flow that a dialog's ends were heard on, for those who must not close
// its connection. One part of the table is locked at a time, and yield must not call back.
func (m *Module) Flows(yield func(transport.Flow)) {
	for i := range m.table.shards {
		m.table.shards[i].flows(yield)
	}
}

func (s *shard) flows(yield func(transport.Flow)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.buckets {
		for ; d != nil; d = d.next {
			if d.state == deleted {
				continue
			}
			for _, p := range [...]*party{&d.caller, &d.callee} {
				yield(p.flow)
				yield(p.home)
			}
			for i := range d.legs {
				yield(d.legs[i].near.home)
				yield(d.legs[i].far.home)
			}
		}
	}
}
