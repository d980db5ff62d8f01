package dialog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
	"seraph/proxy/internal/ua"
)

// sides are the two requests of the router's own within a dialog.
type sides struct {
	ctlproto.DlgEnded
	toCaller, toCallee ua.Within
}

// End hangs up the dialogs that p names: by BYE to both sides, or, where nobody has
// answered yet, as if the caller had given up. It returns when both sides have answered,
// or nobody has for 64·T1.
func (m *Module) End(ctx context.Context, p ctlproto.DlgEndParams) (ctlproto.DlgEndResult, error) {
	result := ctlproto.DlgEndResult{Ended: []ctlproto.DlgEnded{}}
	if !m.on.Load() || m.cfg.Sender == nil {
		return result, ctlproto.Errorf(ctlproto.CodeUnavailable, "no dialogs are tracked")
	}
	up, cancelled := m.pick(p)
	if len(up)+cancelled == 0 {
		return result, ctlproto.Errorf(ctlproto.CodeNotFound, "no such dialog")
	}
	result.Cancelled = cancelled
	m.cfg.Log.Info("dialogs are hung up", "call_id", p.CallID, "dialogs", len(up), "cancelled", cancelled, "actor", p.Actor)
	done := make(chan ctlproto.DlgEnded)
	for _, x := range up {
		m.work.Go(func() { done <- m.hangUp(x, "Ended by the operator") })
	}
	// The work goes on should ctx end: who waits no longer has hung up all the same.
	for n := range up {
		select {
		case ended := <-done:
			result.Ended = append(result.Ended, ended)
		case <-ctx.Done():
			rest := len(up) - n
			m.work.Go(func() {
				for range rest {
					<-done
				}
			})
			return result, ctx.Err()
		}
	}
	slices.SortFunc(result.Ended, func(a, b ctlproto.DlgEnded) int { return strings.Compare(a.ToTag, b.ToTag) })
	return result, nil
}

// pick finds the dialogs that p names, ends them in the table and returns those that
// were up. The INVITEs that are not answered are cancelled.
func (m *Module) pick(p ctlproto.DlgEndParams) (up []*sides, cancelled int) {
	var early []txn.Key
	for i := range m.table.shards {
		if p.CallID != "" && uint64(i) != m.table.hash([]byte(p.CallID))%shards {
			continue
		}
		u, e := m.pickShard(&m.table.shards[i], p)
		up, early = append(up, u...), append(early, e...)
	}
	for _, e := range early { // the relay takes its own lock first
		if m.cancel != nil && m.cancel(e) {
			cancelled++
		}
	}
	return up, cancelled
}

func (m *Module) pickShard(s *shard, p ctlproto.DlgEndParams) (up []*sides, early []txn.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, head := range s.buckets {
		for d := head; d != nil; d = d.next {
			switch {
			case d.state == deleted || !m.named(d, p):
			case d.state.up():
				up = append(up, m.leave(s, d))
			case !slices.ContainsFunc(early, func(k txn.Key) bool { return k == d.key }):
				early = append(early, d.key)
			}
		}
	}
	return up, early
}

// named reports whether p names a dialog.
func (m *Module) named(d *dialog, p ctlproto.DlgEndParams) bool {
	if d.unlisted {
		return false
	}
	if p.CallID == "" {
		return d.id == p.HID && m.entry(d.hash) == p.HEntry
	}
	return string(d.callID) == p.CallID && (p.FromTag == "" || string(d.caller.tag) == p.FromTag) && (p.ToTag == "" || string(d.callee.tag) == p.ToTag)
}

// leave ends a dialog that is up, on the router's account, and returns the BYEs for it.
// The record stays until they are answered.
func (m *Module) leave(s *shard, d *dialog) *sides {
	m.finish(s, d, cmp.Or(d.hungUpBy, byRouter))
	d.ending = true
	s.due(d, m.cfg.Now().Add(2*byeTime))
	x := &sides{
		DlgEnded: ctlproto.DlgEnded{CallID: text(d.callID), FromTag: text(d.caller.tag), ToTag: text(d.callee.tag)},
		toCaller: d.request(sip.BYE, false), toCallee: d.request(sip.BYE, true),
	}
	x.toCaller.CSeq++
	x.toCallee.CSeq++
	return x
}

