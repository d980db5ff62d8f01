// Package uac is Kamailio's module uac: the router as the client of a gateway. It gives
// credentials to those that ask for them, and puts other addresses into From and To.
// README.md is its manual page.
package uac

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs.
type Config struct{ Log *slog.Logger }

// Module is uac.
type Module struct {
	cfg         Config
	credentials []credential
	networks    []netip.Prefix // whom credentials are given to
	hosts       []string       // the same by name, in lower case
	seed        [16]byte       // of the client's nonces
	counter     atomic.Uint64
	restore     restore

	answered, refused atomic.Int64
}

// credential is what the router is known by in a realm.
type credential struct{ user, realm, password string }

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Module{cfg: cfg, restore: restore{mode: restoreAuto, from: "vsf", to: "vst"}}
	_, _ = rand.Read(m.seed[:]) // never fails
	return m
}

// Name is "uac".
func (m *Module) Name() string { return "uac" }

// Init has the router load the module at its start only, when it is told whose challenges are answered.
func (m *Module) Init() error { return nil }

// Check refuses credentials that nobody would get, and what could not be restored.
func (m *Module) Check() error {
	if len(m.credentials) > 0 && len(m.networks)+len(m.hosts) == 0 {
		return errors.New("there is a credential and no auth_target: name the gateways that it is for")
	}
	return m.restore.check()
}

// Statistics yields the module's counters.
func (m *Module) Statistics(yield func(group, name string, value int64)) {
	yield("uac", "challenges_answered", m.answered.Load())
	yield("uac", "challenges_refused", m.refused.Load())
}

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "credential", Kind: module.String, Secret: true, Set: m.addCredential,
			Doc: "user:realm:password for a gateway; may stand more than once"},
		{Name: "auth_target", Kind: module.String, Set: m.addTarget,
			Doc: "an address, a network or a host name whose challenges may be answered; may stand more than once"},
		{Name: "restore_mode", Kind: module.String, Set: m.restore.setMode,
			Doc: "auto (default): each side goes on with the addresses that it has seen; manual: replies only; none: neither"},
		{Name: "rr_from_store_param", Kind: module.String, Set: setParam(&m.restore.from),
			Doc: "the parameter of our Record-Route that keeps From, vsf if not set"},
		{Name: "rr_to_store_param", Kind: module.String, Set: setParam(&m.restore.to),
			Doc: "the parameter of our Record-Route that keeps To, vst if not set"},
	}
}

// addCredential is the parameter credential. Its errors do not repeat the value.
func (m *Module) addCredential(s string, _ int) error {
	user, rest, ok1 := strings.Cut(s, ":")
	realm, password, ok2 := strings.Cut(rest, ":")
	if !ok1 || !ok2 || user == "" || realm == "" {
		return errors.New("a credential is user:realm:password")
	}
	if strings.ContainsAny(user+realm, "\"\\\r\n") || strings.ContainsAny(password, "\r\n") {
		return errors.New("the user or the realm of a credential holds a quotation mark, a backslash or a line end")
	}
	m.credentials = append(m.credentials, credential{user, realm, password})
	return nil
}

// addTarget is the parameter auth_target.
func (m *Module) addTarget(s string, _ int) error {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		a = a.Unmap()
		m.networks = append(m.networks, netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		m.networks = append(m.networks, p.Masked())
		return nil
	}
	var u sip.URI
	if s == "" || strings.ContainsAny(s, "@;?:/ ") || sip.ParseURI([]byte("sip:"+s), &u) != nil {
		return fmt.Errorf("auth_target %q is no address, network or host name", s)
	}
	m.hosts = append(m.hosts, strings.ToLower(s))
	return nil
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute | module.BranchRoute
	return []module.Func{
		{Name: "uac_auth", Routes: module.FailureRoute, Compile: module.NoArgs(m.authorize),
			Doc: "answers the challenge of a gateway; t_relay sends the request to it again"},
		{Name: "uac_replace_from", Min: 1, Max: 2, Routes: routes, Dynamic: true, Compile: m.compileReplace(fromField),
			Doc: "puts another display name and URI into From"},
		{Name: "uac_replace_to", Min: 1, Max: 2, Routes: routes, Dynamic: true, Compile: m.compileReplace(toField),
			Doc: "puts another display name and URI into To"},
		{Name: "uac_restore_from", Routes: module.RequestRoute, Compile: m.compileRestore(fromField),
			Doc: "gives a request within a dialog the address of the From that was replaced"},
		{Name: "uac_restore_to", Routes: module.RequestRoute, Compile: m.compileRestore(toField),
			Doc: "the same for To"},
	}
}
