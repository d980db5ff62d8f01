package transport

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"seraph/proxy/internal/dns"
)

// maxRenewals bounds the plans that are found anew at a time. Beyond it requests wait for
// themselves, in the bounds for those: slow zones of a stranger must not keep others old.
const maxRenewals = 256

// renewal is a plan that is found anew while the old one serves on (RFC 8767 §5).
type renewal struct {
	began time.Time
	done  chan struct{}
	p     *plan // what counts now, after done
}

// justEnded is how long after its end a plan is used at once while it is found anew. So a
// busy gateway's calls do not wait for name servers, alive or dead, whenever its TTL ends.
func (r *Resolver) justEnded() time.Duration { return 3 * r.cfg.DNS.Patience }

// ready reports whether a plan is to be used as it is, mu being held, and has it found anew
// if that is because it has just ended.
func (r *Resolver) ready(p *plan, s *Service, now time.Time) bool {
	p.used = now
	switch {
	case now.Before(p.until):
		return true
	case !now.Before(p.stale):
		return false
	case now.Sub(p.until) < r.justEnded():
		return r.renew(p, s, now) != nil
	}
	return p.renewal != nil && now.Sub(p.renewal.began) >= r.cfg.DNS.Patience
}

// renew has a plan found anew, mu being held, unless that is under way; nil if there are too
// many.
func (r *Resolver) renew(p *plan, s *Service, now time.Time) *renewal {
	if p.renewal != nil || r.renewals >= maxRenewals {
		return p.renewal
	}
	n := &renewal{began: now, done: make(chan struct{})}
	p.renewal = n
	r.renewals++
	// It does not end with the request that has begun it: each question has its own end.
	ctx, cancel := context.WithTimeout(context.Background(), 4*r.cfg.DNS.Total)
	w := r.newWalk(ctx, s, r.dns.LookupAnew)
	go func() {
		defer cancel()
		w.survive()
		r.settle(w, p, n)
	}()
	return n
}

// survive is plan with a net below it, for a walk that is no request's: what a stranger's
// zone says may meet a fault of ours, and must not end the process.
func (w *walk) survive() {
	defer func() {
		if fault := recover(); fault != nil {
			w.r.cfg.DNS.Log.Error("panic in a look-up", "host", w.host, "fault", fault, "stack", string(debug.Stack()))
			w.p, w.cut = plan{err: dns.ErrNoServer}, true
		}
	}()
	w.plan()
}

// counts reports whether what was found takes the place of a plan that may serve on. What
// name servers say does, that there is nothing too. If they say nothing it does not; nor does
// the host's own address, which may be another machine, while they cannot say whether the
// records that led elsewhere are still there. The operator's host table can.
func (w *walk) counts(old *plan) bool {
	switch {
	case w.cut || w.p.err != nil && !errors.Is(w.p.err, ErrNoAddress):
		return false
	case !w.p.own || w.listed:
		return true
	}
	return (old.own || !w.refused) && (!old.pointed || !w.unpointed)
}

// settle ends a renewal. A plan that nothing new takes the place of serves on for as long as
// a failure is kept.
func (r *Resolver) settle(w *walk, old *plan, n *renewal) {
	if n.p = old; w.counts(old) {
		n.p = r.keep(w)
	}
	r.mu.Lock()
	if n.p == old {
		if old.until = time.Now().Add(r.cfg.DNS.NegativeTTL); old.until.After(old.stale) {
			old.until = old.stale
		}
	}
	old.renewal = nil
	r.renewals--
	r.mu.Unlock()
	close(n.done)
}

// renewed is the plan of a service that is known and has ended: the new one if it is found
// before patience or ctx ends, else the old. nil if there is none that may serve on, or too
// many are found anew.
func (r *Resolver) renewed(ctx context.Context, s *Service) *plan {
	now := time.Now()
	r.mu.Lock()
	p := r.plans[planKey{string(s.Host), s.Port, s.Proto, s.Secure, s.Reach}]
	if p == nil || !now.Before(p.stale) {
		r.mu.Unlock()
		return nil
	}
	n := r.renew(p, s, now)
	r.mu.Unlock()
	if n == nil {
		return nil
	}
	enough := time.NewTimer(r.cfg.DNS.Patience - now.Sub(n.began))
	defer enough.Stop()
	select {
	case <-n.done:
		return n.p
	case <-enough.C:
	case <-ctx.Done():
	}
	return p
}
