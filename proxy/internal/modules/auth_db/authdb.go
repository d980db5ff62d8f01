// Package authdb is SER's module auth_db: www_authorize and proxy_authorize against
// the table subscriber. README.md is its manual page.
package authdb

import "seraph/proxy/internal/module"

// Authorizer checks credentials: the module auth.
type Authorizer interface {
	// Authorize returns what the function returns in the script.
	Authorize(c *module.Ctx, realm string, proxy bool) int
}

// Config is what the module needs.
type Config struct{ Auth Authorizer }

// Module is auth_db.
type Module struct{ cfg Config }

// New makes the module.
func New(cfg Config) *Module { return &Module{cfg: cfg} }

// Name is "auth_db".
func (m *Module) Name() string { return "auth_db" }

// Params lists the parameters.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func { return nil }
