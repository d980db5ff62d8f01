package msilo

import (
	"context"
	"errors"
	"slices"
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
	return m.reachableSince(owner, time.Time{})
}

// reachableSince counts those of them that have registered at that time or later.
func (m *Module) reachableSince(owner aor.AOR, since time.Time) int {
	return m.cfg.Locations.Taking(owner.String(), methodMessage, since)
}

// phones counts all phones of the user's: a script sends to each of them, also to one
// that says it takes no messages.
func (m *Module) phones(owner aor.AOR) int {
	return m.cfg.Locations.Taking(owner.String(), allMethods, time.Time{})
}

// deliver sends what is stored for one user, in the order in which it came. What a
// phone does not take now stays; see fate and pass for what follows.
func (m *Module) deliver(ctx context.Context, owner aor.AOR) {
	var p pass
	for ctx.Err() == nil && !p.over() {
		list, ok := m.pending(ctx, owner, &p)
		if !ok {
			return
		}
		if len(list) == 0 {
			p.empty()
			continue
		}
		for i := range list {
			m.dumps.stall(owner, p.inRow > 0 || list[i].Attempts > 0)
			if !p.note(&list[i], m.deliverOne(ctx, &list[i])) {
				break
			}
		}
	}
}

// pending lists what a pass is to deliver next, less what it has stepped over; false if
// that cannot be read.
func (m *Module) pending(ctx context.Context, owner aor.AOR, p *pass) ([]store.SiloMessage, bool) {
	at := m.owners.at(owner.String())
	read := m.cfg.Silo.Pending
	if p.turn == turnKnown {
		read = m.cfg.Silo.PendingKnown
	}
	list, err := read(ctx, owner, chunk+len(p.failed), m.set.maxAttempts)
	if err != nil {
		if ctx.Err() == nil {
			m.cfg.Log.Warn("msilo: stored messages cannot be read", "user", owner.String(), "error", err)
		}
		return nil, false
	}
	if len(list) == 0 && p.turn != turnKnown {
		m.owners.remove(owner.String(), at)
	}
	return slices.DeleteFunc(list, func(s store.SiloMessage) bool { return slices.Contains(p.failed, s.ID) }), true
}

// fate is what became of a message, and what that means for the next one.
type fate uint8

const (
	gone      fate = iota // delivered, or refused for good by his phones: the next one
	unasked               // deleted, or refused for good before a phone was asked: the next one
	again                 // a phone has registered meanwhile: the same one, and those stepped over before it
	passOver              // the script refuses this one, and no phone was asked: the next one
	stepOver              // it may be this one alone that fails: the next one, if that is not the second in a row
	later                 // no phone takes messages now, or none of this sender's
	takesNone             // no phone that was asked takes messages at all, which says nothing of this one: as later
	stop                  // nothing can be delivered now
)

// deliverOne sends one message.
func (m *Module) deliverOne(ctx context.Context, s *store.SiloMessage) fate {
	if m.done.has(s.ID) {
		return m.remove(ctx, s, unasked) // delivered already, but still there
	}
	// The list may be minutes old: what its owner has deleted since is not sent.
	switch _, err := m.cfg.Silo.Find(ctx, s.Owner, s.ID); {
	case errors.Is(err, store.ErrNotFound):
		return unasked
	case err != nil:
		if ctx.Err() == nil {
			m.cfg.Log.Warn("msilo: a stored message cannot be read", "user", s.Owner.String(), "id", s.ID, "error", err)
		}
		return stop
	}
	if m.reachable(s.Owner) == 0 {
		return stop
	}
	phones, msg, began := m.phones(s.Owner), m.message(s), m.cfg.Now()
	answer, err := m.send(ctx, &msg)
	switch {
	case ctx.Err() != nil && err != nil:
		return stop // the router ends; how it went is not known
	case err == nil && answer.Bound && answer.Relayed && answer.Status/100 == 2:
		m.delivered.Add(1)
		if m.reminder(s) {
			m.reminded.Add(1)
		}
		m.cfg.Log.Info("msilo: message delivered", "user", s.Owner.String(), "id", s.ID, "call_id", msg.CallID)
		m.done.add(s.ID)
		return m.remove(ctx, s, gone)
	}
	f := judge(answer, err, max(phones, m.phones(s.Owner)), s.Attempts+1 >= m.set.maxAttempts)
	attempts := s.Attempts + 1
	if f == takesNone {
		attempts = max(s.Attempts, 1)
	}
	m.cfg.Log.Info("msilo: message not delivered", "user", s.Owner.String(), "id", s.ID, "status", answer.Status,
		"attempts", attempts, "refused", f == gone || f == unasked, "error", err, "call_id", msg.CallID)
	switch {
	case !m.attempt(ctx, s, answer.Status, f):
		return stop
	case f != gone && f != unasked && m.reachableSince(s.Owner, began) > 0:
		return again // or those behind it would overtake it
	}
	return f
}

// send sends a message as one of this module's own and waits for the answer, at most answerTimeout.
func (m *Module) send(ctx context.Context, msg *ua.Message) (ua.Answer, error) {
	m.own.add(msg.CallID)
	defer m.own.remove(msg.CallID)
	wait, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return m.cfg.Sender.Message(wait, *msg)
}

// remove deletes a message that a phone has. While the database does not take that,
// it is not sent again by this process. The result is then, or stop.
func (m *Module) remove(ctx context.Context, s *store.SiloMessage, then fate) fate {
	// The phone has it: that the router ends is no reason not to note it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if _, err := m.cfg.Silo.Delete(ctx, s.Owner, s.ID); err != nil {
		m.cfg.Log.Warn("msilo: a delivered message is still stored", "user", s.Owner.String(), "id", s.ID, "error", err)
		return stop
	}
	m.done.remove(s.ID)
	m.news.add(s.Owner)
	return then
}

// attempt notes a delivery that failed; false if that cannot be noted.
func (m *Module) attempt(ctx context.Context, s *store.SiloMessage, code int, f fate) bool {
	refused := f == gone || f == unasked
	m.failed.Add(1)
	if m.reminder(s) {
		m.notReminded.Add(1)
	}
	if refused {
		m.refused.Add(1)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	var err error
	if f == takesNone {
		err = m.cfg.Silo.Untakable(ctx, s.Owner, s.ID, code)
	} else {
		err = m.cfg.Silo.Attempt(ctx, s.Owner, s.ID, code, refused)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		m.cfg.Log.Warn("msilo: a failed delivery could not be noted", "user", s.Owner.String(), "id", s.ID, "error", err)
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
		To: s.Owner.URI(), From: s.From, FromName: s.FromName, User: s.Owner.User, Domain: s.Owner.Domain, NoRules: true,
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
