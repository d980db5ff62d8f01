// Package authdb is SER's module auth_db: www_authorize, proxy_authorize and auth_check against
// the table subscriber. README.md is its manual page.
package authdb

import (
	"fmt"
	"slices"

	"seraph/proxy/internal/module"
)

// Authorizer checks credentials: the module auth.
type Authorizer interface {
	// Authorize returns what the function returns in the script.
	Authorize(c *module.Ctx, realm string, proxy bool) int
	// Check is Authorize by the header that fits the method, and then what flags, a sum of
	// auth's numbers, ask for.
	Check(c *module.Ctx, realm string, flags int) int
	// Realm reads the realm of a function, and how it is found in a run; ok is false for what a
	// variable brings and is no domain of ours.
	Realm(a module.Arg) (func(c *module.Ctx) (realm string, ok bool), error)
}

// Config is what the module needs.
type Config struct{ Auth Authorizer }

// Module is auth_db.
type Module struct {
	module.DatabaseURL

	auth Authorizer
}

// New makes the module.
func New(cfg Config) *Module { return &Module{auth: cfg.Auth} }

// Name is "auth_db".
func (m *Module) Name() string { return "auth_db" }

// Needs is auth, as in SER.
func (m *Module) Needs() []string { return []string{"auth"} }

// Params lists the parameters: those of SER's scripts that ask for what is done.
func (m *Module) Params() []module.Param {
	return []module.Param{
		module.DBURLParam(&m.DatabaseURL),
		m.calculateHA1(),
		module.UseDomainParam("a user is a user name in a domain"),
		{Name: "user_column", Kind: module.String, Set: column("user_column", "username"), Doc: "taken if username"},
		{Name: "domain_column", Kind: module.String, Set: column("domain_column", "domain"), Doc: "taken if domain"},
		{Name: "password_column", Kind: module.String, Set: column("password_column", "ha1", "password"),
			Doc: "ha1; password is taken, and ha1 is read"},
		{Name: "load_credentials", Kind: module.String, Set: column("load_credentials", ""), Doc: "taken if empty: nothing else of a user is read"},
		{Name: "password_column_2", Kind: module.String, Set: column("password_column_2", "ha1b"), Doc: "taken if ha1b"},
	}
}

// calculateHA1 is calculate_ha1, Kamailio's default of which is 1. Told of it is who may have
// users with a password and no hash.
func (m *Module) calculateHA1() module.Param {
	var hashed bool
	p := module.SwitchParam("calculate_ha1", &hashed, "0; 1 is taken and changes nothing: the hashes in ha1 are read, never passwords")
	p.Told = func(_ string, n int) string {
		if n == 0 {
			return ""
		}
		return "the hashes in the column ha1 are read, never passwords: users who have a password only come with their hashes by seraphctl db import-kamailio, or get a new one by seraphctl passwd"
	}
	return p
}

// column is a column that can have these names only, of which the first one is read.
func column(name string, names ...string) func(string, int) error {
	return func(s string, _ int) error {
		if !slices.Contains(names, s) {
			return fmt.Errorf("%s can only be %q", name, names[0])
		}
		return nil
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "www_authorize", Min: 2, Max: 2, Routes: module.RequestRoute, MayWait: true, Dynamic: true, Compile: m.compile(false),
			Doc: "true if the request bears right credentials in Authorization"},
		{Name: "proxy_authorize", Min: 2, Max: 2, Routes: module.RequestRoute, MayWait: true, Dynamic: true, Compile: m.compile(true),
			Doc: "true if the request bears right credentials in Proxy-Authorization"},
		{Name: "auth_check", Min: 3, Max: 3, Routes: module.RequestRoute, MayWait: true, Dynamic: true, Compile: m.compileCheck,
			Doc: "www_authorize of a REGISTER, proxy_authorize of all others, and whether the request speaks for that user"},
	}
}

// compile compiles www_authorize(realm, table) and proxy_authorize.
func (m *Module) compile(proxy bool) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		return m.bind(args, func(c *module.Ctx, realm string) int { return m.auth.Authorize(c, realm, proxy) })
	}
}

// mostChecks is the largest sum of the flags of auth_check.
const mostChecks = 3

// compileCheck compiles auth_check(realm, table, flags).
func (m *Module) compileCheck(args []module.Arg) (module.Call, error) {
	flags, err := args[2].Int(0, mostChecks)
	if err != nil {
		return nil, fmt.Errorf("flags: 1 has From (and To) compared with the user, 2 not where a caller may hide: %w", err)
	}
	return m.bind(args, func(c *module.Ctx, realm string) int { return m.auth.Check(c, realm, flags) })
}

// bind reads realm and table.
func (m *Module) bind(args []module.Arg, call func(c *module.Ctx, realm string) int) (module.Call, error) {
	realm, err := m.auth.Realm(args[0])
	if err != nil {
		return nil, err
	}
	if table := args[1].Str; table != "subscriber" {
		return nil, fmt.Errorf("%q is no table of users; it is called \"subscriber\"", table)
	}
	return func(c *module.Ctx) int {
		domain, ok := realm(c)
		if !ok {
			return module.False
		}
		return call(c, domain)
	}, nil
}
