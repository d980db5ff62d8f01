package txn

import (
	"runtime/debug"
	"time"

	"seraph/proxy/internal/transport"
)

// Tick is the resolution of every timer.
const Tick = 10 * time.Millisecond

// wheelSlots spans 41 s; a longer timer goes round again.
const wheelSlots = 4096

// TimerUser is told that a timer ran out. The cell is locked.
type TimerUser interface{ Expired(t *Timer, out Out) }

// Timer is one timer of a cell, part of a larger struct. All its methods want
// the cell's lock.
type Timer struct {
	next, prev *Timer
	due        int64 // in ticks, 0 while it is not armed; guarded by the shard's lock like the links
	cell       *Cell
	user       TimerUser
}

// Init binds the timer to its cell and its user.
func (t *Timer) Init(c *Cell, u TimerUser) { t.cell, t.user = c, u }

// Arm starts the timer, or starts it anew. It rings after d, rounded up to a
// tick.
func (t *Timer) Arm(d time.Duration) {
	s := t.cell.shard
	s.mu.Lock()
	if t.due != 0 {
		s.unlink(t)
	} else {
		t.cell.Ref()
	}
	t.due = s.tick + max(int64((d+Tick-1)/Tick), 0) + 1
	s.link(t)
	s.mu.Unlock()
}

// Disarm stops the timer.
func (t *Timer) Disarm() {
	s := t.cell.shard
	s.mu.Lock()
	was := t.due != 0
	if was {
		s.unlink(t)
		t.due = 0
	}
	s.mu.Unlock()
	if was {
		t.cell.refs.Add(-1) // the caller's own reference keeps the cell alive
	}
}

func (s *shard) link(t *Timer) {
	head := &s.wheel[t.due%wheelSlots]
	t.next, t.prev = *head, nil
	if *head != nil {
		(*head).prev = t
	}
	*head = t
}

func (s *shard) unlink(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else if head := &s.wheel[t.due%wheelSlots]; *head == t {
		*head = t.next
	} else if s.due == t {
		s.due = t.next // it was collected by advance but has not rung yet
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev = nil, nil
}

// advance moves the shard's clock to tick and rings what is due.
func (s *shard) advance(table *Table, tick int64, out Out) {
	s.mu.Lock()
	for s.tick < tick {
		s.tick++
		for t := s.wheel[s.tick%wheelSlots]; t != nil; {
			next := t.next
			if t.due <= s.tick {
				s.unlink(t)
				t.next = s.due
				if s.due != nil {
					s.due.prev = t
				}
				s.due = t
			}
			t = next
		}
	}
	for s.due != nil {
		t := s.due
		c := t.cell
		c.Ref() // beside the timer's own, which a concurrent Disarm may take
		due := t.due
		s.mu.Unlock()
		table.ring(s, t, c, due, out)
		s.mu.Lock()
	}
	s.mu.Unlock()
}

// ring fires x if it is still due, and lets the owner do what must not run under the
// lock.
func (t *Table) ring(s *shard, x *Timer, c *Cell, due int64, out Out) {
	fired := t.fire(s, x, c, due, out)
	t.unlocked(c, nil)
	if fired {
		c.Unref()
	}
	c.Unref()
}

// fire calls the timer's user; it may have been stopped or started anew between the
// collection and the cell's lock.
func (t *Table) fire(s *shard, x *Timer, c *Cell, due int64, out Out) (fired bool) {
	defer t.survive(c)
	c.Lock()
	defer c.Unlock()
	s.mu.Lock()
	fired = due != 0 && x.due == due && s.tick >= due
	if fired {
		s.unlink(x)
		x.due = 0
	}
	s.mu.Unlock()
	if fired {
		x.user.Expired(x, out)
	}
	return fired
}

// unlocked calls the owner after an event, without the lock.
func (t *Table) unlocked(c *Cell, w *transport.Worker) {
	defer t.survive(c)
	c.owner.Unlocked(w)
}

// survive, deferred, makes a panic in the owner's code one that Config.Fault is told of.
// It runs when the cell's lock has been given back.
func (t *Table) survive(c *Cell) {
	if t.cfg.Fault == nil {
		return // the panic goes on
	}
	if fault := recover(); fault != nil {
		t.cfg.Fault(c.owner, fault, debug.Stack())
	}
}
