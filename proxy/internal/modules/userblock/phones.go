package userblock

import (
	"bytes"
	"net/netip"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
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
	if len(owners) == 0 || m.cfg.At == nil || r.Local != nil && !r.Local.Accounted {
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
		if !named && !sends {
			return false
		}
		one := v.refusedBy(owner, owners[owner])
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
	v = visit{caller: aor.AppendCaller(s.uri[:0], from.Raw), call: r.Msg.Method == sip.INVITE && r.Msg.Named("Replaces") == nil}
	v.self, _ = aor.AppendCanonical(s.room[:0], from.User, from.Host)
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
	call         bool   // it is a call that is at no phone yet (RFC 3891: it was not transferred)
}

// names reports whether the Request-URI names an owner.
func (v *visit) names(owner string) bool {
	n := len(v.named)
	return n > 0 && len(owner) > n && owner[n] == '@' && owner[:n] == string(v.named)
}

// refusedBy reports whether an owner refuses it: who is blocked, and, with "do not disturb", a
// call. Nobody refuses himself.
func (v *visit) refusedBy(owner string, o *rules) bool {
	return o != nil && v.caller != nil && string(v.self) != owner && (o.blocksCaller(v.caller) || v.call && o.dnd)
}

var anyHost = []byte("host")
