package ctd

import (
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/ua"
)

// Router is a relay engine as the user agent sees it (ua.Router).
type Router struct{ *relay.Engine }

// Inject runs the script on an initial request of the user agent.
func (r Router) Inject(msg []byte, as ua.Identity, replied func(status int, msg []byte, from transport.Flow)) error {
	l := local(as)
	l.Replied = func(status int, msg []byte) { replied(status, msg, l.From) }
	return r.Engine.Inject(msg, l)
}

// Submit runs the script on a request of the user agent outside any dialog.
func (r Router) Submit(msg []byte, as ua.Identity, replied func(status int, msg []byte, from transport.Flow, bound bool, said sip.StatusSet)) error {
	l := local(as)
	l.Replied = func(status int, msg []byte) { replied(status, msg, l.From, l.Bound, l.Said) }
	return r.Engine.Inject(msg, l)
}

// local is an identity as the relay has it.
func local(as ua.Identity) *relay.Local {
	return &relay.Local{User: as.User, Domain: as.Domain, Contact: as.Contact, Accounted: as.Accounted, NoRules: as.NoRules}
}

// UserAgent is relay.Config.UserAgent for an agent: it takes, before the script,
// the requests for the agent's dialogs. Those of others cost no allocation.
func UserAgent(a *ua.Agent) func(r *relay.Request) bool {
	return func(r *relay.Request) bool {
		if !a.Owns(r.Msg) {
			return false
		}
		a.Handle(r.Msg, r.From, responder{r})
		return true
	}
}

// responder answers one request through the relay (ua.Responder).
type responder struct{ r *relay.Request }

// Reply answers through a transaction, which absorbs retransmissions. With the
// table full it answers without one.
func (x responder) Reply(rep *sip.Reply) {
	_ = x.r.NewTransaction()
	_ = x.r.Reply(rep)
}

// Refuse answers without a transaction.
func (x responder) Refuse(rep *sip.Reply) { _ = x.r.ReplyStateless(rep) }

// Append builds the reply without sending it.
func (x responder) Append(dst []byte, rep *sip.Reply) ([]byte, transport.Flow) {
	return x.r.BuildReply(dst, rep), x.r.ReplyFlow()
}

// Later keeps the transaction for a reply that is made when the worker has gone on.
func (x responder) Later(cancelled func()) func(status int, msg []byte) {
	return x.r.Later(cancelled)
}
