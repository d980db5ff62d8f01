package tm

import (
	"errors"
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// newTransaction is t_newtran. A copy of a request that is worked on already ends
// the script, as in SER; an ACK has no transaction.
func newTransaction(c *module.Ctx) int {
	if c.Msg.Method == sip.ACK {
		return module.False
	}
	err := c.NewTransaction()
	switch {
	case err == nil:
		return module.True
	case errors.Is(err, relay.ErrNoTransaction):
		return module.Stop
	}
	rep := refusal(err)
	_ = c.ReplyStateless(&rep)
	return module.False
}

// compileReply compiles t_reply(code, reason).
func compileReply(args []module.Arg) (module.Call, error) {
	text, err := module.DynamicReplyArgs(args)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		rep := text.Reply(c)
		if c.Replied || c.Reply(&rep) != nil {
			return module.False
		}
		return module.True
	}, nil
}

// compileCheckStatus compiles t_check_status(regex).
func compileCheckStatus(args []module.Arg) (module.Call, error) {
	re, err := module.Regexp("", args[0].Str)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %w", err)
	}
	return func(c *module.Ctx) int {
		var room [8]byte
		if re.Match(sip.AppendUint(room[:0], uint64(c.Final))) {
			return module.True
		}
		return module.False
	}, nil
}
