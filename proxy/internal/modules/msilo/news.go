package msilo

import (
	"context"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// newsPause gathers what happens to one user's messages.
	newsPause = 50 * time.Millisecond
	// maxNews bounds the users of whom there is something to tell; a page that misses
	// an event shows the right number when it is loaded again.
	maxNews = 10000
	// maxNotices bounds the notices to senders that wait.
	maxNotices = 100
)

// news are the users whose messages have changed.
type news struct {
	ready chan struct{}

	mu  sync.Mutex
	set map[aor.AOR]struct{}
}

func (n *news) add(owner aor.AOR) {
	n.mu.Lock()
	if n.set == nil {
		n.set = map[aor.AOR]struct{}{}
	}
	if len(n.set) < maxNews {
		n.set[owner] = struct{}{}
	}
	n.mu.Unlock()
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

func (n *news) take() map[aor.AOR]struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	set := n.set
	n.set = nil
	return set
}

// tellNews publishes how many messages users have, when that has changed.
func (m *Module) tellNews(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.news.ready:
		}
		for owner := range m.news.take() {
			if m.cfg.Wanted == nil || !m.cfg.Wanted(ctlproto.TopicMessage) {
				continue
			}
			total, unread, err := m.cfg.Silo.Count(ctx, owner)
			if err != nil {
				continue
			}
			m.cfg.Publish(ctlproto.TopicMessage, ctlproto.MessageEvent{Owner: owner.String(), Total: total, Unread: unread})
		}
		t := time.NewTimer(newsPause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// notify tells a sender, by offline_message, that his message was stored. Only one of
// ours is told: From of others is what they say, and we write to nobody on a
// stranger's word.
func (m *Module) notify(r *relay.Request, s store.SiloMessage) {
	if m.set.offlineMessage == "" || m.set.from == "" || r.Local != nil || len(r.Auth.User) == 0 {
		return
	}
	from, err := aor.Parse(m.set.from, "")
	if err != nil {
		from = s.Owner
	}
	select {
	case m.notices <- ua.Message{
		To: s.From, From: m.set.from, User: from.User, Domain: from.Domain, CallID: ua.NewCallID(),
		Headers: m.set.extraHdrs, ContentType: m.set.contentType, Body: []byte(m.set.offlineMessage), Limit: ua.MaxMessage,
	}:
	default:
		m.cfg.Log.Info("msilo: too many notices wait, a sender is not told that the message was stored", "call_id", s.CallID)
	}
}

// sendNotices sends them. What cannot be delivered is not stored in its turn.
func (m *Module) sendNotices(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case msg := <-m.notices:
			m.own.add(msg.CallID)
			wait, cancel := context.WithTimeout(ctx, answerTimeout)
			if _, err := m.cfg.Sender.Message(wait, msg); err != nil {
				m.cfg.Log.Info("msilo: a sender could not be told", "error", err, "call_id", msg.CallID)
			}
			cancel()
			m.own.remove(msg.CallID)
		}
	}
}
