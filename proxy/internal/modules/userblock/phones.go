package userblock

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// heedPhones is ub_heed_phones. Who was called knows the place of the phone, as every caller
// learns it, and could call there past its owner's rules.
func heedPhones(c *module.Ctx) int {
	c.HeedPhones()
	return module.True
}

// Refuses reports whether a request that goes to a place without having been looked up is
// refused there: by whoever the Request-URI names, if a phone of theirs is there, or by
// everybody whose phone is. At a place of several, of a proxy or of somebody else's host,
// nobody else is refused by what one of them wants.
func (m *Module) Refuses(r *relay.Request, uri []byte, place netip.AddrPort) bool {
	owners := *m.owners.Load()
	if len(owners) == 0 || m.cfg.At == nil || r.Local != nil && r.Local.NoRules {
		return false
	}
	var s *scratch // of the first phone that is there: mostly there is none
	var v visit
	some, open := false, false
	refused := m.cfg.At(place, func(owner string, sends bool) bool {
		if s == nil {
			s = m.pool.Get().(*scratch)
			v = visitOf(r, uri, s)
		}
		named := v.names(owner)
		if !named && (!sends || open) {
			return false
		}
		one := m.refusedBy(owner, owners[owner], &v, place)
		some, open = some || one, open || !one
		return one && named
	}) || some && !open
	if s != nil {
		m.pool.Put(s)
	}
	if refused {
		m.blocked.Add(1)
	}
	return refused
}

// visitOf is who sends a request and whom it names; the texts lie in s. Of a caller who cannot be read
// nobody knows whether he is refused: he is not.
func visitOf(r *relay.Request, uri []byte, s *scratch) (v visit) {
	from, err := r.Msg.FromURI()
	if err != nil {
		return visit{}
	}
	v = visit{caller: aor.AppendCaller(s.uri[:0], from.Raw), self: selfIn(s.room[:0], r.Msg), call: r.Msg.Method == sip.INVITE}
	if v.call {
		v.replaces.read(r.Msg)
	}
	var to sip.URI
	if sip.ParseURI(uri, &to) == nil && to.HasUser {
		named, _ := aor.AppendCanonical(s.alias[:0], to.User, anyHost)
		v.named, _, _ = bytes.Cut(named, at)
	}
	return v
}

// visit is a request that goes to a place.
type visit struct {
	// caller is who sends it, in the form of aor.AppendCaller, self the same as a canonical
	// address, empty for whom no account is named like.
	caller, self []byte
	named        []byte // the user of the Request-URI, canonical, empty for none
	call         bool   // it is an INVITE
	replaces     replaces
}

// replaces is the dialog that an INVITE is to take the place of (RFC 3891 §3).
type replaces struct{ callID, fromTag, toTag []byte }

// read reads Replaces: there is one such line, or it counts for none.
func (x *replaces) read(msg *sip.Message) {
	h := msg.Named(replacesName)
	if h == nil {
		return
	}
	for other := msg.Next(h); other != nil; other = msg.Next(other) {
		if sip.EqualFold(msg.Name(other), replacesName) {
			return
		}
	}
	callID, params, _ := bytes.Cut(msg.Value(h), semicolon)
	x.callID = bytes.TrimSpace(callID)
	x.fromTag, _ = sip.Param(params, "from-tag")
	x.toTag, _ = sip.Param(params, "to-tag")
}

const replacesName = "Replaces"

// isTransferred reports whether a call takes the place of one that an owner's phone at a place is in.
func (m *Module) isTransferred(v *visit, owner string, place netip.AddrPort) bool {
	x := &v.replaces
	return m.cfg.Joined != nil && len(x.callID) > 0 && len(x.fromTag) > 0 && len(x.toTag) > 0 && m.cfg.Joined(x.callID, x.fromTag, x.toTag, owner, place)
}

// disturbsPhone reports whether a request to one phone of an owner who does not want to be disturbed is
// refused: a call is, but for one that was transferred to that phone, which lookup has found by now. Who
// has once called knows the address of the phone for good.
func (m *Module) disturbsPhone(c *module.Ctx, owner []byte) bool {
	if c.Msg.Method != sip.INVITE {
		return false
	}
	v := visit{}
	v.replaces.read(c.Msg)
	if len(v.replaces.callID) == 0 {
		return true
	}
	who := string(owner)
	return !c.AnyWay(func(t *relay.Target) bool {
		place, ok := foundAt(t)
		return ok && m.isTransferred(&v, who, place)
	})
}

// foundAt is where lookup has found a phone; false if it has not, or only a name.
func foundAt(t *relay.Target) (netip.AddrPort, bool) {
	if !t.Phone {
		return netip.AddrPort{}, false
	}
	if t.Flow.Remote.IsValid() {
		return t.Flow.Remote, true
	}
	uri := t.Next // the database remembers no more
	if uri == nil {
		uri = t.URI
	}
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return netip.AddrPort{}, false
	}
	addr, ok := transport.ParseHost(string(u.Host))
	return netip.AddrPortFrom(addr, u.Port), ok
}

// names reports whether the Request-URI names an owner.
func (v *visit) names(owner string) bool {
	n := len(v.named)
	return n > 0 && len(owner) > n && owner[n] == '@' && owner[:n] == string(v.named)
}

// refusedBy reports whether an owner refuses it at a place of his phone: who is blocked, and, with "do not
// disturb", a call, but for one that was transferred. Nobody refuses himself.
func (m *Module) refusedBy(owner string, o *rules, v *visit, place netip.AddrPort) bool {
	if o == nil || v.caller == nil || string(v.self) == owner {
		return false
	}
	return o.blocksCaller(v.caller) || v.call && o.dnd && !m.isTransferred(v, owner, place)
}

var anyHost, semicolon = []byte("host"), []byte(";")
