package dialog

import (
	"bytes"
	"net/netip"
	"sync"
	"time"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// byeTime is how long a dialog stays that was sent a BYE nobody answers.
const byeTime = lingering + 3*time.Second

// Known reports whether a message belongs to a dialog of the table.
func (m *Module) Known(msg *sip.Message) bool {
	from, err := msg.From()
	if err != nil || !m.on.Load() {
		return false
	}
	to, err := msg.To()
	if err != nil {
		return false
	}
	hash := m.table.hash(msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, _ := s.find(hash, msg.CallID(), from.Tag, to.Tag)
	return d != nil && d.state != deleted && !d.unlisted
}

// Within judges a request within a dialog, and notes it (relay.Dialogs).
func (m *Module) Within(r *relay.Request) (reach relay.Reach, err error) {
	if !m.on.Load() {
		return reach, nil
	}
	from, err := r.Msg.From()
	if err != nil {
		return reach, relay.ErrNoDialog
	}
	to, err := r.Msg.To()
	if err != nil {
		return reach, relay.ErrNoDialog
	}
	hash := m.table.hash(r.Msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, byCaller := s.find(hash, r.Msg.CallID(), from.Tag, to.Tag)
	ok := true
	switch {
	case d != nil && d.ending:
		ok = false
	case !m.set.strict:
		if d != nil {
			reach = d.reach(r.From, byCaller)
		}
		reach.Anywhere = true
	case d == nil:
		ok = m.beyondUs(r)
	default:
		reach = d.reach(r.From, byCaller)
		ok = d.leads(r, byCaller, m.ourRoute) && (d.state != deleted || r.Msg.Method == sip.BYE || r.Msg.Method == sip.ACK)
	}
	if !ok {
		m.rejected.Add(1)
		return reach, relay.ErrNoDialog
	}
	if d != nil {
		m.note(s, d, r.Msg, byCaller, r.From)
	}
	return reach, nil
}

// reach is where a request within a dialog that is up may be sent, beside that it has to
// lead to the other end. Who calls may name any target as his own, and knows the tags of
// both ends: to his target a request goes, wherever that is, only from where the called
// party was when it answered. Others get to the hosts that the INVITE passed, and to where
// the other party was seen; so does what goes to a target that somebody else may have named.
func (d *dialog) reach(from transport.Flow, byCaller bool) relay.Reach {
	sender, to := &d.callee, &d.caller
	if byCaller {
		sender, to = to, sender
	}
	if d.again {
		return relay.Reach{}
	}
	return relay.Reach{
		Anywhere: !to.astray && (byCaller || sender.isHome(from)),
		Also:     [3]netip.Addr{to.flow.Remote.Addr(), to.at.Addr(), to.atEarlier.Addr()},
	}
}

// isHome reports whether a flow comes from where the party was when the call began.
func (p *party) isHome(f transport.Flow) bool {
	return p.home.IsValid() && p.home == f.Remote.Addr().Unmap()
}

// beyondUs decides about a dialog that is not in the table: one that never was there, or
// was in the table of the process before this one, goes on between the hosts that the
// relay finds in the Route.
func (m *Module) beyondUs(r *relay.Request) bool {
	seal, now := r.Seal(), m.cfg.Now()
	switch {
	case seal.Kind == relay.SealOther: // of a subscription, which is for nothing else
		return r.Msg.Method == sip.SUBSCRIBE || r.Msg.Method == sip.NOTIFY
	case seal.Kind == relay.SealTracked && seal.Minted.Unix() > m.cfg.Started.Unix():
		return false // it is over
	case seal.Kind == relay.SealTracked:
		now = m.cfg.Started
	}
	return now.Sub(seal.Minted) <= m.set.defaultTimeout && ofCall(r.Msg.Method)
}

// ofCall reports whether a method is one that a call cannot do without.
func ofCall(m sip.Method) bool {
	switch m {
	case sip.ACK, sip.BYE, sip.INVITE, sip.UPDATE, sip.PRACK, sip.INFO:
		return true
	}
	return false
}

// note takes what a request within a dialog tells.
func (m *Module) note(s *shard, d *dialog, msg *sip.Message, byCaller bool, from transport.Flow) {
	sender := &d.callee
	if byCaller {
		sender = &d.caller
	}
	sender.flow = from
	cseq, err := msg.CSeq()
	switch {
	case err != nil:
	case msg.Method == sip.ACK:
		if byCaller && d.state == unacked && cseq.Number == d.invite {
			s.become(d, confirmed)
			s.due(d, d.expires)
		}
		return
	case cseq.Number > sender.cseq:
		sender.cseq = cseq.Number
	}
	switch msg.Method {
	case sip.INVITE, sip.UPDATE:
		sender.astray = !sender.isHome(from)
		sender.meet(msg, from)
	case sip.BYE:
		s.due(d, earlier(d.deadline, m.cfg.Now().Add(byeTime)))
	}
}

// leads reports whether a request goes where its dialog does: to the next hop of the
// route set, or without one to the other end's remote target. Where an INVITE has passed
// here more than once, each pass has its own next hop: the Route's two hosts are what it
// is held to.
func (d *dialog) leads(r *relay.Request, byCaller bool, ours func([]byte) bool) bool {
	to := &d.caller
	if byCaller {
		to = &d.callee
	}
	if d.again {
		return true
	}
	if to.cut {
		return false
	}
	if next := r.NextRoute(); next != nil {
		return to.via(next) || oursURI(next, ours)
	}
	return to.isAt(r.Msg.RequestURI())
}

// oursURI reports whether a URI is that of a Route of our own: the request comes here a
// second time, and is judged again.
func oursURI(uri []byte, ours func([]byte) bool) bool {
	var room [maxURI + 2]byte
	if len(uri) > maxURI {
		return false
	}
	return ours(append(append(append(room[:0], '<'), uri...), '>'))
}

// via reports whether a URI is the first hop towards a party.
func (p *party) via(next []byte) bool {
	if len(p.routes) == 0 {
		return false
	}
	first := p.routes
	if n := sip.NextValue(first); n < len(first) {
		first = first[:n]
	}
	var a sip.NameAddr
	var want, got sip.URI
	return sip.ParseNameAddr(first, &a) == nil && sip.ParseURI(a.URI, &want) == nil && sip.ParseURI(next, &got) == nil && sameTarget(&want, &got)
}

// isAt reports whether a URI is a party's remote target. The router may have shown the
// other end where the phone is, in place of what it said (fix_nated_contact), or beside
// it (add_contact_alias).
func (p *party) isAt(uri []byte) bool {
	if len(p.contact) > 0 && bytes.Equal(uri, p.contact) && !namesAlias(uri) {
		return true // most phones give the target back to the letter
	}
	var got sip.URI
	if sip.ParseURI(uri, &got) != nil {
		return false
	}
	if alias, has := got.Param("alias"); has && !p.isAlias(alias) {
		return false
	}
	for _, contact := range [...][]byte{p.contact, p.earlier} {
		var want sip.URI
		if len(contact) == 0 || sip.ParseURI(contact, &want) != nil {
			continue
		}
		if sameTarget(&want, &got) || bytes.Equal(want.User, got.User) && bytes.EqualFold(transportOf(&want), transportOf(&got)) && p.isAddress(&got) {
			return true
		}
	}
	return len(p.contact) == 0 && p.isAddress(&got)
}

// isAddress reports whether a URI names an address where the party was seen.
func (p *party) isAddress(u *sip.URI) bool {
	if _, has := u.Param("maddr"); has {
		return false
	}
	host := u.Host
	if n := len(host); n > 2 && host[0] == '[' {
		host = host[1 : n-1]
	}
	return p.seen(func(a netip.AddrPort) bool {
		var room [64]byte
		return a.Port() == portOf(u) && bytes.EqualFold(a.Addr().AppendTo(room[:0]), host)
	})
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
	for _, a := range [...]netip.AddrPort{p.flow.Remote, p.at, p.atEarlier} {
		if a.IsValid() && match(a) {
			return true
		}
	}
	return false
}

// sameTarget compares the parts of two URIs by which a request is sent and taken; the
// other parameters lead nowhere.
func sameTarget(a, b *sip.URI) bool {
	if a.Scheme != b.Scheme {
		return false
	}
	if a.Scheme == sip.SchemeOther {
		return bytes.Equal(a.Raw, b.Raw)
	}
	return bytes.Equal(a.User, b.User) && bytes.EqualFold(a.Host, b.Host) && portOf(a) == portOf(b) &&
		bytes.EqualFold(transportOf(a), transportOf(b)) && sameParam(a, b, "maddr")
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

// spare are parsers that are not in use: as many as there ever were workers at once.
type spare struct {
	mu   sync.Mutex
	list []*sip.Message
}

func (x *spare) take() *sip.Message {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.list); n > 0 {
		m := x.list[n-1]
		x.list = x.list[:n-1]
		return m
	}
	return new(sip.Message)
}

func (x *spare) give(m *sip.Message) {
	m.Reset()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, m)
}
