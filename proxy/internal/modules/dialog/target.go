package dialog

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// lead is what leads says of a request: whether it goes where its dialog does, whether the
// other end itself has said so, and whether who gets it acts on the other end's target.
type lead struct{ ok, sure, at bool }

// leads reports whether a request goes where its dialog does: along the other end's route
// set, or without one to its remote target, and on no flow but the other end's. Where an INVITE
// has passed here more than once, each pass has its own next hop: the Route's two hosts are what
// it is held to. The entry of a strict router becomes the Request-URI, here or further on, so it
// has to be one of the route set, or it would be a target of the sender's own.
func (d *dialog) leads(r *relay.Request, byCaller bool) lead {
	_, to := d.ends(byCaller)
	return to.leads(r, d.again, d.sentBack(r, byCaller))
}

// leads is that for a party. again says that the INVITE has passed more than once, and sentBack that a router
// behind us sends the request on.
func (p *party) leads(r *relay.Request, again, sentBack bool) (l lead) {
	next := r.NextRoute()
	if p.cut && (!again || next == nil) {
		return lead{}
	}
	if f := r.RouteFlow(); !f.IsZero() && !p.isOn(f) {
		return lead{}
	}
	l = p.isAt(r.Msg.RequestURI())
	l.at = l.at || next != nil && p.hasNamed(r.Msg.RequestURI())
	switch {
	case next == nil && (again || len(p.routes) == 0 || sentBack):
	case next == nil:
		return lead{}
	case p.isAlong(r.Msg, next):
		l.ok, l.sure = true, !again
	default:
		l.ok, l.sure = again && r.Loose(), false
	}
	return l
}

// isAlong reports whether a request's Route, from the URI next on, is the route set
// towards a party, and the whole of it.
func (p *party) isAlong(m *sip.Message, next []byte) bool {
	rest := p.routes
	if len(rest) == 0 || len(next) == 0 {
		return false
	}
	begun := false
	values := m.Values(sip.HdrRoute)
	for value := values.Next(); value != nil; value = values.Next() {
		var a sip.NameAddr
		if sip.ParseNameAddr(value, &a) != nil || len(a.URI) == 0 {
			return false
		}
		if begun = begun || &a.URI[0] == &next[0]; !begun {
			continue // ours
		}
		if len(rest) == 0 {
			return false
		}
		n := sip.NextValue(rest)
		if !sameHop(rest[:n], a.URI) {
			return false
		}
		rest = rest[min(n+1, len(rest)):]
	}
	return begun && len(rest) == 0
}

// sameHop reports whether a URI is that of an entry of a route set.
func sameHop(entry, uri []byte) bool {
	var a sip.NameAddr
	if sip.ParseNameAddr(bytes.TrimSpace(entry), &a) != nil {
		return false
	}
	var want, got sip.URI
	return bytes.Equal(a.URI, uri) || sip.ParseURI(a.URI, &want) == nil && sip.ParseURI(uri, &got) == nil && sameTarget(&want, &got)
}

// isAt reports whether a URI is a party's remote target. The router may have shown the
// other end where the phone is, in place of what it said (fix_nated_contact), or beside
// it (add_contact_alias): where a phone has moved, beside what it has said since, which is not
// kept. Only a target that the party has named from home is sure, and for who goes by the
// Request-URI (at) an alias is no word of the party's.
func (p *party) isAt(uri []byte) lead {
	if len(p.contact) > 0 && bytes.Equal(uri, p.contact) && !namesAlias(uri) {
		return lead{true, p.sure, true} // most phones give the target back to the letter
	}
	var got sip.URI
	if sip.ParseURI(uri, &got) != nil {
		return lead{}
	}
	alias, has := got.Param("alias")
	if has && !p.isAlias(alias) {
		return lead{}
	}
	for i, contact := range [...][]byte{p.contact, p.earlier} {
		var want sip.URI
		if len(contact) == 0 || sip.ParseURI(contact, &want) != nil {
			continue
		}
		if sameTarget(&want, &got) {
			return lead{true, [...]bool{p.sure, p.sureEarlier}[i], true}
		}
		if !sip.SameUnescaped(want.User, got.User) || !bytes.EqualFold(transportOf(&want), transportOf(&got)) {
			continue
		}
		if at := p.isAddress(&got); at || has {
			return lead{ok: true, at: at}
		}
	}
	there := len(p.contact) == 0 && p.isAddress(&got)
	return lead{ok: there, at: there}
}

