package relay

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Reach is where a request within a dialog may be sent: to what the other end has named, or to
// its phones, wherever that is, because the dialog table knows who sends it; and to the hosts
// where the request that began the dialog came from and went to, and to those where the other end
// was seen. A gateway is reached only by a dialog that began there, or at another gateway.
type Reach struct {
	// Anywhere says that the table holds the dialog to no host.
	Anywhere bool
	// Named says that the request may go where it says itself, which the other end has named; not
	// where the script sends it instead.
	Named bool
	// Phones says that it may go to the phones that lookup has found: they are the other end's.
	Phones bool
	// SentBack says that it is what another router has got from here and sends to the other end:
	// its answers tell of the dialog where they have come to the first pass.
	SentBack bool
	// Known says that the table knows the dialog. That the Route names a gateway does not count
	// then: the Route may be that of another dialog with the same Call-ID and From tag.
	Known bool
	// Began is where the other end was when the dialog began, Seen where it was since: anybody
	// may have had it seen there. Zero ones are none.
	Began [4]netip.Addr
	Seen  [2]netip.Addr
	// NoGateway says that a gateway must not get it: it is for another target than the other
	// end has named.
	NoGateway bool
	// Led says that the request goes to the other end, so that its answer tells of the dialog.
	Led bool
	// Sealed says that the table does not know the dialog, which may be up all the same: the
	// Route alone tells of it.
	Sealed bool
}

// endMark is a hash of a host's address, which the seal of a Record-Route bears: it does
// not say the address, and it outlives the process. 0 is no host.
type endMark uint32

// bounds are the hosts that a request within a dialog may be sent to.
type bounds struct {
	set   bool // false: any
	reach Reach
	// near is where the end that sends the request was when the dialog began, by the Route, and
	// far where the other one was: there the request may go.
	near, far endMark
	// named says that a gateway which the Route names has named the target, too, and that the
	// Route leads to no other one; of an INVITE nothing else lets it there.
	named bool
}

// mark is the hash of an address. See makeToken for why SHA-256 will do.
func (e *Engine) mark(a netip.Addr) endMark {
	if !a.IsValid() {
		return 0
	}
	var room [64]byte
	address := a.As16() // the same with and without the mapping of IPv4
	sum := sha256.Sum256(append(append(append(room[:0], e.key[:]...), "end"...), address[:]...))
	return max(1, endMark(binary.BigEndian.Uint32(sum[:])))
}

// allows reports whether a host is within the bounds.
func (b *bounds) allows(e *Engine, a netip.Addr) bool {
	if !b.set {
		return true
	}
	a = a.Unmap()
	gateway := e.isGateway(a)
	switch {
	case !a.IsValid():
		return false
	case gateway && b.reach.NoGateway:
		return false
	case !gateway && (b.reach.Anywhere || b.reach.Seen[0].Unmap() == a || b.reach.Seen[1].Unmap() == a):
		return true
	}
	for _, x := range b.reach.Began {
		if x.IsValid() && (x.Unmap() == a || gateway && b.reach.Anywhere && e.isGateway(x.Unmap())) {
			return true // a gateway may say that the call goes on at another one
		}
	}
	if gateway && (b.reach.Known || !b.named && e.knowsGateways()) {
		return false
	}
	m := e.mark(a)
	return m != 0 && m == b.far
}

// bind leaves, of the places that a target leads to, those within the bounds of the request's dialog,
// before a connection is opened to one. Every target is held to them as it is about to be sent to: branch
// and failure routes may have made another one of it.
func (r *Request) bind(t *Target, w *way) error {
	if !r.bounds.set {
		return nil
	}
	held := r.bounds
	held.reach.Anywhere = r.isFree(t)
	switch {
	case !t.Flow.IsZero():
		if held.allows(r.Engine, t.Flow.Remote.Addr()) {
			return nil
		}
	case w.only(0, func(hop transport.Hop) bool { return held.allows(r.Engine, hop.Addr.Addr()) }):
		return nil
	}
	return ErrNoDialog
}

// isFree reports whether a target leads to the other end of the dialog wherever that is, and not only
// where it was seen: by the other end's own word, or as one of its phones.
func (r *Request) isFree(t *Target) bool {
	switch reach := &r.bounds.reach; {
	case reach.Anywhere:
		return true
	case t.Phone:
		return !r.astray && (reach.Phones || reach.Named && r.seal.Kind.known()) || r.wasSentTo(t)
	default:
		return reach.Named && r.saysItself(t) || r.wasSentTo(t)
	}
}

