package userblock

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// The AVPs of a call with rules, in the script $avp(ub_owner) and so on: whose rules
// hold now, or, in a call to one phone of his, whose phone that is; who has forwarded the call; who had it, a
// line each.
const (
	ownerAVP     = "ub_owner"
	phoneAVP     = "ub_phone"
	forwarderAVP = "ub_forwarder"
	pastAVP      = "ub_past"
)

// mostForwards bounds max_forwards: each takes a line of pastAVP.
const mostForwards = 10

// scratch is the memory of one call of a function: what the functions of other modules
// are asked with cannot stand on the stack.
type scratch struct {
	room, alias [512]byte
	uri         [520]byte
}

// called is who is called by the Request-URI, an alias resolved, with his rules; nil
// where he has none. From here on his rules are the call's.
func (m *Module) called(c *module.Ctx, s *scratch) (*rules, []byte) {
	owners := *m.owners.Load()
	if len(owners) == 0 || c.Local != nil && c.Local.NoRules {
		return nil, nil
	}
	u, err := c.URI()
	if err != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || !u.HasUser || u.Host == nil {
		return nil, nil
	}
	address, device := s.room[:0], false
	if m.cfg.Device != nil {
		address, device = m.cfg.Device(address, u)
	}
	if !device {
		if address, err = aor.AppendCanonical(s.room[:0], u.User, u.Host); err != nil {
			return nil, nil
		}
	}
	r, owner := m.ruled(c, owners, address)
	if device && r != nil {
		c.SetAVP(ownerAVP, module.Value{})
		noteAVP(c, phoneAVP, owner)
		return r.device, owner
	}
	noteAVP(c, phoneAVP, nil)
	return r, owner
}

// noteAVP sets an AVP to a text, or to nothing, if it is something else.
func noteAVP(c *module.Ctx, name string, text []byte) {
	switch v := c.AVP(name); {
	case text == nil && v.Kind != module.NullValue:
		c.SetAVP(name, module.Value{})
	case text != nil && !bytes.Equal(v.Str, text):
		c.SetAVP(name, module.Text(text))
	}
}

// ruled makes the rules of an address, an alias resolved, those of the call.
func (m *Module) ruled(c *module.Ctx, owners map[string]*rules, address []byte) (*rules, []byte) {
	if m.cfg.Alias != nil {
		if b, ok := m.cfg.Alias(address[len(address):], address); ok {
			address = b
		}
	}
	r := owners[string(address)]
	if r == nil {
		noteAVP(c, ownerAVP, nil)
		return nil, nil
	}
	noteAVP(c, ownerAVP, address)
	return r, address
}

// current is whose rules hold: the owner that called has found before, or the one of the phone, else who
// stands in the Request-URI.
func (m *Module) current(c *module.Ctx, s *scratch) (*rules, []byte) {
	if v := c.AVP(ownerAVP); v.Kind == module.TextValue {
		return (*m.owners.Load())[string(v.Str)], append(s.room[:0], v.Str...)
	}
	if v := c.AVP(phoneAVP); v.Kind == module.TextValue {
		r := (*m.owners.Load())[string(v.Str)]
		if r == nil { // he has none any more
			return nil, nil
		}
		return r.device, append(s.room[:0], v.Str...)
	}
	if c.Route == module.FailureRoute {
		return nil, nil // the rules began before or not at all
	}
	return m.called(c, s)
}

// refuse reports whether an owner blocks who calls. Nobody refuses himself.
func (r *rules) refuse(c *module.Ctx, owner []byte) bool {
	work := math.MaxInt
	return r.refuseWithin(&work, c, owner)
}

// refuseWithin is refuse for one of several owners, who together may take as much work as one with the
// most rules. What it takes to read From counts for those who come after.
func (r *rules) refuseWithin(work *int, c *module.Ctx, owner []byte) bool {
	if r == nil || len(r.blocks) == 0 || isFrom(c.Msg, owner) {
		return false
	}
	u, err := c.Msg.FromURI()
	if err != nil {
		return r.blocksWithin(work, nil)
	}
	var room [aor.MaxCaller]byte
	refused := r.blocksWithin(work, aor.AppendCaller(room[:0], u.Raw))
	*work -= len(u.Raw)
	return refused
}

// isFrom reports whether it is an owner who sends a request, from another phone of his.
func isFrom(msg *sip.Message, owner []byte) bool {
	var room [2 * aor.MaxCaller]byte
	self := selfIn(room[:0], msg)
	return len(self) > 0 && bytes.Equal(self, owner)
}

// selfIn appends the canonical address in From, nothing for whom no account is named like.
func selfIn(dst []byte, msg *sip.Message) []byte {
	from, err := msg.FromURI()
	if err != nil || from.Scheme != sip.SchemeSIP && from.Scheme != sip.SchemeSIPS {
		return dst
	}
	self, err := aor.AppendCanonical(dst, from.User, from.Host)
	if err != nil {
		return dst
	}
	return self
}

// isBlocked is ub_blocked.
func (m *Module) isBlocked(c *module.Ctx) int {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	if r, owner := m.called(c, s); !r.refuse(c, owner) {
		return module.False
	}
	m.blocked.Add(1)
	return module.True
}

// isDisturbed is ub_dnd.
func (m *Module) isDisturbed(c *module.Ctx) int {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	r, owner := m.current(c, s)
	if r == nil || !r.dnd || isFrom(c.Msg, owner) || r.phone && !m.disturbsPhone(c, owner) {
		return module.False
	}
	m.disturbed.Add(1)
	return module.True
}

