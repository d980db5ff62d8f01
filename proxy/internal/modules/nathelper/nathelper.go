// Package nathelper is the module nathelper. README.md is its manual page.
package nathelper

import "seraph/proxy/internal/module"

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is nathelper.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "nathelper".
func (m *Module) Name() string { return "nathelper" }

// Params lists the parameters.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func { return nil }
