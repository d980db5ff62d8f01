package msilo

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
	"seraph/sql/store"
)

const (
	// answerTimeout bounds the wait for a phone; the transaction ends by itself after
	// 64·T1.
	answerTimeout = 45 * time.Second
	// recordTimeout bounds one change of the table.
	recordTimeout = 10 * time.Second
	// chunk is how many messages are read at once.
	chunk = 20
	// maxDone bounds the messages that are delivered and could not be deleted yet.
	maxDone = 10000
)

// deliverAll delivers until ctx ends.
func (m *Module) deliverAll(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	places := make(chan struct{}, m.set.maxDeliveries)
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.dumps.ready:
		}
		for {
			owner, ok := m.dumps.next()
			if !ok {
				break
			}
			select {
			case <-ctx.Done():
				return
			case places <- struct{}{}:
			}
			work.Go(func() {
				m.deliver(ctx, owner)
				m.dumps.finish(owner)
				<-places
			})
		}
	}
}

// reachable counts the user's phones that take messages.
func (m *Module) reachable(owner aor.AOR) int {
	return m.cfg.Locations.Taking(owner.String(), methodMessage)
}

// deliver sends what is stored for one user, in the order in which it came, until
// nothing is left or a phone does not take it now.
func (m *Module) deliver(ctx context.Context, owner aor.AOR) {
	for ctx.Err() == nil {
		at := m.owners.at(owner.String())
		list, err := m.cfg.Silo.Pending(ctx, owner, chunk)
		if err != nil {
			if ctx.Err() == nil {
				m.cfg.Log.Warn("msilo: stored messages cannot be read", "owner", owner.String(), "error", err)
			}
			return
		}
		if len(list) == 0 {
			m.owners.remove(owner.String(), at)
			return
		}
		for i := range list {
			if !m.deliverOne(ctx, &list[i]) {
				return
			}
		}
	}
}

// deliverOne sends one message; false if the next one is not to be sent now.
func (m *Module) deliverOne(ctx context.Context, s *store.SiloMessage) bool {
	if m.done.has(s.ID) {
		return m.remove(ctx, s) // delivered already, but still there
	}
	// The list may be minutes old: what its owner has deleted since is not sent.
	switch _, err := m.cfg.Silo.Find(ctx, s.Owner, s.ID); {
	case errors.Is(err, store.ErrNotFound):
		return true
	case err != nil:
		return false
	}
	phones := m.reachable(s.Owner)
	if phones == 0 {
		return false
	}
	msg := m.message(s)
	m.own.add(msg.CallID)
	defer m.own.remove(msg.CallID)
	wait, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer, err := m.cfg.Sender.Message(wait, msg)
	switch {
	case ctx.Err() != nil && err != nil:
		return false // the router ends; how it went is not known
	case err == nil && answer.Bound && answer.Relayed && answer.Status/100 == 2:
		m.delivered.Add(1)
		if m.reminder(s) {
			m.reminded.Add(1)
		}
		m.cfg.Log.Info("msilo: message delivered", "owner", s.Owner.String(), "id", s.ID, "call_id", msg.CallID)
		m.done.add(s.ID)
		return m.remove(ctx, s)
	}
	refused := errors.Is(err, ua.ErrBadAddress) || errors.Is(err, ua.ErrMessageTooLarge) ||
		err == nil && answer.Bound && answer.Relayed && forGood(answer.Status) && (phones == 1 || s.Attempts+1 >= m.set.maxAttempts)
	m.cfg.Log.Info("msilo: message not delivered", "owner", s.Owner.String(), "id", s.ID, "status", answer.Status,
		"refused", refused, "error", err, "call_id", msg.CallID)
	return m.attempt(ctx, s, answer.Status, refused) && refused
}

// forGood reports whether a phone that answers so will not take the message later
// either.
func forGood(status int) bool {
	switch status {
	case 401, 407, 408, 413, 423, 429, 430, 439, 440, 480, 481, 486, 487, 491, 494:
		return false
	}
	return status/100 == 4 || status/100 == 6
}

// remove deletes a message that a phone has. While the database does not take that,
// it is not sent again by this process.
func (m *Module) remove(ctx context.Context, s *store.SiloMessage) bool {
	// The phone has it: that the router ends is no reason not to note it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if _, err := m.cfg.Silo.Delete(ctx, s.Owner, s.ID); err != nil {
		m.cfg.Log.Warn("msilo: a delivered message is still stored", "owner", s.Owner.String(), "id", s.ID, "error", err)
		return false
	}
	m.done.remove(s.ID)
	m.news.add(s.Owner)
	return true
}

// attempt notes a delivery that failed.
func (m *Module) attempt(ctx context.Context, s *store.SiloMessage, code int, refused bool) bool {
	m.failed.Add(1)
	if m.reminder(s) {
		m.notReminded.Add(1)
	}
	if refused {
		m.refused.Add(1)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := m.cfg.Silo.Attempt(ctx, s.Owner, s.ID, code, refused)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		m.cfg.Log.Warn("msilo: a failed delivery could not be noted", "owner", s.Owner.String(), "id", s.ID, "error", err)
		return false
	}
	m.news.add(s.Owner)
	return true
}

// dateFormat is RFC 1123's, in the only zone that SIP knows (RFC 3261 §20.17).
const dateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// message is the MESSAGE that delivers what is stored. It goes to the owner's own
// address, through the script.
func (m *Module) message(s *store.SiloMessage) ua.Message {
	msg := ua.Message{
		To: s.Owner.URI(), From: s.From, FromName: s.FromName, User: s.Owner.User, Domain: s.Owner.Domain,
		CallID: ua.NewCallID(), Date: s.Received, Headers: s.ExtraHeaders, ContentType: s.ContentType, Body: s.Body,
	}
	if m.set.extraHdrs.format == nil {
		msg.Headers = m.set.extraHdrs.text + msg.Headers
	}
	prefix := "Offline message - "
	if m.reminder(s) {
		msg.From, msg.FromName, prefix = m.set.reminder, "", "Reminder message - "
		if s.From != s.Owner.URI() {
			prefix = "Reminder message from " + s.From + " - "
		}
	}
	if sender, err := aor.Parse(msg.From, ""); err == nil {
		msg.User, msg.Domain = sender.User, sender.Domain
	}
	if m.set.addDate && plain(s) {
		msg.Body = append([]byte("["+prefix+s.Received.UTC().Format(dateFormat)+"] "), s.Body...)
	}
	return msg
}

// plain reports whether a line of ASCII can be put before the body.
func plain(s *store.SiloMessage) bool {
	kind, params, _ := strings.Cut(strings.ToLower(s.ContentType), ";")
	if strings.TrimSpace(kind) != "text/plain" || strings.Contains(s.ExtraHeaders, "Content-Encoding:") {
		return false
	}
	return !strings.Contains(params, "utf-16") && !strings.Contains(params, "utf-32")
}

// ids is a bounded set of messages.
type ids struct {
	mu  sync.Mutex
	set map[int64]struct{}
}

func (x *ids) add(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.set == nil {
		x.set = map[int64]struct{}{}
	}
	if len(x.set) < maxDone {
		x.set[id] = struct{}{}
	}
}

func (x *ids) remove(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.set, id)
}

func (x *ids) has(id int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, ok := x.set[id]
	return ok
}
