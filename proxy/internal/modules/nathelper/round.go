package nathelper

import (
	"context"
	"errors"
	"time"

	"seraph/proxy/internal/transport"
)

// Locations is the location table, a *usrloc.Table.
type Locations interface {
	// Parts is the number of parts that Reached walks over.
	Parts() int
	// Reached calls yield for the bindings of a part whose phone is behind a NAT, or for
	// all, which have a flow. yield copies the contact.
	Reached(part int, all bool, yield func(aor string, id [16]byte, modified int64, contact []byte, flow transport.Flow))
	// Drop removes a binding that has not been changed since modified.
	Drop(aor string, id [16]byte, modified int64) bool
}

// pause is the least time between two groups of pings.
const pause = 10 * time.Millisecond

// phone is a binding to ping.
type phone struct {
	aor      string
	id       phoneID
	modified int64
	flow     transport.Flow
	from, to uint32 // of the contact in batch.text
}

// batch is a part of the table as it is being pinged: its memory is used for each part
// again, so that a table of any size costs that of one part.
type batch struct {
	phones []phone
	text   []byte
	msg    []byte
}

// Check refuses a keep-alive that no phone could pass.
func (m *Module) Check() error { return m.set.check() }

// Init makes the pings start, where they are switched on.
func (m *Module) Init() error {
	m.on.Store(m.set.interval > 0 && m.set.from != "")
	return nil
}

// Run pings until ctx ends.
func (m *Module) Run(ctx context.Context) {
	if m.set.interval == 0 || m.cfg.Locations == nil {
		<-ctx.Done()
		return
	}
	var b batch
	for ctx.Err() == nil {
		m.pingAll(ctx, &b)
	}
}

// pingAll pings everybody once, spread over the interval: the parts of the table one
// after the other, and the phones of a part over the part's share of the time.
func (m *Module) pingAll(ctx context.Context, b *batch) {
	round := m.round.Add(1)
	begin := time.Now()
	parts := m.cfg.Locations.Parts()
	seen := 0
	for part := range parts {
		start := begin.Add(m.set.interval * time.Duration(part) / time.Duration(parts))
		end := begin.Add(m.set.interval * time.Duration(part+1) / time.Duration(parts))
		if !until(ctx, start) {
			return
		}
		m.collect(b, part)
		seen += len(b.phones)
		if !m.pingPart(ctx, b, start, end.Sub(start)) {
			return
		}
	}
	until(ctx, begin.Add(m.set.interval))
	m.natted.Store(int64(seen))
	m.silent.sweep(round)
}

// collect copies the phones of a part.
func (m *Module) collect(b *batch, part int) {
	b.phones, b.text = b.phones[:0], b.text[:0]
	m.cfg.Locations.Reached(part, !m.set.natedOnly, func(aor string, id [16]byte, modified int64, contact []byte, flow transport.Flow) {
		from := uint32(len(b.text))
		b.text = append(b.text, contact...)
		b.phones = append(b.phones, phone{aor, id, modified, flow, from, uint32(len(b.text))})
	})
}

// pingPart pings the collected phones, spread over a time; false if ctx ended.
func (m *Module) pingPart(ctx context.Context, b *batch, start time.Time, share time.Duration) bool {
	n := len(b.phones)
	for i := range n {
		due := start.Add(share * time.Duration(i) / time.Duration(n))
		if time.Until(due) >= pause && !until(ctx, due) {
			return false
		}
		m.ping(b, &b.phones[i])
	}
	return true
}

// until waits for a time; false if ctx ended.
func until(ctx context.Context, at time.Time) bool {
	d := time.Until(at)
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// ping pings one phone, and drops it if it has been silent for too long. A datagram
// that the router itself could not send asks for no answer: the time begins anew. On an
// address where it does not listen any more, as on a connection that is gone, it counts.
func (m *Module) ping(b *batch, p *phone) {
	w := m.wire.Load()
	if w == nil {
		return
	}
	late := m.set.keepalive > 0 && m.watched(w, p) &&
		m.silent.ping(p.id, p.modified, m.cfg.Now().UnixMilli(), m.round.Load()) >= m.set.keepalive.Milliseconds()
	err := m.send(w, b, p)
	away := err != nil && p.flow.Proto == transport.UDP && !errors.Is(err, transport.ErrNoSocket)
	switch {
	case away:
		m.silent.forget(p.id)
	case late:
		m.drop(p)
	}
}

// send sends a phone its ping and counts it.
func (m *Module) send(w *wire, b *batch, p *phone) error {
	var err error
	switch {
	case p.flow.Proto == transport.UDP && m.set.from == "":
		err = w.Send(p.flow, zeros)
	case p.flow.Proto == transport.UDP:
		err = m.ask(w, b, p)
	case p.flow.Proto == transport.TCP, p.flow.Proto == transport.TLS:
		err = w.Send(p.flow, lineEnd)
	default:
		return nil // a WebSocket has pings of its own (module websocket)
	}
	if err != nil {
		m.failed.Add(1)
	} else {
		m.pinged.Add(1)
	}
	return err
}

// ask sends a phone the SIP request.
func (m *Module) ask(w *wire, b *batch, p *phone) error {
	contact := b.text[p.from:p.to]
	if int(p.flow.Socket) >= len(w.sockets) || !writable(contact) {
		return w.Send(p.flow, zeros)
	}
	b.msg = m.appendRequest(b.msg[:0], &w.sockets[p.flow.Socket], p, contact)
	return w.Send(p.flow, b.msg)
}

// watched reports whether a phone's silence counts: over UDP that of its answers, over
// a stream that its connection, which only the phone can open, is gone.
func (m *Module) watched(w *wire, p *phone) bool {
	return p.flow.Proto == transport.UDP || !w.Usable(p.flow)
}

// drop removes the binding of a silent phone, if it has not answered just now.
func (m *Module) drop(p *phone) {
	if m.silent.forget(p.id) && m.cfg.Locations.Drop(p.aor, p.id, p.modified) {
		m.dropped.Add(1)
		m.cfg.Log.Info("nathelper: a silent phone is dropped", "aor", p.aor, "flow", p.flow.Remote, "timeout", m.set.keepalive)
	}
}

// Statistics calls yield for each counter of the group "nathelper".
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("nathelper", "natted_contacts", m.natted.Load())
	yield("nathelper", "sent_pings", m.pinged.Load())
	yield("nathelper", "failed_pings", m.failed.Load())
	yield("nathelper", "answered_pings", m.answered.Load())
	yield("nathelper", "silent_contacts", int64(m.silent.count()))
	yield("nathelper", "dropped_contacts", m.dropped.Load())
}