// saysItself reports whether a target is where the request itself leads: on the flow that a Route of
// ours names, along the rest of its Route, or to its Request-URI. The script has changed nothing, or the
// transport alone, or has named that place once more. An alias is no part of it: where the Request-URI has one
// that leads elsewhere than the rest, the other end has not named it (Reach.Named).
func (r *Request) saysItself(t *Target) bool {
	switch {
	case !t.Flow.IsZero():
		return t.Flow == r.routeFlow
	case r.nextRoute != nil:
		return true
	}
	return r.isAsReceived(t.URI) && (t.Next == nil || onHost(t.Next, t.URI))
}

// isAsReceived reports whether a URI is the received Request-URI, with its alias or without
// (handle_ruri_alias takes it out).
func (r *Request) isAsReceived(uri []byte) bool {
	received := r.Msg.RequestURI()
	if len(uri) >= len(received) {
		return bytes.Equal(uri, received)
	}
	var u sip.URI
	var room [512]byte
	return sip.ParseURI(received, &u) == nil && bytes.Equal(u.AppendWithout(room[:0], "alias"), uri)
}

// onHost reports whether a next hop is the place that a URI names, over some transport.
func onHost(next, uri []byte) bool {
	var a, b sip.URI
	return sip.ParseURI(next, &a) == nil && sip.ParseURI(uri, &b) == nil && sameService(&a, &b)
}

// samePort reports whether a next hop has the port of a URI. One that is not written is the default one, of
// the URI's transport or of that which the next hop has in its place.
func samePort(next, uri *sip.URI) bool {
	switch {
	case next.Port == uri.Port:
		return true
	case next.Port == 0:
		return uri.Port == defaultPort(next)
	case uri.Port == 0:
		return next.Port == defaultPort(uri) || next.Port == defaultPort(next)
	}
	return false
}

// defaultPort is the port of a URI that has none written (RFC 3263 §4.2).
func defaultPort(u *sip.URI) uint16 {
	proto := transport.ProtoNone
	if p, ok := u.Param("transport"); ok {
		proto = protoOf(p)
	}
	return overTLS(proto, u.Scheme == sip.SchemeSIPS).DefaultPort()
}

// wasSentTo reports whether a target of a failure route is a place that the request was sent to
// before, which was judged then: a challenge is answered there.
func (r *Request) wasSentTo(t *Target) bool {
	return r.route == inFailure && !t.Flow.IsZero() && r.ofCall(func(c *Call) bool {
		return slices.ContainsFunc(c.branches, func(b *Branch) bool { return b.client.Flow() == t.Flow && bytes.Equal(b.uri, t.URI) })
	})
}

// isGateway reports whether a host takes calls from us without asking who makes them.
func (e *Engine) isGateway(a netip.Addr) bool { return e.cfg.Gateway != nil && e.cfg.Gateway(a) }

// knowsGateways reports whether the address of each gateway is known. As long as it is not,
// any host may be one, and its calls bear no proof of what it has named.
func (e *Engine) knowsGateways() bool { return e.cfg.GatewaysKnown == nil || e.cfg.GatewaysKnown() }

// LeadsTo reports whether a URI is known to lead to a host, without asking a name server.
// False proves nothing: whoever must be sure asks HostsOf, and keeps what that has said.
func (e *Engine) LeadsTo(uri []byte, a netip.Addr) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return false
	}
	s, err := e.service(&u)
	return err == nil && e.isKnownAt(&s, func(host netip.Addr) bool { return host == a.Unmap() })
}

// isKnownAt reports whether a service is known to be at a host that is wanted, without
// asking a name server.
func (e *Engine) isKnownAt(s *transport.Service, wanted func(host netip.Addr) bool) bool {
	if host, numeric := parseAddr(s.Host); numeric {
		return wanted(host.Unmap())
	}
	var room [transport.MaxHops]transport.Hop
	list, err, known := e.resolver.Cached(room[:0], s)
	if !known || err != nil {
		return false
	}
	for _, hop := range list {
		if wanted(hop.Addr.Addr().Unmap()) {
			return true
		}
	}
	return false
}
