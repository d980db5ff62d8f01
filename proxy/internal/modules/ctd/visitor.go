package ctd

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// reachTimeout bounds the look-up of where a stranger's address leads. The portal, which
// has a visitor waiting, does so for 2 s.
const reachTimeout = 1500 * time.Millisecond

// Reach tells where addresses lead.
type Reach struct {
	// HostsOf finds the hosts that a URI leads to; with an error there may be more. It
	// waits for name servers, or for ctx.
	HostsOf func(ctx context.Context, uri []byte) ([]netip.Addr, error)
	// Gateway tells the hosts that take calls from us without asking who makes them, nil if
	// there are none; Own tells our own.
	Gateway, Own func(a netip.Addr) bool
}

// mayVisit judges a callee whom a stranger chose: such a call has the caller's rights. What
// a name looks like says nothing of where it leads, so it is looked up here, where calls
// are sent by the same resolver. The error is an *ctlproto.Error.
func (m *Module) mayVisit(ctx context.Context, callee string) error {
	who, err := aor.Parse(callee, "")
	if err != nil || who.User == "" || callee != who.URI() && callee != "sips:"+strings.TrimPrefix(who.URI(), "sip:") {
		return ctlproto.InvalidParam("callee", "of a visitor is a plain user@domain")
	}
	if m.cfg.Local != nil && m.cfg.Local(who.Domain) {
		return nil
	}
	if m.reach.HostsOf == nil {
		return ctlproto.InvalidParam("callee", "of a visitor is of a domain of this router")
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	hosts, err := m.reach.HostsOf(ctx, []byte(callee))
	if err != nil || len(hosts) == 0 {
		m.cfg.Log.Info("click-to-dial: visitor not called, where the address leads is not known", "callee", callee, "error", err)
		return ctlproto.InvalidParam("callee", "leads nowhere that is known")
	}
	for _, host := range hosts {
		if !m.reach.open(host.Unmap().WithZone("")) {
			m.cfg.Log.Warn("click-to-dial: visitor not called, the address leads inside", "callee", callee, "host", host)
			return ctlproto.InvalidParam("callee", "leads to a host that strangers may not have called")
		}
	}
	return nil
}

// open reports whether strangers may have a host called: it is of the public network, and
// neither we nor a gateway.
func (r *Reach) open(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || shared.Contains(a) {
		return false
	}
	return (r.Own == nil || !r.Own(a)) && (r.Gateway == nil || !r.Gateway(a))
}

// shared is the network between a provider and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")
