// Package nathelper is SER's module nathelper: what makes phones behind a NAT
// reachable. README.md is its manual page.
package nathelper

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// Config is what the module needs of the rest of the proxy.
type Config struct {
	Locations Locations        // nil: nobody is pinged
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: nothing is logged
}

// Module is nathelper.
type Module struct {
	cfg  Config
	set  settings
	wire atomic.Pointer[wire]
	// on says that answers to pings are looked for.
	on     atomic.Bool
	seed   maphash.Seed
	round  atomic.Uint32
	silent silent

	pinged, failed, answered, dropped, natted atomic.Int64
}

// New makes the module. It starts nothing.
func New(cfg Config) *Module {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Module{cfg: cfg, set: defaults(), seed: maphash.MakeSeed()}
}

// Name is "nathelper".
func (m *Module) Name() string { return "nathelper" }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const contact = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.ReplyRoute
	return []module.Func{
		{Name: "nat_uac_test", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: m.compileTest,
			Doc: "true if one of the chosen tests says that the sender is behind a NAT"},
		{Name: "client_nat_test", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: m.compileClientTest,
			Doc: "nat_uac_test under the name and with the numbers of SER's module mediaproxy"},
		{Name: "is_rfc1918", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true, Compile: m.compilePrivate,
			Doc: "true if the address is a private one"},
		{Name: "force_rport", Routes: module.RequestRoute, Compile: module.NoArgs(forceRPort),
			Doc: "sends the replies to where the request came from"},
		{Name: "fix_nated_contact", Routes: contact, Compile: module.NoArgs(fixContact),
			Doc: "puts the sender's real address into Contact"},
		{Name: "fix_nated_register", Routes: module.RequestRoute, Compile: module.NoArgs(fixRegister),
			Doc: "keeps the sender's real address with the bindings: save does so in any case"},
		{Name: "add_contact_alias", Max: 3, Routes: contact, Dynamic: true, Compile: compileAlias,
			Doc: "adds the sender's real address, or one that is given, to Contact as its parameter alias"},
		{Name: "set_contact_alias", Max: 1, Routes: contact, Compile: compileSetAlias,
			Doc: "add_contact_alias under Kamailio's other name; 1 replaces an alias that is there"},
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
	testSDPSource               // the session description has another address than the source's

	allTests = 1<<iota - 1
)

// compileTest compiles nat_uac_test(tests), a sum of numbers.
func (m *Module) compileTest(args []module.Arg) (module.Call, error) {
	tests, err := args[0].Int(1, allTests)
	if err != nil {
		return nil, fmt.Errorf("the sum of the tests: %w", err)
	}
	return func(c *module.Ctx) int {
		if c.Local == nil && m.behind(c, tests) {
			return module.True
		}
		return module.False
	}, nil
}

// compileClientTest compiles client_nat_test(tests), a sum of that function's own numbers.
func (m *Module) compileClientTest(args []module.Arg) (module.Call, error) {
	const contact, source, via, otherAddress = 1, 2, 4, 8
	sum, err := args[0].Int(1, contact|source|via|otherAddress)
	if err != nil {
		return nil, fmt.Errorf("the sum of the tests: %w", err)
	}
	tests := 0
	for n, test := range map[int]int{contact: testContact, source: testReceived | testPort, via: testVia} {
		if sum&n != 0 {
			tests |= test
		}
	}
	return func(c *module.Ctx) int {
		if c.Local == nil && (m.behind(c, tests) || sum&otherAddress != 0 && otherContact(c)) {
			return module.True
		}
		return module.False
	}, nil
}

// behind reports whether one of the tests is positive. Those that look at the Via
// are not for responses, whose topmost one is ours.
func (m *Module) behind(c *module.Ctx, tests int) bool {
	switch src := c.From.Remote; {
	case tests&testContact != 0 && m.privateContact(c.Msg),
		tests&(testReceived|testVia|testPort) != 0 && c.Msg.IsRequest && m.nattedVia(c, tests),
		tests&testSDP != 0 && m.privateSDP(c.Msg.Body()),
		tests&testSource != 0 && m.private(src.Addr()),
		tests&testWebSocket != 0 && (c.From.Proto == transport.WS || c.From.Proto == transport.WSS),
		tests&testContactPort != 0 && otherContactPort(c),
		tests&testSDPSource != 0 && otherSDP(c.Msg.Body(), src.Addr()):
		return true
	}
	return false
}

func (m *Module) nattedVia(c *module.Ctx, tests int) bool {
	v, err := c.Msg.Via()
	if err != nil {
		return false
	}
	src := c.From.Remote
	port := v.Port
	if port == 0 {
		port = c.From.Proto.DefaultPort()
	}
	return tests&testReceived != 0 && !hostIs(v.Host, src.Addr()) || tests&testVia != 0 && m.privateHost(v.Host) ||
		tests&testPort != 0 && port != src.Port()
}

// compilePrivate compiles is_rfc1918(address).
func (m *Module) compilePrivate(args []module.Arg) (module.Call, error) {
	f, literal, err := args[0].Format()
	if err != nil {
		return nil, err
	}
	if _, ok := parseAddr([]byte(literal)); f == nil && !ok {
		return nil, errors.New("is_rfc1918 wants an address, such as 192.0.2.1 or $si")
	}
	return func(c *module.Ctx) int {
		text := []byte(literal)
		if f != nil {
			text = f.Text(c, "")
		}
		if m.privateHost(text) {
			return module.True
		}
		return module.False
	}, nil
}

// forceRPort is force_rport.
func forceRPort(c *module.Ctx) int {
	c.ForceRPort()
	return module.True
}

// fixRegister is fix_nated_register: registrar keeps the source of every binding
// whose Contact names another address.
func fixRegister(*module.Ctx) int { return module.True }