// hasNamed reports whether a URI is one that the party has named, to the letter but for the escapes
// of its user. Along a route its alias leads nowhere: that is for who wrote it, further on.
func (p *party) hasNamed(uri []byte) bool {
	if len(uri) == 0 {
		return false
	}
	if bytes.Equal(uri, p.contact) || bytes.Equal(uri, p.earlier) {
		return true
	}
	var want, got sip.URI
	if sip.ParseURI(uri, &got) != nil {
		return false
	}
	for _, contact := range [...][]byte{p.contact, p.earlier} {
		if sip.ParseURI(contact, &want) == nil && sameTarget(&want, &got) && bytes.Equal(want.Params, got.Params) {
			return true
		}
	}
	return false
}

// isAddress reports whether a URI names an address where the party was seen.
func (p *party) isAddress(u *sip.URI) bool {
	if _, has := u.Param("maddr"); has {
		return false
	}
	return p.seen(func(a netip.AddrPort) bool { return a.Port() == portOf(u) && namesAddr(u.Host, a.Addr()) })
}

// namesAddr reports whether the host of a URI is an address, in numbers.
func namesAddr(host []byte, a netip.Addr) bool {
	var room [64]byte
	return sip.SameHost(a.AppendTo(room[:0]), host)
}

// isAlias reports whether an alias, address~port~protocol, is where the party was seen.
func (p *party) isAlias(alias []byte) bool {
	return p.seen(func(a netip.AddrPort) bool {
		var room [96]byte
		text := room[:0]
		if a.Addr().Is6() && len(alias) > 0 && alias[0] == '[' {
			text = append(a.Addr().AppendTo(append(text, '[')), ']')
		} else {
			text = a.Addr().AppendTo(text)
		}
		text = append(sip.AppendUint(append(text, '~'), uint64(a.Port())), '~')
		return len(alias) == len(text)+1 && bytes.EqualFold(alias[:len(text)], text)
	})
}

// seen reports whether match holds for an address where the party is or was.
func (p *party) seen(match func(a netip.AddrPort) bool) bool {
	for _, a := range [...]netip.AddrPort{p.flow.Remote, p.home.Remote, p.moved} {
		if a.IsValid() && match(a) {
			return true
		}
	}
	return false
}

// sameTarget compares the parts of two URIs by which a request is sent and taken; the
// other parameters lead nowhere. Phones write a user with other escapes than they got it with
// (encodeURIComponent of what it decodes to, for one), so these do not count.
func sameTarget(a, b *sip.URI) bool {
	if a.Scheme != b.Scheme {
		return false
	}
	if a.Scheme == sip.SchemeOther {
		return bytes.Equal(a.Raw, b.Raw)
	}
	return sip.SameUnescaped(a.User, b.User) && sip.SameHost(a.Host, b.Host) && portOf(a) == portOf(b) &&
		bytes.EqualFold(transportOf(a), transportOf(b)) && sameParam(a, b, "maddr") && sameParam(a, b, "gr")
}

func sameParam(a, b *sip.URI, name string) bool {
	x, hasX := a.Param(name)
	y, hasY := b.Param(name)
	return hasX == hasY && bytes.EqualFold(x, y)
}

var (
	udp       = []byte("udp")
	aliasName = []byte("alias")
)

// namesAlias reports whether the word stands anywhere in a URI.
func namesAlias(uri []byte) bool {
	for n := len(aliasName); len(uri) >= n; uri = uri[1:] {
		if uri[0]|0x20 == 'a' && bytes.EqualFold(uri[:n], aliasName) {
			return true
		}
	}
	return false
}

func transportOf(u *sip.URI) []byte {
	if p, ok := u.Param("transport"); ok {
		return p
	}
	return udp
}

func portOf(u *sip.URI) uint16 {
	switch {
	case u.Port != 0:
		return u.Port
	case u.Scheme == sip.SchemeSIPS || bytes.EqualFold(transportOf(u), tls):
		return 5061
	}
	return 5060
}

var tls = []byte("tls")
