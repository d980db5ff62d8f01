package relay

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// way is how a target is reached: a flow, and the places that are left to try if it
// fails (RFC 3263 §4.3).
type way struct {
	flow  transport.Flow
	at    transport.Hop // where flow leads; the zero Hop for a target's own flow
	found bool          // by DNS
	named bool          // so, and the URI leaves the transport open
	gone  bool          // there is no connection to a phone, and none can be opened
	// noConnect says that no connection is opened for it.
	noConnect bool
	// domain is whom the peer of a TLS connection has to speak for.
	domain string
	next   int // the first place of hops that is left
	n      int
	hops   [transport.MaxHops]transport.Hop
}

// only takes away, of the places from the i-th on, those that are not allowed, and reports
// whether any is left.
func (w *way) only(i int, allowed func(transport.Hop) bool) bool {
	n := i
	for _, hop := range w.hops[i:w.n] {
		if allowed(hop) {
			w.hops[n] = hop
			n++
		}
	}
	w.n = n
	return n > i
}

// left is how many places are left.
func (w *way) left() int { return w.n - w.next }

// advance makes the flow one to the next place that there is a way to; the error of
// the last one if there is none.
func (w *way) advance(e *Engine, socket uint16) error {
	err := ErrNoTarget
	for w.next < w.n {
		w.at = w.hops[w.next]
		w.next++
		if w.flow, err = e.flowTo(w.at.Proto, w.at.Addr, socket, w.domain, w.noConnect); err == nil {
			return nil
		}
	}
	w.flow = transport.Flow{}
	return err
}

// reach finds how a target is reached (RFC 3261 §16.6 steps 6-7, RFC 3263 §4). It may
// wait for the resolver.
func (r *Request) reach(t *Target, w *way) error {
	w.flow, w.at, w.found, w.named, w.domain, w.next, w.n = t.Flow, transport.Hop{}, false, false, "", 0, 0
	w.noConnect = r.noConnect || t.NoConnect
	if !t.Flow.IsZero() {
		if !t.Flow.Proto.Secure() && r.wantsTLS(t) {
			return ErrInsecure
		}
		return r.bind(t, w)
	}
	hop := r.hopOf(t)
	if hop == nil {
		hop = t.URI
	}
	var u sip.URI
	if err := sip.ParseURI(hop, &u); err != nil {
		return err
	}
	s, err := r.Engine.service(&u)
	if err != nil {
		return err
	}
	if addr, ok := parseAddr(s.Host); ok {
		w.hops[0], w.n = numericHop(addr, &s), 1
	} else if err := r.locate(&s, w); err != nil {
		return err
	}
	if err := r.admit(t, w); err != nil {
		return err
	}
	if err := r.keepOut(t, &u, w); err != nil {
		return err
	}
	if w.n > 0 && r.wantsTLS(t) {
		if err := w.secure(); err != nil {
			return err
		}
	}
	if w.n > 0 {
		if err := r.bind(t, w); err != nil {
			return err
		}
	}
	return w.advance(r.Engine, r.From.Socket)
}

// service is what a URI asks for (RFC 3263 §4.1).
func (e *Engine) service(u *sip.URI) (transport.Service, error) {
	s := transport.Service{Host: u.Host, Port: u.Port, Secure: u.Scheme == sip.SchemeSIPS, Reach: e.reach}
	if u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS {
		return s, ErrBadTarget
	}
	if p, ok := u.Param("transport"); ok {
		if s.Proto = protoOf(p); s.Proto == transport.ProtoNone {
			return s, ErrBadTarget
		}
	}
	switch {
	case s.Secure && !e.reach.Has(transport.TLS) && !e.reach.Has(transport.WSS):
		return s, ErrBadTarget // we serve nothing of the kind
	case s.Secure && s.Proto == transport.UDP:
		return s, ErrInsecure // RFC 3261 §26.2.2
	case s.Secure && s.Proto == transport.WS:
		s.Proto = transport.WSS
	}
	if m, ok := u.Param("maddr"); ok && len(m) > 0 {
		s.Host = m
	}
	s.Host = bareHost(s.Host)
	return s, nil
}

