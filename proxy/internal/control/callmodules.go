package control

import (
	"context"
	"math"

	"seraph/ctlproto"
)

// CallModules are the modules that decide where calls go; one that is nil takes its methods
// off the list.
type CallModules struct {
	Dispatcher Dispatcher
	Speeddial  Reloader
	Userblock  Reloader
}

// Dispatcher is the gateways. What an error of SetState says is fit for the caller.
type Dispatcher interface {
	Reloader
	List() ctlproto.DispatcherList
	// SetState gives a gateway of a set, or "all", a state.
	SetState(state string, set int, uri string) error
}

func (s *Server) addCallModules(add func(method string, run func(context.Context, *params) (any, error), names ...string)) {
	m := &s.cfg.CallModules
	if m.Dispatcher != nil {
		add(ctlproto.MethodDispatcherReload, s.reloading("gateways", m.Dispatcher.Reload))
		add(ctlproto.MethodDispatcherList, func(context.Context, *params) (any, error) { return m.Dispatcher.List(), nil })
		add(ctlproto.MethodDispatcherSetState, s.dispatcherSetState, "state", "group", "address")
	}
	if m.Speeddial != nil {
		add(ctlproto.MethodSpeeddialReload, s.reloading("speed dials", m.Speeddial.Reload))
	}
	if m.Userblock != nil {
		add(ctlproto.MethodUserblockReload, s.reloading("call rules", m.Userblock.Reload))
	}
}

func (s *Server) dispatcherSetState(_ context.Context, p *params) (any, error) {
	state := p.required("state", maxText)
	if p.given("group") == nil {
		p.wrong("group", "missing")
	}
	group := p.integer("group", 0, 0, math.MaxInt32)
	address := p.required("address", maxText)
	if err := p.err(); err != nil {
		return nil, err
	}
	return told(s.cfg.CallModules.Dispatcher.SetState(state, int(group), address))
}
