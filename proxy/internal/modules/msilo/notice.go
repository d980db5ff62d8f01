package msilo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// maxNotices bounds the notices to senders that wait.
	maxNotices = 1000
	// noticesAtOnce bounds those that are on their way, one to a sender at most.
	noticesAtOnce = 16
	// noticesInTime is how many notices one sender gets in noticePeriod.
	noticesInTime = 10
	noticePeriod  = time.Minute
)

// notify tells a sender, by offline_message, that his message was stored. Only who has
// shown that he is one of ours is told, and at the address for which he has shown it:
// From of others is what they say, and we write to nobody on a stranger's word. What
// programs send about messages is not answered, nor what is for the address that the
// notices come from: a program that answers notices would go on for ever.
func (m *Module) notify(c *module.Ctx, s *store.SiloMessage) {
	r := &c.Request
	if m.set.offlineMessage.empty() || m.set.from.empty() || r.Local != nil || len(r.Auth.User) == 0 ||
		m.set.skipNotification >= 0 && r.Flags&(1<<m.set.skipNotification) != 0 ||
		!s.SendAt.IsZero() || receipt(s.ContentType, s.Body) || m.own.has(r.Msg.CallID()) {
		return
	}
	sender, err := aor.New(string(r.Auth.User), string(r.Auth.Domain))
	from := m.set.from.body(c)
	if err != nil || !goodURI([]byte(from)) {
		m.cfg.Log.Info("msilo: a sender is not told that the message was stored", "from_address", from, "call_id", s.CallID)
		return
	}
	as, err := aor.Parse(from, "")
	if err != nil {
		as = s.Owner
	}
	if as == s.Owner && err == nil || as == sender || !m.noticed.Take([]byte(sender.String()), m.cfg.Now()) {
		return
	}
	if !m.notices.add(ua.Message{
		To: sender.URI(), From: from, User: as.User, Domain: as.Domain, NoRules: true, CallID: ua.NewCallID(),
		Headers: m.set.extraHdrs.lines(c), ContentType: m.set.contentType, Body: []byte(m.set.offlineMessage.body(c)), Limit: ua.MaxMessage,
	}) {
		m.cfg.Log.Info("msilo: too many notices wait, a sender is not told that the message was stored", "call_id", s.CallID)
	}
}

// sendNotices sends them until ctx ends.
func (m *Module) sendNotices(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.notices.ready:
		}
		for msg, ok := m.notices.next(); ok && ctx.Err() == nil; msg, ok = m.notices.next() {
			work.Go(func() {
				if dropped := m.notices.done(msg.To, m.sendNotice(ctx, msg)); dropped > 0 {
					m.cfg.Log.Info("msilo: a sender who says nothing is not told of further messages", "dropped", dropped, "call_id", msg.CallID)
				}
			})
		}
	}
}

// sendNotice sends one; false if its sender says nothing, so that nothing came back in time. One that cannot be sent says nothing of
// him: the next may be shorter. What cannot be delivered is not stored in its turn.
func (m *Module) sendNotice(ctx context.Context, msg ua.Message) bool {
	answer, err := m.send(ctx, &msg)
	if err != nil {
		m.cfg.Log.Info("msilo: a sender could not be told", "error", err, "call_id", msg.CallID)
	}
	return !errors.Is(err, context.DeadlineExceeded) && answer.Status != 408
}

// notices are those that wait and those that are on their way. A sender whose phone says
// nothing holds up his own only, and takes no more room than noticesInTime.
type notices struct {
	ready chan struct{} // a token when one may be sent

	mu      sync.Mutex
	waiting []ua.Message
	busy    map[string]struct{} // who is being told, by To
}

func (n *notices) init() { n.ready, n.busy = make(chan struct{}, 1), map[string]struct{}{} }

// add queues a notice; false if too many wait, or too many for this sender.
func (n *notices) add(msg ua.Message) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	own := 0
	for i := range n.waiting {
		if n.waiting[i].To == msg.To {
			own++
		}
	}
	if len(n.waiting) >= maxNotices || own >= noticesInTime {
		return false
	}
	n.waiting = append(n.waiting, msg)
	n.signal()
	return true
}

// next takes out the first notice that may be sent now; the caller calls done with its To.
func (n *notices) next() (ua.Message, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.busy) >= noticesAtOnce {
		return ua.Message{}, false
	}
	i := slices.IndexFunc(n.waiting, func(msg ua.Message) bool { _, busy := n.busy[msg.To]; return !busy })
	if i < 0 {
		return ua.Message{}, false
	}
	msg := n.waiting[i]
	n.waiting = slices.Delete(n.waiting, i, i+1)
	n.busy[msg.To] = struct{}{}
	return msg, true
}

// done says that a notice has come to its end. If it was not answered, what waits for the
// same sender is dropped, and counted.
func (n *notices) done(to string, answered bool) (dropped int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.busy, to)
	if before := len(n.waiting); !answered {
		n.waiting = slices.DeleteFunc(n.waiting, func(msg ua.Message) bool { return msg.To == to })
		dropped = before - len(n.waiting)
	}
	n.signal()
	return dropped
}

func (n *notices) signal() {
	select {
	case n.ready <- struct{}{}:
	default:
	}
}
