package relay

import (
	"context"
	"errors"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// HostsOf finds the hosts that a URI leads to: those that serve it, and those that have its
// name, to which it leads with a port or a transport of somebody else's choice. It waits for
// name servers, or for ctx. No host and no error say that the name is known to lead nowhere;
// with an error there may be more hosts than are given.
func (e *Engine) HostsOf(ctx context.Context, uri []byte) ([]netip.Addr, error) {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return nil, ErrBadTarget
	}
	s, err := e.service(&u)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing that we serve leads there
	}
	if host, numeric := parseAddr(s.Host); numeric {
		return []netip.Addr{host}, nil
	}
	list, served := e.resolver.Lookup(ctx, string(s.Host))
	hops, err := e.resolver.Locate(ctx, nil, &s)
	for _, hop := range hops {
		list = append(list, hop.Addr.Addr())
	}
	return list, errors.Join(unsure(served), unsure(err))
}

// unsure is an error that leaves open whether there is an address.
func unsure(err error) error {
	if errors.Is(err, transport.ErrNoAddress) || errors.Is(err, transport.ErrBadHost) {
		return nil
	}
	return err
}

// DialogWith reports whether the request belongs to a dialog whose first request came from
// a host or went there, as our Route says.
func (r *Request) DialogWith(a netip.Addr) bool {
	if !r.InDialog {
		return false
	}
	m := r.Engine.mark(a)
	return m != 0 && (m == r.seal.ends[0] || m == r.seal.ends[1])
}
