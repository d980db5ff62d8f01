// Package xlog is SER's module xlog: log lines with pseudo-variables. README.md is
// its manual page.
package xlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

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
func (m *Module) Funcs() []module.Func {
	list := []module.Func{{Name: "xlog", Min: 1, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: m.compile,
		Doc: "writes a line with pseudo-variables into the log"}}
	for _, f := range short {
		name, level := f[0], f[1]
		list = append(list, module.Func{Name: name, Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true,
			Compile: func(args []module.Arg) (module.Call, error) { return m.line(levels[level], args[0]) },
			Doc:     "xlog of the level " + level})
	}
	return list
}

// short are the functions that have a level in their name.
var short = [][2]string{
	{"xalert", "L_ALERT"}, {"xcrit", "L_CRIT"}, {"xerr", "L_ERR"}, {"xwarn", "L_WARN"}, {"xnotice", "L_NOTICE"}, {"xinfo", "L_INFO"}, {"xdbg", "L_DBG"},
}

// levels are SER's levels; L_INFO is that of a call without one.
var levels = map[string]slog.Level{
	"L_ALERT": slog.LevelError, "L_CRIT": slog.LevelError, "L_ERR": slog.LevelError,
	"L_WARN": slog.LevelWarn, "L_NOTICE": slog.LevelInfo, "L_INFO": slog.LevelInfo, "L_DBG": slog.LevelDebug,
}

const levelNames = "L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO and L_DBG"

// maxText bounds a line in bytes: header fields may be as long as a message.
const maxText = 2048

const null = "<null>"

// compile compiles xlog(text) and xlog(level, text).
func (m *Module) compile(args []module.Arg) (module.Call, error) {
	level, text := slog.LevelInfo, args[len(args)-1]
	if len(args) == 2 {
		var ok bool
		if level, ok = levels[args[0].Str]; !ok {
			return nil, fmt.Errorf("%q is none of the levels %s", args[0].Str, levelNames)
		}
	}
	return m.line(level, text)
}

// line compiles the writing of a line.
func (m *Module) line(level slog.Level, text module.Arg) (module.Call, error) {
	var err error
	if text.Str, err = dollars(strings.TrimRight(text.Str, "\r\n")); err != nil {
		return nil, err
	}
	format, literal, err := text.Format()
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		if m.log.Enabled(context.Background(), level) {
			m.write(c, level, format, literal)
		}
		return module.True
	}, nil
}

func (m *Module) write(c *module.Ctx, level slog.Level, format *module.Format, text string) {
	if format != nil {
		line := format.Text(c, null)
		text = string(line[:min(len(line), maxText)])
		if len(line) > maxText {
			text += "…"
		}
	}
	m.log.Log(context.Background(), level, strings.ToValidUTF8(text, "?"), "call_id", string(c.Msg.CallID()))
}
