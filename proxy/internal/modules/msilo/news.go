package msilo

import (
	"context"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

const (
	// newsPause gathers what happens to one user's messages.
	newsPause = 50 * time.Millisecond
	// maxNews bounds the users of whom there is something to tell; a page that misses
	// an event shows the right number when it is loaded again.
	maxNews = 10000
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
				if ctx.Err() == nil {
					m.cfg.Log.Warn("msilo: nobody is told how many messages a user has", "user", owner.String(), "error", err)
				}
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
