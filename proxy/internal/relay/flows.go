package relay

import (
	"slices"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// AddFlow adds another way to the phone of the target with the same Group: it is tried
// if that one fails (RFC 5626 §5.3). The texts are copied. Beyond MaxBranches it is
// left out.
func (r *Request) AddFlow(t Target) {
	if t.Group == 0 || len(r.flows) >= MaxBranches {
		return
	}
	r.flows = append(r.flows, r.keepTarget(t))
}

// AnyWay reports whether f does of any of the ways that the request has now: its targets, and the other
// flows of the phones among them.
func (r *Request) AnyWay(f func(t *Target) bool) bool {
	if f(&r.Main) {
		return true
	}
	for _, list := range [...][]Target{r.More, r.flows} {
		for i := range list {
			if f(&list[i]) {
				return true
			}
		}
	}
	return false
}

// keepFlows takes the other flows along with the call. They are few and rare, so that
// they may cost memory of their own.
func (c *Call) keepFlows(r *Request) {
	for _, t := range r.flows {
		for _, text := range t.texts() {
			*text = slices.Clone(*text)
		}
		c.flows = append(c.flows, t)
	}
	r.flows = r.flows[:0]
}

// FailedFlow is a flow of a phone that an answer has said to be broken. The texts are the
// call's.
type FailedFlow struct {
	AoR   []byte         // whose phone it is, as the request was looked up
	URI   []byte         // its contact
	Hop   []byte         // the URI that the request was sent to, empty where that is URI or Flow
	Flow  transport.Flow // on which it was sent
	Group uint32         // Target.Group
	Began time.Time      // of the request: what was registered after it is not meant
}

// noteFlow tells whom it concerns that the branch's flow is broken: the proxy in front of
// the phone has answered 430 (RFC 5626 §5.3, §11).
func (b *Branch) noteFlow() {
	c := b.call
	if f := c.engine.cfg.FlowFailed; f != nil && b.group != 0 && len(b.callee) > 0 {
		f(&FailedFlow{AoR: b.callee, URI: b.uri, Hop: b.hop, Flow: b.client.Flow(), Group: b.group, Began: c.began})
	}
}

// failedFlow reports whether an answer to the branch leaves open that the phone is reached
// on another flow: 430, or the 408 of a proxy between us and a phone that has not rung. Any
// other answer is the phone's (RFC 5626 §5.3); a 503 is for another host of the same flow
// (RFC 3263 §4.3).
func (b *Branch) failedFlow(status int) bool {
	c := b.call
	switch status {
	case 430:
		return true
	case 408: // whoever waits for another answer than an INVITE's gives up after 64·T1
		return !b.rang && (c.method == sip.INVITE || c.engine.Now().Sub(c.began) < 64*c.engine.txns.Config().T1)
	}
	return false
}

// otherFlow begins a branch that failed anew on another flow of the same phone. False:
// there is none, or nobody waits any more. The call is locked.
func (b *Branch) otherFlow(out txn.Out) bool {
	c := b.call
	e := c.engine
	if b.group == 0 || !b.awaited() || c.retries >= maxRetries {
		return false
	}
	r := e.takeRequest()
	defer e.giveRequest(r)
	if !c.restore(r, nil, c.req) {
		return false
	}
	r.Call = c
	for {
		i := slices.IndexFunc(c.flows, func(t Target) bool { return t.Group == b.group })
		if i < 0 {
			return false
		}
		t := c.flows[i]
		c.flows = slices.Delete(c.flows, i, i+1)
		if r.onFlow(&t, b.callee, out) {
			return true
		}
	}
}

// onFlow sends the request, for whom it was sent before, on a flow; false if that is not possible
// at once.
func (r *Request) onFlow(t *Target, callee []byte, out txn.Out) bool {
	c := r.Call
	w := &r.ways[0]
	if !r.reachable(t) || r.reach(t, w) != nil {
		return false
	}
	n := r.Engine.takeBranch(c)
	c.branches = append(c.branches, n)
	c.retries++
	on := r.courseTo(t)
	on.callee = callee
	n.begin(&on)
	id := n.client.Prepare(r.Engine.txns, &c.Cell, n)
	r.scratch = r.appendBranch(r.scratch[:0], t, w.flow, txn.StatefulMark, id)
	if n.client.Start(c.method, w.flow, r.scratch, out) != nil {
		return false
	}
	n.arm()
	return true
}

// reachable reports whether the way to a target is known without asking a name server.
func (r *Request) reachable(t *Target) bool {
	if !t.Flow.IsZero() {
		return r.Engine.layer.Usable(t.Flow)
	}
	hop := t.Next
	if hop == nil {
		hop = t.URI
	}
	var u sip.URI
	if sip.ParseURI(hop, &u) != nil {
		return false
	}
	s, err := r.Engine.service(&u)
	if err != nil {
		return false
	}
	if _, numeric := parseAddr(s.Host); numeric {
		return true
	}
	var room [transport.MaxHops]transport.Hop
	_, err, cached := r.Engine.resolver.Cached(room[:0], &s)
	return cached && err == nil
}
