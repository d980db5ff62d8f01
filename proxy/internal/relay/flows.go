package relay

import (
	"slices"

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
	t.URI, t.Next, t.Route = r.Keep(t.URI), r.Keep(t.Next), r.Keep(t.Route)
	r.flows = append(r.flows, t)
}

// keepFlows takes the other flows along with the call. They are few and rare, so that
// they may cost memory of their own.
func (c *Call) keepFlows(r *Request) {
	for _, t := range r.flows {
		t.URI, t.Next, t.Route = slices.Clone(t.URI), slices.Clone(t.Next), slices.Clone(t.Route)
		c.flows = append(c.flows, t)
	}
	r.flows = r.flows[:0]
}

// otherFlow begins a branch that failed anew on another flow of the same phone. False:
// there is none, or nobody waits any more. The call is locked.
func (b *Branch) otherFlow(out txn.Out) bool {
	c := b.call
	e := c.engine
	if b.group == 0 || b.cancelling || c.answered || c.cancelled || e.draining.Load() || c.retries >= maxRetries {
		return false
	}
	r := e.spare.Get().(*Request)
	defer func() { r.Call = nil; r.own.Reset(); e.spare.Put(r) }()
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
		if r.onFlow(&t, out) {
			return true
		}
	}
}

// onFlow sends the request on a flow; false if that is not possible at once.
func (r *Request) onFlow(t *Target, out txn.Out) bool {
	c := r.Call
	w := &r.ways[0]
	if !r.reachable(t) || r.reach(t, w) != nil {
		return false
	}
	n := r.Engine.takeBranch(c)
	c.branches = append(c.branches, n)
	c.retries++
	n.fr, n.frInv, n.group = c.fr, c.frInv, t.Group
	n.uri, n.hop = append(n.uri, t.URI...), append(n.hop, r.hopOf(t)...)
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