// numericHop is the one place that a numeric host means: UDP, or TLS for sips, unless the
// URI says otherwise (RFC 3263 §4.1).
func numericHop(addr netip.Addr, s *transport.Service) transport.Hop {
	proto, port := overTLS(s.Proto, s.Secure), s.Port
	if port == 0 {
		port = proto.DefaultPort()
	}
	return transport.Hop{Proto: proto, Addr: netip.AddrPortFrom(addr, port)}
}

// overTLS is the transport of a URI that has that one written, or none (RFC 3261 §26.2.2, RFC 7118 §5):
// each stream of sips is over TLS, and UDP is refused where it is asked for (service).
func overTLS(proto transport.Proto, secure bool) transport.Proto {
	switch {
	case proto == transport.ProtoNone && !secure:
		return transport.UDP
	case !secure || proto == transport.WSS:
		return proto
	case proto == transport.WS:
		return transport.WSS
	}
	return transport.TLS
}

// bareHost takes a final dot off a name, and the brackets off an IPv6 address.
func bareHost(host []byte) []byte {
	if n := len(host); n > 1 && host[n-1] == '.' {
		return host[:n-1]
	}
	return sip.Unbracket(host)
}

// protoOf reads a transport parameter without allocation.
func protoOf(name []byte) transport.Proto {
	for p := transport.UDP; p <= transport.WSS; p++ {
		if sip.EqualFold(name, p.String()) {
			return p
		}
	}
	return transport.ProtoNone
}

// locate looks a service up: cached ones at once, others after the worker has been
// parked.
func (r *Request) locate(s *transport.Service, w *way) error {
	list, err, ok := r.Engine.resolver.Cached(w.hops[:0], s)
	if !ok {
		if !r.queue() {
			return ErrOverload
		}
		defer r.leave()
		if !r.Park() {
			return ErrOverload
		}
		ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
		defer cancel()
		list, err = r.Engine.resolver.Locate(ctx, w.hops[:0], s)
	}
	w.n, w.found, w.named = len(list), true, s.Proto == transport.ProtoNone && !s.Secure
	for i := range list {
		if list[i].Proto == transport.TLS {
			w.domain = domainOf(transport.TLS, s.Host)
		}
	}
	return err
}

const (
	// sourceSlots is how many slots the waiting of sources is counted in; addresses share
	// them, so that the counts need no memory of their own.
	sourceSlots = 1024
	// maxSourceWaits is how many requests of one source may wait for the resolver: the
	// zones of one stranger must not keep all others from asking.
	maxSourceWaits = 64
)

// waiting is the slot of the request's source.
func (r *Request) waiting() *atomic.Int32 {
	return &r.Engine.waits[maphash.Comparable(r.Engine.tagSeed, transport.SourceOf(r.From.Remote.Addr()))%sourceSlots]
}

// queue counts a request that is to wait for the resolver; false if too many of its
// source do. Our own are not counted.
func (r *Request) queue() bool {
	if r.Local != nil {
		return true
	}
	if n := r.waiting(); n.Add(1) > r.Engine.sourceWaits {
		n.Add(-1)
		return false
	}
	return true
}

// leave ends the wait.
func (r *Request) leave() {
	if r.Local == nil {
		r.waiting().Add(-1)
	}
}

// lost reports whether sending failed for want of a connection, or of a way to the
// address: what another place may be better at, and what is no fault of the request.
func lost(err error) bool {
	return !errors.Is(err, transport.ErrTooLarge) && !errors.Is(err, transport.ErrQueueFull) &&
		!errors.Is(err, transport.ErrNoSocket) && !errors.Is(err, transport.ErrClosed)
}
