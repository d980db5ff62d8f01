package script

import (
	"log/slog"
	"runtime/debug"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// Program is a compiled script. It is the relay's Hooks, and safe for use by
// many workers at once.
type Program struct {
	globals Globals
	modules []module.Module
	params  []Param
	log     *slog.Logger
	tree    *file
	secret  []bool // of each modparam of tree: its value is not shown
	scope   *module.Scope
	budget  int // steps that one message may take

	dropEnds bool            // there is a drop, and it ends the script
	calls    map[string]bool // the functions of modules that stand in it
	remarks  []Problem

	main    *block
	failure map[int]*block
	reply   map[int]*block // 0 is the general one
	branch  map[int]*block
	local   *block // event_route[tm:local-request]
}

// Param is a parameter that the script sets.
type Param struct {
	Module, Name string
	Text         string // of a number, as written
	Num          int
}

// Params returns the parameters that the script sets, in its order. They hold passwords.
func (p *Program) Params() []Param { return p.params }

// Calls reports whether a function of a module stands anywhere in the script.
func (p *Program) Calls(function string) bool { return p.calls[function] }

// Globals returns the settings of the script.
func (p *Program) Globals() *Globals { return &p.globals }

// Modules returns the modules that the script loads, in its order.
func (p *Program) Modules() []module.Module { return p.modules }

// NewRequest makes the memory of one worker: a *module.Ctx, which is the
// request's Owner.
func (p *Program) NewRequest() *relay.Request {
	c := &module.Ctx{}
	c.Owner = c
	return &c.Request
}

// Request runs the main route.
func (p *Program) Request(r *relay.Request) { p.run(p.main, r, module.RequestRoute) }

// Failure runs failure_route[route]. Without such a route, as after a reload, the
// best reply goes up.
func (p *Program) Failure(r *relay.Request, route int) {
	p.run(p.failure[route], r, module.FailureRoute)
}

// Reply runs the general reply route and then onreply_route[route], which the
// transaction armed. False means that the script dropped the response.
func (p *Program) Reply(r *relay.Request, route int) bool {
	if p.run(p.reply[0], r, module.ReplyRoute) == dropped {
		return false
	}
	return route == 0 || p.run(p.reply[route], r, module.ReplyRoute) != dropped
}

// Branch runs branch_route[route] on one branch. False means that the script dropped it.
func (p *Program) Branch(r *relay.Request, route int) bool {
	return p.run(p.branch[route], r, module.BranchRoute) != dropped
}

// LocalRequest runs event_route[tm:local-request] on a request of our own user agent.
// False means that the script dropped it.
func (p *Program) LocalRequest(r *relay.Request) bool {
	return p.run(p.local, r, module.LocalRoute) != dropped
}

// run runs one block on a message.
func (p *Program) run(b *block, r *relay.Request, kind module.Routes) result {
	if b == nil {
		return yes
	}
	c := r.Owner.(*module.Ctx)
	if kind == module.BranchRoute {
		return p.within(b, c)
	}
	c.Restart(kind, b.weight)
	p.clearVars(c)
	defer p.survive(b, c)
	return p.ended(b, c, b.run(c))
}

// within runs a branch route, which is a part of the run that relays: it has its
// variables and its steps.
func (p *Program) within(b *block, c *module.Ctx) result {
	outer, depth := c.Route, c.Depth
	c.Route, c.ReturnCode, c.Depth = module.BranchRoute, module.True, 1
	defer func() { c.Route, c.Depth = outer, depth }()
	defer p.survive(b, c)
	if c.Steps += b.weight; c.Steps > p.budget {
		return p.ended(b, c, tired)
	}
	return p.ended(b, c, b.run(c))
}

// ended tells of a script that took too long.
func (p *Program) ended(b *block, c *module.Ctx, r result) result {
	if r == tired {
		p.log.Error("script ends: too many steps", "route", b.title, "steps", c.Steps, "call_id", string(c.Msg.CallID()))
		if c.Route == module.RequestRoute || c.Route == module.FailureRoute {
			p.apologize(c)
		}
	}
	return r
}

// clearVars gives the run its own variables, without values.
func (p *Program) clearVars(c *module.Ctx) {
	n := p.scope.Len()
	if cap(c.Vars) < n {
		c.Vars = make([]module.Value, n)
		return
	}
	c.Vars = c.Vars[:n]
	clear(c.Vars)
}

// survive keeps a fault of a module to the message that met it: the request is
// answered with 500, the worker goes on. Deferred, it costs nothing to speak of
// and allocates nothing.
func (p *Program) survive(b *block, c *module.Ctx) {
	fault := recover()
	if fault == nil {
		return
	}
	p.log.Error("panic in worker", "route", b.title, "call_id", string(c.Msg.CallID()),
		"fault", fault, "stack", string(debug.Stack()))
	if c.Route == module.RequestRoute || c.Route == module.FailureRoute { // in a reply route the call is locked, and the response goes on
		p.apologize(c)
	}
}

// apologize answers 500, unless the fault is such that even this fails.
func (p *Program) apologize(c *module.Ctx) {
	defer func() {
		if fault := recover(); fault != nil {
			p.log.Error("panic in worker", "route", "500 for a script that failed", "call_id", string(c.Msg.CallID()), "fault", fault)
		}
	}()
	if c.Replied || c.Msg.Method == sip.ACK {
		return
	}
	c.DropReplyLines() // they may be what went wrong
	if err := c.Reply(&sip.Reply{Status: 500}); err != nil {
		p.log.Warn("the 500 for a script that failed was not sent", "call_id", string(c.Msg.CallID()), "error", err)
	}
}
