// Package sanity is Kamailio's module sanity: it refuses requests that are not well formed, with
// a reply that says why. README.md is its manual page.
package sanity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// The checks of a message. The operator writes the sum of their numbers, which are Kamailio's; so
// those have one too that the router has done before a script runs, and nobody asks for here.
const (
	rURIVersion = 1 << iota
	rURIScheme
	requiredHeaders
	viaVersion
	viaProtocol
	cseqMethod
	cseqValue
	contentLength
	expiresValue
	proxyRequire
	parseURIs
	digestCredentials
	duplicateTags
	authorization
	via1
	allChecks = 1<<iota - 1
)

// The URIs that parseURIs looks at, numbered in the same way.
const (
	requestURI = 1 << iota
	fromURI
	toURI
	contactURI
	allURIs = 1<<iota - 1
)

// Config is what the module needs.
type Config struct{ Log *slog.Logger }

// Module is sanity.
type Module struct {
	log      *slog.Logger
	checks   int
	uris     int
	autodrop bool
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Module{log: cfg.Log, checks: rURIVersion | rURIScheme | requiredHeaders | cseqMethod | cseqValue | contentLength |
		expiresValue | proxyRequire | digestCredentials, uris: requestURI | fromURI | toURI, autodrop: true}
}

// Name is "sanity".
func (m *Module) Name() string { return "sanity" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.NumberParam("default_checks", &m.checks, 0, allChecks,
			"the checks of a sanity_check() without arguments, a sum of their numbers; 3047 if not set"),
		module.NumberParam("uri_checks", &m.uris, 0, allURIs,
			"the URIs that check 1024 looks at, a sum of their numbers; 7 if not set"),
		{Name: "proxy_require", Kind: module.String, Set: setProxyRequire,
			Doc: "taken if empty: the router knows no extension that a proxy must understand"},
		module.SwitchParam("autodrop", &m.autodrop, "1 ends the script where a check fails, 0 lets sanity_check be false; 1 if not set"),
	}
}

func setProxyRequire(s string, _ int) error {
	if strings.TrimSpace(s) != "" {
		return errors.New("proxy_require can only be empty: to name an extension here would not make the router understand it")
	}
	return nil
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{{Name: "sanity_check", Max: 2, Routes: module.RequestRoute | module.ReplyRoute, Compile: m.compile,
		Doc: "refuses a request that is not well formed; false for such a response"}}
}

// compile compiles sanity_check([msg_checks [, uri_checks]]). The parameters may be set after the
// script is compiled, so what stands for them is read at the call.
func (m *Module) compile(args []module.Arg) (module.Call, error) {
	checks, uris := &m.checks, &m.uris
	for i, slot := range []struct {
		to   **int
		most int
	}{{&checks, allChecks}, {&uris, allURIs}} {
		if i >= len(args) {
			break
		}
		n, err := args[i].Int(0, slot.most)
		if err != nil {
			return nil, fmt.Errorf("the sum of the checks: %w", err)
		}
		*slot.to = &n
	}
	return func(c *module.Ctx) int { return m.check(c, *checks, *uris) }, nil
}

// fault is what is wrong with a request, the zero fault is nothing.
type fault struct {
	status int
	reason string
}

// check answers the first thing that is wrong. An ACK is never answered, nor is a response,
// which the script drops.
func (m *Module) check(c *module.Ctx, checks, uris int) int {
	if !c.Msg.IsRequest {
		uris &^= requestURI
	}
	f := find(c, checks, uris)
	if f.status == 0 {
		return module.True
	}
	if m.log.Enabled(context.Background(), slog.LevelDebug) {
		m.log.Debug("sanity: malformed message refused", "reason", f.reason, "source", c.From.Remote, "call_id", string(c.Msg.CallID()))
	}
	if !c.Msg.IsRequest {
		return module.False
	}
	_ = c.ReplyStateless(&sip.Reply{Status: f.status, Reason: f.reason})
	if m.autodrop {
		return module.Stop
	}
	return module.False
}
