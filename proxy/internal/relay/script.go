package relay

import (
	"errors"

	"seraph/proxy/internal/sip"
)

// ErrDropped says that the script's event_route[tm:local-request] has dropped a request
// of the router's own user agent.
var ErrDropped = errors.New("the script dropped the request")

// MoreHooks is a script that has routes beside those of Hooks.
type MoreHooks interface {
	// Branch runs a branch route on one target of a request, which is r.Main there;
	// edits are that branch's alone. False leaves the branch out.
	Branch(r *Request, route int) bool
	// LocalRequest runs before the request route on a request of our own user agent;
	// false drops the request.
	LocalRequest(r *Request) bool
}

// script holds the hooks in force.
type script struct{ hooks Hooks }

// SetHooks makes a script the one that later requests run through. Transactions keep
// the one that they began with.
func (e *Engine) SetHooks(h Hooks) { e.script.Store(&script{h}) }

func (e *Engine) hooks() Hooks {
	if s := e.script.Load(); s != nil {
		return s.hooks
	}
	return e.cfg.Hooks
}

// routed is the script that the request runs through.
func (r *Request) routed() Hooks {
	if r.hooks != nil {
		return r.hooks
	}
	return r.Engine.hooks()
}

// run runs the request route, which the request's transaction stays with.
func (r *Request) run() {
	r.hooks = r.Engine.hooks()
	r.hooks.Request(r)
}

// runLocal is run for a request of our own user agent.
func (r *Request) runLocal() error {
	r.hooks = r.Engine.hooks()
	if h, ok := r.hooks.(MoreHooks); ok && !h.LocalRequest(r) {
		return ErrDropped
	}
	r.hooks.Request(r)
	return nil
}

// branched is what branch routes have made of the targets of one request.
type branched struct {
	on      bool
	targets [MaxBranches]Target
	edits   [MaxBranches]sip.Edits
	dropped [MaxBranches]bool
	names   [MaxBranches][2]name
	params  [MaxBranches][]byte
}

// isDropped reports whether the branch route left a target out.
func (r *Request) isDropped(i int) bool {
	return r.branched != nil && r.branched.on && r.branched.dropped[i]
}

// branchRoutes runs the armed branch route for each target that is to be sent to.
func (r *Request) branchRoutes() {
	h, ok := r.routed().(MoreHooks)
	if r.OnBranch == 0 || !ok {
		return
	}
	if r.branched == nil {
		r.branched = &branched{}
	}
	x, first, main, names := r.branched, r.firstTarget(), r.Main, r.names
	added, secured := r.params.added, r.secured
	for i := first; i <= len(r.More); i++ {
		mark := r.Msg.Mark()
		if i > 0 {
			r.Main = r.More[i-1]
		}
		r.parsed, r.BranchIndex, r.secured = nil, i-first, secured || r.Main.Secured
		x.dropped[i] = !h.Branch(r, r.OnBranch)
		r.Msg.Save(&x.edits[i])
		r.Msg.Rollback(mark)
		x.targets[i], x.names[i], x.params[i] = r.Main, r.names, r.params.added
		x.targets[i].Secured = r.secured
		r.Main, r.names, r.params.added, r.secured = main, names, added, secured
	}
	r.parsed, r.BranchIndex = nil, 0
	x.on = true
}

// ownEdits gives the message the edits of one branch.
func (r *Request) ownEdits(i int) {
	if r.branched != nil && r.branched.on {
		r.Msg.Restore(&r.branched.edits[i])
	}
}

// commonEdits gives the message those of all branches again, and ends what branchRoutes
// began.
func (r *Request) commonEdits(c *Call) {
	if r.branched != nil && r.branched.on {
		r.Msg.Restore(&c.edits)
	}
}

// forgetBranches makes the targets those of the script again.
func (r *Request) forgetBranches() {
	if r.branched != nil {
		r.branched.on = false
	}
}

// keep notes in the call what the script keeps with it.
func (c *Call) keep(r *Request) { c.kept = append(c.kept[:0], r.Kept...) }

// maxKept is the most that a call in the free list keeps room for, in bytes.
const maxKept = 1024

// forgetScript lets go of the script and of what it kept.
func (c *Call) forgetScript() {
	c.hooks = nil
	if c.kept = c.kept[:0]; cap(c.kept) > maxKept {
		c.kept = nil
	}
}
