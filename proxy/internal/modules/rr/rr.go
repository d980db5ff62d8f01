// Package rr is SER's module rr: Record-Route and loose routing (RFC 3261 §16.4,
// §16.6 step 4). README.md is its manual page.
package rr

import (
	"fmt"

	"seraph/proxy/internal/module"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is rr.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "rr".
func (m *Module) Name() string { return "rr" }

// Params lists the parameters: those of SER that scripts set. None has an effect
// here but the one to be refused where it asks for what is not done.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "enable_full_lr", Kind: module.Int, Set: oneOf("enable_full_lr", 0, 1),
			Doc: "taken for SER's sake: \"lr\" is understood in both spellings and written as RFC 3261 has it"},
		{Name: "enable_double_rr", Kind: module.Int, Set: oneOf("enable_double_rr", 1, 1),
			Doc: "two entries where a request leaves by another socket than it came in by: always on"},
		{Name: "append_fromtag", Kind: module.Int, Set: oneOf("append_fromtag", 0, 1),
			Doc: "taken for SER's sake: our entry bears a MAC over the From tag in any case"},
		{Name: "add_username", Kind: module.Int, Set: oneOf("add_username", 0, 1), Idle: "our entry has no user part: nobody needs it",
			Doc: "taken and not used: our entry has no user part"},
	}
}

func oneOf(name string, least, most int) func(string, int) error {
	return func(_ string, n int) error {
		if n < least || n > most {
			if least == most {
				return fmt.Errorf("%s can only be %d", name, least)
			}
			return fmt.Errorf("%s is %d or %d", name, least, most)
		}
		return nil
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute | module.BranchRoute
	return []module.Func{
		{Name: "record_route", Max: 1, Routes: routes, Dynamic: true, Compile: compileRecordRoute,
			Doc: "asks for the later requests of the dialog that an INVITE, SUBSCRIBE or REFER makes to pass here"},
		{Name: "add_rr_param", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true, Compile: compileAddParam,
			Doc: "puts a parameter into our Record-Route, for the later requests of the dialog"},
		{Name: "check_route_param", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileCheckParam,
			Doc: "true if a parameter that add_rr_param gave the dialog matches a regular expression"},
		{Name: "is_direction", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileDirection,
			Doc: "true if a request within a dialog comes from who began it (\"downstream\"), or from the other end (\"upstream\")"},
		{Name: "loose_route", Routes: module.RequestRoute, Compile: module.NoArgs(looseRoute),
			Doc: "takes our entries off the Route; true for a request within a dialog that passes here"},
	}
}

func looseRoute(c *module.Ctx) int {
	if c.LooseRoute() {
		return module.True
	}
	return module.False
}
