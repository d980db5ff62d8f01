package relay

// Later keeps the request's transaction for a final reply that somebody makes when
// the worker has gone on, as the router's own user agent does where it must ask
// another phone first. An INVITE gets 100 at once. The function that it returns sends
// the reply as it is, once; it must be called. Nil says that there is no transaction.
func (r *Request) Later() func(status int, msg []byte) {
	if r.NewTransaction() != nil {
		return nil
	}
	c, e := r.Call, r.Engine
	c.Ref()
	c.Lock()
	c.relayed = true
	c.trying(r)
	c.Unlock()
	return func(status int, msg []byte) {
		c.Lock()
		if !c.answered {
			e.stats.LocalReplies.Add(1)
			c.replyUp(status, msg, e.layer)
		}
		c.Unlock()
		c.Unlocked(nil)
		c.Unref()
	}
}
