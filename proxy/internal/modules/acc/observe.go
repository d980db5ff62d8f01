package acc

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// scratch is the memory of one look at a request and its reply.
type scratch struct {
	request, reply sip.Message
	room           []byte // for ends.name
}

// spare are those that are not in use.
type spare struct{ pool sync.Pool }

func (x *spare) take() *scratch {
	if s, ok := x.pool.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (x *spare) give(s *scratch) {
	s.request.Reset()
	s.reply.Reset()
	x.pool.Put(s)
}

// ending is what is known when a request has got its final reply.
type ending struct {
	call           *relay.Call // of an INVITE that may be answered once more, else nil
	request, reply *sip.Message
	source         netip.Addr
	callee         []byte
	from, target   []byte // of a BYE, in the place of its own; nil for these
	known          bool   // the caller has shown who he is
	proven         bool   // and that From has his address
	relayed        bool   // the request was sent on
	within         bool   // it came along a Route of ours, or has the tags of a dialog that passes here
	flags          uint32
	status         int
	began, now     time.Time
}

// Ended takes the end of an INVITE or a BYE (relay.Accountant). The controller's own
// leg of a click-to-dial is nobody's call.
func (m *Module) Ended(c *relay.Call, status int, reply []byte) {
	if l := c.Local(); !m.on || l != nil && !l.Accounted {
		return
	}
	if c.Method() == sip.BYE && (status/100 != 2 && !asked(c.Flags(), m.set.failedFlag) || !c.Relayed()) {
		return
	}
	if c.Request() == nil {
		m.answeredAgain(c, status, reply)
		return
	}
	s := m.spare.take()
	defer m.spare.give(s)
	if s.request.Parse(c.Request()) != nil {
		return // cannot be: it was read when it came
	}
	m.read(&s.reply, reply)
	e := ending{
		request: &s.request, reply: &s.reply, source: c.Source().Remote.Addr(), callee: c.Callee(), known: len(c.Auth().User) > 0,
		relayed: c.Relayed(), within: c.InDialog(), flags: c.Flags(), status: status, began: c.Began(), now: m.cfg.Now(),
	}
	e.proven = proven(e.request, c.Auth())
	if c.Method() == sip.BYE {
		if status/100 != 2 || m.closes(c, e.request) {
			s.room = m.between(&e, s.room)
			m.account(&e)
		}
		return
	}
	e.call = c
	if !m.invite(&e, c.Elsewhere()) {
		return
	}
	for callee := range c.Forwarders { // his phones have rung, too
		e.callee = callee
		m.missedBy(&e)
	}
}

// closes reports whether a BYE that was taken makes the row of its call's end, the first of several alone. One that has come without
// our Route, and has not the tags of a dialog of the table, does so where its call has none either: whoever
// knows the tags of another call could send it to somebody who answers as he is asked to.
func (m *Module) closes(c *relay.Call, bye *sip.Message) bool {
	from, err := bye.From()
	if err != nil {
		return false
	}
	to, err := bye.To()
	if err != nil || c.InDialog() && (len(to.Tag) == 0 || !c.BetweenEnds()) {
		return false
	}
	over := func() bool { return m.cfg.Closes == nil || m.cfg.Closes(bye.CallID(), from.Tag, to.Tag) }
	if c.InDialog() {
		return over()
	}
	call := m.unrouted.dialog(bye.CallID(), from.Tag, to.Tag)
	return m.unrouted.has(call, m.cfg.Now()) && over() && m.unrouted.take(call, m.cfg.Now())
}

// between has a BYE go between the ends of its call, as the table of dialogs has them. room is memory for
// their names.
func (m *Module) between(e *ending, room []byte) []byte {
	from, err := e.request.From()
	if err != nil {
		return room
	}
	to, err := e.request.To()
	if err != nil {
		return room
	}
	return m.ends.name(e, m.unrouted.dialog(e.request.CallID(), from.Tag, to.Tag), from.Tag, room)
}

// read reads a reply as the router has sent it. One that cannot be read, because a reply route has
// blown it up, costs a row what is behind the place to which it could, and not the row.
func (m *Module) read(reply *sip.Message, text []byte) {
	err := reply.ParseOwn(text)
	if err == nil {
		return
	}
	n := m.unread.Add(1)
	if m.unreadTold.Pass(m.cfg.Now(), time.Minute, 1) {
		m.cfg.Log.Error("acc: a reply that was sent cannot be read, and its row may lack the To tag", "unread", n, "error", err, "call_id", string(reply.CallID()))
	}
}

// noteUnrouted remembers a call that was answered and has not got our Route, if that is so: the BYE of such
// a one brings none.
func (m *Module) noteUnrouted(c *relay.Call, answer *sip.Message) {
	if c == nil || c.RecordRouted() {
		return
	}
	from, err := answer.From()
	if err != nil {
		return
	}
	var toTag []byte
	if to, err := answer.To(); err == nil {
		toTag = to.Tag
	}
	m.unrouted.first(m.unrouted.dialog(answer.CallID(), from.Tag, toTag), m.cfg.Now(), unroutedLife)
}

// Refused takes a stateless final reply to an INVITE (relay.Accountant).
func (m *Module) Refused(r *relay.Request, status int, reply []byte) {
	if !m.on || len(r.Callee) == 0 || r.Local != nil && !r.Local.Accounted {
		return
	}
	s := m.spare.take()
	defer m.spare.give(s)
	m.read(&s.reply, reply)
	now := m.cfg.Now()
	e := ending{
		request: r.Msg, reply: &s.reply, source: r.From.Remote.Addr(), callee: r.Callee, known: len(r.Auth.User) > 0,
		within: r.InDialog, flags: r.Flags, status: status, began: now, now: now,
	}
	e.proven = proven(e.request, r.Auth)
	m.invite(&e, false)
}

// proven reports whether From has the address of who was authenticated.
func proven(request *sip.Message, who relay.Identity) bool {
	from, err := request.FromURI()
	return err == nil && who.Owns(from)
}

// invite accounts for an INVITE if it is in no dialog that passes here, and reports whether the call was
// missed. A To tag does not make it one within a dialog: it may be made up.
func (m *Module) invite(e *ending, elsewhere bool) bool {
	if e.within || m.ofACall(e) {
		return false
	}
	if e.status < 300 {
		m.noteUnrouted(e.call, e.reply)
		m.account(e)
		m.answered(e)
		return false
	}
	if asked(e.flags, m.set.failedFlag) {
		m.account(e)
	}
	if elsewhere || !counts(e.status) || !has(e.flags, m.set.dbMissedFlag) {
		return false
	}
	m.missedBy(e)
	return true
}

// ofACall reports whether an INVITE that has come without our Route, and is refused, is within a call of
// the table of dialogs all the same: the script has refused it before anybody asked that table.
func (m *Module) ofACall(e *ending) bool {
	to, err := e.request.To()
	if err != nil || len(to.Tag) == 0 || e.status < 300 {
		return false
	}
	from, err := e.request.From()
	return err == nil && m.cfg.Holds != nil && m.cfg.Holds(e.request.CallID(), from.Tag, to.Tag)
}

// missedBy makes the rows of a call that somebody has missed, or that was to nobody of ours.
func (m *Module) missedBy(e *ending) {
	if len(e.callee) == 0 {
		// What one of ours tried elsewhere is nobody's missed call. That it was sent on means
		// that the script had no doubt about his name.
		if e.proven && e.relayed {
			m.put(kindFailed, e)
		}
		return
	}
	key := m.seen.keyOf(e)
	switch m.seen.note(key, e.now, m.set.remember, e.proven) {
	case newsNone:
		return
	case newsCaller: // another pass of his call has made its rows, or somebody with one that is like it
		m.put(kindProven, e)
		return
	}
	if !e.known && !m.admit(e) {
		m.seen.forgo(key)
		return
	}
	k := kindMissed
	if e.proven {
		k = kindTried // it is in his list whether or not there is such a user, which is not for him to find out
	}
	m.put(k, e)
	if asked(e.flags, m.set.logMissedFlag) && m.cfg.Log.Enabled(context.Background(), m.set.logLevel) {
		m.cfg.Log.Log(context.Background(), m.set.logLevel, "missed call", "callee", string(e.callee), "status", e.status, "call_id", string(e.request.CallID()))
	}
}

// admit reports whether a missed call of a stranger's is to be noted: he could make
// any number of them.
func (m *Module) admit(e *ending) bool {
	if m.foreign.take(e) {
		return true
	}
	n := m.foreignDropped.Add(1)
	if m.foreign.told.Pass(e.now, m.set.foreignPeriod, 1) {
		m.cfg.Log.Warn("acc: missed calls of strangers are not noted, there are too many", "dropped", n,
			"source", e.source, "callee", string(e.callee), "call_id", string(e.request.CallID()))
	}
	return false
}

// counts reports whether a call that ended so was missed. The other statuses say
// that the caller has to try again or better (with other session timers, RFC 4028
// §6), that he finds the callee elsewhere, that the call went round in a circle, or
// that it met another one of the same (RFC 3261 §21, RFC 5393).
func counts(status int) bool {
	switch status {
	case 401, 407, 420, 422, 482, 483, 484, 491:
		return false
	}
	return status >= 400
}

// account makes a row of table acc.
func (m *Module) account(e *ending) {
	if e.status >= 300 || has(e.flags, m.set.dbFlag) {
		m.put(kindAcc, e)
	}
	m.logAccounted(e.flags, e.request.MethodText(), e.status, e.request.CallID())
}

func (m *Module) logAccounted(flags uint32, method []byte, status int, callID []byte) {
	if asked(flags, m.set.logFlag) && m.cfg.Log.Enabled(context.Background(), m.set.logLevel) {
		m.cfg.Log.Log(context.Background(), m.set.logLevel, "accounted", "method", string(method), "status", status, "call_id", string(callID))
	}
}

// answered takes back that a call was missed: the caller's phone has tried again, and
// better, within the same call.
func (m *Module) answered(e *ending) {
	if len(e.callee) > 0 && m.seen.any() && m.seen.has(m.seen.keyOf(e), e.now) {
		k := kindAnswered
		if e.proven {
			k = kindProvenAnswer
		}
		m.put(k, e)
	}
}

func (m *Module) put(k kind, e *ending) {
	pack := func(dst []byte) []byte {
		at := len(dst)
		dst = appendRow(dst, k, e)
		if k == kindAcc && e.status < 300 && e.call != nil {
			e.call.Note(dst[at:])
		}
		return dst
	}
	if !m.queue.put(k, pack) {
		m.noteLost(e.request.CallID())
	}
}

// noteLost counts a row of a call for which there is no room.
func (m *Module) noteLost(callID []byte) {
	if n := m.lost.Add(1); n == 1 || n%1000 == 0 {
		m.cfg.Log.Error("acc: the queue is full and a row is lost", "lost", n, "waiting", m.queue.len(), "call_id", string(callID))
	}
}
