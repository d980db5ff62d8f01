package dns

import "time"

// store keeps an answer; mu is held. a.Until comes in as the end of the records' own
// TTL. It returns what is to be answered, which is the old records while no server
// answers.
func (c *Client) store(q question, a Answer, err error) (Answer, error) {
	now := time.Now()
	old, had := c.entries[q]
	e := entry{answer: a, err: err}
	switch {
	case err == nil:
		e.answer.Until = within(now, a.Until, c.cfg.MinTTL, c.cfg.MaxTTL)
		e.stale = e.answer.Until.Add(c.cfg.StaleTTL)
	case Nothing(err):
		e.answer.Until = within(now, a.Until, min(time.Second, c.cfg.NegativeTTL), c.cfg.NegativeTTL)
	case had && old.err == nil && now.Before(old.stale):
		e = old
		e.answer.Until = now.Add(c.cfg.NegativeTTL)
	default:
		e.answer.Until = now.Add(c.cfg.NegativeTTL)
	}
	if c.cfg.NoCache {
		return e.answer, e.err
	}
	if !had && len(c.entries) >= c.cfg.MaxEntries {
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

// evict makes room: what has ended goes, and if nothing has, whatever the map shows first.
func (c *Client) evict(now time.Time) {
	for q, e := range c.entries {
		if now.After(e.answer.Until) {
			delete(c.entries, q)
		}
	}
	for q := range c.entries {
		if len(c.entries) < c.cfg.MaxEntries {
			return
		}
		delete(c.entries, q)
	}
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
