package relay

import (
	"errors"

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

// addContacts adds the contacts of a 3xx to a branch as targets, at most room.
func (r *Request) addContacts(b *Branch, m *sip.Message, room int, filter Filter) int {
	added := 0
	values := m.Values(sip.HdrContact)
	for v := values.Next(); v != nil && added < room; v = values.Next() {
		var a sip.NameAddr
		var u sip.URI
		if sip.ParseNameAddr(v, &a) != nil || sip.ParseURI(a.URI, &u) != nil || !r.follows(b, &u) || r.Call.tried(a.URI) || r.has(a.URI) {
			continue
		}
		follow, named := true, false
		if filter != nil {
			follow, named = filter(a.URI)
		}
		if !follow {
			continue
		}
		users := !named && (b.users || b.senders && !r.Engine.isGateway(b.client.Flow().Remote.Addr().Unmap()))
		if r.AddTarget(Target{URI: a.URI, Q: quality(&a), Secured: b.secured, Given: users, Redirected: users}) != nil {
			break
		}
		added++
	}
	return added
}

// mayName reports whether a place is one that a user may name for a target.
func (e *Engine) mayName(t *Target, hop transport.Hop) bool {
	return e.isOutside(hop) || t.Redirected && e.layer.IsLocal(hop.Addr.Addr().Unmap(), hop.Addr.Port())
}

// follows reports whether a redirection of a branch may lead there: a sips request never leaves
// TLS (RFC 3261 §16.5).
func (r *Request) follows(b *Branch, u *sip.URI) bool {
	return u.Scheme == sip.SchemeSIPS || u.Scheme == sip.SchemeSIP && !b.secured && !r.WantsTLS()
}

// has reports whether a target with that URI is there already.
func (r *Request) has(uri []byte) bool {
	for i := range r.More {
		if string(r.More[i].URI) == string(uri) {
			return true
		}
	}
	return false
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

// quality reads the q of a Contact in thousandths; 1000 without one.
func quality(a *sip.NameAddr) int16 {
	text, ok := sip.Param(a.Params, "q")
	if !ok || len(text) == 0 || text[0] != '0' && text[0] != '1' {
		return 1000
	}
	q := int(text[0]-'0') * 1000
	if len(text) > 1 && text[1] != '.' {
		return 1000
	}
	for i, weight := 2, 100; i < len(text) && weight > 0; i, weight = i+1, weight/10 {
		if text[i] < '0' || text[i] > '9' {
			return 1000
		}
		q += int(text[i]-'0') * weight
	}
	return int16(min(q, 1000))
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
	if c.best.status/100 == 3 {
		c.dropBest()
	}
}
