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

// DialogWith reports whether the request belongs to a dialog with a host: by the dialog
// table, by our Route, or because it is on its way there. The Route alone will not do: who
// may choose Call-ID and From tag gets one for this dialog by calling somebody else.
func (r *Request) DialogWith(a netip.Addr) bool {
	if !r.InDialog || !a.IsValid() {
		return false
	}
	e := r.Engine
	if d := e.cfg.Dialogs; d != nil {
		if !r.hostsKnown {
			r.hosts, r.hostsKnown = d.Hosts(r), true
		}
		for _, x := range r.hosts {
			if x.IsValid() && x.Unmap() == a.Unmap() {
				return true
			}
		}
	}
	if m := e.mark(a); m == r.seal.ends[0] || m == r.seal.ends[1] {
		return true
	}
	next := r.nextRoute
	if next == nil {
		next = r.Main.URI
	}
	return e.LeadsTo(next, a)
}
