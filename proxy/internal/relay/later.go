package relay

import (
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/txn"
)

// Later keeps the request's transaction for a final reply that somebody makes when
// the worker has gone on, as the router's own user agent does where it must ask
// another phone first. An INVITE gets 100 at once, and 487 if it is cancelled meanwhile (RFC 3261 §9.2);
// then cancelled is called, under locks of the relay, and has to return at once. The function that Later returns sends the reply as it is, once; it must be called. It reports whether the reply
// is the answer: false, and nothing is sent, if the request has one. Nil says that there is no transaction.
func (r *Request) Later(cancelled func()) func(status int, msg []byte) (sent bool) {
	if r.NewTransaction() != nil {
		return nil
	}
	c, e := r.Call, r.Engine
	c.Ref()
	c.Lock()
	c.relayed = true
	c.trying(r)
	if c.method == sip.INVITE {
		c.withdrawn = &withdrawn{reply: r.BuildReply(nil, &sip.Reply{Status: 487}), tell: cancelled}
	}
	c.Unlock()
	return func(status int, msg []byte) (sent bool) {
		c.Lock()
		c.withdrawn = nil
		sent = !c.answered
		if sent {
			e.stats.LocalReplies.Add(1)
			c.replyUp(status, msg, e.layer)
		}
		c.Unlock()
		c.Unlocked(nil)
		c.Unref()
		return sent
	}
}

// withdrawn is what a CANCEL does to an INVITE of Later's.
type withdrawn struct {
	reply []byte // a 487
	tell  func()
}

// withdraw answers a cancelled INVITE of Later's: it has no branch whose 487 would do that.
func (c *Call) withdraw(out txn.Out) {
	if x := c.withdrawn; x != nil {
		c.withdrawn = nil
		c.engine.stats.LocalReplies.Add(1)
		c.replyUp(487, x.reply, out)
		x.tell()
	}
}
