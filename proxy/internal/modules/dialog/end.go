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
	placed             bool // it has a place of its own, with both hosts
	calleeLeft         bool // the callee is out of it already: see goesOn
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
	m.cfg.Log.Info("dialog: dialogs are hung up", "call_id", p.CallID, "dialogs", len(up), "cancelled", cancelled, "actor", p.Actor)
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
			case d.state == deleted || d.ending || !m.named(d, p):
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

// leave has nothing pass any more within a dialog that is up, and returns the BYEs for it. The
// call is over once they are answered: see settle.
func (m *Module) leave(s *shard, d *dialog) *sides {
	d.ending, d.left = true, m.cfg.Now()
	s.due(d, d.left.Add(2*byeTime))
	x := &sides{
		DlgEnded: ctlproto.DlgEnded{CallID: text(d.callID), FromTag: text(d.caller.tag), ToTag: text(d.callee.tag)},
		toCaller: d.request(sip.BYE, false), toCallee: d.request(sip.BYE, true),
	}
	next := uint32(d.tries)*seqsPerTry + 1
	x.toCaller.CSeq += next
	x.toCallee.CSeq += next
	return x
}

// overAt is when a call that ends now was over: what the router has hung up, when it did so.
func (d *dialog) overAt(now time.Time) time.Time {
	if d.ending {
		return d.left
	}
	return now
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

// hangUp sends the BYEs of a dialog that leave has picked, and says how they were answered.
func (m *Module) hangUp(x *sides, reason string) ctlproto.DlgEnded {
	header := "Reason: SIP;cause=200;text=\"" + reason + "\"\r\n"
	x.toCaller.Headers, x.toCallee.Headers = header, header
	ctx, cancel := context.WithCancel(context.Background())
	m.work.Go(func() { // who stops the router does not wait for phones that say nothing
		select {
		case <-m.over:
			cancel()
		case <-ctx.Done():
		}
	})
	defer cancel()
	callee := make(chan ctlproto.DlgAnswer, 1)
	m.work.Go(func() { callee <- m.bye(ctx, x, &x.toCallee) })
	x.Caller = m.bye(ctx, x, &x.toCaller)
	x.Callee = <-callee
	if x.placed {
		m.places.leave()
	}
	m.settle(x)
	return x.DlgEnded
}

// bye sends one BYE, and gives the place of its host back.
func (m *Module) bye(ctx context.Context, x *sides, w *ua.Within) ctlproto.DlgAnswer {
	patience := byeTime
	if x.placed {
		patience = m.places.patience(hostOf(w))
		defer m.places.heard(hostOf(w))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return m.send(ctx, *w)
}

// Bounds of how a call is hung up that is not let go.
const (
	// maxTries is how often both ends are sent a BYE, and tryAgain the time between.
	maxTries = 5
	tryAgain = time.Minute
	// seqsPerTry is how many numbers one of them may use up: a challenge is answered by another
	// request (RFC 3261 §22.2).
	seqsPerTry = 4
	// maxCSeq is the highest number that a phone may use: those of the router follow, and
	// have to be below 2^31 (RFC 3261 §8.1.1.5).
	maxCSeq = 1<<31 - 1 - seqsPerTry*(maxTries+1)
)

// uncountable reports whether no number is left for the router after a request within a dialog: it
// could not hang up in the name of who sends that.
func uncountable(msg *sip.Message) bool {
	cseq, err := msg.CSeq()
	return err != nil || cseq.Number > maxCSeq && msg.Method != sip.ACK
}

// send sends a request and says how it was answered. The challenge of a gateway to a BYE is
// answered where there is a credential for it.
func (m *Module) send(ctx context.Context, w ua.Within) ctlproto.DlgAnswer {
	headers := w.Headers
	answer, err := m.cfg.Sender.SendWithin(ctx, w)
	for tried := range seqsPerTry - 1 {
		if err != nil || answer.Status != 401 && answer.Status != 407 || w.Method != sip.BYE || m.cfg.Credentials == nil {
			break
		}
		line, ok := m.cfg.Credentials(w.Method.String(), &answer.Challenge, tried)
		if !ok {
			break
		}
		w.CSeq++
		w.Headers = headers + line
		answer, err = m.cfg.Sender.SendWithin(ctx, w)
	}
	if err != nil {
		m.cfg.Log.Info("dialog: request within a dialog was not answered", "method", w.Method.String(), "call_id", w.CallID, "error", err)
		switch {
		case errors.Is(err, ua.ErrBadAddress): // nobody was asked, so nobody is out of the call
			return ctlproto.DlgAnswer{Code: 500, Text: "Not Sent"}
		case errors.Is(err, ua.ErrNoWay):
			return ctlproto.DlgAnswer{Text: "Not Sent"}
		}
		return ctlproto.DlgAnswer{Code: 408, Text: "No Answer"}
	}
	return ctlproto.DlgAnswer{Code: answer.Status, Text: answer.Reason}
}

// settle takes a dialog out that both ends have left. An end that has refused the BYE may still
// be in the call, at a gateway at somebody's cost: then the call goes on, also in the
// accounts, and is hung up again a minute later.
func (m *Module) settle(x *sides) {
	s, d := m.table.lockFound([]byte(x.toCaller.CallID), []byte(x.toCallee.FromTag), []byte(x.toCallee.ToTag))
	defer s.mu.Unlock()
	if d == nil || !d.ending {
		return
	}
	gone := x.Gone()
	if d.tries++; gone || d.tries >= maxTries {
		if !gone {
			m.cfg.Log.Error("dialog: a call cannot be hung up and may go on", "call_id", x.CallID, "caller", x.Caller.Code, "callee", x.Callee.Code)
		}
		m.forget(s, d, cmp.Or(d.hungUpBy, byRouter))
		return
	}
	m.cfg.Log.Warn("dialog: a call is not hung up yet: an end has refused", "call_id", x.CallID, "caller", x.Caller.Code, "callee", x.Callee.Code, "again_in", tryAgain)
	d.ending, d.closing = false, true
	s.due(d, m.cfg.Now().Add(tryAgain))
}

// sweep ends what is over by time. It waits for nobody.
func (m *Module) sweep(now time.Time) {
	m.turn++ // where there are no places for all, none is the first for ever
	for i := range m.table.shards {
		for _, x := range m.sweepShard(&m.table.shards[(i+m.turn)%shards], now) {
			m.work.Go(func() { m.hangUp(x, "Call too old") })
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
			case d.state.up() && !d.ending && (m.set.timeoutBye || d.tries > 0) && m.cfg.Sender != nil:
				if x := m.tooOld(s, d); x != nil {
					over = append(over, x)
				}
			default:
				m.drop(s, d)
			}
			d = next
		}
	}
	return over
}

// tooOld is leave for a call whose time is over; nil where it has to wait for a place.
func (m *Module) tooOld(s *shard, d *dialog) *sides {
	if !m.places.take(d.caller.flow.Remote.Addr(), d.callee.flow.Remote.Addr()) {
		s.due(d, d.deadline)
		return nil
	}
	if d.tries == 0 {
		m.expired.Add(1)
	}
	m.cfg.Log.Info("dialog: a call is over by time", "call_id", text(d.callID), "answered", d.answered, "acknowledged", d.state == confirmed)
	x := m.leave(s, d)
	x.placed = true
	return x
}

// drop takes a dialog out whose time is over.
func (m *Module) drop(s *shard, d *dialog) {
	if d.inside && d.state == early {
		m.upInside(s, d)
		return
	}
	if d.state != deleted && !d.unlisted {
		m.expired.Add(1)
	}
	m.finish(s, d, cmp.Or(d.hungUpBy, byRouter))
	m.table.remove(s, d) // not forget, which may remove the next one of the sweep
}
