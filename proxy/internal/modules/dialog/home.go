package dialog

import (
	"net/netip"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// homeOf is a flow as a party's home; the zero Flow, which is nobody's, if it comes from one
// of our own sockets: anybody may have had that sent.
func (m *Module) homeOf(f transport.Flow) transport.Flow {
	if m.cfg.Sockets == nil {
		return f
	}
	for _, s := range m.cfg.Sockets() {
		if a := s.Addr.Addr(); s.Addr.Port() == f.Remote.Port() && (a == f.Remote.Addr() || a.IsUnspecified() && f.Local.Addr() == f.Remote.Addr()) {
			return transport.Flow{}
		}
	}
	return f
}

// isHome reports whether a flow is that on which the party was when the call began: the
// same port, the same connection. A host will not do: others are behind the same NAT. Of a
// party behind other routers nothing but their host is known, and what is for the other end
// through them is held to the whole route set.
func (p *party) isHome(f transport.Flow) bool {
	if p.home.IsZero() {
		return false
	}
	if f.Remote == p.home.Remote && f.Conn == p.home.Conn && f.Proto == p.home.Proto {
		return true
	}
	return len(p.routes) > 0 && f.Remote.Addr() == p.home.Remote.Addr()
}

// isOn reports whether a flow leads to the party: it is its home, or what it last came on.
func (p *party) isOn(f transport.Flow) bool {
	return p.isHome(f) || f.Remote == p.flow.Remote && f.Conn == p.flow.Conn && f.Proto == p.flow.Proto
}

// isFrom reports whether an address is the host of the party's home, or the one that it
// has named there as its target.
func (p *party) isFrom(a netip.Addr) bool {
	if p.home.IsZero() {
		return false
	}
	if a == p.home.Remote.Addr() {
		return true
	}
	var u sip.URI
	return p.sure && sip.ParseURI(p.contact, &u) == nil && namesAddr(u.Host, a)
}

// owns reports whether what comes on a flow is the party's and not the other one's in its
// name: it comes from home, or from a host of the party where the other one is not.
func (p *party) owns(f transport.Flow, other *party) bool {
	return p.isHome(f) || f.Remote.Addr() != other.home.Remote.Addr() && p.isFrom(f.Remote.Addr())
}

// proven reports whether a request within a dialog came from the end that it names, and went
// to the other one, so that its answer tells something of the call. Where the INVITE has passed
// more than once, nobody can say where one pass of a request leads.
func (d *dialog) proven(c *relay.Call, byCaller bool) bool {
	sender, to := d.ends(byCaller)
	return c.Led() && !d.again && !to.moved.IsValid() && sender.owns(c.Source(), to)
}
