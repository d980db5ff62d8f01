package relay

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Reach is where a request within a dialog may be sent: anywhere, because the dialog table
// knows who sends it and that it goes to the other end; or only to the hosts where the
// request that began the dialog came from and went to, and to those where the other end was
// seen. A gateway is reached only by a dialog that began there, or at another gateway.
type Reach struct {
	Anywhere bool
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

// mark is the hash of an address.
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

// bind keeps the way of a request within its bounds, and what lookup has found, too: whose
// phone that is, Dialogs.Within has judged.
func (r *Request) bind(w *way) error {
	if !r.bounds.set {
		return nil
	}
	for !r.bounds.allows(r.Engine, w.flow.Remote.Addr()) {
		if w.left() == 0 || w.advance(r.Engine, r.From.Socket) != nil {
			return ErrNoDialog
		}
	}
	w.only(w.next, func(hop transport.Hop) bool { // else the places after it are not asked for
		return r.bounds.reach.Anywhere && r.bounds.allows(r.Engine, hop.Addr.Addr())
	})
	return nil
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
