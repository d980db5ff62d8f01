package ctd

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
	"seraph/sql/aor"
)

// seen is what the module looks out for in the relay. Its mutex is a leaf, taken
// under the relay's locks.
type seen struct {
	watching, tracking atomic.Int32 // the sizes of the two, for a look without the lock

	seenMu   sync.Mutex
	byCaller map[string][]*attempt // attempts whose REFER is out
	byKey    map[txn.Key]*attempt  // the callers' INVITEs that were recognised
}

// sight is what seen knows of an attempt.
type sight struct {
	watched bool
	source  netip.AddrPort // of the phone that took the REFER
	tracked bool
	key     txn.Key
	ringing bool // a 18x was told
}

// watch looks out for the call that the phone at flow makes for the attempt.
func (m *Module) watch(a *attempt, flow transport.Flow) {
	m.seenMu.Lock()
	defer m.seenMu.Unlock()
	if m.byCaller == nil {
		m.byCaller, m.byKey = map[string][]*attempt{}, map[txn.Key]*attempt{}
	}
	a.sight = sight{watched: true, source: flow.Remote}
	m.byCaller[a.callerText] = append(m.byCaller[a.callerText], a)
	m.watching.Add(1)
}

// unwatch ends that. It may be called again.
func (m *Module) unwatch(a *attempt) {
	m.seenMu.Lock()
	defer m.seenMu.Unlock()
	if !a.sight.watched {
		return
	}
	a.sight.watched = false
	m.untrack(a)
	list := slices.DeleteFunc(m.byCaller[a.callerText], func(o *attempt) bool { return o == a })
	if len(list) == 0 {
		delete(m.byCaller, a.callerText)
	} else {
		m.byCaller[a.callerText] = list
	}
	m.watching.Add(-1)
}

func (m *Module) untrack(a *attempt) {
	if a.sight.tracked {
		a.sight.tracked = false
		delete(m.byKey, a.sight.key)
		m.tracking.Add(-1)
	}
}

// Relayed recognises the caller's INVITE to the callee (relay.Observer).
func (m *Module) Relayed(r *relay.Request, c *relay.Call) {
	if m.watching.Load() == 0 || r.Local != nil {
		return
	}
	m.seenMu.Lock()
	defer m.seenMu.Unlock()
	a := m.match(r)
	if a == nil {
		return
	}
	key := c.Key()
	if a.sight.tracked && a.sight.key == key {
		return // sent on once more by a failure route
	}
	m.untrack(a)
	a.sight.tracked, a.sight.key, a.sight.ringing = true, key, false
	m.byKey[key] = a
	m.tracking.Add(1)
	a.queue.Post(func() { a.recognised(key) })
}

// Progress hears how that INVITE goes (relay.Observer).
func (m *Module) Progress(c *relay.Call, status int) {
	if m.tracking.Load() == 0 {
		return
	}
	m.seenMu.Lock()
	defer m.seenMu.Unlock()
	key := c.Key()
	a := m.byKey[key]
	switch {
	case a == nil:
		return
	case status >= 200:
		m.untrack(a)
	case status/10 == 18 && !a.sight.ringing:
		a.sight.ringing = true
	default:
		return
	}
	a.queue.Post(func() { a.relaySaw(key, status) })
}

// match finds the attempt that an INVITE belongs to. It names the callee, and
// comes from the caller: it was authenticated as the caller's; or it names the caller
// in Referred-By (RFC 3892) or From and comes from where the phone was that took the
// REFER. What anybody can write into a header proves nothing.
func (m *Module) match(r *relay.Request) *attempt {
	u, err := r.Msg.URI()
	if err != nil {
		return nil
	}
	var room [512]byte
	known := len(r.Auth.User) > 0
	if known {
		if b, err := aor.AppendCanonical(room[:0], r.Auth.User, r.Auth.Domain); err == nil {
			if a := m.pick(b, u, func(netip.AddrPort) bool { return true }); a != nil {
				return a
			}
		}
	}
	// Another user of the same host has another port; the phone itself may have opened
	// another connection, where nobody has to prove anything.
	here := func(phone netip.AddrPort) bool {
		return phone == r.From.Remote || !known && phone.Addr() == r.From.Remote.Addr()
	}
	for _, id := range [...]sip.HeaderID{sip.HdrReferredBy, sip.HdrFrom} {
		if b, ok := addressIn(room[:0], r.Msg.HeaderValue(id)); ok {
			if a := m.pick(b, u, here); a != nil {
				return a
			}
		}
	}
	return nil
}

// pick chooses among the caller's attempts the one with this callee whose phone is here.
func (m *Module) pick(caller []byte, u *sip.URI, here func(phone netip.AddrPort) bool) *attempt {
	for _, a := range m.byCaller[string(caller)] {
		if a.target.is(u) && here(a.sight.source) {
			return a
		}
	}
	return nil
}

// addressIn appends the canonical address in a header's value.
func addressIn(dst, value []byte) ([]byte, bool) {
	if value == nil {
		return dst, false
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return dst, false
	}
	b, err := aor.AppendCanonical(dst, u.User, u.Host)
	return b, err == nil
}
