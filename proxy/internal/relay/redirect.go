package relay

import (
	"errors"
	"slices"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrNoReply says that no branch has got an answer of the kind that is asked for.
var ErrNoReply = errors.New("no such reply")

// Filter says of a contact of a 3xx whether it is followed, and whether it is the script that has
// named the host where it leads.
type Filter func(uri []byte) (follow, named bool)

// Redirects adds the contacts of the 3xx replies that the branches have got as targets
// (RFC 3261 §16.7 step 4), at most most of them and per of each branch, 0 being no limit
// but MaxBranches. What is no sip or sips URI, leaves TLS behind, or was tried already is
// passed over, as is what filter, unless nil, refuses. What a phone names is a user's word
// (Target.Given), unless filter says that the script has named that place. Once the request
// is sent on, the 3xx it came from no longer counts. It is for failure routes; the result is
// how many there are.
func (r *Request) Redirects(most, per int, filter Filter) (int, error) {
	c := r.Call
	if c == nil || r.route != inFailure {
		return 0, ErrNoTransaction
	}
	if most <= 0 {
		most = MaxBranches
	}
	c.Lock()
	defer c.Unlock()
	added := 0
	m := &sip.Message{}
	for _, b := range c.branches {
		if b.redirect == nil || m.ParseOwn(b.redirect.B) != nil {
			continue
		}
		room := most - added
		if per > 0 {
			room = min(room, per)
		}
		added += r.addContacts(b, m, room, filter)
	}
	if added == 0 {
		return 0, ErrNoReply
	}
	r.recursed = true
	return added, nil
}

// addContacts adds the contacts of a 3xx to a branch as targets, at most room: where there are more,
// those that it prefers (RFC 3261 §8.1.3.4), the best one first. Of one that is named twice the better q counts.
func (r *Request) addContacts(b *Branch, m *sip.Message, room int, filter Filter) int {
	var space [MaxBranches]Target
	best := space[:0]
	room = min(room, MaxBranches)
	values := m.Values(sip.HdrContact)
	for v := values.Next(); v != nil && room > 0; v = values.Next() {
		t, ok := r.contact(b, v)
		if !ok || len(best) == room && best[room-1].Q >= t.Q {
			continue
		}
		before := place(best, t.URI)
		if before >= 0 && best[before].Q >= t.Q {
			continue
		}
		follow, named := true, false
		if filter != nil {
			follow, named = filter(t.URI)
		}
		if !follow {
			continue
		}
		users := !named && (b.users || b.senders && !r.Engine.isGateway(b.client.Flow().Remote.Addr().Unmap()))
		t.Given, t.Redirected = users, users
		if before >= 0 {
			best = slices.Delete(best, before, before+1)
		}
		best = prefer(best, t, room)
	}
	for added, t := range best {
		if r.AddTarget(t) != nil {
			return added
		}
	}
	return len(best)
}

// contact reads a contact of a 3xx; false for one that is not called, or was.
func (r *Request) contact(b *Branch, value []byte) (Target, bool) {
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !r.follows(b, &u) {
		return Target{}, false
	}
	uri := sip.TargetURI(a.URI)
	return Target{URI: uri, Q: quality(&a), Secured: b.secured}, !r.Call.tried(uri) && !has(r.More, uri)
}

// prefer puts a target behind those of best that are as good, of which there are at most room.
func prefer(best []Target, t Target, room int) []Target {
	at := len(best)
	for at > 0 && best[at-1].Q < t.Q {
		at--
	}
	if len(best) == room {
		best = best[:room-1]
	}
	return slices.Insert(best, at, t)
}

// mayName reports whether a place is one that a user may name for a target.
func (e *Engine) mayName(t *Target, hop transport.Hop) bool {
	return e.isOutside(hop) || plain(hop.Addr) == t.Came || t.Redirected && e.layer.IsLocal(hop.Addr.Addr().Unmap(), hop.Addr.Port())
}

// follows reports whether a redirection of a branch may lead there: a sips request never leaves
// TLS (RFC 3261 §16.5).
func (r *Request) follows(b *Branch, u *sip.URI) bool {
	return u.Scheme == sip.SchemeSIPS || u.Scheme == sip.SchemeSIP && !b.secured && !r.WantsTLS()
}

// has reports whether a target with that URI is there already.
func has(list []Target, uri []byte) bool { return place(list, uri) >= 0 }

// place is where in a list the target with that URI is, -1 if there is none.
func place(list []Target, uri []byte) int {
	return slices.IndexFunc(list, func(t Target) bool { return string(t.URI) == string(uri) })
}

// tried reports whether the request was sent to a URI before.
func (c *Call) tried(uri []byte) bool {
	for _, b := range c.branches {
		if string(b.uri) == string(uri) {
			return true
		}
	}
	return false
}

// quality reads the q of a Contact in thousandths; 1000 without one that can be read.
func quality(a *sip.NameAddr) int16 {
	text, _ := sip.Param(a.Params, "q")
	if q, ok := sip.ParseQ(text); ok {
		return q
	}
	return 1000
}

// DropReplies forgets the replies that the branches have got so far, so that none of
// them goes up once the request is sent on again (Kamailio's t_drop_replies). It is for
// failure routes.
func (r *Request) DropReplies() error {
	c := r.Call
	if c == nil || r.route != inFailure {
		return ErrNoTransaction
	}
	c.Lock()
	defer c.Unlock()
	c.dropOld(len(c.branches))
	return nil
}

// dropOld forgets the replies of the first n branches; the later ones have none yet.
func (c *Call) dropOld(n int) {
	c.dropBest()
	for _, b := range c.branches[:n] {
		b.challenges = b.challenges[:0]
	}
}

// dropRecursed forgets a 3xx whose contacts are tried now.
func (c *Call) dropRecursed() {
	if c.local != nil {
		c.local.Said.Remove(300, 399)
	}
	if c.best.status/100 == 3 {
		c.dropBest()
	}
}
