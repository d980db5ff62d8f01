package userblock

import (
	"net/netip"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// heedPhones is ub_heed_phones. Who was called knows the place of the phone, as every caller
// learns it, and could call there past its owner's rules.
func heedPhones(c *module.Ctx) int {
	c.HeedPhones = true
	return module.True
}

// Refuses reports whether somebody whose phone is at a place refuses a request that goes
// there without having been looked up: who is blocked, and, with "do not disturb", a call
// that is not at that phone already (RFC 3891: it has been transferred).
func (m *Module) Refuses(r *relay.Request, place netip.AddrPort) bool {
	owners := *m.owners.Load()
	if len(owners) == 0 || m.cfg.At == nil || r.Local != nil && !r.Local.Accounted {
		return false
	}
	u, err := r.Msg.FromURI()
	if err != nil {
		return false
	}
	var room [aor.MaxCaller]byte
	caller := aor.AppendCaller(room[:0], u.Raw)
	call := r.Msg.Method == sip.INVITE && r.Msg.Named("Replaces") == nil
	refused := m.cfg.At(place, func(owner string) bool {
		o := owners[owner]
		if o == nil || string(caller) == owner {
			return false
		}
		return o.blocksCaller(caller) || call && o.dnd
	})
	if refused {
		m.blocked.Add(1)
	}
	return refused
}
