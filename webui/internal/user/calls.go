package user

import (
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// Limits of what is remembered of attempts.
const (
	// maxCalls bounds the memory; one user has one attempt there.
	maxCalls = 10_000
	// showEnded is how long an attempt that has ended is shown on new pages.
	showEnded = time.Minute
	// staleCall is when an attempt of which nothing more was heard is dropped.
	staleCall = 10 * time.Minute
	// defaultAsk is LiveOptions.Ask of those who say nothing.
	defaultAsk = 5 * time.Second
)

// calls remembers the last click-to-dial attempt of each user, so that its
// card stands on every page. It is safe for concurrent use.
type calls struct {
	now func() time.Time
	// ask is when a page asks how an attempt stands of which nothing more was heard.
	ask time.Duration

	mu      sync.Mutex
	byOwner map[aor.AOR]*call
	devices map[aor.AOR]device
}

// device is the one phone that an attempt rings, by its contact or ruid.
type device struct{ attempt, contact string }

// call is one user's attempt.
type call struct {
	status ctlproto.CtdStatus
	heard  time.Time
	asked  time.Time
	closed bool // the user does not want to see it any more
}

func newCalls(now func() time.Time) *calls {
	return &calls{now: now, ask: defaultAsk, byOwner: make(map[aor.AOR]*call), devices: make(map[aor.AOR]device)}
}

// put notes how an attempt stands. It reports false for what is no news: the
// state is known already, a later one is, or another attempt began after it.
func (c *calls) put(who aor.AOR, status ctlproto.CtdStatus) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	before := c.byOwner[who]
	switch {
	case before == nil:
		c.makeRoom(now)
	case before.status.ID == status.ID && !later(status, before.status):
		return false
	case before.status.ID == status.ID:
		before.status, before.heard = status, now
		return true
	case began(status).Before(began(before.status)):
		return false
	}
	c.byOwner[who] = &call{status: status, heard: now}
	return true
}

// rings notes which one of the user's phones an attempt rings, "" for all.
func (c *calls) rings(who aor.AOR, attempt, contact string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.devices, who)
	if contact == "" {
		return
	}
	for other := range c.devices {
		if len(c.devices) < maxCalls {
			break
		}
		delete(c.devices, other)
	}
	c.devices[who] = device{attempt, contact}
}

// device is the contact of the phone that an attempt rings, "" if all did.
func (c *calls) device(who aor.AOR, attempt string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.devices[who]; d.attempt == attempt {
		return d.contact
	}
	return ""
}

// later reports that a is after b in the life of one attempt.
func later(a, b ctlproto.CtdStatus) bool {
	if a.Ended != b.Ended {
		return a.Ended
	}
	return len(a.Steps) > len(b.Steps) || len(a.Steps) == len(b.Steps) && a.Cancellable != b.Cancellable
}

// began is when an attempt began, the zero time if it has not.
func began(status ctlproto.CtdStatus) time.Time {
	if len(status.Steps) == 0 {
		return time.Time{}
	}
	return status.Steps[0].At
}

// makeRoom drops what is no longer shown and, if that is not enough, any one.
func (c *calls) makeRoom(now time.Time) {
	if len(c.byOwner) < maxCalls {
		return
	}
	for who, call := range c.byOwner {
		if !call.shown(now) {
			delete(c.byOwner, who)
		}
	}
	for who := range c.byOwner {
		if len(c.byOwner) < maxCalls {
			return
		}
		delete(c.byOwner, who)
	}
}

func (c *call) shown(now time.Time) bool {
	age := now.Sub(c.heard)
	return !c.closed && age < staleCall && (!c.status.Ended || age < showEnded)
}

// current is the attempt whose card the user's pages show.
func (c *calls) current(who aor.AOR) (ctlproto.CtdStatus, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.byOwner[who]; call != nil && call.shown(c.now()) {
		return call.status, true
	}
	return ctlproto.CtdStatus{}, false
}

// last is the user's last attempt; closed says that its card is off the pages.
func (c *calls) last(who aor.AOR) (status ctlproto.CtdStatus, closed, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.byOwner[who]
	if call == nil || c.now().Sub(call.heard) >= staleCall {
		return ctlproto.CtdStatus{}, false, false
	}
	return call.status, call.closed, true
}

// reopen puts the card of an attempt back on the user's pages.
func (c *calls) reopen(who aor.AOR, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call := c.byOwner[who]; call != nil && call.status.ID == id {
		call.closed = false
	}
}

// hide takes the card of an attempt off the user's pages for good. It reports
// whether it was there.
func (c *calls) hide(who aor.AOR, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.byOwner[who]
	if call == nil || call.status.ID != id || call.closed {
		return false
	}
	call.closed = true
	return true
}

// outcomeLost is that of an attempt of which the router knows nothing any more: it was
// restarted. It is ours; no router sends it.
const outcomeLost ctlproto.CtdOutcome = "lost"

// lose ends an attempt that the router no longer knows. It reports whether it ran until
// now, as far as was known here.
func (c *calls) lose(who aor.AOR, id string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.byOwner[who]
	if call == nil || call.status.ID != id || call.status.Ended {
		return false
	}
	call.status.State, call.status.Message = ctlproto.CtdFailed, outcomeLost
	call.status.Ended, call.status.Cancellable = true, false
	call.heard = c.now()
	return true
}

// due is the user's running attempt, if nothing was heard of it for a while, nor asked:
// an event may be lost, or the router have been restarted.
func (c *calls) due(who aor.AOR) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call, now := c.byOwner[who], c.now()
	if call == nil || call.status.Ended || now.Sub(call.heard) < c.ask || now.Sub(call.asked) < c.ask || now.Sub(call.heard) >= staleCall {
		return "", false
	}
	call.asked = now
	return call.status.ID, true
}
