package dialog

import (
	"cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// within takes a 2xx to a request within a dialog: the one that the request names, whatever To tag
// the answer has.
func (m *Module) within(c *relay.Call, msg *sip.Message, fromTag []byte, flow transport.Flow) {
	hash := m.table.hash(msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, byCaller := s.find(hash, msg.CallID(), fromTag, c.ToTag())
	if d == nil {
		return
	}
	sender, answerer := d.ends(byCaller)
	along := m.legReplied(d, c, msg, byCaller, flow)
	owned := answerer.owns(flow, sender)
	if owned {
		answerer.flow = flow
	}
	switch c.Method() {
	case sip.BYE:
		d.byeAnswered()
		if d.state <= early {
			d.inside = d.inside && !d.legsOver()
			return // it may be answered yet, and is then a call like others; its INVITE ends it
		}
		answerer.heard = owned || d.again && answerer.heard
		onePass := along != nil && !d.moreLegs && d.masked // of others each pass leads from end to end
		if !onePass && c.Led() && answerer.heard && sender.owns(c.Source(), answerer) || d.proven(c, byCaller) {
			d.ending = false // the phones were first, whose BYE makes the row
			m.end(s, d, who(byCaller), d.owes())
		} else if d.legsOver() {
			d.ending = false
			m.end(s, d, cmp.Or(d.hungUpBy, who(byCaller)), d.owes())
		}
	case sip.INVITE, sip.UPDATE:
		if c.Method() == sip.INVITE {
			d.refreshed = true
			m.goesOn(d, along)
		}
		answerer.refresh(msg, flow)
		if d.state.up() {
			m.renew(s, d, msg, m.cfg.Now())
		}
	}
}

// end is finish for a dialog that the phones have ended. Of one that owes nothing no trace is
// kept.
func (m *Module) end(s *shard, d *dialog, hungUpBy string, owes bool) {
	m.finish(s, d, hungUpBy)
	if !owes && !d.lingers && !m.cfg.Now().Before(d.lost) {
		m.table.remove(s, d)
		return
	}
	if !d.lingers {
		d.hungUpBy = hungUpBy
	}
	m.table.linger(s, d, m.cfg.Now())
}

func who(caller bool) string {
	if caller {
		return byCaller
	}
	return byCallee
}

// breaks reports whether a reply says that the other end knows of no call any more. To other
// methods a 481 is about what they ask for (RFC 5057 §5.1), and who may choose a request
// can choose one that is not answered.
//
// No reply but a 2xx to BYE proves that the other end has let go: who writes a request can write
// it so that it is not taken, in one datagram that is too large, with two tags. So the router
// then hangs up both ends itself, at once, and the call is over in the accounts when they have
// answered.
func breaks(method sip.Method, status int) bool {
	switch method {
	case sip.INVITE, sip.UPDATE:
		return status == 481 || status == 408 || status == 0
	case sip.INFO:
		return status == 481
	}
	return false
}

// finish ends a call that was up, for presence and the accounts. It may be called again.
func (m *Module) finish(s *shard, d *dialog, hungUpBy string) {
	if !d.state.up() {
		return
	}
	s.become(d, deleted)
	d.accounted = d.ending
	if d.unlisted {
		if m.cfg.Ended != nil {
			m.account(s, d, hungUpBy)
		}
		return
	}
	m.busy.drop(d.caller.aor)
	if !d.calleeFree {
		m.busy.drop(d.callee.aor)
	}
	if m.cfg.Ended != nil {
		m.account(s, d, hungUpBy)
	}
	m.tell(d, ctlproto.DialogEnded, hungUpBy)
}

// account tells the accounts that a call is over.
func (m *Module) account(s *shard, d *dialog, hungUpBy string) {
	s.fillAccount(d)
	s.account.Ended, s.account.HungUpBy, s.account.ByRouter = d.overAt(m.cfg.Now()), hungUpBy, d.ending
	s.account.InAgent = d.inAgent
	m.cfg.Ended(&s.account)
}

// forget is finish for a dialog of which no more is to be known, but by the BYEs of the phones
// that are on their way.
func (m *Module) forget(s *shard, d *dialog, hungUpBy string) {
	m.finish(s, d, hungUpBy)
	d.ending = false
	if d.lingers || d.byes == 0 && !m.cfg.Now().Before(d.lost) {
		m.table.remove(s, d)
		return
	}
	m.table.linger(s, d, m.cfg.Now())
}

// byeAnswered takes the answer to a BYE.
func (d *dialog) byeAnswered() {
	if d.byes > 0 {
		d.byes--
	}
}

// Closes reports whether a BYE that was answered with 2xx is the one that ends its call in the
// accounts: not where the call goes on, nor where there was one already. So of two BYEs that cross, or
// the router's and a phone's, one counts. It is to be asked once a BYE.
func (m *Module) Closes(callID, fromTag, toTag []byte) bool {
	if !m.on.Load() {
		return true
	}
	s, d := m.table.lockFound(callID, fromTag, toTag)
	defer s.mu.Unlock()
	if d == nil {
		return true
	}
	if d.state.up() || d.accounted {
		return false
	}
	d.accounted = d.state == deleted
	return true
}

func (s *shard) fillAccount(d *dialog) {
	s.account = Account{
		CallID: d.callID, FromTag: d.caller.tag, ToTag: d.callee.tag, FromURI: d.caller.uri, Display: d.display, TargetURI: d.target,
		Caller: d.caller.aor, Callee: d.callee.aor, Began: d.began, Answered: d.answered, Flags: d.flags, Unlisted: d.unlisted,
	}
}

// Over takes the end of a request without a 2xx (relay.Dialogs). What the router says by
// itself, without having sent the request on, tells nothing of a dialog that is up.
func (m *Module) Over(c *relay.Call, status int) {
	if c.InDialog() && !c.Relayed() {
		return
	}
	msg := m.spare.take()
	defer m.spare.give(msg)
	if msg.Parse(c.Request()) != nil {
		return
	}
	fromTag, toTag, ok := tagsOf(msg)
	if !ok {
		return
	}
	hash := m.table.hash(msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	if !c.InDialog() {
		for d := *s.bucket(hash); d != nil; {
			next := d.next
			if d.state <= early {
				m.passOver(s, d, c.Key())
			}
			d = next
		}
		return
	}
	d, byCaller := s.find(hash, msg.CallID(), fromTag, toTag)
	bye := c.Method() == sip.BYE && status == 481
	if d != nil && c.Method() == sip.BYE {
		d.byeAnswered()
	}
	switch {
	case d == nil || d.ending || !d.proven(c, byCaller):
	case d.state.up() && (bye || breaks(c.Method(), status)) && m.set.timeoutBye && m.cfg.Sender != nil:
		d.closing = true
		s.due(d, m.cfg.Now())
	case d.state <= early: // see within
	case bye:
		m.end(s, d, who(byCaller), d.owes())
	case breaks(c.Method(), status) && d.state.up():
		m.end(s, d, "", true) // the phones say BYE yet
	}
}
