// Package sl is SER's module sl: replies without a transaction. README.md is its
// manual page.
package sl

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is sl.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "sl".
func (m *Module) Name() string { return "sl" }

// Params is empty.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute
	return []module.Func{
		{Name: "sl_send_reply", Min: 1, Max: 2, Routes: routes, Dynamic: true, Compile: sendReply,
			Doc: "answers the request with a status and a reason"},
		{Name: "send_reply", Min: 1, Max: 2, Routes: routes, Dynamic: true, Compile: sendReply,
			Doc: "sl_send_reply, through the transaction where there is one"},
		{Name: "sl_reply_error", Routes: routes, Compile: module.NoArgs(replyError),
			Doc: "answers 500 unless the request is answered already"},
	}
}

// sendReply compiles sl_send_reply(code, reason).
func sendReply(args []module.Arg) (module.Call, error) {
	text, err := module.DynamicReplyArgs(args)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int { return answer(c, text.Reply(c)) }, nil
}

// replyError answers a request that the script could not deal with.
func replyError(c *module.Ctx) int {
	if c.Replied || c.Underway() {
		return module.True
	}
	return answer(c, sip.Reply{Status: 500, Reason: "Something went wrong here, sorry"})
}

// answer sends the reply through the transaction if there is one, so that the
// state of the two never differs.
func answer(c *module.Ctx, rep sip.Reply) int {
	if c.Replied || c.ReplyStateless(&rep) != nil {
		return module.False
	}
	return module.True
}
