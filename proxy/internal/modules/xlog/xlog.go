// Package xlog is SER's module xlog: log lines with pseudo-variables. README.md is
// its manual page.
package xlog

import (
	"log/slog"

	"seraph/proxy/internal/module"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
}

// Module is xlog.
type Module struct{ log *slog.Logger }

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Module{log: cfg.Log}
}

// Name is "xlog".
func (m *Module) Name() string { return "xlog" }

// Params is empty.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func { return nil }
