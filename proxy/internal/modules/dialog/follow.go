package dialog

import (
	"bytes"
	"cmp"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
)

// grace is how much longer than agreed a session may last before it is over (RFC 4028
// §10 has the phones end it earlier).
const grace = 30 * time.Second

// Begin enters the dialog that an INVITE may begin (relay.Dialogs).
func (m *Module) Begin(r *relay.Request, c *relay.Call) (bool, error) {
	if !m.on.Load() {
		return false, nil
	}
	from, err := r.Msg.From()
	if err != nil {
		return false, err
	}
	cseq, err := r.Msg.CSeq()
	if err != nil {
		return false, err
	}
	callID := r.Msg.CallID()
	if len(callID) > maxCallID || len(from.Tag) > maxTag || len(from.URI) > maxURI || cseq.Number > maxCSeq {
		m.refused.Add(1)
		return false, m.unlessLax(relay.ErrOverlong)
	}
	hash := m.table.hash(callID)
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	if m.cameBack(s, hash, r, c, from.Tag, cseq.Number) {
		return true, nil
	}
	to, err := r.Msg.To()
	if err != nil {
		return false, err
	}
	if to.Tag != nil {
		if s.clashes(hash, callID, from.Tag, to.Tag) {
			m.rejected.Add(1)
			return false, m.unlessLax(relay.ErrNoDialog)
		}
	}
	var room [512]byte
	address := m.ofOurs(room[:0], r.Auth)
	goes := r.Goes()
	owner, unlisted := m.table.ownerOf(c, address, r.From.Remote.Addr(), goes[:]), !m.wants(r)
	if m.table.crowded(owner) {
		m.refused.Add(1)
		if len(address) > 0 { // otherwise a user could keep calls out of the list by filling the table
			return false, m.unlessLax(relay.ErrOverload)
		}
		return false, nil
	}
	d, full := m.table.take(s, hash, callID, unlisted, owner)
	if d == nil {
		m.refused.Add(1)
		if full {
			return false, nil
		}
		return false, m.unlessLax(relay.ErrOverload)
	}
	d.invite, d.key, d.flags = cseq.Number, c.Key(), r.Flags
	d.carry(r.HandLoad(), c.Key())
	d.went = goes
	m.fill(d, r.Msg, r.From, address, r.Callee)
	s.due(d, d.began.Add(m.set.earlyTimeout))
	if !unlisted {
		m.tracked.Add(1)
	}
	return true, nil
}

// clashes reports whether an INVITE that brings a To tag could not be told from another one: its
// answer will have that tag, most probably, and there is a dialog with it, or an INVITE with the same
// Call-ID and From tag that may get it.
func (s *shard) clashes(hash uint64, callID, fromTag, toTag []byte) bool {
	if d, _ := s.find(hash, callID, fromTag, toTag); d != nil {
		return true
	}
	for d := *s.bucket(hash); d != nil; d = d.next {
		if d.state <= early && bytes.Equal(d.callID, callID) && bytes.Equal(d.caller.tag, fromTag) {
			return true
		}
	}
	return false
}

// unlessLax is err while strict is 1: a sender who could choose not to be tracked could
// choose to be let through, too.
func (m *Module) unlessLax(err error) error {
	if m.set.strict {
		return err
	}
	return nil
}

// wants reports whether the script wants an INVITE tracked.
func (m *Module) wants(r *relay.Request) bool {
	return r.ManageDialog || m.wantsFlagged(r.Flags)
}

// wantsFlagged is wants by the flags alone.
func (m *Module) wantsFlagged(flags uint32) bool {
	if m.set.flag == noFlag {
		return !m.narrowed.Load()
	}
	return flags>>m.set.flag&1 == 1
}

// fill takes what the INVITE tells. caller is the address that he has proven, callee the one that
// was looked up.
func (m *Module) fill(d *dialog, msg *sip.Message, from transport.Flow, caller, callee []byte) {
	d.began = m.cfg.Now()
	if a, err := msg.From(); err == nil {
		d.caller.uri, d.caller.tag = put(d.caller.uri, a.URI), put(d.caller.tag, a.Tag)
		d.display = put(d.display, a.Display[:min(len(a.Display), maxURI)])
	}
	if a, err := msg.To(); err == nil {
		d.callee.uri = put(d.callee.uri, a.URI[:min(len(a.URI), maxURI)])
	}
	if cseq, err := msg.CSeq(); err == nil {
		d.caller.cseq = cseq.Number
	}
	if msg.IsRequest {
		d.target = put(d.target, msg.RequestURI()[:min(len(msg.RequestURI()), maxURI)])
		d.caller.along(msg)
		d.caller.meet(msg, true)
	}
	d.caller.flow, d.caller.home = from, m.homeOf(from)
	d.caller.aor, d.callee.aor = put(d.caller.aor, caller), put(d.callee.aor, callee)
}

// ofOurs appends the address that somebody has proven to have; nil if that is none of ours.
func (m *Module) ofOurs(dst []byte, who relay.Identity) []byte {
	if len(who.User) == 0 || m.cfg.Local != nil && !m.cfg.Local(who.Domain) {
		return nil
	}
	address, err := aor.AppendCanonical(dst, who.User, who.Domain)
	if err != nil {
		return nil
	}
	return address
}

