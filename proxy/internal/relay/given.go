package relay

import (
	"context"
	"errors"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Anybody may write down where calls to him go: a contact that he adds by hand, an address
// that he forwards to. The router would send there in its own name, and a gateway takes calls
// from it without asking who makes them. So such a target (Target.Given) leads to no gateway
// and not to the router itself; what its owner may call, the script has to ask.

// ErrBarred says that a target which a user has given leads to a gateway or to the router, or
// that a target leads to a phone whose owner refuses the request.
var ErrBarred = errors.New("the target is a gateway or the router itself, named by a user, or a phone whose owner refuses the request")

// UsersWord reports whether it is a user who says where a target leads. A next hop of the
// script's leads elsewhere, as long as it is there, but for one that is made of a user's word.
func (t *Target) UsersWord() bool {
	return t.NextOf == NextUsers || t.Given && t.NextOf != NextScript && t.NextOf != NextServer
}

// HeedPhones has the request not go to a place where a phone is whose owner refuses it
// (Config.Refused), unless lookup has found that phone or the script itself has named the place. It
// is said of all branches, those of failure routes too.
func (r *Request) HeedPhones() {
	r.heedPhones = true
	r.tellCall(func(c *Call) { c.heedPhones = true })
}

// keepOut leaves, of the places that a given target leads to, those that it may lead to, and
// of those, and with HeedPhones of others, only the ones whose people take the request. hop is where
// it goes.
func (r *Request) keepOut(t *Target, hop *sip.URI, w *way) error {
	users := t.UsersWord() && !r.isScripts(t, hop)
	if users && !w.only(0, func(h transport.Hop) bool { return r.Engine.mayName(t, h) }) {
		return ErrBarred
	}
	if !users && (!r.heedPhones || t.Phone || r.isScripts(t, hop)) || r.Engine.cfg.Refused == nil {
		return nil
	}
	if !w.only(0, func(h transport.Hop) bool { return !r.Engine.cfg.Refused(r, t.URI, h.Addr) }) {
		return ErrBarred
	}
	return nil
}

// isScripts reports whether it is the script that has chosen where a target goes: by a next hop,
// or by a host or port in the Request-URI that the sender has not named.
func (r *Request) isScripts(t *Target, hop *sip.URI) bool {
	var named sip.URI
	switch {
	case r.nextRoute != nil && (r.InDialog || !r.chosen(t)): // see hopOf
		return false
	case t.Next == nil:
		return t.Hosted && (sip.ParseURI(r.Msg.RequestURI(), &named) != nil || !sameService(hop, &named))
	case t.NextOf == NextRelay: // perhaps no more than another transport
		return sip.ParseURI(t.URI, &named) != nil || !sameService(hop, &named)
	}
	return t.NextOf == NextScript || t.NextOf == NextServer
}

// isSenders reports whether it is the sender who has chosen where a target goes, and not the script.
func (r *Request) isSenders(t *Target) bool {
	hop := r.hopOf(t)
	if hop == nil {
		hop = t.URI
	}
	var u sip.URI
	return sip.ParseURI(hop, &u) == nil && !r.isScripts(t, &u)
}

// sameService reports whether a next hop leads to the same host and port as a URI, over some transport.
func sameService(next, uri *sip.URI) bool {
	return sip.SameHost(HostOf(next), HostOf(uri)) && samePort(next, uri)
}

// HostOf is the host that a URI leads to.
func HostOf(u *sip.URI) []byte {
	if m, ok := u.Param("maddr"); ok && len(m) > 0 {
		return m
	}
	return u.Host
}

// isOutside reports whether a place is neither a gateway's nor the router's own.
func (e *Engine) isOutside(hop transport.Hop) bool {
	addr := hop.Addr.Addr().Unmap()
	return !e.isGateway(addr) && !e.layer.IsLocal(addr, hop.Addr.Port())
}

// Barred reports whether a URI that somebody has given is known to lead into one of our own
// domains, to the router or to a gateway. It asks no name server: where a name leads that is
// not known yet, is seen when the request is sent (Target.Given).
func (e *Engine) Barred(uri []byte) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return false
	}
	return e.bars(&u)
}

func (e *Engine) bars(u *sip.URI) bool {
	if e.Myself(u.Host, u.Port) || e.cfg.LocalDomain != nil && e.cfg.LocalDomain(u.Host) {
		return true
	}
	s, err := e.service(u)
	if err != nil {
		return false // nothing that we serve leads there
	}
	return e.isSocket(s.Host, s.Port) || e.isKnownAt(&s, e.isGateway) // ours by maddr
}

// BarredFor is Barred that asks name servers, for two seconds at most.
func (e *Engine) BarredFor(ctx context.Context, uri []byte) bool {
	if e.Barred(uri) {
		return true
	}
	if e.cfg.Gateway == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, _ := e.HostsOf(ctx, uri) // what nobody knows now, is seen when a request is sent
	for _, addr := range list {
		if e.isGateway(addr.Unmap()) {
			return true
		}
	}
	return false
}
