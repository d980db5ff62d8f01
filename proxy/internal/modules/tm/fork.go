package tm

import (
	"errors"
	"fmt"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// forkFuncs are the functions of serial forking, of the timers of one transaction, and of
// the branches.
func forkFuncs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute
	return []module.Func{
		{Name: "t_load_contacts", Routes: routes, Compile: module.NoArgs(loadContacts),
			Doc: "puts the targets aside, sorted by q, for t_next_contacts"},
		{Name: "t_next_contacts", Routes: routes, Compile: module.NoArgs(nextContacts),
			Doc: "takes the best targets that were put aside, all of one q"},
		{Name: "t_set_fr", Min: 1, Max: 2, Routes: routes, Compile: compileSetFr,
			Doc: "sets how long this INVITE may ring and wait for a first reply, in milliseconds"},
		{Name: "t_reset_fr", Routes: routes, Compile: module.NoArgs(resetFr),
			Doc: "gives this transaction the general timers again"},
		{Name: "t_is_canceled", Routes: module.AnyRoute, Compile: module.NoArgs(isCancelled),
			Doc: "true if the caller has given the request up"},
		{Name: "t_branch_timeout", Routes: module.FailureRoute, Compile: module.NoArgs(branchTimeout),
			Doc: "true if the branch that led to the failure route got no answer in time"},
		{Name: "t_any_timeout", Max: 1, Routes: routes | module.ReplyRoute, Compile: compileAnyTimeout,
			Doc: "true if any branch since the request was last sent on got no answer in time"},
		{Name: "t_branch_replied", Routes: module.FailureRoute, Compile: module.NoArgs(branchReplied),
			Doc: "true if the branch that led to the failure route had sent a reply before"},
		{Name: "t_any_replied", Routes: module.FailureRoute, Compile: module.NoArgs(anyReplied),
			Doc: "true if any branch since the request was last sent on has sent a reply, but for that which led here"},
		{Name: "t_grep_status", Min: 1, Max: 1, Routes: routes | module.ReplyRoute, Compile: compileGrepStatus,
			Doc: "true if any branch since the request was last sent on was refused with that status"},
		{Name: "t_drop_replies", Max: 1, Routes: module.FailureRoute, Compile: compileDropReplies,
			Doc: "forgets the replies so far, so that none of them goes up"},
		{Name: "t_cancel_branches", Min: 1, Max: 1, Routes: module.ReplyRoute | module.FailureRoute, Compile: compileCancelBranches,
			Doc: "cancels open branches: all, the others, or this one"},
	}
}

// nothing is what t_next_contacts returns when nothing is left (Kamailio's number).
const nothing = -2

func loadContacts(c *module.Ctx) int {
	if c.LoadContacts() != nil {
		return module.False
	}
	return module.True
}

func nextContacts(c *module.Ctx) int {
	switch err := c.NextContacts(); {
	case err == nil:
		return module.True
	case errors.Is(err, relay.ErrNoContacts):
		return nothing
	}
	return module.False
}

// mostFr bounds the timers of a transaction, in milliseconds.
const mostFr = 3_600_000

// compileSetFr compiles t_set_fr(ring[, silence]); 0 leaves one as it is.
func compileSetFr(args []module.Arg) (module.Call, error) {
	var times [2]time.Duration
	for i, what := range []string{"fr_inv_timer", "fr_timer"}[:len(args)] {
		n, err := args[i].Int(0, mostFr)
		if err != nil {
			return nil, fmt.Errorf("%s in milliseconds: %w", what, err)
		}
		times[i] = time.Duration(n) * time.Millisecond
	}
	return func(c *module.Ctx) int {
		c.SetTimers(times[0], times[1])
		return module.True
	}, nil
}

func resetFr(c *module.Ctx) int {
	c.ResetTimers()
	return module.True
}

func isCancelled(c *module.Ctx) int { return module.Truth(c.Cancelled()) }

func branchTimeout(c *module.Ctx) int { return module.Truth(c.TimedOut()) }

func branchReplied(c *module.Ctx) int { return module.Truth(c.BranchReplied()) }

func anyReplied(c *module.Ctx) int { return module.Truth(c.AnyReplied()) }

// compileAnyTimeout compiles t_any_timeout(["rang"]).
func compileAnyTimeout(args []module.Arg) (module.Call, error) {
	rang := len(args) > 0
	if rang && args[0].Str != "rang" {
		return nil, fmt.Errorf("%q is not \"rang\"", args[0].Str)
	}
	return func(c *module.Ctx) int { return module.Truth(c.AnyTimedOut(rang)) }, nil
}

// compileGrepStatus compiles t_grep_status(code).
func compileGrepStatus(args []module.Arg) (module.Call, error) {
	status, err := args[0].Int(300, 699)
	if err != nil {
		return nil, fmt.Errorf("the status of a refusal: %w", err)
	}
	return func(c *module.Ctx) int { return module.Truth(c.AnyAnswered(status)) }, nil
}

// compileDropReplies compiles t_drop_replies([mode]): "a" all replies, which is what is
// done without a mode; "l" those of the last branches, which here are all, too; "n" none.
func compileDropReplies(args []module.Arg) (module.Call, error) {
	mode := "a"
	if len(args) > 0 {
		mode = args[0].Str
	}
	switch mode {
	case "a", "l":
		return func(c *module.Ctx) int { return module.Truth(c.DropReplies() == nil) }, nil
	case "n":
		return func(*module.Ctx) int { return module.True }, nil
	}
	return nil, fmt.Errorf("%q is none of \"a\" (all), \"l\" (last), \"n\" (none)", mode)
}

// compileCancelBranches compiles t_cancel_branches(which).
func compileCancelBranches(args []module.Arg) (module.Call, error) {
	which, ok := map[string]relay.Which{"all": relay.AllBranches, "others": relay.OtherBranches, "this": relay.ThisBranch}[args[0].Str]
	if !ok {
		return nil, fmt.Errorf("%q is none of \"all\", \"others\", \"this\"", args[0].Str)
	}
	return func(c *module.Ctx) int { return module.Truth(c.CancelBranches(which) == nil) }, nil
}
