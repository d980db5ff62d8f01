package domain

import (
	"errors"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		m.IntervalParam(),
		{Name: "register_myself", Kind: module.Int, Doc: "taken if 1: our domains are myself in any case", Set: func(_ string, n int) error {
			if n != 1 {
				return errors.New("register_myself can only be 1: our domains are myself in any case")
			}
			return nil
		}},
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.LocalRoute
	return []module.Func{
		{Name: "is_uri_host_local", Routes: routes, Compile: module.NoArgs(m.question(uriHost)),
			Doc: "true if the host of the Request-URI is one of our domains"},
		{Name: "is_from_local", Routes: module.AnyRoute, Compile: module.NoArgs(m.fromLocal),
			Doc: "true if the host of From is one of our domains"},
		{Name: "is_domain_local", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileIsLocal,
			Doc: "true if a domain, such as $rd, $fd or $td, is one of ours"},
	}
}

// question compiles to whether a host of the message is ours. A message without
// such a host is not.
func (m *Module) question(host func(*module.Ctx) []byte) module.Call {
	return func(c *module.Ctx) int {
		if h := host(c); h != nil && m.Local(h) {
			return module.True
		}
		return module.False
	}
}

// fromLocal reports whether the sender claims to be of one of our domains, by the URI in From, which
// may be of any scheme: by what whoever reads it sees there.
func (m *Module) fromLocal(c *module.Ctx) int {
	u, err := c.Msg.FromURI()
	if err != nil {
		return module.False
	}
	var room [aor.MaxCaller]byte
	if _, ours := (*m.list.Load())[string(aor.AppendCallerHost(room[:0], u.Raw))]; ours || u.Host != nil && m.Local(u.Host) {
		return module.True
	}
	return module.False
}

func uriHost(c *module.Ctx) []byte { return hostOf(c.URI()) }

func toHost(c *module.Ctx) []byte { return hostOf(c.Msg.ToURI()) }

func hostOf(u *sip.URI, err error) []byte {
	if err != nil {
		return nil
	}
	return u.Host
}

// compileIsLocal compiles is_domain_local(domain), whose argument may hold variables.
func (m *Module) compileIsLocal(args []module.Arg) (module.Call, error) {
	text := args[0].Str
	switch strings.NewReplacer("(", "", ")", "").Replace(text) {
	case "$rd":
		return m.question(uriHost), nil
	case "$fd":
		return m.fromLocal, nil
	case "$td":
		return m.question(toHost), nil
	}
	f, text, err := args[0].Format()
	if err != nil {
		return nil, err
	}
	if f != nil {
		return m.question(func(c *module.Ctx) []byte { return f.Text(c, "") }), nil
	}
	if _, err := aor.ParseDomain(text); err != nil {
		return nil, err
	}
	host := []byte(text)
	return m.question(func(*module.Ctx) []byte { return host }), nil
}
