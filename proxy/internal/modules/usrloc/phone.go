package usrloc

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Behind NAT a Contact alone names no phone: in every home network there is a
// 192.168.178.20. RFC 3261 §10.3 goes by it alone all the same, so that the phones of one
// user in two such networks would throw each other out. Here the instance tells them
// apart or, if not both have one, another Call-ID from another host: a phone that restarts
// has a new Call-ID and comes from the same host, one whose public address changes keeps
// its Call-ID. One that does both at once looks like another phone. The binding that it
// has left then stays until it expires, which costs a call a branch to nowhere; the other
// mistake costs a phone that does not ring. A Contact with a public address is one
// host's and goes alone, as in the RFC, whichever of its uplinks that host speaks from.

// phone is what tells a phone from another one with the same Contact.
type phone struct {
	contact, received, path, callID, instance []byte
	byHand                                    bool // an operator's: it is meant by its Contact alone
	proxied                                   bool // Registration.Proxied
}

// phone is whose the binding is.
func (v *version) phone() phone {
	return phone{
		contact: v.Contact(), received: v.Received(), path: v.Path(), callID: v.CallID(), instance: v.Instance(),
		byHand:  v.ByHand() && !v.gone, // the Call-ID of a removal is of who asked for it
		proxied: v.Proxied,
	}
}

// phone is whose a contact of the registration is.
func (reg *Registration) phone(c *Contact) phone {
	return phone{
		contact: c.URI, received: c.Received, path: reg.Path, callID: reg.CallID, instance: c.Instance,
		byHand: bytes.Equal(reg.CallID, controlCallID), proxied: reg.Proxied,
	}
}

// likeness is how sure it is that two contacts with the same URI are one phone's.
type likeness uint8

const (
	another      likeness = iota
	perhapsSame           // nothing tells them apart
	sameWay               // the same way leads to both, so the later one has come in place of the other
	sameCall              // the same Call-ID
	sameBoth              // … and the same way: what one * has removed has one Call-ID
	sameInstance          // the same +sip.instance
)

// like compares two phones whose Contact is the same.
func (p *phone) like(o *phone) likeness {
	told := len(p.instance) > 0 && len(o.instance) > 0
	way := bytes.Equal(p.received, o.received) && bytes.Equal(p.path, o.path)
	switch {
	case told && bytes.EqualFold(p.instance, o.instance):
		return sameInstance
	case bytes.Equal(p.callID, o.callID) && way:
		return sameBoth
	case bytes.Equal(p.callID, o.callID):
		return sameCall
	case way:
		return sameWay
	case p.byHand || o.byHand:
		return perhapsSame
	case told:
		return another
	case ofOneHost(p.contact):
		return perhapsSame
	}
	from, known := p.source()
	if at, other := o.source(); known && other && from != at {
		return another
	}
	return perhapsSame
}

// source is the host from which the phone spoke; false if that is not known.
func (p *phone) source() (host netip.Addr, known bool) {
	uri := p.received
	switch {
	case p.proxied && len(p.path) == 0:
		return host, false // it is a proxy's, which may be one of several
	case len(uri) == 0 && len(p.path) > 0:
		return host, false
	case len(uri) == 0:
		uri = p.contact // received is what Contact does not say
	}
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return host, false
	}
	host, known = transport.ParseHost(string(u.Host))
	return host, known
}

// Networks whose addresses mean nothing outside, beside those that netip knows: of providers
// (RFC 6598) and of protocols (RFC 6890), such as that of a phone behind DS-Lite.
var providers, protocols = netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24")

// ofOneHost reports whether the host of a URI is one in the whole world: a public address. A name may be one
// that each home router gives out (phone.fritz.box, phone.lan).
func ofOneHost(uri []byte) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return false
	}
	a, ok := transport.ParseHost(string(u.Host))
	return ok && a.IsGlobalUnicast() && !a.IsPrivate() && !providers.Contains(a) && !protocols.Contains(a)
}

// find returns the current version of a contact's binding, the likeliest of several. A
// contact that is to be removed is also found by its URI alone among the phone's flows.
func (e *entry) find(c *Contact, who *phone) *version {
	if e == nil {
		return nil
	}
	var found *version
	best := int64(0)
	for _, v := range e.heads {
		if rank := v.rank(v.match(c, who)); rank > best {
			found, best = v, rank
		}
	}
	if found != nil || c.Expires > 0 || c.outbound() {
		return found
	}
	for _, v := range e.heads {
		if !v.HasContact(c.URI) {
			continue
		}
		q := v.phone()
		if rank := v.rank(who.like(&q)); rank > best {
			found, best = v, rank
		}
	}
	return found
}

// rank is the likeness of a binding beside those of the others, 0 for another phone's. Of those
// with the phone's Call-ID, and of equally likely ones, one that is not removed comes first: a removal
// waits for the database only, and may be of what the phone has left where it is again. Then the
// latest of a Call-ID comes first, so that a late request is known for one.
func (v *version) rank(like likeness) int64 {
	if like == another {
		return 0
	}
	rank := int64(min(like, sameCall)) << 34 // above any CSeq
	switch like {
	case sameInstance:
		rank = int64(like) << 34
	case sameBoth:
		rank += int64(v.CSeq)<<1 + 1
	case sameCall:
		rank += int64(v.CSeq) << 1
	}
	if !v.gone {
		rank += 1 << 33
	}
	return rank
}

// planPhone works out what becomes of the bindings that a contact means: one, that of its
// phone; those with that URI where an operator removes them.
func (t *Table) planPhone(p *plan, e *entry, c *Contact, reg *Registration, now int64) error {
	if e == nil {
		return t.planContact(p, nil, c, reg, now)
	}
	if reg.Unordered && c.Expires == 0 {
		return t.planByHand(p, e, c, reg, now)
	}
	who := reg.phone(c)
	head := e.find(c, &who)
	if err := t.planContact(p, head, c, reg, now); err != nil || head == nil {
		return err
	}
	if reg.Only {
		p.named = append(p.named, head)
	}
	if c.Expires > 0 && !c.outbound() {
		e.planLeft(p, head, c, &who, now)
	}
	return nil
}

// planByHand removes a contact for an operator: from all phones that have it, or from the one that
// is named by the row of a binding.
func (t *Table) planByHand(p *plan, e *entry, c *Contact, reg *Registration, now int64) error {
	var named *version
	if reg.RUID != "" {
		if named = e.byRUID(reg.RUID); named == nil || !named.HasContact(c.URI) {
			return nil
		}
	}
	for _, v := range e.heads {
		if !v.HasContact(c.URI) || named != nil && !v.beside(named) {
			continue
		}
		if err := t.planContact(p, v, c, reg, now); err != nil {
			return err
		}
	}
	return nil
}

// beside reports whether v is o or another flow of the same phone (RFC 5626).
func (v *version) beside(o *version) bool {
	return v == o || v.outbound() && o.outbound() && bytes.EqualFold(v.Instance(), o.Instance())
}

// planLeft removes what the phone of a binding has left elsewhere, or what was where it is
// now: no call goes to it twice.
func (e *entry) planLeft(p *plan, head *version, c *Contact, who *phone, now int64) {
	for _, v := range e.heads {
		if v != head && v.counts(now) && v.HasContact(head.Contact()) && v.match(c, who) >= sameWay {
			p.add(step{head: v}, true)
		}
	}
}
