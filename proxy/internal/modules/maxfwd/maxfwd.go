// Package maxfwd is SER's module maxfwd: the hop limit (RFC 3261 §16.3 step 3,
// §16.6 step 3). README.md is its manual page.
package maxfwd

import (
	"fmt"
	"sync/atomic"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is maxfwd.
type Module struct{ limit atomic.Uint32 }

// New makes the module.
func New(Config) *Module {
	m := &Module{}
	m.limit.Store(70)
	return m
}

// Name is "maxfwd".
func (m *Module) Name() string { return "maxfwd" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{{Name: "max_limit", Kind: module.Int, Live: true, Doc: "the largest Max-Forwards that goes out, 70 if not set",
		Set: func(_ string, n int) error {
			if n < 1 || n > 255 {
				return fmt.Errorf("max_limit %d is not from 1 to 255", n)
			}
			m.limit.Store(uint32(n))
			return nil
		}}}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "mf_process_maxfwd_header", Min: 1, Max: 1, Routes: module.RequestRoute, Compile: m.compileProcess,
			Doc: "counts Max-Forwards down, or adds it; false if it has come to 0"},
		{Name: "is_maxfwd_lt", Min: 1, Max: 1, Routes: module.RequestRoute | module.FailureRoute, Compile: compileLess,
			Doc: "true if Max-Forwards is below a number"},
	}
}

// What the functions return beside True and False, as Kamailio's do.
const (
	added   = 2
	broken  = -2
	missing = -3
)

// compileProcess compiles mf_process_maxfwd_header(value), value being what a
// request without the header gets.
func (m *Module) compileProcess(args []module.Arg) (module.Call, error) {
	n, err := args[0].Int(1, 255)
	if err != nil {
		return nil, fmt.Errorf("Max-Forwards %w", err)
	}
	line := []byte(fmt.Sprintf("Max-Forwards: %d\r\n", n))
	return func(c *module.Ctx) int { return m.process(c, line) }, nil
}

// capabilities are the header lines of the answer to OPTIONS (RFC 3261 §11.2).
var capabilities = []byte("Accept: */*\r\nAccept-Language: en\r\n")

// process counts the header down by an edit. What is no number up to 255 (RFC 3261
// §20.22) is answered 400 and ends the script: 483 would be untrue. An OPTIONS that ends
// here is answered as one for us (RFC 3261 §16.3 step 3).
func (m *Module) process(c *module.Ctx, line []byte) int {
	h := c.Msg.Header(sip.HdrMaxForwards)
	if h == nil {
		c.Msg.Insert(c.Msg.HeadersEnd(), line)
		return added
	}
	n, ok := sip.ParseUint(c.Msg.Value(h), 255)
	switch {
	case !ok || c.Msg.Next(h) != nil:
		_ = c.ReplyStateless(&sip.Reply{Status: 400, Reason: "Bad Max-Forwards"})
		return module.Stop
	case n == 0 && c.Msg.Method == sip.OPTIONS:
		_ = c.ReplyStateless(&sip.Reply{Status: 200, Extra: capabilities})
		return module.Stop
	case n == 0:
		return module.False
	}
	var room [4]byte
	c.Msg.Replace(h.ValStart, h.ValEnd-h.ValStart, sip.AppendUint(room[:0], uint64(min(n-1, m.limit.Load()))))
	return module.True
}

// compileLess compiles is_maxfwd_lt(value).
func compileLess(args []module.Arg) (module.Call, error) {
	limit, err := args[0].Int(1, 256)
	if err != nil {
		return nil, fmt.Errorf("Max-Forwards %w", err)
	}
	return func(c *module.Ctx) int {
		h := c.Msg.Header(sip.HdrMaxForwards)
		if h == nil {
			return missing
		}
		n, ok := sip.ParseUint(c.Msg.Value(h), 255)
		switch {
		case !ok:
			return broken
		case int(n) < limit:
			return module.True
		}
		return module.False
	}, nil
}
