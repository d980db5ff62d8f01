package modules

import (
	"seraph/proxy/internal/modules/acc"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/ua"
)

// dialogs is what module dialog needs. Without a user agent or a database it gets a nil
// interface or function, never one that holds a nil pointer.
func dialogs(cfg Config, s *Set) dialog.Config {
	c := dialog.Config{
		Local: s.Domain.Local, Sockets: cfg.Sockets, Publish: cfg.Publish, Wanted: cfg.Wanted, Now: cfg.Now, Log: cfg.Log,
		Answered: func(a *dialog.Account) { s.Acc.Talk(talk(a)) },
		Ended:    func(a *dialog.Account) { s.Acc.HungUp(talk(a)) },
	}
	if cfg.Agent != nil {
		c.Sender = cfg.Agent
		c.Credentials = func(method string, asked *ua.Challenge, tried int) (string, bool) {
			return s.Calls.Uac.Answer(method, &relay.Challenge{URI: []byte(asked.URI), Addr: asked.Addr, Lines: []byte(asked.Lines)}, tried)
		}
	}
	return c
}

func talk(a *dialog.Account) acc.Talk {
	return acc.Talk{
		CallID: a.CallID, FromTag: a.FromTag, ToTag: a.ToTag, FromURI: a.FromURI, Display: a.Display, TargetURI: a.TargetURI,
		Caller: a.Caller, Callee: a.Callee, Began: a.Began, Answered: a.Answered, Ended: a.Ended, HungUpBy: a.HungUpBy, ByRouter: a.ByRouter,
		InAgent: a.InAgent, Unlisted: a.Unlisted, Flags: a.Flags,
	}
}
