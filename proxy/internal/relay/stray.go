package relay

import (
	"hash/maphash"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// statelessID is the branch id of a request that is forwarded without a transaction:
// a keyed hash of what identifies the transaction above (RFC 3261 §16.11). Of m, the
// request or a response to it without our Via, it reads only what both have, so that
// the id in a response proves that we sent the request; INVITE, ACK and CANCEL have
// the same. back, where the response goes, is hashed too: the sender of the request reads
// the id, and could write another place into a response of his own making.
func (e *Engine) statelessID(m *sip.Message, back transport.Hop) (uint64, error) {
	v, err := m.Via()
	if err != nil {
		return 0, err
	}
	from, err := m.From()
	if err != nil {
		return 0, err
	}
	cs, err := m.CSeq()
	if err != nil {
		return 0, err
	}
	method := cs.MethodText
	if cs.Method == sip.ACK || cs.Method == sip.CANCEL {
		method = inviteText
	}
	var h maphash.Hash
	h.SetSeed(e.tagSeed)
	for _, part := range [...][]byte{v.Branch, v.Host, from.Tag, m.CallID(), method} {
		_, _ = h.Write(part)
		_ = h.WriteByte(0)
	}
	for n := uint64(cs.Number)<<16 | uint64(v.Port); n > 0; n >>= 8 {
		_ = h.WriteByte(byte(n))
	}
	ip, port := back.Addr.Addr().As16(), back.Addr.Port()
	_, _ = h.Write(ip[:])
	_, _ = h.Write([]byte{byte(port >> 8), byte(port), byte(back.Proto)})
	return h.Sum64(), nil
}

// backOf is where a response to the request will go by its Via, once that is stamped.
func (r *Request) backOf() (transport.Hop, error) {
	v, err := r.Msg.Via()
	if err != nil {
		return transport.Hop{}, err
	}
	port := v.Port
	if v.HasRPort || r.forceRPort {
		port = r.From.Remote.Port()
	}
	return hopTo(r.From.Proto, r.From.Remote.Addr(), port), nil
}

// hopTo is a place; port 0 is the default one.
func hopTo(proto transport.Proto, a netip.Addr, port uint16) transport.Hop {
	if port == 0 {
		port = proto.DefaultPort()
	}
	return transport.Hop{Proto: proto, Addr: netip.AddrPortFrom(a.Unmap().WithZone(""), port)}
}

var inviteText = []byte("INVITE")

// forwardStray sends the response to a statelessly forwarded request on, to where its
// second Via says (RFC 3261 §16.11), which is where the request came from. False means that
// we never sent such a request, or that it came from elsewhere:
// whoever could have a response of his own making sent to any address would have a
// relay that is open.
func (e *Engine) forwardStray(r *Request) bool {
	m := r.Msg
	v, err := m.Via()
	if err != nil || !e.isSocket(v.Host, v.Port) {
		return false // RFC 3261 §18.1.2
	}
	id, ok := txn.ParseBranch(v.Branch, txn.StatelessMark)
	if !ok {
		return false
	}
	msg, err := m.AppendForwardedReply(r.scratch[:0])
	if err != nil {
		return false
	}
	r.scratch = msg
	next := &sip.Message{}
	if next.Parse(msg) != nil {
		return false
	}
	back, err := backBy(next)
	if err != nil {
		return false
	}
	if want, err := e.statelessID(next, back); err != nil || want != id {
		return false
	}
	if !e.hooks().Reply(r, 0) && m.Status < 200 {
		return true
	}
	f, err := e.flowTo(back.Proto, back.Addr, r.From.Socket, "", r.noConnectBack)
	if err != nil {
		return true
	}
	if msg, err = m.AppendForwardedReply(r.scratch[:0]); err == nil { // the route's edits with it
		r.scratch = msg
		_ = r.worker.Send(f, msg)
	}
	return true
}

// backBy is where a response goes by its Via alone (RFC 3261 §18.2.2, RFC 3581 §4).
func backBy(m *sip.Message) (transport.Hop, error) {
	v, err := m.Via()
	if err != nil {
		return transport.Hop{}, err
	}
	host, port := v.Host, v.Port
	if v.Received != nil {
		host = v.Received
	}
	if n, ok := sip.ParseUint(v.RPort, 65535); ok && n > 0 {
		port = uint16(n)
	}
	proto, known := transport.ParseProto(string(v.Transport))
	addr, ok := parseAddr(host)
	if !ok || !known {
		return transport.Hop{}, ErrNoTarget
	}
	return hopTo(proto, addr, port), nil
}
