// Package siputils is the module siputils. README.md is its manual page.
package siputils

import "seraph/proxy/internal/module"

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is siputils.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "siputils".
func (m *Module) Name() string { return "siputils" }

// Params lists the parameters.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func { return nil }
