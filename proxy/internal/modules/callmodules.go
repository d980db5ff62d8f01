package modules

import (
	"context"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/dispatcher"
	"seraph/proxy/internal/modules/speeddial"
	"seraph/proxy/internal/modules/uac"
	"seraph/proxy/internal/modules/userblock"
	"seraph/proxy/internal/ua"
)

// CallModules are the modules that decide where calls go.
type CallModules struct {
	Speeddial  *speeddial.Module
	Userblock  *userblock.Module
	Dispatcher *dispatcher.Module
	Uac        *uac.Module
}

func callModules(cfg Config, s *Set) CallModules {
	numbers, rules := speeddial.Config{Log: cfg.Log}, userblock.Config{Log: cfg.Log, Alias: s.Alias.Resolve, Local: s.Domain.Local, Member: s.Group.Has}
	rules.Registered, rules.At = s.Usrloc.Table().Registered, s.Usrloc.Table().At
	rules.Device, rules.Joined = s.Registrar.OfDevice, s.Dialog.Joined
	gateways := dispatcher.Config{Log: cfg.Log, Now: cfg.Now}
	if cfg.DB != nil {
		numbers.Load, rules.Load, gateways.Load = cfg.DB.SpeedDials.All, cfg.DB.CallRules.All, cfg.DB.Dispatcher.All
		rules.Users = subscribers(cfg.DB)
	}
	if cfg.Agent != nil {
		gateways.Ping = pinging(cfg.Agent)
	}
	return CallModules{
		Speeddial: speeddial.New(numbers), Userblock: userblock.New(rules), Dispatcher: dispatcher.New(gateways), Uac: uac.New(uac.Config{Log: cfg.Log}),
	}
}

// pinging asks by OPTIONS. Who is asked with the sender of another's words has the same
// rights as the router's own.
func pinging(agent *ua.Agent) func(ctx context.Context, uri, from string) (int, error) {
	return func(ctx context.Context, uri, from string) (int, error) {
		if from == "" {
			a, err := agent.Options(ctx, uri)
			return a.Status, err
		}
		sent, err := agent.Request(ua.Worded{Method: "OPTIONS", URI: uri, Headers: "From: <" + from + ">\r\nTo: <" + uri + ">\r\n"})
		if err != nil {
			return 0, err
		}
		reply, err := sent.Wait(ctx)
		return reply.Status, err
	}
}

func (m *CallModules) all() []module.Module {
	return []module.Module{m.Speeddial, m.Userblock, m.Dispatcher, m.Uac}
}

// Statistics yields the counters of the modules.
func (m *CallModules) Statistics(yield func(group, name string, value int64)) {
	m.Userblock.Statistics(yield)
	m.Dispatcher.Statistics(yield)
	m.Uac.Statistics(yield)
}