// noAnswerTimeout is ub_no_answer_timeout.
func (m *Module) noAnswerTimeout(c *module.Ctx) int {
	s := m.pool.Get().(*scratch)
	defer m.pool.Put(s)
	r, _ := m.current(c, s)
	if r == nil || r.forwards[noAnswer] == nil {
		return module.False
	}
	c.SetTimers(time.Duration(r.seconds)*time.Second, 0)
	return module.True
}

// compileForward compiles ub_forward(kind).
func (m *Module) compileForward(args []module.Arg) (module.Call, error) {
	k, ok := kindNames[args[0].Str]
	if !ok {
		return nil, fmt.Errorf("%q is none of \"always\", \"busy\", \"noanswer\", \"offline\"", args[0].Str)
	}
	return func(c *module.Ctx) int {
		s := m.pool.Get().(*scratch)
		defer m.pool.Put(s)
		var r *rules
		var owner []byte
		if k == always {
			r, owner = m.called(c, s)
		} else {
			r, owner = m.current(c, s)
		}
		if r == nil || r.forwards[k] == nil || !m.follow(c, s, r, owner, k) {
			return module.False
		}
		return module.True
	}, nil
}

// follow forwards the call by one rule, and on by the rules "always" of those it comes
// to; where it is for absence, by their rules "offline" as well. False if it stays where
// it is.
func (m *Module) follow(c *module.Ctx, s *scratch, r *rules, owner []byte, k kind) bool {
	moved, away, work := false, k == offline, store.MostWork
	for r != nil && r.forwards[k] != nil {
		if r.refuseWithin(&work, c, owner) {
			if work < 0 {
				m.looped.Add(1)
			}
			break
		}
		f := r.forwards[k]
		to := m.placeOf(s, f)
		if !m.mayForward(c, &to, owner) || !m.divert(c, f, &to, owner) {
			break
		}
		moved = true
		m.forwarded.Add(1)
		if m.cfg.Log.Enabled(context.Background(), slog.LevelInfo) {
			m.cfg.Log.Info("userblock: call forwarded", "user", string(owner), "reason", reasons[k], "to", string(to.uri), "call_id", string(c.Msg.CallID()))
		}
		k = always
		if to.address == nil {
			c.SetAVP(ownerAVP, module.Value{})
			break
		}
		r, owner = m.ruled(c, *m.owners.Load(), append(s.room[:0], to.address...))
		if r != nil && r.forwards[always] == nil && away && m.isAway(r, owner) {
			k = offline
		}
	}
	return moved
}

// isAway reports whether an owner takes no calls now.
func (m *Module) isAway(r *rules, owner []byte) bool {
	return r.dnd || m.cfg.Registered != nil && !m.cfg.Registered(owner)
}

// mayForward reports whether a rule may be followed: the call was not forwarded too
// often, does not come back, leaves our domains only where its owner may, and leads to no
// gateway past what the script asks of who calls there.
func (m *Module) mayForward(c *module.Ctx, to *place, owner []byte) bool {
	if !to.stays && c.Engine != nil && c.Engine.Barred(to.uri) {
		return false
	}
	if to.foreign && m.foreignGroup != "" && (m.cfg.Member == nil || !m.cfg.Member(owner, m.foreignGroup)) {
		return false
	}
	past := c.AVP(pastAVP).Str
	if bytes.Count(past, newLine)+m.diversions(c) >= m.maxForwards || to.address != nil && (inLines(past, to.address) || bytes.Equal(owner, to.address)) {
		m.looped.Add(1)
		return false
	}
	return true
}

// diversions counts the forwards that others have made, and we for others before the
// request came round.
func (m *Module) diversions(c *module.Ctx) int {
	n := 0
	headers := c.Msg.Headers()
	for i := range headers {
		if sip.EqualFold(c.Msg.Name(&headers[i]), diversionName) {
			n++
		}
	}
	return n
}

const diversionName = "Diversion"

var newLine = []byte("\n")

// inLines reports whether text has a line.
func inLines(text, line []byte) bool {
	for len(text) > 0 {
		one, rest, _ := bytes.Cut(text, newLine)
		if bytes.Equal(one, line) {
			return true
		}
		text = rest
	}
	return false
}

// divert makes the place where a rule leads the Request-URI, and notes who has forwarded.
func (m *Module) divert(c *module.Ctx, f *forward, to *place, owner []byte) bool {
	var room [1024]byte
	past := append(room[:0], c.AVP(pastAVP).Str...)
	past = append(append(past, owner...), '\n')
	if !c.SetAVP(pastAVP, module.Text(past)) || !c.SetAVP(forwarderAVP, module.Text(owner)) {
		return false
	}
	var u sip.URI
	if sip.ParseURI(to.uri, &u) != nil {
		return false
	}
	c.More = c.More[:0]
	c.Main = relay.Target{Given: !to.stays}
	if c.SetURI(to.uri) != nil {
		return false
	}
	c.Secure()
	c.Forwarded()
	_, silence := c.Timers() // how long it rings is the new owner's to say
	c.ResetTimers()
	c.SetTimers(0, silence)
	if m.diversion {
		n := bytes.Count(past, newLine)
		c.Msg.Insert(diversionPlace(c.Msg, n), []byte("Diversion: "), f.diversion, []byte(";counter=1\r\n"))
	}
	return true
}

// diversionPlace is where the nth Diversion header of a request goes: above those that
// are there, so that the last one is the first (RFC 5806 §3.2).
func diversionPlace(m *sip.Message, n int) uint32 {
	headers := m.Headers()
	last := min(len(headers)-1, mostForwards)
	for i := range last {
		if sip.EqualFold(m.Name(&headers[i]), diversionName) {
			last = i
			break
		}
	}
	return headers[max(last-n, 0)].Start
}
