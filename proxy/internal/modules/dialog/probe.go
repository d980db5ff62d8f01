package dialog

import (
	"context"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
)

// probe asks the phones of calls whether they are still there, if ka_timer is set. The
// OPTIONS has the CSeq of the last request of the side that it seems to come from, so
// that the phones' own numbers are not used up. A phone that knows nothing of the call,
// or is silent, ends it.
func (m *Module) probe(ctx context.Context, now time.Time) {
	if m.set.kaTimer == 0 || m.cfg.Sender == nil {
		return
	}
	for i := range m.table.shards {
		for _, x := range m.probeShard(&m.table.shards[i], now) {
			m.work.Go(func() { m.ask(ctx, x) })
		}
	}
}

func (m *Module) probeShard(s *shard, now time.Time) (due []*sides) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[confirmed] == 0 {
		return nil
	}
	for _, head := range s.buckets {
		for d := head; d != nil; d = d.next {
			if d.state != confirmed || d.ending || d.unlisted || d.asking || now.Sub(d.asked) < m.set.kaTimer {
				continue
			}
			if !m.places.take(d.caller.flow.Remote.Addr(), d.callee.flow.Remote.Addr()) {
				continue // a second later
			}
			d.asking, d.asked = true, now
			x := &sides{toCaller: d.request(sip.OPTIONS, false), toCallee: d.request(sip.OPTIONS, true)}
			x.toCaller.CSeq, x.toCallee.CSeq = max(1, x.toCaller.CSeq), max(1, x.toCallee.CSeq)
			x.calleeLeft = d.isOver(d.pass)
			due = append(due, x)
		}
	}
	return due
}

// ask asks both sides. A process that ends asks nobody for what it will not use.
func (m *Module) ask(ctx context.Context, x *sides) {
	defer m.places.leave()
	defer m.places.heard(hostOf(&x.toCaller))
	defer m.places.heard(hostOf(&x.toCallee))
	gone := func(a ctlproto.DlgAnswer) bool { return a.Code == 481 || a.Code == 408 }
	over := gone(m.send(ctx, x.toCallee)) && !x.calleeLeft || gone(m.send(ctx, x.toCaller))
	if ends := m.answeredFor(x, over && ctx.Err() == nil); ends != nil {
		m.hangUp(ends, "A phone is gone")
	}
}

// answeredFor notes that both sides were asked; over says that one is gone.
func (m *Module) answeredFor(x *sides, over bool) *sides {
	callID := []byte(x.toCallee.CallID)
	hash := m.table.hash(callID)
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, _ := s.find(hash, callID, []byte(x.toCallee.FromTag), []byte(x.toCallee.ToTag))
	if d == nil || !d.state.up() || d.ending {
		return nil
	}
	d.asking = false
	if !over {
		return nil
	}
	m.expired.Add(1)
	m.cfg.Log.Info("dialog: a phone of a call is gone", "call_id", x.toCallee.CallID)
	return m.leave(s, d)
}
