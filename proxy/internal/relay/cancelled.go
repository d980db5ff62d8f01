package relay

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// cancelled handles a CANCEL of the INVITE of a call, which is locked.
func (r *Request) cancelled(c *Call) {
	r.forceRPort = c.forceRPort // the script that would say so does not run
	if !c.mayCancel(r.Msg, r.From) {
		if e := r.Engine; e.Log.Enabled(context.Background(), slog.LevelDebug) {
			e.Log.Debug("a CANCEL is not of who has sent the INVITE", "source", r.From.Remote, "call_id", string(r.Msg.CallID()))
		}
		_ = r.ReplyStateless(&sip.Reply{Status: 481})
		return
	}
	_ = r.ReplyStateless(&sip.Reply{Status: 200})
	c.cancel(r.worker, cancelReason(r.Msg))
}

// mayCancel reports whether a CANCEL is of who has sent the INVITE: it has the INVITE's names (RFC 3261
// §9.1), and has not come from where that was sent to. A callee knows all that a CANCEL has to have,
// and could end the call when it has gone on to somebody else. Any other source will do: a phone gets
// another address, and the hosts of a provider send for one another. Who is called may be on the
// caller's host, or behind the same NAT: then it is the port that tells.
func (c *Call) mayCancel(m *sip.Message, from transport.Flow) bool {
	return c.Repeats(m) && !slices.ContainsFunc(c.branches, func(b *Branch) bool {
		return isCallees(from.Remote, c.from.Remote, b.client.Flow().Remote)
	})
}

// isCallees reports whether a source is where a branch went, and not where the INVITE came from.
func isCallees(source, caller, branch netip.AddrPort) bool {
	host := transport.SourceOf(source.Addr()) // of IPv6 a host has as many addresses as it likes
	switch {
	case source == caller:
		return false
	case host == transport.SourceOf(caller.Addr()):
		return source == branch
	}
	return host == transport.SourceOf(branch.Addr())
}
