package dialog

import (
	"bytes"
	"net/netip"
	"slices"
	"unsafe"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// A router that sends an INVITE back here may hide who is behind it (an SBC, Kamailio's topos and topoh): it
// keeps Call-ID and tags, and shows itself to each side as the other end, with a Contact and a route set of its
// own. Then each pass is a dialog of its own between two hosts, which say in the seal of its Route which one it is.
// What has that Route may go to what the other end of this pass has named, at the host where it is, and nowhere
// else. The call is one all the same, and is over when each pass is.

const (
	// maxLegs is how many passes of an INVITE are told apart.
	maxLegs = 4
	// maxLegTexts bounds what the passes of one dialog have named, in bytes.
	maxLegTexts = 6144
)

// leg is one pass of an INVITE that has passed here more than once.
type leg struct {
	key       txn.Key // of its transaction
	invite    uint32  // its CSeq: some routers give each pass one of its own
	branch    uint64  // which the dialog's To tag came by; 0 before there is one
	near, far party   // who has sent the INVITE, and who has answered it
	answered  bool    // with a 2xx
	over      bool    // a BYE has gone from the one end to the other, which has let go
}

// addLeg notes a pass. Its INVITE has come from a host.
func (d *dialog) addLeg(c txn.Key, invite uint32, from netip.Addr) *leg {
	if len(d.legs) == maxLegs {
		d.moreLegs = true
		return nil
	}
	d.legs = append(d.legs, leg{key: c, invite: invite})
	l := &d.legs[len(d.legs)-1]
	l.near.sent = from
	return l
}

// addLegs notes the pass that an INVITE makes, and the first one before it.
func (m *Module) addLegs(d *dialog, r *relay.Request, c *relay.Call, invite uint32) {
	if len(d.legs) == 0 {
		first := d.addLeg(d.key, d.invite, d.caller.home.Remote.Addr())
		first.near.meetAs(&d.caller)
		if d.branch != 0 && d.pass == d.key {
			first.branch = d.branch
			first.far.meetAs(&d.callee)
			first.far.sent = d.callee.sent
		}
	}
	if l := d.addLeg(c.Key(), invite, r.From.Remote.Addr()); l != nil {
		l.near.home = m.homeOf(r.From)
		l.near.flow = l.near.home
		l.near.along(r.Msg)
		l.near.meet(r.Msg, true)
	}
	m.table.boundLegs(d)
}

// meetAs takes from another record of a party where that is, and what it has named.
func (p *party) meetAs(o *party) {
	p.contact, p.earlier, p.routes = put(p.contact, o.contact), put(p.earlier, o.earlier), put(p.routes, o.routes)
	p.flow, p.home, p.cut, p.sure, p.sureEarlier = o.flow, o.home, o.cut, o.sure, o.sureEarlier
}

// copyLegs takes the passes of another dialog of the same INVITE: of each, who has sent it.
func (m *Module) copyLegs(d, o *dialog) {
	d.moreLegs = o.moreLegs
	for i := range o.legs {
		from := &o.legs[i]
		l := d.addLeg(from.key, from.invite, from.near.sent)
		l.near.meetAs(&from.near)
	}
	m.table.boundLegs(d)
}

// forgetAnswers has the passes be those of a dialog that nobody has answered yet.
func (d *dialog) forgetAnswers() {
	for i := range d.legs {
		l := &d.legs[i]
		l.branch, l.far, l.answered, l.over = 0, party{}, false, false
	}
	d.masked = false
}

// boundLegs lets the passes that have named more than is kept lead nowhere, the last ones first, and counts what is held
// for the others.
func (t *table) boundLegs(d *dialog) {
	n, held := 0, cap(d.legs)*int(unsafe.Sizeof(leg{}))
	for i := range d.legs {
		for _, p := range [...]*party{&d.legs[i].near, &d.legs[i].far} {
			if n += len(p.contact) + len(p.earlier) + len(p.routes); n > maxLegTexts {
				p.contact, p.earlier, p.routes, p.cut = nil, nil, nil, true
			}
			held += cap(p.contact) + cap(p.earlier) + cap(p.routes)
		}
	}
	t.legs.Add(int64(held) - d.legsHeld)
	d.legsHeld = int64(held)
}

// isPass reports whether a transaction, of an INVITE with the dialog's Call-ID and From tag and with a number, is
// that of one of its passes.
func (d *dialog) isPass(key txn.Key, number uint32) bool {
	return d.key == key || d.again && (d.isInvite(number) || d.legWith(key) != nil)
}

// legWith is the pass of a transaction; nil for none.
func (d *dialog) legWith(key txn.Key) *leg {
	for i := range d.legs {
		if d.legs[i].key == key {
			return &d.legs[i]
		}
	}
	return nil
}

// dropLeg forgets a pass that nobody has answered.
func (m *Module) dropLeg(d *dialog, key txn.Key) {
	d.legs = slices.DeleteFunc(d.legs, func(l leg) bool { return l.key == key && !l.answered })
	m.table.boundLegs(d)
}

// goOn makes the dialog that of its last pass alone; the first one is over.
func (d *dialog) goOn(last *leg) {
	d.key, d.alone = d.second, true
	if last != nil {
		d.invite = last.invite
	}
}

// isInvite reports whether a CSeq number is that of the INVITE, in one of its passes.
func (d *dialog) isInvite(number uint32) bool {
	if number == d.invite {
		return true
	}
	for i := range d.legs {
		if d.legs[i].invite == number {
			return true
		}
	}
	return false
}

// isAnswered reports whether a CSeq number is that of a pass which was answered with a 2xx.
func (d *dialog) isAnswered(number uint32) bool {
	return slices.ContainsFunc(d.legs, func(l leg) bool { return l.answered && l.invite == number })
}

// legAnswered takes a response to a pass: who the other end of it is, says the branch by which the To tag came
// first.
func (m *Module) legAnswered(d *dialog, c *relay.Call, b *relay.Branch, msg *sip.Message, flow transport.Flow) {
	l := d.legWith(c.Key())
	if l == nil {
		return
	}
	l.answered = l.answered || msg.Status >= 200
	if l.branch == 0 {
		l.branch, l.far.home, l.far.sent = b.ID(), m.homeOf(flow), b.SentTo()
	}
	if l.branch == b.ID() {
		l.far.flow = flow
		l.far.beyond(msg, m.ourRoute)
		l.far.meet(msg, true)
		m.table.boundLegs(d)
	}
	if msg.Status >= 200 {
		d.masked = d.hides()
	}
}

// ends are who sends a request along a pass, and who is to get it.
func (l *leg) ends(byCaller bool) (sender, to *party) {
	if byCaller {
		return &l.near, &l.far
	}
	return &l.far, &l.near
}

// legOf is the pass whose Route a request has brought, by the two hosts that its seal names; nil if there is
// none. Where all are behind one host it is the one that leads where the request goes, if one does.
func (d *dialog) legOf(r *relay.Request, byCaller bool) (l *leg, x lead) {
	for i := range d.legs {
		p := &d.legs[i]
		if p.branch == 0 || !r.SealedBetween(p.near.sent, p.far.sent) {
			continue
		}
		if l, x = p, p.leads(r, byCaller); x.ok {
			return l, x
		}
	}
	return l, x
}

// leads reports whether a request goes where the pass does.
func (l *leg) leads(r *relay.Request, byCaller bool) lead {
	_, to := l.ends(byCaller)
	return to.leads(r, false, false)
}

// reach is where a request may be sent that has a pass' Route.
func (l *leg) reach(byCaller bool) relay.Reach {
	_, to := l.ends(byCaller)
	return relay.Reach{Known: true, Began: [4]netip.Addr{to.home.Remote.Addr(), to.sent}}
}

// noteAlong takes what a request along a pass tells.
func (m *Module) noteAlong(d *dialog, l *leg, msg *sip.Message, byCaller bool, from transport.Flow) {
	sender, to := l.ends(byCaller)
	switch msg.Method {
	case sip.INVITE, sip.UPDATE:
		sender.refresh(msg, from)
		m.table.boundLegs(d)
	case sip.SUBSCRIBE, sip.REFER:
		if sender.owns(from, to) {
			m.noteEvent(sender, msg)
		}
	}
}

// refresh takes the target that a party names by a request or an answer within the dialog.
func (p *party) refresh(msg *sip.Message, from transport.Flow) {
	if home := p.isHome(from); home || p.isFrom(from.Remote.Addr()) {
		p.meet(msg, home)
	}
}

// hides reports whether a router between the passes shows itself to an end as the other one: that its pass has another
// target than the call. A router that shares its host with an end is not told apart from it by where it is. It is asked
// when a pass is answered: an end may name another target later, which not each pass hears of.
func (d *dialog) hides() bool {
	first, last := d.legWith(d.key), d.legWith(d.pass)
	return first == nil || last == nil || slices.ContainsFunc(d.legs, func(l leg) bool {
		return l.answered && !(first.near.shows(&l.near) && last.far.shows(&l.far))
	})
}

// shows reports whether what a party has named is what another record of it has.
func (p *party) shows(o *party) bool {
	return bytes.Equal(p.contact, o.contact) || p.isAt(o.contact).ok
}

// legReplied takes a 2xx to a request along a pass. It returns the pass where that went from the one end to the other
// and is answered there, else nil.
func (m *Module) legReplied(d *dialog, c *relay.Call, msg *sip.Message, byCaller bool, flow transport.Flow) (along *leg) {
	for i := range d.legs {
		l := &d.legs[i]
		if l.branch == 0 || !c.SealedBetween(l.near.sent, l.far.sent) {
			continue
		}
		sender, answerer := l.ends(byCaller)
		if c.Led() && sender.owns(c.Source(), answerer) && answerer.owns(flow, sender) {
			along = l
			l.over = l.over || c.Method() == sip.BYE
		}
		if c.Method() == sip.INVITE || c.Method() == sip.UPDATE {
			answerer.refresh(msg, flow)
		}
	}
	if len(d.legs) > 0 {
		m.table.boundLegs(d)
	}
	return along
}

// goesOn takes a re-INVITE along a pass that is answered. Where that is the caller's, after the end of another one, the
// router between has him talk to somebody else: his call goes on, and the callee is free. What is hung up for another
// reason is hung up all the same, and who has hung up himself is in no call.
func (m *Module) goesOn(d *dialog, along *leg) {
	if along == nil || along.key != d.key || along.over || !d.state.up() || d.ending || d.own || d.tries > 0 || !d.isOver(d.pass) {
		return
	}
	d.closing = false
	if d.loaded != d.key {
		d.carry(nil, d.key) // the gateway's end of the call was that of the other pass
	}
	if !d.calleeFree && !d.unlisted {
		d.calleeFree = true
		m.busy.drop(d.callee.aor)
	}
}

// isOver reports whether the pass of a transaction is over, so that the end of the call there is out of it.
func (d *dialog) isOver(key txn.Key) bool {
	l := d.legWith(key)
	return l != nil && l.over
}

// legsOver reports whether each pass that was answered is over.
func (d *dialog) legsOver() bool {
	over := false
	for i := range d.legs {
		l := &d.legs[i]
		if l.answered && !l.over {
			return false
		}
		over = over || l.over
	}
	return over && !d.moreLegs
}
