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
	fromTag, toTag, ok := tagsOf(msg)
	if !ok || !m.on.Load() {
		return false
	}
	s, d := m.table.lockFound(msg.CallID(), fromTag, toTag)
	defer s.mu.Unlock()
	return d != nil && d.state != deleted && !d.unlisted
}

// Has reports whether a request without a Route has the tags of a dialog of the table, listed or not, up
// or only just over (relay.Dialogs). What no call is made of passes as the script says where another
// router sends it, which has got it from here, along the dialog's Route: it is on its way from there to the
// other end.
func (m *Module) Has(r *relay.Request) bool {
	fromTag, toTag, ok := tagsOf(r.Msg)
	if !ok || !m.on.Load() {
		return false
	}
	hash := m.table.hash(r.Msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, byCaller := s.find(hash, r.Msg.CallID(), fromTag, toTag)
	if d == nil {
		return false
	}
	return r.Msg.Method == sip.INVITE || !d.comesBack(r.From.Remote.Addr(), byCaller)
}

// comesBack reports whether a request within the dialog comes from a router behind us on the way to the
// other end. That proves nothing: who is called may be that router, and whoever calls sit beside it.
func (d *dialog) comesBack(from netip.Addr, byCaller bool) bool {
	_, to := d.ends(byCaller)
	return len(to.routes) > 0 && to.isFrom(from)
}

// Within judges a request within a dialog, and notes it (relay.Dialogs).
func (m *Module) Within(r *relay.Request) (reach relay.Reach, err error) {
	if !m.on.Load() {
		return relay.Reach{Sealed: true}, nil
	}
	fromTag, toTag, ok := tagsOf(r.Msg)
	if !ok {
		return reach, relay.ErrNoDialog
	}
	hash := m.table.hash(r.Msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, byCaller := s.find(hash, r.Msg.CallID(), fromTag, toTag)
	var w way
	switch {
	case d != nil && (d.ending || uncountable(r.Msg) || d.acksNothing(r.Msg, byCaller)):
		ok = false
	case !m.set.strict:
		if d != nil {
			w = d.way(r, byCaller)
			reach = w.reach
			reach.Named, reach.Led = false, w.ok
		} else {
			_, reach.Sealed = m.beyondUs(r, false)
		}
		reach.Anywhere, reach.Known = true, false
	case d == nil:
		ok, reach.Sealed = m.beyondUs(r, s.hasLost(hash, r.Msg.CallID(), fromTag, toTag, m.cfg.Now()))
	default:
		w = d.way(r, byCaller)
		reach = w.reach
		reach.NoGateway, reach.Led = !w.at, w.ok
		ok = w.ok && (reach.SentBack || d.bears(r)) && m.permits(d, w.by, r.Msg, byCaller)
	}
	if !ok {
		m.rejected.Add(1)
		return reach, relay.ErrNoDialog
	}
	if d != nil && !reach.SentBack {
		m.note(s, d, r.Msg, byCaller, r.From)
		if w.along != nil {
			m.noteAlong(d, w.along, r.Msg, byCaller, r.From)
		}
	}
	return reach, nil
}

// way is whether a request goes where its dialog does, and where it may be sent.
type way struct {
	lead
	reach relay.Reach
	along *leg // the pass that it goes along; nil if there is only one
	by    *leg // the same if only that leads where the request goes
}

// way finds the way of a request. Where the ends of the whole call lead to, comes before those of one pass.
func (d *dialog) way(r *relay.Request, byCaller bool) (w way) {
	w.lead = d.leads(r, byCaller)
	w.reach = d.reach(r, byCaller, w.sure)
	l, x := d.legOf(r, byCaller)
	if !x.ok {
		return w
	}
	w.along = l
	if !w.ok || !w.at {
		w.lead, w.reach, w.by = x, l.reach(byCaller), l
	}
	return w
}

// acksNothing reports whether an ACK has a number that its sender has used for nothing yet (it has
// its INVITE's, RFC 3261 §13.2.2.4): phones that count it would refuse each BYE after it, the
// router's, too.
func (d *dialog) acksNothing(msg *sip.Message, byCaller bool) bool {
	if msg.Method != sip.ACK {
		return false
	}
	sender, _ := d.ends(byCaller)
	cseq, err := msg.CSeq()
	return err != nil || cseq.Number > sender.cseq && !(byCaller && d.isAnswered(cseq.Number))
}

// bears reports whether a request bears the dialog's own Route, as to renamed headers: the Route of
// another call with its Call-ID and From tag would show the other end another caller. Where an
// INVITE has passed here more than once, each pass has its own.
func (d *dialog) bears(r *relay.Request) bool { return d.names.Borne(r) }

// sentBack reports whether another router behind us sends a request on to the other end that it has got
// from here. Where the INVITE has passed more than once, each pass of a request within is judged alike.
func (d *dialog) sentBack(r *relay.Request, byCaller bool) bool {
	_, to := d.ends(byCaller)
	return r.SentBack() && !d.again && len(to.routes) > 0
}

// reach is where a request within a dialog that is up may be sent, beside that it has to
// lead to the other end. Each end may name any target as its own, and knows the tags of
// both: to a target a request goes, wherever that is, only from where the other party was
// when the call began (of what comes back, the relay has asked that of the first pass); of the
// caller, whose target nobody has asked for, that is to the
// port. Others get to the hosts that the INVITE passed, and to where the other party was
// seen; so does what goes to a target that somebody else may have named (not sure), or where
// the script sends it instead. What lookup has found is the other end's if its address is.
func (d *dialog) reach(r *relay.Request, byCaller, sure bool) relay.Reach {
	sender, to := d.ends(byCaller)
	phones := r.Found && r.NextRoute() == nil && len(to.aor) > 0 && bytes.Equal(r.FoundCallee, to.aor)
	reach := relay.Reach{Phones: phones, Known: true, Began: [4]netip.Addr{to.home.Remote.Addr(), to.sent}}
	if d.again {
		copy(reach.Began[2:], d.between[:])
		return reach
	}
	reach.SentBack = d.sentBack(r, byCaller)
	reach.Named = sure && (reach.SentBack || sender.isHome(r.From) || byCaller && sender.owns(r.From, to))
	reach.Seen = [2]netip.Addr{to.flow.Remote.Addr(), to.moved.Addr()}
	return reach
}

// Hosts are those where the two ends of a request's dialog are and were (relay.Dialogs).
func (m *Module) Hosts(r *relay.Request) (list [relay.MaxHosts]netip.Addr) {
	fromTag, toTag, ok := tagsOf(r.Msg)
	if !ok || !m.on.Load() {
		return list
	}
	s, d := m.table.lockFound(r.Msg.CallID(), fromTag, toTag)
	defer s.mu.Unlock()
	if d != nil {
		for i, p := range [...]*party{&d.caller, &d.callee} {
			copy(list[4*i:], []netip.Addr{p.home.Remote.Addr(), p.sent, p.flow.Remote.Addr(), p.moved.Addr()})
		}
		copy(list[8:], d.between[:])
	}
	return list
}

// ends are who sends a request, and who is to get it.
func (d *dialog) ends(byCaller bool) (sender, to *party) {
	if byCaller {
		return &d.caller, &d.callee
	}
	return &d.callee, &d.caller
}

// beyondUs decides about a dialog that is not in the table: one that never was there, or
// was in the table of the process before this one, goes on between the hosts that the
// relay finds in the Route. lost says that the table has had no room for an answer to its INVITE.
// sealed says that nobody but the Route knows of the call: where there is a record of another
// answer to its INVITE, that is the call of the accounts.
func (m *Module) beyondUs(r *relay.Request, lost bool) (passes, sealed bool) {
	seal, now, method := r.Seal(), m.cfg.Now(), r.Msg.Method
	if seal.Kind == relay.SealOther { // of a subscription, which is for nothing else
		return method == sip.SUBSCRIBE || method == sip.NOTIFY, false
	}
	ours := seal.Kind == relay.SealTracked && seal.Minted.After(m.cfg.Started)
	switch {
	case ours && !lost:
		return false, false // it is over
	case seal.Kind == relay.SealTracked && !ours:
		now = m.cfg.Started
	}
	passes = now.Sub(seal.Minted) <= m.set.defaultTimeout && ofCall(method)
	return passes, passes && !ours
}

// ofCall reports whether a method is one that a call cannot do without.
func ofCall(m sip.Method) bool {
	switch m {
	case sip.ACK, sip.BYE, sip.INVITE, sip.UPDATE, sip.PRACK, sip.INFO:
		return true
	}
	return false
}

// note takes what a request within a dialog tells. Of one that somebody else may have sent,
// only where that one is.
func (m *Module) note(s *shard, d *dialog, msg *sip.Message, byCaller bool, from transport.Flow) {
	sender, to := d.ends(byCaller)
	owned := sender.owns(from, to)
	switch {
	case owned:
		sender.flow = from
	case !d.again || sender.isFrom(from.Remote.Addr()): // or it is the router between two passes
		sender.moved = from.Remote
	}
	cseq, err := msg.CSeq()
	switch {
	case err != nil:
	case msg.Method == sip.ACK:
		if byCaller && d.state == unacked && d.isInvite(cseq.Number) {
			s.become(d, confirmed)
			if !d.closing {
				s.due(d, d.expires)
			}
		}
		return
	case cseq.Number > sender.cseq:
		sender.cseq = cseq.Number
	}
	switch msg.Method {
	case sip.INVITE, sip.UPDATE:
		sender.refresh(msg, from)
	case sip.SUBSCRIBE, sip.REFER:
		if owned { // or whoever rings would ask himself in the other one's name
			m.noteEvent(sender, msg)
		}
	case sip.BYE:
		if d.state <= early { // what rings is ended by its INVITE
			return
		}
		d.byes = min(d.byes, 254) + 1
		if d.lingers {
			return
		}
		if owned {
			d.hungUpBy = who(byCaller)
		}
		if owned || m.set.timeoutBye { // or the record would end, and the call not
			s.due(d, earlier(d.deadline, m.cfg.Now().Add(byeTime)))
			d.closing = d.closing || m.set.timeoutBye && d.state.up()
		}
	}
}

// spare are parsers that are not in use.
type spare struct{ pool sync.Pool }

func (x *spare) take() *sip.Message {
	if m, ok := x.pool.Get().(*sip.Message); ok {
		return m
	}
	return new(sip.Message)
}

func (x *spare) give(m *sip.Message) {
	m.Reset()
	x.pool.Put(m)
}
