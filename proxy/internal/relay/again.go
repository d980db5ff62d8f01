package relay

import (
	"errors"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrNothingNew says that Relay has sent the request on already, and that nothing was
// added since.
var ErrNothingNew = errors.New("the request was sent on already")

// NextOf says whose word Target.Next is.
type NextOf uint8

const (
	// NextFound is where something that looked the URI up (lookup, an alias, a GRUU) has
	// found it: it goes when the URI leads elsewhere.
	NextFound NextOf = iota
	// NextScript is the script's own ($du, a gateway of its choice): it stays.
	NextScript
	// NextUsers is what the script has made of a place that a user has named: it stays as well.
	NextUsers
	// NextRelay is the transport that one t_relay or forward names, and where the target led anyway.
	NextRelay
	// NextServer is the host that one t_relay or forward names.
	NextServer
)

// stays reports whether a next hop is there until the script takes it back.
func (n NextOf) stays() bool { return n == NextScript || n == NextUsers }

// once reports whether a next hop is of one t_relay or forward.
func (n NextOf) once() bool { return n == NextRelay || n == NextServer }

// SetNext makes the request go to the URI next, which is kept as it is, in place of the
// Request-URI, by the script's own word; nil takes any such word back, and of a phone that was found
// leaves the host that its owner has written (Target.Given).
func (r *Request) SetNext(next []byte) {
	r.leavePhone()
	r.Main.Next, r.Main.NextOf = next, NextFound
	if next != nil {
		r.Main.NextOf = NextScript
	}
}

// HasNext reports whether the request goes elsewhere than its Request-URI says: to the next hop of its
// target, along the rest of its Route, or on a flow that a Route of ours names.
func (r *Request) HasNext() bool { return r.Main.Next != nil || r.nextRoute != nil || r.viaFlow }

// SetUsersNext is SetNext where the next hop is made of what a user has named, such as the host of a found
// phone: it stays as one of the script's does, and is that user's word still.
func (r *Request) SetUsersNext(next []byte) {
	r.SetNext(next)
	r.Main.NextOf = NextUsers
}

// Elsewhere is Moved where the script has named the new place itself: it is no user's word any
// more.
func (r *Request) Elsewhere() {
	r.Moved()
	r.Main.Given, r.Main.Hosted = false, true
}

// UsersElsewhere is Moved where the new Request-URI is made of what a user has named: it is that user's word still.
func (r *Request) UsersElsewhere() {
	r.Moved()
	r.Main.Given = true
}

// MovedPort is Moved where only the port has become another: whose word the host is, stays, and that of a
// phone that was found is its owner's (Target.Given).
func (r *Request) MovedPort() {
	hosted := r.Main.Hosted
	r.leavePhone()
	r.Moved()
	r.Main.Hosted = hosted
}

// Moved says that the Request-URI leads elsewhere now: the place that was found for the
// one before does not count for it, a next hop of the script's does.
func (r *Request) Moved() {
	r.forgetPlace()
	r.Main.Hosted = false
	if !r.Main.NextOf.stays() {
		r.Main.Next, r.Main.NextOf = nil, NextFound
	}
}

// ForwardToURI is Forward to the host of the Request-URI, or to another port there: whose word the host is, stays,
// and that of a phone that was found is its owner's (Target.Given). ErrBarred beside the errors of Forward.
func (r *Request) ForwardToURI(host string, port uint16) error {
	if port == 0 {
		port = 5060
	}
	t := r.Main
	t.Next = sip.AppendUint(append(append([]byte("sip:"), host...), ':'), uint64(port))
	t.Given = t.OwnersWord()
	t.LeaveFlow()
	if t.NextOf = NextRelay; t.Given {
		t.NextOf = NextFound // another port, or what stands beside maddr, is the owner's word too
	}
	return r.forwardStateless(&t)
}

// Again makes Main count as new (AsSent), though it leads where it led: the script has written again what
// stood there.
func (r *Request) Again() { r.Main.URI = r.Keep(r.Main.URI) }

// leavePhone is forgetPlace where the Request-URI stays the contact that the phone has registered. The router
// called it where its REGISTER came from, so nobody has asked where its contact leads.
func (r *Request) leavePhone() {
	r.Main.Given = r.Main.OwnersWord()
	r.forgetPlace()
}

// forgetPlace forgets the phone that was found: its flow, the others that it has, the
// proxies in front of it, and that it is one: a server without a connection is out of service.
func (r *Request) forgetPlace() {
	r.Main.LeaveFlow()
	r.Main.Route, r.Main.Group, r.Main.Phone = nil, 0, false
}

// LeaveFlow has the target led by its URIs, and no longer on its flow.
func (t *Target) LeaveFlow() { t.Came, t.Flow = t.CameFrom(), transport.Flow{} }

// CameFrom is Target.Came as it is without the flow.
func (t *Target) CameFrom() netip.AddrPort {
	if t.Phone && t.Flow.Proto == transport.UDP {
		return plain(t.Flow.Remote)
	}
	return t.Came
}

// plain is an address and port as they are compared: an IPv4 address as such, and without a zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// RevertURI makes the Request-URI the received one again.
func (r *Request) RevertURI() {
	r.Main.LeaveFlow()
	next, of := r.Main.Next, r.Main.NextOf
	r.Main = Target{URI: r.Msg.RequestURI(), Came: r.Main.Came}
	if of.stays() {
		r.Main.Next, r.Main.NextOf = next, of
	}
	r.parsed = nil
}

// AsSent reports whether Main was sent on as it is: by Relay, or, in a failure route, by
// the request route, and unchanged since.
func (r *Request) AsSent() bool {
	last := &r.last
	return last.URI != nil && same(last.URI, r.Main.URI) && same(last.Next, r.Main.Next) && last.Flow == r.Main.Flow
}

// same reports whether two texts are one in memory: what the script has written anew is
// new, whatever it says.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Underway reports whether Relay has sent the request on in this run of the script: its
// answer is the branches' to give.
func (r *Request) Underway() bool { return r.underway }

// sentOn notes that Main and More have been sent on.
func (r *Request) sentOn() {
	r.last, r.underway = r.Main, true
	r.More = r.More[:0]
	r.recursed, r.authorized = false, false
}

// beginning is a target in memory of its own, which most have enough of.
type beginning struct {
	contacts
	found []byte // whose phone it is: Request.FoundCallee; its memory is used again
	room  [1]Target
	text  [192]byte
}

// keepStart keeps, where a failure route may follow, what the request route has made of
// the Request-URI: failure routes begin with that (SER clones it with the message).
func (c *Call) keepStart(r *Request) {
	if r.route != inRequest || r.OnFailure == 0 || r.underway && c.start != nil {
		return
	}
	if c.start == nil {
		c.start = c.engine.starts.Take()
		c.start.contacts = contacts{list: c.start.room[:0], text: c.start.text[:0]}
	}
	c.start.set([]Target{r.Main})
	c.start.found = append(c.start.found[:0], r.FoundCallee...)
	if t := &c.start.list[0]; t.NextOf.once() {
		t.Next, t.NextOf = nil, NextFound
	}
}

// keepForwarded keeps for the next failure route whom this one has found phones of.
func (c *Call) keepForwarded(r *Request) {
	if c.start != nil && r.route == inFailure {
		c.start.found = append(c.start.found[:0], r.FoundCallee...)
	}
}

// startAgain makes Main what it was when the request route sent it on.
func (c *Call) startAgain(r *Request) {
	if c.start != nil {
		r.SetTarget(c.start.list[0])
		if len(c.start.found) > 0 {
			r.FoundCallee = r.Keep(c.start.found)
		}
		if received := r.Msg.RequestURI(); string(r.Main.URI) == string(received) {
			r.Main.URI = received
		}
	}
	r.last = r.Main
}

// OwnersWord reports whether it is a user's word where a target leads once it is not called where its phone was
// found: a contact that somebody has given, or that a phone has registered. What a script makes of that names no place
// by itself.
func (t *Target) OwnersWord() bool { return t.Given || t.Phone }
