package tm

import (
	"fmt"

	"seraph/proxy/internal/module"
)

// checkFuncs are questions about the transaction.
func checkFuncs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.LocalRoute
	return []module.Func{
		{Name: "t_is_set", Min: 1, Max: 1, Routes: routes, Compile: compileIsSet,
			Doc: "true if a failure_route, branch_route or onreply_route is armed"},
		{Name: "t_check_trans", Routes: module.RequestRoute, Compile: module.NoArgs(belongsToNone),
			Doc: "false: what belongs to a transaction does not reach the script"},
		{Name: "t_precheck_trans", Routes: module.RequestRoute, Compile: module.NoArgs(belongsToNone),
			Doc: "false, for the same reason"},
		{Name: "t_is_request_route", Routes: module.AnyRoute, Compile: within(module.RequestRoute | module.LocalRoute),
			Doc: "true in the request route and what it calls"},
		{Name: "t_is_failure_route", Routes: module.AnyRoute, Compile: within(module.FailureRoute),
			Doc: "true in a failure_route and what it calls"},
		{Name: "t_is_branch_route", Routes: module.AnyRoute, Compile: within(module.BranchRoute),
			Doc: "true in a branch_route and what it calls"},
		{Name: "t_is_reply_route", Routes: module.AnyRoute, Compile: within(module.ReplyRoute),
			Doc: "true in an onreply_route and what it calls"},
	}
}

// belongsToNone is t_check_trans: the relay has absorbed retransmissions, led CANCEL to
// its INVITE and an ACK to the refusal that it is for before the script runs.
func belongsToNone(*module.Ctx) int { return module.False }

// within compiles a question for the kind of block that runs.
func within(kind module.Routes) func([]module.Arg) (module.Call, error) {
	return module.NoArgs(func(c *module.Ctx) int { return module.Truth(c.Route&kind != 0) })
}

// release is t_release. The relay lets go of a transaction by itself where the script ends and
// has neither answered nor relayed.
func release(c *module.Ctx) int {
	return module.Truth(c.Call != nil && !c.Call.Relayed() && !c.Replied)
}

// compileIsSet compiles t_is_set(kind).
func compileIsSet(args []module.Arg) (module.Call, error) {
	var armed func(c *module.Ctx) int
	switch args[0].Str {
	case "failure_route":
		armed = func(c *module.Ctx) int { return c.OnFailure }
	case "branch_route":
		armed = func(c *module.Ctx) int { return c.OnBranch }
	case "onreply_route":
		armed = func(c *module.Ctx) int { return c.OnReply }
	default:
		return nil, fmt.Errorf("%q is none of failure_route, branch_route and onreply_route", args[0].Str)
	}
	return func(c *module.Ctx) int {
		if armed(c) == 0 {
			return module.False
		}
		return module.True
	}, nil
}