// request is what a request to one side of a dialog is made of, as if the other side had
// sent it; CSeq is that of its last one.
func (d *dialog) request(method sip.Method, toCallee bool) ua.Within {
	from, to := &d.callee, &d.caller
	if toCallee {
		from, to = to, from
	}
	w := ua.Within{
		Method: method, CallID: string(d.callID), From: from.known(toCallee), FromTag: string(from.tag), To: to.known(toCallee), ToTag: string(to.tag),
		Target: string(to.contact), Flow: to.flow, CSeq: from.cseq,
	}
	for rest := to.routes; len(rest) > 0; {
		n := sip.NextValue(rest)
		w.Routes = append(w.Routes, string(bytes.TrimSpace(rest[:n])))
		rest = rest[min(n+1, len(rest)):]
	}
	return w
}

// hangUp sends the BYEs of a dialog that leave has ended, and forgets it.
func (m *Module) hangUp(x *sides, reason string) ctlproto.DlgEnded {
	header := "Reason: SIP;cause=200;text=\"" + reason + "\"\r\n"
	x.toCaller.Headers, x.toCallee.Headers = header, header
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	m.work.Go(func() { // who stops the router does not wait for phones that say nothing
		select {
		case <-m.over:
			cancel()
		case <-ctx.Done():
		}
	})
	defer cancel()
	callee := make(chan ctlproto.DlgAnswer, 1)
	m.work.Go(func() { callee <- m.send(ctx, x.toCallee) })
	x.Caller = m.send(ctx, x.toCaller)
	x.Callee = <-callee
	m.forget(x.toCaller.CallID, x.toCallee.FromTag, x.toCallee.ToTag)
	return x.DlgEnded
}

// send sends a request and says how it was answered.
func (m *Module) send(ctx context.Context, w ua.Within) ctlproto.DlgAnswer {
	answer, err := m.cfg.Sender.SendWithin(ctx, w)
	if err != nil {
		m.cfg.Log.Info("request within a dialog was not answered", "method", w.Method.String(), "call_id", w.CallID, "error", err)
		if errors.Is(err, ua.ErrNoWay) || errors.Is(err, ua.ErrBadAddress) {
			return ctlproto.DlgAnswer{Text: "Not Sent"}
		}
		return ctlproto.DlgAnswer{Code: 408, Text: "No Answer"}
	}
	return ctlproto.DlgAnswer{Code: answer.Status, Text: answer.Reason}
}

// forget takes a dialog out.
func (m *Module) forget(callID, fromTag, toTag string) {
	hash := m.table.hash([]byte(callID))
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	if d, _ := s.find(hash, []byte(callID), []byte(fromTag), []byte(toTag)); d != nil {
		m.finish(s, d, byRouter)
		m.table.remove(s, d)
	}
}

// sweep ends what is over by time.
func (m *Module) sweep(ctx context.Context, now time.Time) {
	for i := range m.table.shards {
		for _, x := range m.sweepShard(&m.table.shards[i], now) {
			m.inBackground(ctx, func() { m.hangUp(x, "Call too old") })
		}
	}
}

func (m *Module) sweepShard(s *shard, now time.Time) (over []*sides) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.table.forgetEnded(s, now)
	if s.soonest.IsZero() || now.Before(s.soonest) {
		return nil
	}
	s.soonest = time.Time{}
	for _, head := range s.buckets {
		for d := head; d != nil; {
			next := d.next
			switch {
			case d.lingers:
			case now.Before(d.deadline):
				s.due(d, d.deadline)
			case d.state.up() && m.set.timeoutBye && m.cfg.Sender != nil:
				m.expired.Add(1)
				m.cfg.Log.Info("a call is over by time", "call_id", text(d.callID), "answered", d.answered, "acknowledged", d.state == confirmed)
				over = append(over, m.leave(s, d))
			default:
				m.drop(s, d)
			}
			d = next
		}
	}
	return over
}

// drop takes a dialog out whose time is over.
func (m *Module) drop(s *shard, d *dialog) {
	if d.state != deleted && !d.unlisted {
		m.expired.Add(1)
	}
	m.finish(s, d, cmp.Or(d.hungUpBy, byRouter))
	m.table.remove(s, d)
}

// inBackground runs f once there is a place for it. The end of ctx leaves it out: the
// phones' own timers end the call.
func (m *Module) inBackground(ctx context.Context, f func()) {
	select {
	case m.working <- struct{}{}:
		m.work.Go(func() {
			defer func() { <-m.working }()
			f()
		})
	case <-ctx.Done():
	}
}
