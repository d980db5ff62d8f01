package relay

import (
	"hash/maphash"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// stamp writes received and rport into the topmost Via, once a request.
func (r *Request) stamp() {
	if r.stamped || r.Local != nil {
		return
	}
	r.stamped = true
	_ = r.Msg.MarkReceived(r.From.Remote, r.forceRPort)
}

// ForceRPort makes the replies go to the port that the request came from, as if
// its Via had asked for it (RFC 3581; SER's force_rport).
func (r *Request) ForceRPort() { r.forceRPort = true }

// replyFlow returns where replies go (RFC 3261 §18.2.2, RFC 3581 §4): over the
// connection of the request; over UDP to its source address, at the port of the
// Via unless rport was asked for.
func (r *Request) replyFlow() transport.Flow {
	f := r.From
	if f.Proto != transport.UDP || r.forceRPort {
		return f
	}
	v, err := r.Msg.Via()
	if err != nil || v.HasRPort {
		return f
	}
	port := v.Port
	if port == 0 {
		port = 5060
	}
	f.Remote = netip.AddrPortFrom(f.Remote.Addr(), port)
	return f
}

// Reroute is the way for a reply whose connection has closed meanwhile: a new one to the
// address that the request came from, at the port that its Via names (RFC 3261 §18.2.2); after
// ReplyNoConnect only one that is there.
func (c *Call) Reroute(gone transport.Flow, reply []byte) (transport.Flow, bool) {
	if gone.Proto != transport.TCP && gone.Proto != transport.TLS {
		return gone, false // a WebSocket is opened by the other side alone
	}
	m := &sip.Message{}
	if m.ParseOwn(reply) != nil {
		return gone, false
	}
	v, err := m.Via()
	if err != nil {
		return gone, false
	}
	port := v.Port
	if port == 0 {
		port = gone.Proto.DefaultPort()
	}
	f, err := c.engine.flowTo(gone.Proto, netip.AddrPortFrom(gone.Remote.Addr(), port), gone.Socket, "", c.noConnectBack)
	if err != nil {
		return f, false
	}
	if !c.noConnectBack {
		c.engine.expect(f, gone, v, reply)
	}
	return f, true
}

// toTag appends the To tag of what the router itself answers: a function of the
// request's branch and Call-ID, so that a retransmission, the CANCEL and the
// ACK of a stateless answer have the same (RFC 3261 §8.2.6.2, §8.2.7).
func (r *Request) toTag(dst []byte) []byte {
	var h maphash.Hash
	h.SetSeed(r.Engine.tagSeed)
	if v, err := r.Msg.Via(); err == nil {
		_, _ = h.Write(v.Branch)
		_, _ = h.Write(v.Host)
	}
	_, _ = h.Write(r.Msg.CallID())
	dst = append(dst, "srph-"...)
	n := h.Sum64()
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[n>>shift&15])
	}
	return dst
}

// isStatelessAck reports whether an ACK answers a reply that was sent without a
// transaction: its To tag is the one we gave.
func (e *Engine) isStatelessAck(r *Request) bool {
	to, err := r.Msg.To()
	if err != nil || len(to.Tag) < 5 || string(to.Tag[:5]) != "srph-" {
		return false
	}
	var room [32]byte
	if string(r.toTag(room[:0])) != string(to.Tag) {
		return false
	}
	srv := e.txns.FindServer(r.key)
	if srv == nil {
		return true
	}
	srv.Cell().Unref()
	return false
}

// ReplyStateless answers the request without a transaction (SER's
// sl_send_reply). An ACK is never answered, nor a request that was already.
func (r *Request) ReplyStateless(rep *sip.Reply) error {
	if r.Msg.Method == sip.ACK {
		return nil
	}
	if r.Replied {
		return ErrAlreadyReplied
	}
	if r.route == inReply || r.Call != nil || r.Local != nil {
		return r.Reply(rep)
	}
	msg := r.build(rep)
	if rep.Status >= 200 {
		r.Replied = true
		r.Engine.stats.Stateless[rep.Status/100].Add(1)
		if a := r.Engine.cfg.Accountant; a != nil && r.Msg.Method == sip.INVITE {
			a.Refused(r, rep.Status, msg)
		}
	}
	return r.out().Send(r.replyFlow(), msg)
}

// BuildReply appends the reply to dst as it would be sent, for who sends it
// later himself, and ReplyFlow says where to.
func (r *Request) BuildReply(dst []byte, rep *sip.Reply) []byte {
	r.stamp()
	if len(rep.ToTag) == 0 {
		rep.ToTag = r.toTag(r.tag[:0])
		defer func() { rep.ToTag = nil }()
	}
	if len(r.replyLines) > 0 && rep.Status != 100 {
		own := rep.Extra
		rep.Extra = append(r.replyLines, own...)
		r.replyLines = rep.Extra[:len(r.replyLines)] // keeps the room
		defer func() { rep.Extra = own }()
	}
	return r.Msg.AppendReply(dst, rep)
}

// maxReplyLines bounds what AppendToReply takes for one request, in bytes: with more, no
// reply could be sent.
const maxReplyLines = 16 << 10

// AppendToReply puts header lines, each ending in CRLF, into the replies that are
// made here to the request in this run of the script (SER's append_to_reply). False:
// they are too many.
func (r *Request) AppendToReply(lines []byte) bool {
	if len(r.replyLines)+len(lines) > maxReplyLines {
		return false
	}
	r.replyLines = append(r.replyLines, lines...)
	return true
}

// DropReplyLines takes back what AppendToReply was given.
func (r *Request) DropReplyLines() { r.replyLines = r.replyLines[:0] }

// ReplyFlow returns where a reply to the request goes.
func (r *Request) ReplyFlow() transport.Flow { return r.replyFlow() }

func (r *Request) build(rep *sip.Reply) []byte {
	r.scratch = r.BuildReply(r.scratch[:0], rep)
	return r.scratch
}

// out is the worker, or the layer where there is none.
func (r *Request) out() txn.Out {
	if r.worker != nil {
		return r.worker
	}
	return r.Engine.layer
}

// Reply answers the request through its transaction, or without one if it has
// none (SER's t_reply).
func (r *Request) Reply(rep *sip.Reply) error {
	if r.Msg.Method == sip.ACK {
		return nil
	}
	if r.route == inReply {
		return ErrNoTransaction // a response is not answered, and its call is locked
	}
	if r.Call == nil && r.Local != nil {
		if err := r.NewTransaction(); err != nil {
			return err
		}
	}
	if r.Call == nil {
		return r.ReplyStateless(rep)
	}
	c := r.Call
	msg := r.build(rep)
	c.Lock()
	defer c.Unlock()
	if c.answered {
		return ErrAlreadyReplied
	}
	r.remember(c)
	if c.local != nil {
		c.local.From = transport.Flow{}
	}
	r.Engine.stats.LocalReplies.Add(1)
	c.replyUp(rep.Status, msg, r.out())
	if rep.Status >= 200 {
		r.Replied = true
		c.cancelBranches(r.out(), nil)
	}
	return nil
}
