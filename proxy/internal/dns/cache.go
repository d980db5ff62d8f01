package dns

import (
	"cmp"
	"slices"
	"time"
)

// entry is what is known of a question. It is not changed but for used.
type entry struct {
	answer Answer
	err    error
	used   time.Time // when somebody asked last
}

// serves reports whether an answer that has ended is better than none.
func (e *entry) serves(now time.Time) bool { return e != nil && now.Before(e.answer.Stale) }

// old is such an answer for somebody who does not wait for the new one. It holds for a
// moment only, so that the new one counts soon after it has come.
func (e *entry) old(now time.Time) (Answer, error) {
	a := e.answer
	a.Until = now.Add(oldHolds)
	return a, e.err
}

// store keeps an answer; mu is held. a.Until comes in as the end of the records' own
// TTL. It returns what is to be answered, which is the old records while no server
// answers. That there are no SRV or NAPTR records serves on as records do, because a
// host without them is found by others; that there is no address does not.
func (c *Client) store(q question, a Answer, err error) (Answer, error) {
	now := time.Now()
	old := c.entries[q]
	e := &entry{answer: a, err: err, used: now}
	switch {
	case err == nil:
		e.answer.Until = within(now, a.Until, c.cfg.MinTTL, c.cfg.MaxTTL)
		e.answer.Stale = e.answer.Until.Add(c.cfg.StaleTTL)
	case Nothing(err):
		e.answer.Until = within(now, a.Until, min(time.Second, c.cfg.NegativeTTL), c.cfg.NegativeTTL)
		if q.typ == SRV || q.typ == NAPTR {
			e.answer.Stale = e.answer.Until.Add(c.cfg.StaleTTL)
		}
	case old.serves(now):
		e.answer, e.err = old.answer, old.err
		if e.answer.Until = now.Add(c.cfg.NegativeTTL); e.answer.Until.After(e.answer.Stale) {
			e.answer.Until = e.answer.Stale
		}
	default:
		e.answer.Until = now.Add(c.cfg.NegativeTTL)
	}
	if c.cfg.NoCache {
		return e.answer, e.err
	}
	if old == nil && len(c.entries) >= c.cfg.MaxEntries {
		c.evict(now)
	}
	c.entries[q] = e
	return e.answer, e.err
}

// within keeps an end between two distances from now.
func within(now, end time.Time, least, most time.Duration) time.Time {
	if d := end.Sub(now); d < least {
		return now.Add(least)
	} else if d > most {
		return now.Add(most)
	}
	return end
}

// evict makes room for an eighth: what has ended and cannot serve on goes, then what is
// worth least, then what nobody has asked for the longest time. So who asks for many names
// that do not exist, or that no server tells, drives out no record.
func (c *Client) evict(now time.Time) {
	type aged struct {
		question
		*entry
	}
	list := make([]aged, 0, len(c.entries))
	for q, e := range c.entries {
		if now.Before(e.answer.Until) || e.serves(now) {
			list = append(list, aged{q, e})
		} else {
			delete(c.entries, q)
		}
	}
	most := c.cfg.MaxEntries - c.cfg.MaxEntries/8 - 1
	if len(list) <= most {
		return
	}
	slices.SortFunc(list, func(a, b aged) int {
		if v, w := a.worth(now), b.worth(now); v != w {
			return cmp.Compare(v, w)
		}
		return a.used.Compare(b.used)
	})
	for _, x := range list[:len(list)-most] {
		delete(c.entries, x.question)
	}
}

// worth is 2 for records, also for those that serve on, 1 for that there are none, as long
// as that holds, and 0 for what nobody could tell.
func (e *entry) worth(now time.Time) int {
	switch {
	case e.err == nil:
		return 2
	case Nothing(e.err) && now.Before(e.answer.Until):
		return 1
	}
	return 0
}

// Size is the number of answers that are kept.
func (c *Client) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// Flush forgets every answer.
func (c *Client) Flush() {
	c.mu.Lock()
	clear(c.entries)
	c.mu.Unlock()
}
