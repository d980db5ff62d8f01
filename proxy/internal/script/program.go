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
	log     *slog.Logger

	main    *block
	failure map[int]*block
	reply   map[int]*block // 0 is the general one
}

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

// run runs one block on a message.
func (p *Program) run(b *block, r *relay.Request, kind module.Routes) result {
	if b == nil {
		return yes
	}
	c := r.Owner.(*module.Ctx)
	c.Route, c.ReturnCode, c.Depth = kind, module.True, 1
	defer p.survive(b, c)
	return b.run(c)
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
	if c.Route != module.ReplyRoute { // there the call is locked, and the response goes on
		p.apologize(c)
	}
}

// apologize answers 500, unless the fault is such that even this fails.
func (p *Program) apologize(c *module.Ctx) {
	defer func() {
		if fault := recover(); fault != nil {
			p.log.Error("panic in worker", "route", "500 after a panic", "call_id", string(c.Msg.CallID()), "fault", fault)
		}
	}()
	if c.Replied || c.Msg.Method == sip.ACK {
		return
	}
	if err := c.Reply(&sip.Reply{Status: 500}); err != nil {
		p.log.Warn("no reply after a panic", "call_id", string(c.Msg.CallID()), "error", err)
	}
}
