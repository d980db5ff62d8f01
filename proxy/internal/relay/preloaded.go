package relay

import "seraph/proxy/internal/sip"

// A request outside of a dialog may bring a Route that its sender has put in (a preloaded
// one, RFC 3261 §8.1.2). Whoever may name a host there has it get a request that the script
// meant for somebody else. So such a Route is followed for a sender who has proved who he is,
// where the script has not said itself where the request goes, and never to a gateway or to
// the router. Otherwise it is taken off.

// chosen reports whether the script has said where a target is: lookup, ds_select_domain,
// a Request-URI of its own making, a next hop or branches.
func (r *Request) chosen(t *Target) bool {
	received := r.Msg.RequestURI()
	same := len(t.URI) == len(received) && &t.URI[0] == &received[0]
	return !same || t.Next != nil || !t.Flow.IsZero() || r.Found || len(r.More) > 0
}

// filterRoutes takes a preloaded Route off that is not followed. A challenge is answered on
// the way that was challenged, with the Route that went there.
func (r *Request) filterRoutes(t *Target) {
	if r.routesDropped || r.viaFlow || r.authorized {
		return
	}
	if len(r.Auth.User) == 0 || r.chosen(t) {
		r.dropRoutes()
	}
}

// dropRoutes removes the Route.
func (r *Request) dropRoutes() {
	r.routesDropped = true
	for h := r.Msg.Header(sip.HdrRoute); h != nil; h = r.Msg.Next(h) {
		r.Msg.Delete(h.Start, h.End-h.Start)
	}
	r.nextRoute = nil
}

// hopOf is the URI that decides where a target's request goes, nil where that is the
// Request-URI. Outside of a dialog what the script says, in a branch route too, comes
// before a Route.
func (r *Request) hopOf(t *Target) []byte {
	if r.nextRoute != nil && t.Flow.IsZero() && (r.InDialog || !r.chosen(t)) {
		return r.nextRoute
	}
	return t.Next
}

// admit leaves, of the places that a preloaded Route leads to, those that it may lead to.
// Within a dialog that is for bind to say.
func (r *Request) admit(t *Target, w *way) error {
	if r.nextRoute == nil || r.Local != nil || r.InDialog || r.chosen(t) || w.only(0, r.Engine.isOutside) {
		return nil
	}
	return ErrForeignRoute
}
