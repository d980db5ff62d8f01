package rr

import (
	"bytes"
	"fmt"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// compileRecordRoute compiles record_route() and record_route(parameters).
func compileRecordRoute(args []module.Arg) (module.Call, error) {
	add := func(*module.Ctx) int { return module.True }
	if len(args) == 1 && args[0].Str != "" {
		var err error
		if add, err = compileAddParam(args); err != nil {
			return nil, err
		}
	}
	return func(c *module.Ctx) int {
		c.RecordRoute()
		return add(c)
	}, nil
}

// compileAddParam compiles add_rr_param(parameters).
func compileAddParam(args []module.Arg) (module.Call, error) {
	format, literal, err := args[0].Format()
	if err != nil {
		return nil, err
	}
	sample := literal
	if format != nil {
		sample = format.Sample("x")
	}
	if err := relay.CheckParams([]byte(sample)); err != nil {
		return nil, err
	}
	text, names, values := []byte(literal), strings.Count(sample, ";"), strings.Count(sample, "=")
	return func(c *module.Ctx) int {
		if !c.Msg.IsRequest {
			return module.False // a route that requests and replies share
		}
		if format != nil {
			// A variable's value, which a stranger may have written, brings no parameter of its own.
			text := format.Line(c)
			return module.Truth(bytes.Count(text, []byte{';'}) == names && bytes.Count(text, []byte{'='}) == values && c.AddParams(text) == nil)
		}
		return module.Truth(c.AddParams(text) == nil)
	}, nil
}

// compileCheckParam compiles check_route_param(regex). As in SER, case does not matter.
func compileCheckParam(args []module.Arg) (module.Call, error) {
	re, err := module.Regexp("(?i)", args[0].Str)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %w", err)
	}
	return func(c *module.Ctx) int { return module.Truth(c.ParamsMatch(re)) }, nil
}

// compileDirection compiles is_direction(direction).
func compileDirection(args []module.Arg) (module.Call, error) {
	var down bool
	switch args[0].Str {
	case "downstream":
		down = true
	case "upstream":
	default:
		return nil, fmt.Errorf("%q is no direction: there are \"downstream\" and \"upstream\"", args[0].Str)
	}
	return func(c *module.Ctx) int { return module.Truth(c.Msg.IsRequest && c.InDialog && c.ByInitiator() == down) }, nil
}