// Replied takes a response that goes up (relay.Dialogs), with Call-ID, From tag and CSeq number of its
// request. The answers to an INVITE tell of its
// own dialogs: Call-ID and From tag may be chosen so that those of another INVITE are the same, and
// who answers may give the To tag of somebody else. So only its own INVITE's answers say what a
// dialog's state is, and only the branch that the To tag first came by who the callee is.
func (m *Module) Replied(c *relay.Call, b *relay.Branch, msg *sip.Message, flow transport.Flow) {
	from, err := msg.From()
	if err != nil {
		return
	}
	if c.InDialog() {
		m.within(c, msg, from.Tag, flow)
		return
	}
	to, err := msg.To()
	if err != nil {
		return
	}
	if len(to.Tag) > maxTag {
		return // it only rings: the relay lets no 2xx with it through
	}
	hash := m.table.hash(msg.CallID())
	s := m.table.lock(hash)
	defer s.mu.Unlock()
	d, _ := s.find(hash, msg.CallID(), from.Tag, to.Tag)
	if d == nil {
		d = m.fork(s, hash, c, b, msg, from.Tag, to.Tag)
	}
	if d != nil && d.again && d.branch != 0 && d.branch != b.ID() {
		d.passes(b.SentTo(), msg)
	}
	if d != nil {
		m.legAnswered(d, c, b, msg, flow)
	}
	if d == nil || d.state >= unacked {
		return // a second pass of the same response, if anything
	}
	if d.branch == 0 {
		m.heardBy(d, c, b, msg, flow)
	}
	if d.branch == b.ID() { // nobody else knows the branch of our Via
		d.caller.show(from.URI)
		d.callee.show(to.URI)
		d.callee.beyond(msg, m.ourRoute)
		d.callee.meet(msg, true)
		d.callee.flow = flow
		if n, ok := c.RouteNames(msg, d.again); ok {
			d.names = n
		}
	}
	if d.key != c.Key() && d.branch != b.ID() {
		return
	}
	now := m.cfg.Now()
	if msg.Status < 200 || !m.answers(d, c) {
		s.become(d, early)
		s.due(d, now.Add(m.set.earlyTimeout))
		return
	}
	d.flags = c.Flags()
	m.confirm(s, d, msg, now)
	if c.Local() != nil { // its ACK does not pass the relay
		s.become(d, confirmed)
		s.due(d, d.expires)
	}
}

// heardBy notes the branch by which a dialog's To tag has come first.
func (m *Module) heardBy(d *dialog, c *relay.Call, b *relay.Branch, msg *sip.Message, flow transport.Flow) {
	d.names = relay.UnknownNames()
	d.branch, d.pass, d.callee.home, d.callee.sent = b.ID(), c.Key(), m.homeOf(flow), b.SentTo()
	if cseq, err := msg.CSeq(); err == nil { // the pass that the callee has got: the router's own BYE comes after it
		d.caller.cseq = max(d.caller.cseq, cseq.Number)
	}
	if callee := b.Callee(); len(callee) > 0 { // another one's, where the call was forwarded
		d.callee.aor = put(d.callee.aor, callee)
	}
}

// HungUp ends a dialog whose requests do not pass the relay: one of the router's own user
// agent. by is "caller", "callee" or "router".
func (m *Module) HungUp(callID, fromTag, toTag, by string) {
	s, d := m.table.lockFound([]byte(callID), []byte(fromTag), []byte(toTag))
	defer s.mu.Unlock()
	if d != nil {
		d.inAgent = true
		if d.ending { // the BYE was the router's
			by = cmp.Or(d.hungUpBy, byRouter)
		}
		m.finish(s, d, by)
		m.table.remove(s, d)
	}
}

func (m *Module) ourRoute(value []byte) bool { return m.ours != nil && m.ours(value) }

// confirm makes a dialog a call that is up. The other branches have lost.
func (m *Module) confirm(s *shard, d *dialog, msg *sip.Message, now time.Time) {
	s.become(d, unacked)
	d.answered = now
	d.asked = now
	m.renew(s, d, msg, now)
	s.due(d, earlier(d.expires, now.Add(m.set.noAckTimeout)))
	for o := *s.bucket(d.hash); o != nil; o = o.next {
		if o.hash == d.hash && o.state <= early && o.key == d.key {
			if d.load == nil && bytes.Equal(o.callID, d.callID) && bytes.Equal(o.caller.tag, d.caller.tag) {
				d.load, d.loaded, o.load = o.load, o.loaded, nil
			}
			s.due(o, now.Add(lingering))
		}
	}
	if d.unlisted {
		return
	}
	m.busy.add(d.caller.aor)
	m.busy.add(d.callee.aor)
	if m.cfg.Answered != nil {
		s.fillAccount(d)
		m.cfg.Answered(&s.account)
	}
	m.tell(d, ctlproto.DialogAnswered, "")
}

// renew sets when the session is over: what the phones agreed on (RFC 4028), else the
// parameter. What the router is to hang up it hangs up all the same.
func (m *Module) renew(s *shard, d *dialog, msg *sip.Message, now time.Time) {
	life := m.set.defaultTimeout
	if n, ok := sessionExpires(msg); ok {
		life = min(life, time.Duration(n)*time.Second+grace)
	}
	d.expires = now.Add(life)
	if d.closing {
		return // who has sent a BYE that proves nothing cannot take it back
	}
	d.hungUpBy = ""
	if d.state == confirmed && !d.ending {
		s.due(d, d.expires)
	}
}

// sessionExpires reads the header of that name, short x. Without a message there is none.
func sessionExpires(msg *sip.Message) (uint32, bool) {
	if msg == nil {
		return 0, false
	}
	h := msg.Named("Session-Expires")
	if h == nil {
		h = msg.Named("x")
	}
	if h == nil {
		return 0, false
	}
	value := msg.Value(h)
	if i := bytes.IndexAny(value, "; \t"); i >= 0 {
		value = value[:i]
	}
	n, ok := sip.ParseUint(value, 1<<31-1)
	return n, ok && n > 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
