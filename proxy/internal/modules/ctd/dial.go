package ctd

import (
	"context"
	"crypto/rand"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/ua"
	"seraph/sql/aor"
)

// preferenceTimeout bounds the look-up of the caller's preference.
const preferenceTimeout = time.Second

// Dial starts an attempt and returns its id without waiting for a phone. Errors
// are *ctlproto.Error: CodeInvalidParams for the addresses, CodeBusy for the
// limits, CodeUnavailable while the router starts or ends.
func (m *Module) Dial(ctx context.Context, p ctlproto.CtdDialParams) (string, error) {
	if m.cfg.Agent == nil || m.cfg.Engine == nil {
		return "", ctlproto.Errorf(ctlproto.CodeUnavailable, "click-to-dial is not running")
	}
	a, err := m.newAttempt(p)
	if err != nil {
		return "", err
	}
	if p.Visitor != 0 {
		if err := m.mayVisit(ctx, a.callee); err != nil {
			return "", err
		}
	}
	autoAnswer := p.NoAutoAnswer == 0 && m.wantsAutoAnswer(ctx, a.caller)
	if err := m.admit(a); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	from := aor.AOR{User: m.set.controller, Domain: a.caller.Domain}
	call, err := m.cfg.Agent.Invite(ua.Invite{
		To: a.caller.URI(), From: from.URI(), FromName: p.CalleeName, Contact: p.Device,
		User: a.caller.User, Domain: a.caller.Domain, NoRules: true,
		Hold: m.set.hold, AutoAnswer: autoAnswer,
		Timeout: m.set.ringTimeout,
		MaxLife: m.set.referTimeout + m.set.outcomeTimeout + m.set.calleeRingTimeout + 2*time.Minute,
	}, a.event)
	if err != nil {
		m.cfg.Log.Error("click-to-dial: INVITE not made", "attempt", a.id, "caller", a.callerText, "error", err)
		m.drop(a)
		return "", ctlproto.Errorf(ctlproto.CodeUnavailable, "the caller cannot be called now")
	}
	a.call = call
	a.step(ctlproto.CtdRingingYou)
	m.cfg.Log.Info("click-to-dial", "attempt", a.id, "caller", a.callerText, "callee", a.callee, "actor", p.Actor, "call_id", call.CallID())
	return a.id, nil
}

// newAttempt checks the addresses.
func (m *Module) newAttempt(p ctlproto.CtdDialParams) (*attempt, error) {
	caller, err := aor.Parse(p.Caller, "")
	if err != nil {
		return nil, ctlproto.InvalidParam("caller", err.Error())
	}
	if m.cfg.Local == nil || !m.cfg.Local(caller.Domain) {
		return nil, ctlproto.InvalidParam("caller", caller.Domain+" is not a domain of this router")
	}
	callee, err := aor.CanonicalURI(p.Callee, caller.Domain)
	if err != nil {
		return nil, ctlproto.InvalidParam("callee", err.Error())
	}
	a := &attempt{m: m, id: rand.Text(), caller: caller, callerText: caller.String(), callee: callee}
	if err := a.target.parse(callee); err != nil {
		return nil, ctlproto.InvalidParam("callee", err.Error())
	}
	if a.target.address == a.callerText && a.target.port == 0 {
		return nil, ctlproto.InvalidParam("callee", "is the caller's own address")
	}
	a.status = ctlproto.CtdStatus{ID: a.id, Caller: a.callerText, Callee: callee, CalleeName: p.CalleeName, Actor: p.Actor}
	a.started = m.cfg.Now()
	return a, nil
}

func (m *Module) wantsAutoAnswer(ctx context.Context, user aor.AOR) bool {
	if m.cfg.AutoAnswer == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, preferenceTimeout)
	defer cancel()
	return m.cfg.AutoAnswer(ctx, user.User, user.Domain)
}

// admit enters an attempt unless a limit is reached.
func (m *Module) admit(a *attempt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.prune()
	if m.closed {
		return ctlproto.Errorf(ctlproto.CodeUnavailable, "the router is being stopped")
	}
	if m.active >= m.set.maxAttempts {
		return ctlproto.Errorf(ctlproto.CodeBusy, "%d click-to-dial attempts are running, the most that may", m.active)
	}
	mine := 0
	for _, o := range m.attempts {
		if o.callerText == a.callerText && !o.decided.Load() {
			mine++
		}
	}
	if mine >= m.set.maxPerUser {
		return ctlproto.Errorf(ctlproto.CodeBusy, "%s has a click-to-dial attempt running already", a.callerText)
	}
	m.attempts[a.id] = a
	m.active++
	m.counts.dials++
	return nil
}

// drop takes back what admit did.
func (m *Module) drop(a *attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.attempts, a.id)
	m.active--
	m.counts.dials--
}
