package relay

import "seraph/proxy/internal/sip"

// Later keeps the request's transaction for a final reply that somebody makes when
// the worker has gone on, as the router's own user agent does where it must ask
// another phone first. An INVITE gets 100 at once. If it is cancelled before that reply,
// cancelled is called, once, under locks of the relay, perhaps before Later has returned; it
// has to return at once. Nothing else is done then: who asks another phone learns only from
// that whether the CANCEL came in time, and a 2xx that crosses it is an answer (RFC 3261 §9.1).
// The function that Later returns sends the reply as it is, once; it must be called, within
// a time that the caller sees to. Nil says that there is no transaction.
func (r *Request) Later(cancelled func()) func(status int, msg []byte) {
	if r.NewTransaction() != nil {
		return nil
	}
	c, e := r.Call, r.Engine
	c.Ref()
	c.Lock()
	c.relayed = true
	c.trying(r)
	if c.method == sip.INVITE {
		c.withdrawn = cancelled
	}
	if c.cancelled { // the CANCEL was faster than this worker
		c.withdraw()
	}
	c.Unlock()
	return func(status int, msg []byte) {
		c.Lock()
		c.withdrawn = nil
		if !c.answered {
			e.stats.LocalReplies.Add(1)
			c.replyUp(status, msg, e.layer)
		}
		c.Unlock()
		c.Unlocked(nil)
		c.Unref()
	}
}

// withdraw tells who is to answer an INVITE of Later's that it is cancelled.
func (c *Call) withdraw() {
	if tell := c.withdrawn; tell != nil {
		c.withdrawn = nil
		tell()
	}
}
