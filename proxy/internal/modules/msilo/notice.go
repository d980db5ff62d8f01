package msilo

import (
	"context"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// maxNotices bounds the notices to senders that wait.
	maxNotices = 100
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
	select {
	case m.notices <- ua.Message{
		To: sender.URI(), From: from, User: as.User, Domain: as.Domain, NoRules: true, CallID: ua.NewCallID(),
		Headers: m.set.extraHdrs.lines(c), ContentType: m.set.contentType, Body: []byte(m.set.offlineMessage.body(c)), Limit: ua.MaxMessage,
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
