// Package nathelper is SER's module nathelper: what makes phones behind a NAT
// reachable. README.md is its manual page.
package nathelper

import (
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is nathelper.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "nathelper".
func (m *Module) Name() string { return "nathelper" }

// Params is empty.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const contact = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.ReplyRoute
	return []module.Func{
		{Name: "nat_uac_test", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileTest,
			Doc: "true if one of the chosen tests says that the sender is behind a NAT"},
		{Name: "force_rport", Routes: module.RequestRoute, Compile: module.NoArgs(forceRPort),
			Doc: "sends the replies to where the request came from"},
		{Name: "fix_nated_contact", Routes: contact, Compile: module.NoArgs(fixContact),
			Doc: "puts the sender's real address into Contact"},
		{Name: "fix_nated_register", Routes: module.RequestRoute, Compile: module.NoArgs(fixRegister),
			Doc: "keeps the sender's real address with the bindings: save does so in any case"},
		{Name: "add_contact_alias", Routes: contact, Compile: module.NoArgs(addAlias),
			Doc: "adds the sender's real address to Contact as its parameter alias"},
		{Name: "set_contact_alias", Routes: contact, Compile: module.NoArgs(addAlias),
			Doc: "add_contact_alias under Kamailio's other name"},
		{Name: "handle_ruri_alias", Routes: module.RequestRoute | module.FailureRoute | module.BranchRoute,
			Compile: module.NoArgs(handleAlias), Doc: "sends to the address in the alias parameter of the Request-URI"},
	}
}

// The tests of nat_uac_test, numbered as in Kamailio.
const (
	testContact     = 1 << iota // Contact has a private address
	testReceived                // Via has another address than the source's
	testVia                     // Via has a private address
	testSDP                     // the session description has a private address
	testPort                    // Via has another port than the source's
	testSource                  // the source address is private
	testWebSocket               // the message came over a WebSocket
	testContactPort             // Contact has another port than the source's

	allTests = 1<<iota - 1
)

// compileTest compiles nat_uac_test(tests), a sum of numbers.
func compileTest(args []module.Arg) (module.Call, error) {
	tests, err := args[0].Int(1, allTests)
	if err != nil {
		return nil, fmt.Errorf("the sum of the tests: %w", err)
	}
	return func(c *module.Ctx) int {
		if c.Local == nil && natted(c, tests) {
			return module.True
		}
		return module.False
	}, nil
}

// natted reports whether one of the tests is positive. Those that look at the Via
// are not for responses, whose topmost one is ours.
func natted(c *module.Ctx, tests int) bool {
	switch src := c.From.Remote; {
	case tests&testContact != 0 && privateContact(c.Msg),
		tests&(testReceived|testVia|testPort) != 0 && c.Msg.IsRequest && nattedVia(c, tests),
		tests&testSDP != 0 && privateSDP(c.Msg.Body()),
		tests&testSource != 0 && private(src.Addr()),
		tests&testWebSocket != 0 && (c.From.Proto == transport.WS || c.From.Proto == transport.WSS),
		tests&testContactPort != 0 && otherContactPort(c):
		return true
	}
	return false
}

func nattedVia(c *module.Ctx, tests int) bool {
	v, err := c.Msg.Via()
	if err != nil {
		return false
	}
	src := c.From.Remote
	port := v.Port
	if port == 0 {
		port = c.From.Proto.DefaultPort()
	}
	return tests&testReceived != 0 && !hostIs(v.Host, src.Addr()) || tests&testVia != 0 && privateHost(v.Host) ||
		tests&testPort != 0 && port != src.Port()
}

// forceRPort is force_rport.
func forceRPort(c *module.Ctx) int {
	c.ForceRPort()
	return module.True
}

// fixRegister is fix_nated_register: registrar keeps the source of every binding
// whose Contact names another address.
func fixRegister(*module.Ctx) int { return module.True }
