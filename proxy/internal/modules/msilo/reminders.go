package msilo

import (
	"context"
	"errors"
	"sync"
	"time"

	"seraph/proxy/internal/module"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// sendTimeFormat is Kamailio's form of the time in snd_time_avp.
const sendTimeFormat = "20060102150405"

// maxAhead bounds how long before its time a reminder may be set.
const maxAhead = 366 * 24 * time.Hour

// reminding reports whether messages with a send time are taken.
func (s *settings) reminding() bool { return s.reminder != "" && s.sendTime > 0 && s.sndTimeAVP != "" }

// checkReminders refuses half of what reminders need.
func (s *settings) checkReminders() error {
	switch {
	case s.sndTimeAVP == "":
		return nil
	case s.reminder == "":
		return errors.New("snd_time_avp needs reminder, in whose name messages are sent at their time")
	case s.sendTime == 0:
		return errors.New("snd_time_avp needs send_time, the seconds between two looks for messages whose time has come")
	}
	return nil
}

// sendAt is when a message is to be sent, the zero time for at once.
func (m *Module) sendAt(c *module.Ctx) (time.Time, error) {
	if !m.set.reminding() {
		return time.Time{}, nil
	}
	v := c.AVP(m.set.sndTimeAVP)
	if v.Kind == module.NullValue {
		return time.Time{}, nil
	}
	now := m.cfg.Now()
	at, err := time.ParseInLocation(sendTimeFormat, string(v.Append(nil)), now.Location())
	switch {
	case err != nil:
		return time.Time{}, errSendTime
	case at.After(now.Add(maxAhead)):
		return time.Time{}, errSendLate
	}
	return at.UTC(), nil
}

// reminders knows when the next message is to be sent, so that the table is read only
// then. This process alone adds to it.
type reminders struct {
	mu     sync.Mutex
	next   time.Time // zero: none
	loaded bool
}

// set notes a message that is to be sent at a time.
func (r *reminders) set(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next.IsZero() || at.Before(r.next) {
		r.next = at
	}
}

// due reports whether the table is to be read now.
func (r *reminders) due(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.loaded || !r.next.IsZero() && !r.next.After(now)
}

// take forgets the next time before the table is read: what is set meanwhile is noted
// beside what is found.
func (r *reminders) take() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = time.Time{}
}

// remind sends messages at their time until ctx ends.
func (m *Module) remind(ctx context.Context) {
	if !m.set.reminding() {
		return
	}
	var after time.Time
	tick := time.NewTicker(m.set.sendTime)
	defer tick.Stop()
	for {
		now := m.cfg.Now()
		if m.reminders.due(now) && m.remindAll(ctx, after, now) {
			after = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// remindAll begins the delivery to everybody who has a message whose time came after
// after; who has no phone gets it with his next REGISTER. False if the database did
// not say who.
func (m *Module) remindAll(ctx context.Context, after, now time.Time) bool {
	m.reminders.take()
	owners, next, err := m.cfg.Silo.Due(ctx, after, now)
	if err != nil {
		if ctx.Err() == nil {
			m.cfg.Log.Warn("msilo: messages to be sent now are not known", "error", err)
		}
		m.reminders.set(now)
		return false
	}
	m.reminders.mu.Lock()
	m.reminders.loaded = true
	m.reminders.mu.Unlock()
	if !next.IsZero() {
		m.reminders.set(next)
	}
	for _, owner := range owners {
		m.remindOne(owner)
	}
	return true
}

func (m *Module) remindOne(owner aor.AOR) {
	m.owners.add(owner.String())
	m.news.add(owner)
	if m.reachable(owner) > 0 {
		m.dumps.start(owner)
	}
}

// reminder reports whether a message was to be sent at a time, in the module's name.
func (m *Module) reminder(s *store.SiloMessage) bool {
	return !s.SendAt.IsZero() && m.set.reminder != ""
}
